//! Workers waiting at the poller while the guard holds the reactor role: the kernel gives each
//! arrival to one of them.
//!
//! The guard does not poll meanwhile. The last worker to leave the poller wakes a sleeping worker
//! to wait there, or else makes the guard look within a tick.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The number of workers at the poller, and the number of times a worker started to work.
#[derive(Debug, Default)]
pub(in crate::engine) struct Waiters {
    count: AtomicUsize,
    /// The number of times a worker has left the poller, or taken a request from the queue.
    turns: AtomicU64,
    /// True while no worker may wait at the poller: all must sleep, to learn the idle timeout now
    /// in force.
    is_barred: AtomicBool,
}

impl Waiters {
    /// Counts a worker about to wait at the poller.
    pub(super) fn come(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a worker as no longer waiting. Returns true if none waits any more.
    pub(super) fn leave(&self) -> bool {
        self.turn();
        self.count.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// Counts a worker that starts to work.
    pub(in crate::engine) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    pub(in crate::engine) fn turns(&self) -> u64 {
        self.turns.load(Ordering::SeqCst)
    }

    /// True if a worker waits at the poller.
    pub(in crate::engine) fn is_any(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
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

#[cfg(test)]
mod tests;
