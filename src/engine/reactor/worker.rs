//! The life of a worker, from its first request to its last.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Reactor, Round};
use crate::engine::connection::{Connection, Verdict};
use crate::engine::pool::Pool;
use crate::engine::service::costs::Runs;
use crate::engine::service::desk::Desk;
use crate::engine::service::seat::Seat;

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
}

impl<'p> Worker<'p> {
    fn new(pool: &'p Arc<Pool>, seat: &'p Arc<Seat>) -> Self {
        let mut desk = Desk::new(Arc::clone(pool.service()), Arc::clone(&seat.counters));
        desk.seat = Some(Arc::clone(seat));
        Self { pool, seat, reactor: Reactor::new(pool, seat.number, desk) }
    }

    fn run(&mut self) {
        loop {
            if self.pool.role.arrive(self.seat.number) {
                self.react();
                continue;
            }
            self.reactor.desk.duty.runs = Runs::All;
            while let Some(connection) = self.pool.queue.take() {
                self.serve(connection);
            }
            if self.pool.is_over() {
                return;
            }
            if self.pool.role.overtake(self.seat.number) {
                // This one runs already: the other need not be waited for.
                continue;
            }
            if self.is_to_react() && self.pool.role.take(self.seat.number) {
                // The guard stops to poll, and begins to watch.
                self.pool.call_guard(Duration::ZERO);
                continue;
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

    /// True if the reactor role is better held by this worker than by the guard: it runs short handlers, or passes the role on.
    fn is_to_react(&self) -> bool {
        self.pool.role.is_held_by(0) && (self.reactor.desk.duty.was_short() || self.pool.staff.has_sleeper())
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
            Verdict::Park => self.pool.park(connection, &self.reactor.desk.config),
            // It comes back behind those that wait; this worker is about to look at the queue.
            Verdict::Again | Verdict::Work => self.pool.queue.push(connection, Instant::now()),
            Verdict::Close => self.pool.parking.close_one(connection),
            Verdict::Upgrade(serve) => self.pool.upgrade(connection, serve),
        }
    }
}
