//! The decision which thread runs next: one does the I/O of all clients, workers run handlers, and a guard
//! takes the I/O over if a handler holds it up.
//!
//! ```text
//!           new              readable, writable, due
//!  accept ───────► parking ──────────────┬────► reactor: short handlers ─────┐
//!  threads            ▲                  │         │ long handlers           │
//!                     │                  │         ▼                         ▼
//!                     │                  │       queue ────► worker ─────► answer
//!                     │                  │                                   ▲ │
//!                     │                  └────► worker that waits ───────────┘ │
//!                     └───────────────────────────────────────────────────────┘
//! ```
//!
//! Parking owns the connections that wait for their clients; no thread does.
//!
//! **The reactor is a role** ([`role`](crate::engine::pool::role)), held by one thread at any time: a worker, or
//! the guard. A worker that holds it sleeps in the poller until a client or a deadline needs it. It takes each
//! connection as far as it goes without a handler: TLS handshakes, heads, gathered content, answers whose client
//! reads slowly, refusals. While it has work it looks at the poller again at least every millisecond. Each round
//! takes first the clients that have been answered before, then a few new ones and a few that have used up their
//! share of the round, so that a flood holds up no known client.
//!
//! **Short or long?** [`costs`](crate::engine::service::costs) keeps a moving average for each route, and one for
//! all routes it does not know. Short means an average of up to 100 us, answer included; a route is long until
//! something has been measured.
//!
//! **While handlers are short** a worker holds the role and runs them itself: waking another thread would take
//! longer. If one connection alone keeps it busy, the worker gives up the role and waits for that connection
//! only. The request of a long handler goes
//!
//! 1. to the queue, for a sleeping worker that is woken, if other connections are ready or the connection before
//!    ran a short handler; the holder keeps the role;
//! 2. otherwise nowhere: the holder gives the role to the guard and runs the handler. So it does if no worker
//!    sleeps, but some wait at the poller.
//!
//! **While handlers are long** the guard holds the role, and a worker without work waits at the poller itself
//! ([`waiters`](crate::engine::pool::waiters)), for one arrival. The system wakes one waiting worker for each
//! arrival; the worker takes the connection as far as it goes, runs the handler and answers: one wake-up per
//! request, as with a thread per connection. The guard leaves the poller to them and keeps the deadlines. The
//! last worker to leave the poller wakes a sleeping one to wait in its place; if none sleeps, the guard looks
//! within a millisecond ([`standby`]). If no worker starts work in that time, the guard polls. While workers are
//! busy and none waits, the guard queues arrivals every millisecond, if workers are fewer than connections.
//! Workers look at the queue before they go to the poller.
//!
//! A worker whose last route is short takes the role from the guard: the next handler may be short, too. From
//! then on workers without work sleep; one that still waits at the poller leaves it after its next arrival.
//! The thread that runs a handler writes its answer; the reactor sends the rest of it to a slow client.
//!
//! **The guard** ([`guard`]) is one thread more, which runs no handlers. It holds the role whenever no worker
//! does, at the start too. A worker that goes on with a connection while it holds the role sees to it that the
//! guard's alarm is set. If it is at it a millisecond later, the guard seizes the role, and the worker goes on
//! without it; the route counts as long until its average has come down again. So I/O waits for handlers a few
//! milliseconds at most, even with every worker in one; without requests, threads wake only for deadlines.
//!
//! **The pool** ([`shortage`]) grows when for a millisecond requests have been queued, or arrivals have waited,
//! and no worker was free: by half the number of queued requests, at least one, each millisecond anew. It does
//! not grow beyond `thread_pool_max`, nor beyond the number of connections. If it cannot grow, a worker that
//! holds the role gives it to the guard and takes requests from the queue. A request that has waited for
//! `accepted_queue_timeout` gets a 503. While there are more workers than `thread_pool`, one that has had nothing
//! to do for `thread_idle_timeout` leaves.

pub(in crate::engine) mod guard;
mod lone;
pub(in crate::engine) mod overload;
mod share;
pub(in crate::engine) mod shortage;
mod standby;
pub(in crate::engine) mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::lone::Lone;
use self::shortage::Shortage;
use self::standby::Standby;
use crate::engine::connection::expiry::Expired;
use crate::engine::connection::{ClientConnection, Verdict};
use crate::engine::parking::Parked;
use crate::engine::pool::{Pool, TICK};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::Runs;
use crate::net::poll::{Batch, WAKE};

/// One thread's part in the reactor role.
struct Reactor<'p> {
    pool: &'p Arc<Pool>,
    /// The number of the worker; 0: the guard.
    number: u32,
    context: WorkerContext,
    batch: Batch,
    shortage: Shortage,
    standby: Standby,
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
    Lone(Box<ClientConnection>),
    /// The role is another thread's, and this worker runs the handler of a connection's request.
    Serve(Box<ClientConnection>),
    /// The thread does not hold the role any more, or is wanted elsewhere.
    Over,
}

/// The outcome for the role of going on with a connection.
enum Step {
    Held,
    Lost,
    /// It was passed on, for the request of this connection.
    Passed(Box<ClientConnection>),
}

impl<'p> Reactor<'p> {
    fn new(pool: &'p Arc<Pool>, number: u32, context: WorkerContext) -> Self {
        Self {
            pool,
            number,
            context,
            batch: Batch::new(BATCH),
            shortage: Shortage::default(),
            standby: Standby::new(pool),
            lone: Lone::default(),
            ended: Instant::now(),
            is_alarm_idle: false,
            is_mixed: false,
            patient_until: None,
        }
    }

