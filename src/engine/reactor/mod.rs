//! The decision which thread runs next: one does the I/O of all clients, workers run handlers, and a guard
//! takes the I/O over if a handler holds it up.
//!
//! ```text
//!            new              readable, writable, due           handlers not known to be short
//!  accept ────────► parking ─────────────────────────► reactor ────────────► queue ───────► workers
//!  threads             ▲                                  │ short handlers                     │
//!                      │                                  ▼                                    ▼
//!                      └──────────────────────────────  answer ◄──────────────────────────  handler
//! ```
//!
//! Parking owns the connections that wait for their clients; no thread does.
//!
//! **The reactor is a role** ([`role`](crate::engine::pool::role)), held by one thread at any time: a
//! worker, or the guard. The holder sleeps in the poller until a client or a deadline needs it. It takes
//! each connection as far as it goes without a handler: TLS handshakes, heads, gathered content, answers
//! whose client reads slowly, refusals. While it has work it looks at the poller again at least every
//! millisecond. Each round takes the clients first that have had an answer before, then a few new ones
//! and a few that have used up their share of the round, so that a flood holds up no known client.
//!
//! **Which thread runs a handler?** [`costs`](crate::engine::service::costs) keeps a moving average for
//! each route, and one for all routes it does not know. Short means an average of up to 100 us, answer
//! included. The first rule that applies:
//!
//! 1. The holder is a worker and the handler short: the holder runs it and keeps the role. Waking another
//!    thread would take longer.
//! 2. The holder is a worker, nothing else is ready or waits in the queue, and the connection served
//!    before ran no short handler: the holder passes the role to a sleeping worker, or to the guard if none
//!    sleeps, and runs the handler. A thread is woken all the same, but the request does not wait for it.
//!    (Among short requests the holder stays: it runs the next one at once.)
//! 3. A worker sleeps: it is woken, and takes the request from the queue. So does a short request while
//!    the guard holds the role.
//! 4. Otherwise the request waits in the queue for the first worker that is back from its handler.
//!
//! The thread that runs a handler writes its answer; the reactor sends the rest of it if the client is
//! slow to take it.
//!
//! **A worker that finds the queue empty** takes the role (a) from a worker that was woken for it and
//! does not run yet, which goes back to sleep; or (b) from the guard, if the worker's last handler was
//! short, as the next may be; or if another worker sleeps, to pass the role to before a longer one.
//! Otherwise it sleeps.
//!
//! **The guard** ([`guard`]) is one thread more, which runs no handlers. It holds the role whenever no
//! worker does, at the start too. A worker that enters a handler with the role sets the guard's alarm. If
//! it is in that handler a millisecond later, the guard seizes the role, and the worker goes on without it;
//! the route counts as long until its average has come down again. So I/O waits for a handler a millisecond at most, even with every worker in one;
//! and without requests no thread wakes but for deadlines.
//!
//! **The pool** ([`shortage`]) grows when the queue has not been empty for a millisecond and no worker
//! sleeps: by half as many workers as requests wait, at least one, each millisecond anew. It does not grow
//! beyond `thread_pool_max`, nor beyond the number of connections. If it cannot grow, a worker that holds
//! the role gives the role to the guard and takes requests from the queue. A request that has waited for
//! `accepted_queue_timeout` gets a 503. While there are more workers than `thread_pool`, one that has
//! slept for `thread_idle_timeout` leaves.

pub(in crate::engine) mod guard;
mod lone;
pub(in crate::engine) mod overload;
pub(in crate::engine) mod shortage;
pub(in crate::engine) mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::lone::Lone;
use self::shortage::Shortage;
use crate::engine::connection::expiry::Overdue;
use crate::engine::connection::{Connection, Verdict};
use crate::engine::parking::Parked;
use crate::engine::pool::Pool;
use crate::engine::service::costs::Runs;
use crate::engine::service::desk::Desk;
use crate::net::poll::{Batch, WAKE};

/// One thread's part in the reactor role.
struct Reactor<'p> {
    pool: &'p Arc<Pool>,
    /// The number of the worker; 0: the guard.
    number: u32,
    desk: Desk,
    batch: Batch,
    shortage: Shortage,
    lone: Lone,
    /// The end of the last round.
    ended: Instant,
    /// True if the guard's alarm is set for a request that came alone after a pause.
    is_alarm_idle: bool,
    /// True if the connection before had short handlers run here: then the role stays, and others run the slow ones.
    is_mixed: bool,
    /// Short requests wake no worker before then: the worker that lost the role may be back in a moment.
    patient_until: Option<Instant>,
}

/// The outcome of a round.
enum Round {
    /// The next one.
    On,
    /// One connection keeps the reactor busy alone: the worker gives up the role and stays with it.
    Lone(Box<Connection>),
    /// The role is another thread's, and this worker runs the handler of a connection's request.
    Serve(Box<Connection>),
    /// The thread does not hold the role any more, or is wanted elsewhere.
    Over,
}

