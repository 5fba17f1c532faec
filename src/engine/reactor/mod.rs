//! The scheduling of threads: the reactor does the I/O of all clients, workers run handlers, and a
//! guard takes over the I/O if a handler blocks the reactor. While handlers are long, workers do
//! most of the I/O themselves.
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
//! Parking owns the connections waiting for their clients. A parked connection needs no thread.
//!
//! A thread sleeps (until it is woken), waits at the poller (for an arrival) or is awake. The last
//! worker to fall asleep is the first to be woken.
//!
//! **The reactor is a role** ([`role`](crate::engine::pool::role)), held by one thread at any time:
//! a worker or the guard. A worker holding the role sleeps in the poller until an arrival, a
//! deadline or a call. The worker takes each connection as far as possible without a handler: TLS
//! handshakes, heads, gathered content, answers to slow readers, refusals. Under load the worker
//! polls again after a millisecond. Each round begins with clients that have had an answer on their
//! connection. A few others follow: new clients, clients with more input after 64 steps, and
//! clients that sent their next request before they were parked. At least one connection in 33 is
//! one of these. A flood of one kind therefore delays the other kind by a bounded time. Each round
//! ends with streams that have new content, for 250 us at most.
//!
//! **Short or long?** [`costs`](crate::engine::service::costs) keeps a moving average for each
//! route, and one shared by all routes not yet measured. A route is short if the average is at most
//! 100 us, answer included. Before the first measurement every route is long. Of handlers that take
//! turns under one lock ([`note_turn`](crate::exchange::note_turn)), neither the wait for the lock
//! nor seven eighths of the processor time count: a second worker would only compete for the lock.
//! If more connections are ready, the answers of such handlers are sent at the end of the round, so
//! that the handlers run in a row.
//!
//! **While handlers are short** a worker holds the role and runs the handlers as well, because
//! waking another thread would take longer. If one connection alone keeps the worker busy for nine
//! requests in a row, the worker gives the role to the guard and stays with that connection, until
//! the connection pauses for `keep_alive_grace` or a request is queued. For a request of a long
//! handler, the holder
//!
//! 1. gives the role to the guard and runs the handler, if no worker sleeps and some wait at the
//!    poller;
//! 2. otherwise queues the request, wakes a sleeping worker and keeps the role, if other
//!    connections are ready, requests are queued, or the previous connection ran a short handler;
//! 3. otherwise gives the role to the guard and runs the handler. A sleeping worker is sent to the
//!    poller, or the guard polls.
//!
//! **While handlers are long** the guard holds the role, and each worker without work waits at the
//! poller ([`waiters`](crate::engine::pool::waiters)) for one arrival. The kernel wakes one waiting
//! worker for each arrival. The worker takes the connection as far as possible, runs the handler
//! and answers: one wake-up per request, as with a thread per connection. While workers wait at the
//! poller, the guard only handles deadlines. The last worker to leave the poller wakes a sleeping
//! worker to wait there. If none sleeps, the guard ([`standby`]) looks a millisecond later. If no
//! worker has started work within the last millisecond, the guard polls and queues the arrivals.
//! Otherwise a worker is about to return to the poller; the guard polls once a millisecond, and
//! only if there are fewer workers than connections. Workers look at the queue before they go to
//! the poller. A request whose content has not come whole runs on a worker. At most three quarters
//! of the workers may wait for content ([`content_waits`](crate::engine::service::content_waits)).
//!
//! A worker whose last request was for a short route takes the role from the guard, because the
//! next handler may be short, too. From then on workers without work sleep; a worker still at the
//! poller serves one more arrival first. The thread running a handler writes the answer. The rest
//! of an answer to a slow client is sent by the thread that finds the socket writable.
//!
//! **The guard** ([`guard`]) is an extra thread that runs no handlers. The guard holds the role
//! whenever no worker does, also at the start. A worker holding the role sets the guard's alarm
//! before advancing a connection, unless the alarm is set. If the worker is still at that
//! connection a millisecond after the alarm, the guard seizes the role. The worker goes on without
//! the role, and notices the loss when done with the connection. The route counts as long until the
//! average, measured by workers, has come down again. Handlers therefore delay I/O by a few
//! milliseconds at most, even if every worker is in a handler. Without requests, threads wake only
//! for deadlines.
//!
//! **The pool** ([`shortage`]) grows once requests have been queued, or arrivals have waited, for a
//! millisecond and no worker has been free: every millisecond by half the number of queued requests
//! for which no worker is on the way. The limits are `thread_pool_max`, raised by the workers in
//! handlers beyond their time limit, and the number of connections. The pool does not grow while as
//! many awake workers as processors are outside handlers: these workers wait for a processor, as
//! another worker would. At a limit, if the system refuses a thread, or while the other workers
//! wait at the poller, where only the guard can call them, a worker holding the role gives the role
//! to the guard and takes requests from the queue. A request queued for `accepted_queue_timeout`
//! gets a 503. If a prompt request is among them, a reserved worker ([`reserve`]) starts, which
//! takes only such requests. A worker that has been without work for `thread_idle_timeout` leaves,
//! if there were more workers than `thread_pool` at the start of the wait.