    /// Begins to hold the role.
    fn begin(&mut self) {
        self.context.duty.runs = if self.is_guard() { Runs::Nothing } else { Runs::Short };
        self.context.meter.rest();
        self.lone = Lone::default();
        self.standby = Standby::new(self.pool);
        (self.is_alarm_idle, self.is_mixed, self.patient_until) = (false, false, None);
        self.look_at_queue(Instant::now());
    }

    /// Begins to hold the role of worker `number`, which has been in a handler for too long.
    fn begin_seized(&mut self, number: u32, now: Instant) {
        self.begin();
        if let Some((method, path)) = self.pool.service().costs.overrun() {
            self.pool.threads.note_task(number, method, &path, now - TICK);
        }
        self.patient_until = Some(now + TICK);
        self.shortage.note(now + TICK);
    }

    /// Polls, and goes on with what is ready.
    fn round(&mut self) -> Round {
        let lone = self.poll();
        if self.pool.is_over() {
            self.pool.give_up_role(self.number);
            return Round::Over;
        }
        if !self.is_holder() {
            lone.into_iter().for_each(|(_, connection)| self.pool.ready.push(connection));
            if self.batch.len() > 0 {
                self.pool.call_reactor();
            }
            return Round::Over;
        }
        let now = Instant::now();
        self.context.renew();
        self.expire(now);
        if let Some((token, connection)) = lone {
            let is_lone = self.lone.note(token, &connection, now, self.context.config.keep_alive_grace);
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
    fn poll(&mut self) -> Option<(u64, Box<ClientConnection>)> {
        let is_busy = !self.pool.ready.is_empty();
        let timeout = if is_busy { Some(Duration::ZERO) } else { self.patience() };
        if timeout != Some(Duration::ZERO) {
            if std::mem::take(&mut self.is_alarm_idle) {
                self.pool.dismiss_guard();
            }
            self.context.tidy();
            self.context.meter.rest();
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
            self.pool.notice_call(self.number);
        }
        // The guard is called by its alarm.
        if is_called || self.is_guard() {
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
        if !self.is_guard() {
            return self.pool.parking.wait(&mut self.batch, BATCH, timeout);
        }
        let found = self.standby.wait(self.pool, &mut self.batch, timeout)?;
        if let Some(since) = self.standby.short_since().filter(|_| found > 0) {
            self.shortage.began(since);
        }
        Ok(found)
    }

    /// Returns the time until something is due; `None`: nothing is.
    fn patience(&self) -> Option<Duration> {
        let next = [self.pool.parking.next_due(), self.shortage.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Goes on with a connection as far as this thread may.
    fn step(&mut self, mut connection: Box<ClientConnection>, now: Instant) -> Step {
        self.context.duty.turn();
        if self.pool.is_over() {
            // A connection that a stop has cut does not go on.
            self.pool.part_with(connection);
            return Step::Held;
        }
        if connection.is_for_worker()
            && self.pool.queue.is_empty()
            && !self.pool.ready.is_empty()
            && self.pool.threads.has_sleeper()
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
        self.context.take_up(&connection.stream, connection.slot, now);
        let verdict = connection.advance(&mut self.context);
        // From here on it may become another thread's.
        self.context.lay_down();
        let is_held = if self.is_guard() { self.is_holder() } else { self.pool.role.leave(self.number) };
        self.context.duty.leave(now.elapsed(), now - self.ended >= TICK);
        let was_mixed = std::mem::replace(&mut self.is_mixed, self.context.duty.has_run());
        let is_to_pass = is_held && matches!(verdict, Verdict::Work) && self.is_to_pass(was_mixed);
        if is_to_pass && self.pool.pass_role(self.number) {
            return Step::Passed(connection);
        }
        self.settle(connection, verdict, now);
        if is_held { Step::Held } else { Step::Lost }
    }

    /// True if the role is to be passed on, so that this worker can run the handler of the request that it has just read: that costs
    /// the request no wake-up.
    fn is_to_pass(&self, was_mixed: bool) -> bool {
        if self.is_guard() {
            return false;
        }
        let is_alone = || self.pool.queue.is_empty() && self.pool.ready.is_empty();
        // Workers that wait at the poller are woken by arrivals, and by the guard.
        !was_mixed && is_alone() || self.pool.waiters.is_any() && !self.pool.threads.has_sleeper()
    }

    fn settle(&mut self, connection: Box<ClientConnection>, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Park => match self.pool.parking.park(connection) {
                Parked::Waits { .. } => self.pool.keep_idle_within(&self.context.config),
                Parked::Ready(connection) => self.pool.ready.push(connection),
                Parked::Refused(connection) => self.pool.part_with(connection),
            },
            Verdict::Again => self.pool.ready.push(connection),
            Verdict::Work if self.context.config.accepted_queue_timeout.is_zero() && self.pool.queue.is_full() => {
                self.turn_away(connection);
            }
            Verdict::Work => {
                self.pool.queue.push(connection, now);
                match self.patient_until {
                    Some(until) if now < until && self.context.duty.waits_for_short() => self.shortage.note(until),
                    _ if self.pool.call_worker() => {}
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
        while let Some(connection) = self.shortage.look(self.pool, &self.context, now) {
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
                Expired::Close => {
                    self.context.counters.count_late(connection.late());
                    self.pool.parking.close_one(connection);
                }
                Expired::LastLook => self.pool.ready.push(connection),
            }
        }
    }

    /// Tells a client that there is no room, and lets its connection linger.
    fn turn_away(&mut self, mut connection: Box<ClientConnection>) {
        let verdict = connection.turn_away(&mut self.context);
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

/// Arrivals fetched at a time.
const BATCH: usize = 256;
/// Connections of the second rank served in a round, and the time after which no further one is.
const LATER: u32 = 8;
const SHARE: Duration = Duration::from_micros(250);
/// The pause after an error of the poller.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