/// The outcome for the role of going on with a connection.
enum Step {
    Held,
    Lost,
    /// It was passed on, for the request of this connection.
    Passed(Box<Connection>),
}

impl<'p> Reactor<'p> {
    fn new(pool: &'p Arc<Pool>, number: u32, desk: Desk) -> Self {
        let (batch, shortage) = (Batch::new(BATCH), Shortage::default());
        let (ended, lone) = (Instant::now(), Lone::default());
        Self {
            pool,
            number,
            desk,
            batch,
            shortage,
            lone,
            ended,
            is_alarm_idle: false,
            is_mixed: false,
            patient_until: None,
        }
    }

    /// Begins to hold the role.
    fn begin(&mut self) {
        self.desk.duty.runs = if self.is_guard() { Runs::Nothing } else { Runs::Short };
        self.desk.meter.rest();
        self.lone = Lone::default();
        self.patient_until = None;
        self.look_at_queue(Instant::now());
    }

    /// Begins to hold the role of worker `number`, which has been in a handler for too long.
    fn begin_seized(&mut self, number: u32, now: Instant) {
        self.begin();
        if let Some((method, path)) = self.pool.service().costs.overrun() {
            self.pool.staff.note_task(number, method, &path, now - TICK);
        }
        self.patient_until = Some(now + TICK);
        self.shortage.note(now + TICK);
    }

    /// Polls, and goes on with what is ready.
    fn round(&mut self) -> Round {
        let lone = self.poll();
        if self.pool.is_over() {
            self.pool.give_up_role(self.number);
            // The wake-up that tells of the stop is for every thread that waits for connections, or is about to.
            self.pool.call_reactor();
            return Round::Over;
        }
        if !self.is_holder() {
            lone.into_iter().for_each(|(_, connection)| self.pool.ready.push(connection));
            self.pool.call_reactor();
            return Round::Over;
        }
        let now = Instant::now();
        self.desk.renew();
        self.expire(now);
        if let Some((token, connection)) = lone {
            let is_lone = self.lone.note(token, &connection, now, self.desk.config.keep_alive_grace);
            if is_lone && !self.is_guard() {
                return Round::Lone(connection);
            }
            let step = self.step(connection, now);
            return self.end(step, Instant::now());
        }
        self.lone = Lone::default();
        let (mut before, mut later) = (now, 0);
        while let Some((connection, is_later)) =
            self.pool.ready.pop(later == 0 || (later < LATER && before - now < SHARE))
        {
            later += u32::from(is_later);
            let step = self.step(connection, before);
            let after = Instant::now();
            if !matches!(step, Step::Held) || after - now > TICK {
                return self.end(step, after);
            }
            before = after;
        }
        self.end(Step::Held, before)
    }

    /// Waits for something to happen. Returns the connection that it happened to, if there is only one and nothing else is ready.
    fn poll(&mut self) -> Option<(u64, Box<Connection>)> {
        let is_busy = !self.pool.ready.is_empty();
        let timeout = if is_busy { Some(Duration::ZERO) } else { self.patience() };
        if timeout != Some(Duration::ZERO) {
            if std::mem::take(&mut self.is_alarm_idle) {
                self.pool.dismiss_guard();
            }
            self.desk.tidy();
            self.desk.meter.rest();
        }
        let found = match self.wait(timeout) {
            Ok(found) => found,
            Err(error) => {
                log::error!("waiting for connections failed: {error}; trying again in 100 ms");
                // It is not expected ever; a pause keeps it from eating the processor should it last.
                self.pool.stops_within(PAUSE);
                return None;
            }
        };
        let is_called = self.batch.tokens().any(|(token, _)| token == WAKE);
        if is_called {
            self.pool.parking.woken();
            self.look_at_queue(Instant::now());
        }
        let mut tokens = self.batch.tokens().filter(|(token, _)| *token != WAKE);
        if found == 1 && !is_busy && !is_called {
            let (token, is_ended) = tokens.next()?;
            return self.pool.parking.fetch(token, is_ended).map(|connection| (token, connection));
        }
        let pool = self.pool;
        pool.ready.extend(tokens.filter_map(|(token, is_ended)| pool.parking.fetch(token, is_ended)));
        None
    }

    fn wait(&mut self, timeout: Option<Duration>) -> std::io::Result<usize> {
        let parking = &self.pool.parking;
        if !self.is_guard() {
            return parking.wait(&mut self.batch, BATCH, timeout);
        }
        if timeout != Some(Duration::ZERO) && !parking.wait_beside(self.pool.alarm(), timeout)? {
            self.batch.clear();
            return Ok(0);
        }
        parking.wait(&mut self.batch, BATCH, Some(Duration::ZERO))
    }

