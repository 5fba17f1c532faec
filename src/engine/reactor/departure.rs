//! Connections that end: by a deadline, or by a refusal.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Reactor;
use crate::engine::connection::{ClientConnection, Expired};

impl Reactor<'_> {
    /// Handles connections whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.pool.parking.next_due().is_none_or(|due| due > now) {
            return;
        }
        for mut connection in self.pool.parking.fetch_due(now) {
            match connection.overdue() {
                Expired::Close => {
                    self.context.counters.count_late(connection.late());
                    self.pool.parking.close_one(connection);
                }
                Expired::LastLook => self.pool.ready.push(connection),
            }
        }
    }

    /// Refuses a client for lack of workers.
    pub(super) fn leave_unserved(&mut self, connection: Box<ClientConnection>) {
        if !connection.takes_messages() {
            self.pool.service().unserved.fetch_add(1, Ordering::Relaxed);
        }
        self.turn_away(connection);
    }

    /// Refuses a client for lack of room, and lets the connection linger. In the middle of an
    /// answer, and after an upgrade, no response can be sent: the wait for a worker begins anew.
    pub(super) fn turn_away(&mut self, mut connection: Box<ClientConnection>) {
        if connection.takes_messages() {
            return self.enqueue(connection, Instant::now());
        }
        let verdict = connection.turn_away(&mut self.context);
        self.settle(connection, verdict, Instant::now());
    }
}
