//! What a worker does, from its first connection to its last.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::connection::{Connection, Verdict};
use super::desk::Desk;
use super::pool::Pool;
use super::seat::Seat;
use crate::message::body::Upgrade;
use crate::message::upgrade::{Socket, Upgraded};
use crate::net::poll::{Batch, Interest, WAKE};

/// Works until there is nothing to do for it any more.
pub(super) fn work(pool: &Arc<Pool>, seat: &Arc<Seat>) {
    let mut worker = Worker::new(pool, seat);
    loop {
        // A defect of ours must not cost the server a worker, nor the next connection its memory's sanity.
        match catch_unwind(AssertUnwindSafe(|| worker.run())) {
            Ok(()) => return,
            Err(_) => {
                log::error!("a worker failed; its connection is lost, it goes on");
                seat.serve(None);
                pool.parking.give_up(worker.lot);
                worker = Worker::new(pool, seat);
            }
        }
    }
}

struct Worker<'p> {
    pool: &'p Arc<Pool>,
    seat: &'p Arc<Seat>,
    desk: Desk,
    batch: Batch,
    /// Where the last arrival was, and how many in a row were there alone.
    favourite: Option<u64>,
    streak: u32,
    /// The lot of what is being served, should it be lost; `None` in between.
    lot: Option<u64>,
}

impl<'p> Worker<'p> {
    fn new(pool: &'p Arc<Pool>, seat: &'p Arc<Seat>) -> Self {
        let desk = Desk::new(Arc::clone(pool.service()), Arc::clone(&seat.counters));
        Self { pool, seat, desk, batch: Batch::new(BATCH), favourite: None, streak: 0, lot: None }
    }

    fn run(&mut self) {
        loop {
            self.pool.works(self.seat);
            while let Some(connection) = self.pool.queue.take() {
                self.serve(connection);
            }
            if self.pool.is_over() {
                return;
            }
            self.pool.waits(self.seat);
            // From here on nobody counts on this worker; what was queued before must not be left lying.
            if !self.pool.queue.is_empty() {
                continue;
            }
            if self.pool.take_lead(self.seat) {
                self.lead();
                continue;
            }
            self.desk.tidy();
            self.desk.meter.rest();
            self.desk.renew();
            if !self.pool.sleep(self.seat, &self.desk.config) {
                return;
            }
        }
    }

    /// Waits at the poller and serves what it finds, itself first of all.
    fn lead(&mut self) {
        let most = self.pool.queue.room().saturating_add(1);
        self.desk.meter.rest();
        let found = self.pool.parking.wait(&mut self.batch, most, None);
        self.pool.works(self.seat);
        if let Err(error) = found {
            log::error!("cannot wait for connections: {error}");
            // It is not expected ever; a pause keeps it from eating the processor should it last.
            self.pool.stops_within(Duration::from_millis(100));
            return;
        }
        let mut first = None;
        let mut ready = 0;
        let batch = mem::take(&mut self.batch);
        for (token, is_ended) in batch.tokens() {
            if token == WAKE {
                self.pool.parking.woken();
                if self.pool.is_over() {
                    // The last call is for everybody, and who leads next has yet to hear it.
                    self.pool.parking.wake();
                }
                continue;
            }
            let Some(connection) = self.pool.parking.fetch(token, is_ended) else { continue };
            ready += 1;
            if first.is_none() {
                first = Some((token, connection));
            } else if let Err(connection) = self.pool.queue.offer(connection) {
                // The queue has been filled meanwhile.
                self.pool.queue.put_back(connection);
            }
        }
        self.batch = batch;
        let Some((token, connection)) = first else { return };
        let is_input = connection.interest() == Interest::Read;
        if ready == 1 && is_input && self.note_alone(token) && self.pass_lead() {
            return self.attach(connection);
        }
        if self.pool.is_eager() {
            // One for each, and one who leads on.
            for _ in 1..ready {
                self.pool.call();
            }
            self.pool.leave_lead(self.seat);
            self.pool.call();
        }
        self.pool.alert();
        self.serve(connection);
    }

