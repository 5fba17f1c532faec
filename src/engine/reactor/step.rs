//! A step of the reactor: one connection is advanced as far as this thread may, and handed on.

use std::time::Instant;

use super::{Reactor, Step};
use crate::engine::connection::{ClientConnection, Verdict};
use crate::engine::parking::Parked;
use crate::engine::pool::TICK;

impl Reactor<'_> {
    /// Advances a connection as far as this thread may.
    pub(super) fn step(&mut self, mut connection: Box<ClientConnection>, now: Instant) -> Step {
        self.context.duty.turn();
        if self.pool.is_over() {
            // A stop has cut this connection.
            self.pool.part_with(connection);
            return Step::Held;
        }
        if let Some(verdict) = connection.relay(&mut self.context, now) {
            self.settle(connection, verdict, now);
            return Step::Held;
        }
        if self.is_guard() && connection.is_filtering() {
            // No thread watches the guard.
            self.enqueue(connection, now);
            return Step::Held;
        }
        if connection.is_for_worker()
            && self.pool.queue.is_empty()
            && !self.pool.ready.is_empty()
            && self.pool.threads.has_sleeper()
        {
            // Other connections are waiting to be read.
            self.settle(connection, Verdict::Work, now);
            return Step::Held;
        }
        self.begin_watch(now);
        self.context.take_up(&connection.transport.stream, connection.client.peer.as_ref(), connection.slot, now);
        let verdict = connection.advance(&mut self.context);
        // A stop waits for the drop of what a handler keeps, as for an open connection.
        let keeping = (!self.context.kept.is_empty()).then(|| self.pool.open.enter());
        // From here on another thread may take the connection.
        self.context.lay_down();
        let is_held = self.end_watch();
        if is_held {
            self.context.duty.end_handler();
        }
        self.context.duty.leave(now.elapsed(), now - self.ended >= TICK);
        let was_mixed = std::mem::replace(&mut self.is_mixed, self.context.duty.has_run());
        let is_to_pass = is_held
            && matches!(verdict, Verdict::Work)
            && keeping.is_none()
            && self.is_to_pass(was_mixed)
            && (!connection.awaits_content() || self.pool.service().content_waits.free() > 0);
        if is_to_pass && self.pool.pass_role(self.number) {
            return Step::Passed(connection);
        }
        self.settle(connection, verdict, now);
        let is_held = if keeping.is_some() { self.release_kept(is_held, now) } else { is_held };
        if is_held { Step::Held } else { Step::Lost }
    }

    /// Drops what the handler just run keeps until its answer is sent, before the next handler runs.
    /// If that takes long, the guard seizes the role and sends the answer. Returns false if the role
    /// is lost.
    fn release_kept(&mut self, is_held: bool, now: Instant) -> bool {
        if !is_held {
            // Nobody was woken for the answer just put off.
            self.pool.hand_over();
            self.context.release_kept();
            return false;
        }
        self.begin_watch(now);
        self.context.release_kept();
        self.end_watch()
    }

    /// Lets the guard watch this thread, which may run code of a handler.
    fn begin_watch(&mut self, now: Instant) {
        if !self.is_guard() && self.pool.role.enter(self.number) {
            self.pool.call_guard(TICK);
            // Under a steady flow of requests the alarm stays set, without a system call for each
            // request.
            self.is_alarm_idle = now - self.ended >= TICK;
        }
    }

    /// Ends the watch. Returns false if the guard has seized the role.
    fn end_watch(&mut self) -> bool {
        if self.is_guard() { self.is_holder() } else { self.pool.role.leave(self.number) }
    }

    /// True if this worker should pass on the role and run the handler of the request just read.
    /// The request then costs no wake-up.
    fn is_to_pass(&self, was_mixed: bool) -> bool {
        if self.is_guard() {
            return false;
        }
        let is_alone = || self.pool.queue.is_empty() && self.pool.ready.is_empty();
        // Workers waiting at the poller are woken by arrivals and by the guard.
        !was_mixed && is_alone() || self.pool.waiters.is_any() && !self.pool.threads.has_sleeper()
    }

    pub(super) fn settle(&mut self, connection: Box<ClientConnection>, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Park => match self.pool.parking.park(connection) {
                Parked::Waits { is_earliest } => {
                    // A thread that has lost the role is not the one that waits for deadlines.
                    if is_earliest && !self.is_holder() {
                        self.pool.call_reactor();
                    }
                    self.pool.keep_idle_within(&self.context.config);
                }
                Parked::Ready(connection) => self.pool.ready.push(connection),
                Parked::Refused(connection) => self.pool.part_with_refused(connection),
            },
            Verdict::Again => self.pool.ready.push(connection),
            Verdict::Unsent => self.pool.ready.put_off(connection),
            Verdict::Work => self.line_up(connection, now),
            Verdict::Close => self.pool.parking.close_one(connection),
            Verdict::Upgrade(serve) => self.pool.upgrade(connection, serve),
        }
    }

    /// Queues a connection with a request for a worker.
    fn line_up(&mut self, connection: Box<ClientConnection>, now: Instant) {
        let is_prompt = connection.is_prompt(&self.context);
        let other = if is_prompt { self.pool.queue.push_prompt(connection, now) } else { Some(connection) };
        if let Some(connection) = other {
            if self.context.config.accepted_queue_timeout.is_zero() && self.pool.queue.is_full_for(&connection) {
                return self.leave_unserved(connection);
            }
            self.pool.queue.push(connection, now);
        }
        self.find_worker(now);
    }

    /// Queues a connection in the middle of an answer, or one that has left HTTP.
    pub(super) fn enqueue(&mut self, connection: Box<ClientConnection>, now: Instant) {
        self.pool.queue.push(connection, now);
        self.find_worker(now);
    }

    /// Wakes a worker for a queued connection.
    fn find_worker(&mut self, now: Instant) {
        if self.pool.queue.is_empty() {
            // All wait for a permit, or a worker has come already.
            return self.shortage.note(now);
        }
        match self.patient_until {
            Some(until) if now < until && self.context.duty.waits_for_short() => self.shortage.note(until),
            _ if self.pool.call_worker() => {}
            _ => self.shortage.note(now),
        }
    }
}
