//! Workers that wait at the poller, while the guard holds the reactor role: the system gives each arrival to one of them.
//!
//! The guard leaves the poller to them. The last to leave it wakes a worker that sleeps, to wait in its place, or else has the guard
//! look within a tick.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Pool, TICK};

/// How many workers wait at the poller, and how often workers get to work.
#[derive(Debug, Default)]
pub(in crate::engine) struct Waiters {
    count: AtomicUsize,
    /// How often a worker has left the poller, or taken a request from the queue.
    turns: AtomicU64,
    /// True while nobody may come: all are to sleep, to find out how long they may.
    is_barred: AtomicBool,
}

impl Waiters {
    /// Enters that a worker is about to wait at the poller.
    pub(super) fn come(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Enters that a worker does not wait there any more; true if none does.
    pub(super) fn leave(&self) -> bool {
        self.turn();
        self.count.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// Enters that a worker gets to work.
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
    /// Enters that a worker is about to wait at the poller. False: it must not, and has left.
    pub(in crate::engine) fn come_to_poller(&self) -> bool {
        self.waiters.come();
        let is_wanted = self.role.is_held_by(0) && self.queue.is_empty() && !self.waiters.is_barred();
        if !is_wanted {
            self.leave_poller();
        }
        is_wanted
    }

    /// Enters that a worker does not wait at the poller any more.
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

    /// Takes a wake-up of the poller as noticed by thread `number`, unless it is for all that wait there, or for a worker that holds
    /// the reactor role.
    pub(in crate::engine) fn notice_call(&self, number: u32) {
        self.parking.woken();
        // In this order, or one that comes in between would be lost to the others.
        let holder = self.role.look().number();
        let is_the_holders = holder != 0 && holder != number;
        if is_the_holders || self.is_over() || self.waiters.is_barred() && self.waiters.is_any() {
            self.parking.wake();
        }
    }

    /// Has all that wait at the poller sleep instead.
    pub(super) fn clear_poller(&self) {
        // Until the last has left it; if none is there, until the next has come.
        self.waiters.is_barred.store(true, Ordering::SeqCst);
        self.parking.wake();
    }
}

#[cfg(test)]
mod tests;