mod departure;
pub(in crate::engine) mod guard;
mod lone;
pub(in crate::engine) mod overload;
mod reserve;
mod round;
mod share;
pub(in crate::engine) mod shortage;
mod standby;
mod step;
pub(in crate::engine) mod worker;

use std::sync::Arc;
use std::time::Instant;

use self::lone::Lone;
use self::shortage::Shortage;
use self::standby::{BATCH, Standby};
use crate::engine::connection::ClientConnection;
use crate::engine::pool::{Pool, TICK};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::Runs;
use crate::net::poll::Batch;

/// The state of one thread for the reactor role.
struct Reactor<'p> {
    pool: &'p Arc<Pool>,
    /// The worker's number; 0: the guard.
    number: u32,
    context: WorkerContext,
    batch: Batch,
    shortage: Shortage,
    standby: Standby,
    lone: Lone,
    /// The end of the last round.
    ended: Instant,
    /// True if the guard's alarm is set for a single request after a pause.
    is_alarm_idle: bool,
    /// True if the previous connection ran short handlers here. The role then stays, and other
    /// workers run the long handlers.
    is_mixed: bool,
    /// The time until which short requests wake no worker, because the worker deprived of the role
    /// may be back soon.
    patient_until: Option<Instant>,
}

/// The outcome of a round.
enum Round {
    /// Another round follows.
    On,
    /// One connection alone keeps the reactor busy: the worker gives up the role and stays with
    /// that connection.
    Lone(Box<ClientConnection>),
    /// Another thread holds the role, and this worker runs the handler of a connection's request.
    Serve(Box<ClientConnection>),
    /// The thread no longer holds the role, or is needed elsewhere.
    Over,
}

/// The effect on the role of advancing a connection.
enum Step {
    Held,
    Lost,
    /// The role was passed on, so that this worker can serve this connection.
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

    /// Starts to hold the role.
    fn begin(&mut self) {
        self.context.duty.runs = if self.is_guard() { Runs::Nothing } else { Runs::Short };
        self.context.meter.rest();
        self.lone = Lone::default();
        self.standby = Standby::new(self.pool);
        (self.is_alarm_idle, self.is_mixed, self.patient_until) = (false, false, None);
        self.shortage.begin(self.pool, Instant::now());
    }

    /// Starts to hold the role seized from worker `number`, whose handler has run for too long.
    fn begin_seized(&mut self, number: u32, now: Instant) {
        self.begin();
        if let Some((method, path)) = self.pool.service().costs.overrun() {
            self.pool.threads.note_task(number, method, &path, now - TICK);
        }
        self.patient_until = Some(now + TICK);
        self.shortage.note(now + TICK);
    }

    /// Schedules a look at requests left in the queue by another holder.
    fn look_at_queue(&mut self, now: Instant) {
        if self.pool.queue.has_any() {
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

#[cfg(test)]
mod tests;
