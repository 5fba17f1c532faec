//! The reactor role: the right and the duty to do all I/O without a handler.
//!
//! One thread holds the role at any time: a worker, or the guard, which runs no handlers. One
//! atomic word names the thread, and notes if the thread is in a handler:
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
//! Only the holder enters, leaves and gives up; only the guard seizes; only a worker outside a
//! handler takes. `leave` fails for a worker whose role was seized: the worker still sends the
//! handler's answer, but no longer handles the poller's events.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::sync::Mutex;

/// The holder of the role, and a flag for being in a handler.
#[derive(Debug)]
#[repr(align(128))]
pub(in crate::engine) struct Role {
    /// Bits 0 to 31: the holder; bit 32: in a handler; above: the number of handlers entered.
    word: AtomicU64,
    /// True while the guard's alarm is set, or the guard is awake.
    is_watched: AtomicBool,
    /// The state of the role when the alarm was set for a handler, and the time.
    armed: Mutex<Option<(Seen, Instant)>>,
}

/// A snapshot of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Seen(u64);

impl Role {
    /// Creates a role held by the guard.
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(GUARD), is_watched: AtomicBool::new(false), armed: Mutex::default() }
    }

    /// True if worker `number` holds the role, or the guard for 0.
    pub(in crate::engine) fn is_held_by(&self, number: u32) -> bool {
        self.look().holder() == u64::from(number)
    }

    /// Takes the role from the guard for worker `number`. Returns false if another worker was
    /// faster. The caller wakes the guard, which watches from then on.
    pub(in crate::engine) fn take(&self, number: u32) -> bool {
        let seen = self.look();
        let is_taken = seen.holder() == GUARD && self.turn(seen, seen.0 | u64::from(number));
        if is_taken {
            self.watch();
        }
        is_taken
    }

    /// Notes that worker `number`, the holder, is about to run code that may block. Returns true if
    /// the guard's alarm has to be set.
    pub(in crate::engine) fn enter(&self, number: u32) -> bool {
        let seen = self.look();
        debug_assert!(seen.holder() == u64::from(number) && !seen.is_in_handler(), "only the holder enters, once");
        let entered = (seen.0 | HANDLER).wrapping_add(ONE);
        self.turn(seen, entered);
        // The order matters: either this method sees that the guard does not watch, or the guard
        // sees the handler.
        let is_unwatched = self.expects_guard();
        if is_unwatched {
            *self.armed.lock() = Some((Seen(entered), Instant::now()));
        }
        is_unwatched
    }

    /// Notes that the guard has to look within a tick. Returns true if the alarm has to be set for
    /// that.
    pub(super) fn expects_guard(&self) -> bool {
        !self.is_watched.load(Ordering::SeqCst) && !self.is_watched.swap(true, Ordering::SeqCst)
    }

    /// Notes that worker `number` is back from such code. Returns false if the role was seized
    /// meanwhile.
    pub(in crate::engine) fn leave(&self, number: u32) -> bool {
        let seen = self.look();
        seen.holder() == u64::from(number) && self.turn(seen, seen.0 & !HANDLER)
    }

    /// Gives the role to the guard if worker `number` still holds it. Returns true if so. The
    /// caller wakes the guard.
    pub(super) fn give_up(&self, number: u32) -> bool {
        let seen = self.look();
        seen.holder() == u64::from(number) && self.turn(seen, seen.0 & !(HOLDER | HANDLER))
    }

    /// Takes the role for the guard from a worker still in the handler of `seen`.
    pub(in crate::engine) fn seize(&self, seen: Seen) -> bool {
        seen.is_in_handler() && self.turn(seen, seen.0 & !(HOLDER | HANDLER))
    }

    /// Returns a snapshot of the role now.
    pub(in crate::engine) fn look(&self) -> Seen {
        Seen(self.word.load(Ordering::SeqCst))
    }

    /// The state of the role when the guard's alarm was last set for a handler, and the time. The
    /// alarm may go off within a tick of that time, for another reason.
    pub(in crate::engine) fn armed(&self) -> Option<(Seen, Instant)> {
        *self.armed.lock()
    }

    /// Notes that the guard is about to sleep without an alarm. Returns false if a handler was just
    /// entered and the guard has to look again.
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
/// The increment for one handler entered.
const ONE: u64 = 1 << 33;

#[cfg(test)]
mod tests;
