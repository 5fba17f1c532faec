//! Locks without poisoning, threads, panics, and drops.
//!
//! A panic while a lock is held poisons a lock of the standard library, and each further use has to
//! say what then. In this crate no code under a lock can panic half-way through a change, so the
//! data is sound and poisoning is ignored.

mod outlined;
mod panics;

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync;
use std::sync::{PoisonError, WaitTimeoutResult};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

pub(crate) use self::outlined::Outlined;
pub(crate) use self::panics::{CaughtPanic, catch};

/// A mutex without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits for the mutex and locks it.
    #[inline(never)]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        #[cfg(test)]
        LOCKS.with(|locks| locks.set(locks.get() + 1));
        MutexGuard::new(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks the mutex unless another thread holds the lock, or has panicked in it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(MutexGuard::new)
    }

    /// Returns the value, whose only owner is the caller.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A locked [`Mutex`].
///
/// Locked and unlocked by one function for each type: the standard library repeats its code, with a
/// check for panics and a call of the system, at each place. All places together have 40 KB of it.
pub(crate) struct MutexGuard<'a, T>(Outlined<Option<sync::MutexGuard<'a, T>>>);

impl<'a, T> MutexGuard<'a, T> {
    fn new(guard: sync::MutexGuard<'a, T>) -> Self {
        Self(Outlined::new(Some(guard)))
    }

    fn into_std(mut self) -> sync::MutexGuard<'a, T> {
        self.0.take().expect(LOCKED)
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect(LOCKED)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect(LOCKED)
    }
}

/// The reason why a guard is never empty.
const LOCKED: &str = "only `into_std` empties a guard, which ends there";

/// A condition variable for a [`Mutex`].
#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for a notification, which may be spurious.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard::new(self.0.wait(guard.into_std()).unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `waits` returns false.
    pub(crate) fn wait_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        waits: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        MutexGuard::new(self.0.wait_while(guard.into_std(), waits).unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a notification, which may be spurious, for at most `time`.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let (guard, waited) = self.0.wait_timeout(guard.into_std(), time).unwrap_or_else(PoisonError::into_inner);
        (MutexGuard::new(guard), waited)
    }

    /// Waits until `waits` returns false, for at most `time`.
    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
        waits: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let waited = self.0.wait_timeout_while(guard.into_std(), time, waits);
        let (guard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (MutexGuard::new(guard), waited)
    }
}

/// Starts the thread of `builder`. Boxed, because the standard library compiles a start anew for each
/// kind of function.
///
/// # Errors
/// The error of the system: no more threads, no memory.
pub(crate) fn spawn(builder: Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    builder.spawn(run)
}

/// Returns the number of locks taken by the calling thread while `act` runs.
#[cfg(test)]
pub(crate) fn count_locks(act: impl FnOnce()) -> u32 {
    let before = LOCKS.get();
    act();
    LOCKS.get() - before
}

#[cfg(test)]
thread_local! {
    static LOCKS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_under_a_lock_leaves_the_lock_usable() {
        let mut mutex = Mutex::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        *mutex.lock() += 1;
        assert_eq!(*mutex.get_mut(), 2);
        let (guard, waited) = Condvar::new().wait_timeout_while(mutex.lock(), Duration::ZERO, |_| true);
        assert!(waited.timed_out() && *guard == 2);
    }
}
