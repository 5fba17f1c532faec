//! Workers waiting at the poller while the guard holds the reactor role: the kernel gives each
//! arrival to one of them.
//!
//! The guard does not poll meanwhile. The last worker to leave the poller wakes a sleeping worker
//! to wait there, or else makes the guard look within a tick.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The number of workers at the poller, and the number of times a worker started to work.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::engine) struct Waiters {
    /// Lower half: the workers at the poller. Upper half: the number of times a worker has left the
    /// poller, or taken a request from the queue. Together, because leaving changes both.
    word: AtomicU64,
    /// True while no worker may wait at the poller: all must sleep, to learn the idle timeout now
    /// in force.
    is_barred: AtomicBool,
}

impl Waiters {
    /// Counts a worker about to wait at the poller.
    pub(super) fn come(&self) {
        self.word.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a worker as no longer waiting. Returns true if none waits any more.
    pub(super) fn leave(&self) -> bool {
        self.word.fetch_add(TURN - 1, Ordering::SeqCst) & COUNT == 1
    }

    /// Counts a worker that starts to work.
    pub(in crate::engine) fn turn(&self) {
        self.word.fetch_add(TURN, Ordering::SeqCst);
    }

    /// Returns a number that changes whenever a worker starts to work.
    pub(in crate::engine) fn turns(&self) -> u64 {
        self.word.load(Ordering::SeqCst) & !COUNT
    }

    /// True if a worker waits at the poller.
    pub(in crate::engine) fn is_any(&self) -> bool {
        self.word.load(Ordering::SeqCst) & COUNT > 0
    }

    pub(in crate::engine) fn is_barred(&self) -> bool {
        self.is_barred.load(Ordering::SeqCst)
    }

    /// Bars the poller: until the last worker has left it or, if none is there, until the next has
    /// come.
    pub(super) fn bar(&self) {
        self.is_barred.store(true, Ordering::SeqCst);
    }

    /// Admits workers to the poller again. Returns true if they were barred.
    pub(super) fn admit(&self) -> bool {
        self.is_barred.swap(false, Ordering::SeqCst)
    }
}

/// The half of the word with the number of workers.
const COUNT: u64 = (1 << 32) - 1;
/// The increment for one start of work.
const TURN: u64 = 1 << 32;

#[cfg(test)]
mod tests;
