//! The reactor role: the right, and the duty, to do the I/O of every connection that no handler needs.
//!
//! One thread holds it at any time: a worker, or the guard, which runs no handlers. One atomic word says which, and whether that
//! thread is in a handler:
//!
//! ```text
//!                     take                                enter
//!   guard, polling ─────────► worker n, polling ◄──────────────────────► worker n, in a handler
//!         ▲                        │                      leave                   │
//!         │        give up         │                                              │
//!         └────────────────────────┘                                              │
//!         └───────────────────────────────────────────────────────────────────────┘
//!                         seize: the same handler for a tick
//! ```
//!
//! Only the holder enters, leaves and gives up; only the guard seizes; only a worker that is in no handler takes. `leave` fails for
//! a worker whose role was seized: its handler's answer is its own business still, the poller's events are not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Which thread holds the role, and whether it is in a handler.
#[derive(Debug)]
pub(in crate::engine) struct Role {
    /// The holder in the lower 32 bits, in the next whether it is in a handler, above that the number of handlers entered.
    word: AtomicU64,
    /// True while the guard's alarm is set, or the guard is awake.
    is_watched: AtomicBool,
    /// The role as it was when the alarm was set for a handler, and when that was.
    armed: Mutex<Option<(Seen, Instant)>>,
}

/// The role as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Seen(u64);

impl Role {
    /// A role that the guard holds.
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(GUARD), is_watched: AtomicBool::new(false), armed: Mutex::default() }
    }

    /// True if worker `number` holds it, or the guard for 0.
    pub(in crate::engine) fn is_held_by(&self, number: u32) -> bool {
        self.look().holder() == u64::from(number)
    }

    /// Takes it from the guard for worker `number`; false if another worker was faster. The caller wakes the guard, which watches
    /// from then on.
    pub(in crate::engine) fn take(&self, number: u32) -> bool {
        let seen = self.look();
        let is_taken = seen.holder() == GUARD && self.turn(seen, seen.0 | u64::from(number));
        if is_taken {
            self.watch();
        }
        is_taken
    }

    /// Notes that worker `number`, the holder, is about to run code that may block. Returns true if the guard's alarm has to be set.
    pub(in crate::engine) fn enter(&self, number: u32) -> bool {
        let seen = self.look();
        debug_assert!(seen.holder() == u64::from(number) && !seen.is_in_handler(), "only the holder enters, once");
        let entered = (seen.0 | HANDLER).wrapping_add(ONE);
        self.turn(seen, entered);
        // The order matters: either this sees that the guard does not watch, or the guard sees the handler.
        let is_unwatched = self.expects_guard();
        if is_unwatched {
            *self.alarmed() = Some((Seen(entered), Instant::now()));
        }
        is_unwatched
    }

    /// Notes that the guard is to look within a tick. Returns true if its alarm has to be set for that.
    pub(super) fn expects_guard(&self) -> bool {
        !self.is_watched.load(Ordering::SeqCst) && !self.is_watched.swap(true, Ordering::SeqCst)
    }

    /// Notes that worker `number` is back from there; false if the role was seized meanwhile.
    pub(in crate::engine) fn leave(&self, number: u32) -> bool {
        let seen = self.look();
        seen.holder() == u64::from(number) && self.turn(seen, seen.0 & !HANDLER)
    }

    /// Gives it to the guard if worker `number` still holds it; true if so. The caller wakes the guard.
    pub(super) fn give_up(&self, number: u32) -> bool {
        let seen = self.look();
        seen.holder() == u64::from(number) && self.turn(seen, seen.0 & !(HOLDER | HANDLER))
    }

    /// Takes it for the guard from a worker that is still in the handler in which it was `seen`.
    pub(in crate::engine) fn seize(&self, seen: Seen) -> bool {
        seen.is_in_handler() && self.turn(seen, seen.0 & !(HOLDER | HANDLER))
    }

    /// The role as it is now.
    pub(in crate::engine) fn look(&self) -> Seen {
        Seen(self.word.load(Ordering::SeqCst))
    }

    /// The role as it was when the guard's alarm was last set for a handler, and when that was. The alarm may go off earlier than
    /// a tick after that, for another reason.
    pub(in crate::engine) fn armed(&self) -> Option<(Seen, Instant)> {
        *self.alarmed()
    }

    /// Notes that the guard is about to sleep without an alarm; false, and it has to look again, if a handler was just entered.
    pub(in crate::engine) fn stop_watching(&self) -> bool {
        self.is_watched.store(false, Ordering::SeqCst);
        !self.look().is_in_handler() || self.is_watched.swap(true, Ordering::SeqCst)
    }

    /// Notes that the guard's alarm is no longer set; the next handler sets it again.
    pub(in crate::engine) fn unwatch(&self) {
        self.is_watched.store(false, Ordering::SeqCst);
    }

    /// Notes that the guard is awake.
    pub(in crate::engine) fn watch(&self) {
        self.is_watched.store(true, Ordering::SeqCst);
    }

    /// A pair is copied under this lock, and nothing else, so poison says nothing.
    fn alarmed(&self) -> MutexGuard<'_, Option<(Seen, Instant)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, from: Seen, to: u64) -> bool {
        self.word.compare_exchange(from.0, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Seen {
    /// True if the holder is in a handler.
    pub(in crate::engine) fn is_in_handler(self) -> bool {
        self.0 & HANDLER != 0
    }

    /// The number of the holder; 0: the guard.
    pub(in crate::engine) fn number(self) -> u32 {
        u32::try_from(self.holder()).unwrap_or(0)
    }

    fn holder(self) -> u64 {
        self.0 & HOLDER
    }
}

/// The guard's number; workers count from 1.
const GUARD: u64 = 0;
const HOLDER: u64 = (1 << 32) - 1;
const HANDLER: u64 = 1 << 32;
/// One handler entered.
const ONE: u64 = 1 << 33;

#[cfg(test)]
mod tests;