    /// Returns the time until something is due; `None`: nothing is.
    fn patience(&self) -> Option<Duration> {
        let next = [self.pool.parking.next_due(), self.shortage.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Goes on with a connection as far as this thread may.
    fn step(&mut self, mut connection: Box<Connection>, now: Instant) -> Step {
        self.desk.duty.turn();
        if self.pool.is_over() {
            // A connection that a stop has cut does not go on.
            self.pool.part_with(connection);
            return Step::Held;
        }
        if connection.is_for_worker()
            && self.pool.queue.is_empty()
            && !self.pool.ready.is_empty()
            && self.pool.staff.has_sleeper()
        {
            // Others are waiting to be read.
            self.settle(connection, Verdict::Work, now);
            return Step::Held;
        }
        if !self.is_guard() && self.pool.role.enter(self.number) {
            self.pool.call_guard(TICK);
            // Where requests come one after the other the alarm stays set, and costs no call for each.
            self.is_alarm_idle = now - self.ended >= TICK;
        }
        self.desk.take_up(&connection.stream, connection.lot, now);
        let verdict = connection.advance(&mut self.desk);
        // From here on it may become another thread's.
        self.desk.lay_down();
        let is_held = if self.is_guard() { self.is_holder() } else { self.pool.role.leave(self.number) };
        self.desk.duty.leave(now.elapsed(), now - self.ended >= TICK);
        let was_mixed = std::mem::replace(&mut self.is_mixed, self.desk.duty.has_run());
        if matches!(verdict, Verdict::Work) && is_held && !was_mixed && self.pass_role() {
            return Step::Passed(connection);
        }
        self.settle(connection, verdict, now);
        if is_held { Step::Held } else { Step::Lost }
    }

    /// Passes the role on, so that this worker can run the handler of the request that it has just read: that costs the request no
    /// wake-up. Not if there is more to be read, or if requests wait; nor by the guard.
    fn pass_role(&self) -> bool {
        let is_alone = !self.is_guard() && self.pool.queue.is_empty() && self.pool.ready.is_empty();
        is_alone && self.pool.pass_role(self.number)
    }

    fn settle(&mut self, connection: Box<Connection>, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Park => match self.pool.parking.park(connection) {
                Parked::Waits { .. } => self.pool.keep_idle_within(&self.desk.config),
                Parked::Ready(connection) => self.pool.ready.push(connection),
                Parked::Refused(connection) => self.pool.part_with(connection),
            },
            Verdict::Again => self.pool.ready.push(connection),
            Verdict::Work if self.desk.config.accepted_queue_timeout.is_zero() && self.pool.queue.is_full() => {
                self.turn_away(connection);
            }
            Verdict::Work => {
                self.pool.queue.push(connection, now);
                match self.patient_until {
                    Some(until) if now < until && self.desk.duty.waits_for_short() => self.shortage.note(until),
                    _ if self.pool.staff.call() => {}
                    _ => self.shortage.note(now),
                }
            }
            Verdict::Close => self.pool.parking.close_one(connection),
            Verdict::Upgrade(serve) => self.pool.upgrade(connection, serve),
        }
    }

    /// Ends a round: looks after requests that no worker was woken for.
    fn end(&mut self, step: Step, now: Instant) -> Round {
        self.ended = now;
        if let Step::Passed(connection) = step {
            return Round::Serve(connection);
        }
        if let Step::Lost = step {
            self.pool.hand_over();
            return Round::Over;
        }
        for connection in self.pool.ready.take_unwanted() {
            self.turn_away(connection);
        }
        while let Some(connection) = self.shortage.look(self.pool, &self.desk, now) {
            self.turn_away(connection);
        }
        if !self.is_guard() && self.shortage.wants_holder() {
            self.pool.give_up_role(self.number);
            return Round::Over;
        }
        Round::On
    }

    /// Goes on with connections whose time is over.
    fn expire(&mut self, now: Instant) {
        if self.pool.parking.next_due().is_none_or(|due| due > now) {
            return;
        }
        for mut connection in self.pool.parking.fetch_due(now) {
            match connection.overdue() {
                Overdue::Close => {
                    self.desk.counters.count_late(connection.late());
                    self.pool.parking.close_one(connection);
                }
                Overdue::LastLook => self.pool.ready.push(connection),
            }
        }
    }

    /// Tells a client that there is no room, and lets its connection linger.
    fn turn_away(&mut self, mut connection: Box<Connection>) {
        let verdict = connection.turn_away(&mut self.desk);
        self.settle(connection, verdict, Instant::now());
    }

    /// Sees to it that requests in the queue are looked after that another holder has left there.
    fn look_at_queue(&mut self, now: Instant) {
        if !self.pool.queue.is_empty() {
            self.shortage.note(now);
        }
    }

    fn is_holder(&self) -> bool {
        self.pool.role.is_held_by(self.number)
    }

    fn is_guard(&self) -> bool {
        self.number == 0
    }
}

/// The time for which a handler may keep the role, and a round put the poller off.
const TICK: Duration = Duration::from_millis(1);
/// Arrivals fetched at a time.
const BATCH: usize = 256;
/// Connections of the second rank served in a round, and the time after which no further one is.
const LATER: u32 = 8;
const SHARE: Duration = Duration::from_micros(250);
/// The pause after an error of the poller.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
