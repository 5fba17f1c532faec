//! Workers waiting at the poller while the guard holds the reactor role: the kernel gives each
//! arrival to one of them.
//!
//! The guard does not poll meanwhile. The last worker to leave the poller wakes a sleeping worker
//! to wait there, or else makes the guard look within a tick.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Pool, TICK};

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
}

impl Pool {
    /// Counts a worker about to wait at the poller. Returns false if the worker must not wait; the
    /// worker is then not counted.
    pub(in crate::engine) fn come_to_poller(&self) -> bool {
        self.waiters.come();
        let is_wanted = self.role.is_held_by(0) && self.queue.is_empty() && !self.waiters.is_barred();
        if !is_wanted {
            self.leave_poller();
        }
        is_wanted
    }

    /// Counts a worker as no longer waiting at the poller.
    pub(in crate::engine) fn leave_poller(&self) {
        if !self.waiters.leave() {
            return;
        }
        if self.waiters.is_barred.swap(false, Ordering::SeqCst) {
            self.notice_call(0);
        }
        if self.role.is_held_by(0) && !self.threads.call() && self.role.expects_guard() {
            self.call_guard(TICK);
        }
    }

    /// Clears a wake-up of the poller for thread `number`, unless meant for all workers at the
    /// poller, or for a worker holding the reactor role.
    pub(in crate::engine) fn notice_call(&self, number: u32) {
        self.parking.woken();
        // In this order, or a wake-up in between would be lost.
        let holder = self.role.look().number();
        let is_the_holders = holder != 0 && holder != number;
        if is_the_holders || self.is_over() || self.waiters.is_barred() && self.waiters.is_any() {
            self.parking.wake();
        }
    }

    /// Makes all workers at the poller sleep instead.
    pub(super) fn clear_poller(&self) {
        // Until the last worker has left the poller; if none is there, until the next has come.
        self.waiters.is_barred.store(true, Ordering::SeqCst);
        self.parking.wake();
    }
}

#[cfg(test)]
mod tests;
