//! The way of workers to the poller and from there, and the wake-ups that they find.

use super::{Pool, TICK};

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
        if self.waiters.admit() {
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
        self.waiters.bar();
        self.parking.wake();
    }
}