    /// Notes that only one connection was ready. True once it has been the only one for long enough.
    fn note_alone(&mut self, token: u64) -> bool {
        if self.favourite == Some(token) {
            self.streak += 1;
        } else {
            (self.favourite, self.streak) = (Some(token), 0);
        }
        self.streak >= ATTACH_AFTER && !self.desk.config.keep_alive_grace.is_zero()
    }

    /// Has another take the lead; false, and still the leader, if none sleeps.
    fn pass_lead(&self) -> bool {
        self.pool.leave_lead(self.seat);
        self.pool.call() || !self.pool.take_lead(self.seat)
    }

    /// Stays with a connection that keeps one worker busy alone, now that the lead is another's: a request costs no more than
    /// a read that waits and a write.
    fn attach(&mut self, mut connection: Box<Connection>) {
        (self.favourite, self.streak) = (None, 0);
        self.pool.parking.detach(&mut connection);
        self.pool.attaches(self.seat);
        self.seat.serve(Some(Arc::clone(&connection.stream)));
        let verdict = loop {
            let answered = connection.answered;
            self.desk.renew();
            connection.expect_input();
            let verdict = connection.advance(&mut self.desk);
            let stays = matches!(verdict, Verdict::Park) && connection.answered > answered;
            if !stays || !self.pool.queue.is_empty() || self.pool.is_stopping() {
                break verdict;
            }
        };
        self.seat.serve(None);
        self.pool.works(self.seat);
        if let Some(connection) = self.settle(connection, verdict) {
            self.serve(connection);
        }
    }

    /// Serves a connection until it waits or is over.
    fn serve(&mut self, connection: Box<Connection>) {
        let mut next = Some(connection);
        while let Some(mut connection) = next {
            self.seat.serve(Some(Arc::clone(&connection.stream)));
            self.lot = connection.lot;
            self.desk.renew();
            if self.pool.is_over() {
                // What a stop has cut is not begun any more.
                self.lot = None;
                self.seat.serve(None);
                return self.pool.part_with(connection);
            }
            let verdict = connection.advance(&mut self.desk);
            // From here on it may become another's.
            self.lot = None;
            self.seat.serve(None);
            // The watch may have written this worker off meanwhile.
            self.pool.works(self.seat);
            next = self.settle(connection, verdict);
        }
    }

    /// Does what a verdict says; gives the connection back if it can go on at once.
    fn settle(&mut self, mut connection: Box<Connection>, verdict: Verdict) -> Option<Box<Connection>> {
        match verdict {
            Verdict::Park => self.pool.park(connection, &self.desk.config),
            Verdict::Again => self.pool.queue.offer(connection).err(),
            Verdict::Close => {
                self.pool.parking.close_one(connection);
                None
            }
            Verdict::Upgrade(serve) => {
                self.pool.parking.detach(&mut connection);
                self.upgrade(*connection, serve);
                None
            }
        }
    }

    fn upgrade(&mut self, connection: Connection, serve: Upgrade) {
        let stream = Arc::clone(&connection.stream);
        let received = Bytes::copy_from_slice(connection.input.unread());
        // It counts among the open ones for as long as it is served.
        let ticket = connection.ticket;
        let socket = Arc::clone(&stream) as Arc<dyn Socket>;
        let run = move || {
            let run = AssertUnwindSafe(|| serve(Upgraded::new(socket, received)));
            if catch_unwind(run).is_err() {
                log::error!("what served an upgraded connection panicked");
            }
            drop(ticket);
        };
        if let Err(error) = self.pool.hire_for_upgrade(&stream, run) {
            log::error!("no thread for an upgraded connection, which is closed: {error}");
        }
    }
}

/// How many arrivals are fetched at a time.
const BATCH: usize = 64;
/// How many requests in a row must have come alone from one connection for a worker to stay with it.
const ATTACH_AFTER: u32 = 8;
