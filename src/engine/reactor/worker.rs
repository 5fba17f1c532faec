//! The life of a worker, from its first request to its last.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::share::Share;
use super::{Reactor, Round};
use crate::engine::connection::{Connection, Verdict};
use crate::engine::pool::Pool;
use crate::engine::service::costs::Runs;
use crate::engine::service::desk::Desk;
use crate::engine::service::seat::Seat;
use crate::net::poll::WAKE;

/// Works until there is nothing to do for it any more.
pub(in crate::engine) fn work(pool: &Arc<Pool>, seat: &Arc<Seat>) {
    let mut worker = Worker::new(pool, seat);
    loop {
        // A defect of ours must not cost the server a worker, nor the next connection its memory's sanity.
        match catch_unwind(AssertUnwindSafe(|| worker.run())) {
            Ok(()) => return,
            Err(_) => {
                log::error!("a worker failed; its connection is lost, it goes on");
                seat.serve(None);
                pool.parking.give_up(worker.reactor.desk.lot);
                pool.give_up_role(seat.number);
                worker = Worker::new(pool, seat);
            }
        }
    }
}

struct Worker<'p> {
    pool: &'p Arc<Pool>,
    seat: &'p Arc<Seat>,
    reactor: Reactor<'p>,
    share: Share,
}

/// The outcome of waiting at the poller.
enum Attended {
    /// The worker looks for work again.
    Again,
    /// It has to sleep.
    Sleeps,
    /// It leaves: there was nothing to do for long, and there are more workers than need be.
    Leaves,
}

impl<'p> Worker<'p> {
    fn new(pool: &'p Arc<Pool>, seat: &'p Arc<Seat>) -> Self {
        let mut desk = Desk::new(Arc::clone(pool.service()), Arc::clone(&seat.counters));
        desk.seat = Some(Arc::clone(seat));
        Self { pool, seat, reactor: Reactor::new(pool, seat.number, desk), share: Share::new() }
    }

    fn run(&mut self) {
        loop {
            self.reactor.desk.duty.runs = Runs::All;
            while let Some(connection) = self.pool.queue.take() {
                self.pool.waiters.turn();
                self.serve(connection);
            }
            if self.pool.is_over() {
                return;
            }
            if self.takes_role() {
                // The guard stops to poll, and begins to watch.
                self.pool.call_guard(Duration::ZERO);
                self.react();
                continue;
            }
            match self.attend() {
                Attended::Again => continue,
                Attended::Leaves => return,
                Attended::Sleeps => {}
            }
            let desk = &mut self.reactor.desk;
            desk.tidy();
            desk.meter.rest();
            desk.renew();
            if !self.pool.sleep(self.seat, &desk.config) {
                return;
            }
        }
    }

    /// Takes the reactor role from the guard if this worker is likely to run the next handler as well: its last one was short.
    fn takes_role(&self) -> bool {
        let is_guards = self.pool.role.is_held_by(0);
        is_guards && self.reactor.desk.duty.was_short() && self.pool.role.take(self.seat.number)
    }

    /// Waits at the poller for one arrival, if the guard holds the role, and goes on with the connection that it happened to.
    fn attend(&mut self) -> Attended {
        let pool = self.pool;
        let begun = Instant::now();
        self.share.end(begun);
        if !pool.role.is_held_by(0) || !pool.come_to_poller() {
            return Attended::Sleeps;
        }
        let desk = &mut self.reactor.desk;
        desk.tidy();
        desk.meter.rest();
        desk.renew();
        let least = desk.config.threads_min;
        let timeout = (pool.staff.len() > least).then_some(desk.config.thread_idle_timeout);
        let waited = pool.parking.wait(&mut self.reactor.batch, 1, timeout);
        let now = Instant::now();
        self.share.waited(now - begun, now);
        pool.leave_poller();
        if let Err(error) = waited {
            log::error!("waiting for a connection failed: {error}; the worker sleeps until it is called");
            return Attended::Sleeps;
        }
        let first = self.reactor.batch.tokens().next();
        match first {
            _ if pool.is_over() => Attended::Again,
            None if timeout.is_some() && pool.staff.dismiss_awake(self.seat, least) => Attended::Leaves,
            None => Attended::Again,
            Some((WAKE, _)) => self.heed_call(),
            Some((token, is_ended)) => {
                if let Some(connection) = pool.parking.fetch(token, is_ended) {
                    self.serve(connection);
                }
                Attended::Again
            }
        }
    }

    /// Looks at what this worker was called from the poller for.
    fn heed_call(&mut self) -> Attended {
        let pool = self.pool;
        if pool.waiters.is_barred() || !pool.role.is_held_by(0) {
            // It is for all that wait there, or for the holder of the role, and stays.
            return Attended::Sleeps;
        }
        pool.notice_call();
        if let Some(connection) = pool.queue.take() {
            if !pool.queue.is_empty() {
                pool.call_worker();
            }
            self.serve(connection);
        }
        Attended::Again
    }

    /// Holds the reactor role until it is lost, or this worker is wanted elsewhere.
    fn react(&mut self) {
        self.reactor.begin();
        loop {
            match self.reactor.round() {
                Round::On => {}
                Round::Lone(connection) => {
                    self.pool.give_up_role(self.seat.number);
                    self.reactor.desk.duty.runs = Runs::All;
                    return self.stay(connection);
                }
                Round::Serve(connection) => {
                    self.reactor.desk.duty.runs = Runs::All;
                    return self.serve(connection);
                }
                Round::Over => return,
            }
        }
    }

    /// Stays with a connection that keeps one worker busy alone, now that the guard holds the role: a request costs no more than a
    /// read that waits and a write.
    fn stay(&mut self, mut connection: Box<Connection>) {
        self.pool.parking.detach(&mut connection);
        let desk = &mut self.reactor.desk;
        desk.take_up(&connection.stream, connection.lot, Instant::now());
        let verdict = loop {
            let answered = connection.answered;
            desk.renew();
            desk.duty.turn();
            connection.expect_input();
            let verdict = connection.advance(desk);
            let stays = matches!(verdict, Verdict::Park) && connection.answered > answered;
            if !stays || !self.pool.queue.is_empty() || self.pool.is_stopping() {
                break verdict;
            }
        };
        desk.lay_down();
        self.settle(connection, verdict);
    }

    /// Runs the handler of a connection's request, and of those behind it.
    fn serve(&mut self, mut connection: Box<Connection>) {
        if self.pool.is_over() {
            // A request that a stop has cut is not begun any more.
            return self.pool.part_with(connection);
        }
        let desk = &mut self.reactor.desk;
        desk.renew();
        desk.duty.turn();
        desk.take_up(&connection.stream, connection.lot, Instant::now());
        let verdict = connection.advance(desk);
        // From here on it may become another thread's.
        desk.lay_down();
        self.settle(connection, verdict);
    }

    fn settle(&mut self, connection: Box<Connection>, verdict: Verdict) {
        match verdict {
            Verdict::Park => {
                if let Some(connection) = self.pool.park_unless_ready(connection, &self.reactor.desk.config) {
                    // This worker looks at the queue next, and need not be woken.
                    self.pool.queue.push(connection, Instant::now());
                }
            }
            // It comes back behind those that wait; this worker is about to look at the queue.
            Verdict::Again | Verdict::Work => self.pool.queue.push(connection, Instant::now()),
            Verdict::Close => self.pool.parking.close_one(connection),
            Verdict::Upgrade(serve) => self.pool.upgrade(connection, serve),
        }
    }
}
