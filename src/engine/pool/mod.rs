//! The state shared by all threads of a running server: connections and workers.

pub(in crate::engine) mod eviction;
pub(in crate::engine) mod handover;
pub(in crate::engine) mod poller;
pub(in crate::engine) mod queue;
pub(in crate::engine) mod ready;
pub(in crate::engine) mod reserve;
pub(in crate::engine) mod role;
pub(in crate::engine) mod snapshot;
pub(in crate::engine) mod sockets;
pub(in crate::engine) mod threads;
pub(in crate::engine) mod upgraded;
pub(in crate::engine) mod waiters;
mod wake;
mod wrapped;

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use http::Extensions;

use self::handover::Handover;
use self::queue::Queue;
use self::ready::ReadyConnections;
use self::role::Role;
use self::sockets::Sockets;
use self::threads::{Dismissed, Threads};
use self::waiters::Waiters;
use crate::config::Config;
use crate::engine::connection::ClientConnection;
use crate::engine::parking::{Parked, Parking};
use crate::engine::service::context::Service;
use crate::engine::service::handle::WorkerHandle;
use crate::engine::service::once_a_second::OnceASecond;
use crate::engine::service::open::OpenConnections;
use crate::net::poll::{Alarm, Interest};

/// The state shared by all threads of a running server.
pub(in crate::engine) struct Pool {
    service: Arc<Service>,
    work: Work,
    /// Connections waiting for their clients.
    pub(in crate::engine) parking: Parking,
    /// Connections ready for the reactor.
    pub(in crate::engine) ready: ReadyConnections,
    /// Connections with a request waiting for a worker.
    pub(in crate::engine) queue: Queue,
    pub(in crate::engine) role: Role,
    /// Wakes the guard.
    alarm: Alarm,
    pub(in crate::engine) threads: Threads,
    pub(in crate::engine) waiters: Waiters,
    pub(in crate::engine) upgraded: Sockets,
    /// The counter of open connections.
    pub(in crate::engine) open: Arc<OpenConnections>,
    pub(in crate::engine) accepted: AtomicU64,
    /// Connections for the next engine.
    pub(in crate::engine) handover: Handover,
    /// The rate limits of two warnings: all workers are busy, and the system refuses threads.
    pub(in crate::engine) overload_warning: OnceASecond,
    pub(in crate::engine) thread_warning: OnceASecond,
    /// The number of errors while accepting.
    pub(in crate::engine) socket_errors: AtomicU64,
    /// The number of processors at the start.
    pub(in crate::engine) processors: usize,
}

/// The life of a worker, on the worker's own thread.
pub(in crate::engine) type Work = fn(&Arc<Pool>, &Arc<WorkerHandle>);

impl Pool {
    /// Creates a pool without threads, whose workers will do `work`.
    pub(in crate::engine) fn new(service: Arc<Service>, work: Work) -> io::Result<Self> {
        Ok(Self {
            queue: Queue::new(service.config.get().accepted_queue_size, Arc::clone(&service.content_waits)),
            parking: Parking::new()?,
            ready: ReadyConnections::default(),
            role: Role::new(),
            alarm: Alarm::new()?,
            threads: Threads::default(),
            waiters: Waiters::default(),
            upgraded: Sockets::new()?,
            open: Arc::default(),
            accepted: AtomicU64::new(0),
            handover: Handover::default(),
            overload_warning: OnceASecond::default(),
            thread_warning: OnceASecond::default(),
            socket_errors: AtomicU64::new(0),
            processors: thread::available_parallelism().map_or(1, NonZero::get),
            service,
            work,
        })
    }

    pub(in crate::engine) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub(in crate::engine) fn is_stopping(&self) -> bool {
        self.service.is_shutting_down()
    }

    /// True if the stop is complete, and threads have to leave.
    pub(in crate::engine) fn is_over(&self) -> bool {
        self.service.is_over()
    }

    // ---- connections ----

    /// Takes a connection just accepted, and parks it until the first bytes.
    ///
    /// At the limit of connections, another connection [is evicted](Self::make_room). If none can
    /// be evicted, the new connection is refused.
    pub(in crate::engine) fn bring(&self, mut connection: Box<ClientConnection>, config: &Config) {
        connection.count_in(&self.open);
        if config.max_connections.is_some_and(|most| self.open.count() > most) && !self.make_room() {
            self.ready.refuse(connection);
            return self.call_reactor();
        }
        self.park(connection, config);
    }

    /// Parks a connection, or gives it to the reactor if an event has come already.
    fn park(&self, connection: Box<ClientConnection>, config: &Config) {
        if let Some(connection) = self.park_unless_ready(connection, config) {
            self.resume(connection);
        }
    }

    /// Parks a connection, or closes it if parking is impossible. Returns the connection if an
    /// event has come already.
    pub(in crate::engine) fn park_unless_ready(
        &self,
        connection: Box<ClientConnection>,
        config: &Config,
    ) -> Option<Box<ClientConnection>> {
        match self.parking.park(connection) {
            Parked::Waits { is_earliest } => {
                if is_earliest {
                    self.call_reactor();
                }
                self.keep_idle_within(config);
            }
            Parked::Ready(connection) => return Some(connection),
            Parked::Refused(connection) => self.part_with_refused(connection),
        }
        None
    }

    /// Closes a connection that cannot stay, or keeps it for the next engine.
    pub(in crate::engine) fn part_with(&self, mut connection: Box<ClientConnection>) {
        if !self.handover.is_wanted() || !connection.may_move() {
            if connection.is_sending() {
                // A truncated answer must not look complete.
                connection.transport.stream.abort();
            }
            return self.parking.close_one(connection);
        }
        self.parking.detach(&mut connection);
        connection.watched = Interest::Read;
        // This engine no longer waits for the connection, and the extensions would report this
        // engine's end.
        connection.ticket = None;
        connection.client.extensions = Extensions::new();
        if let Err(connection) = self.handover.keep(connection) {
            self.parking.close_one(connection);
        }
    }

    /// Parts with a connection that cannot be parked. At a stop, a request already sent is answered.
    pub(in crate::engine) fn part_with_refused(&self, connection: Box<ClientConnection>) {
        if self.is_stopping() && !self.is_over() { self.dismiss(connection) } else { self.part_with(connection) }
    }

    /// Continues a connection if the client has sent something before the stop; parts with any
    /// other.
    ///
    /// A request already sent is answered with `Connection: close`. After a reset the client could
    /// not know if the request was carried out, and must not repeat a POST then (RFC 9110 §9.2.2).
    pub(in crate::engine) fn dismiss(&self, connection: Box<ClientConnection>) {
        if self.handover.is_wanted() || !connection.has_unread_input() {
            return self.part_with(connection);
        }
        self.look_again(connection);
    }

    /// Takes over a connection from the previous engine, within the limit of connections.
    pub(in crate::engine) fn adopt(&self, mut connection: Box<ClientConnection>) {
        connection.count_in(&self.open);
        // Later handshakes use the current certificates and settings.
        if let (Some(stream), Some(tls)) = (Arc::get_mut(&mut connection.transport.stream), &self.service().tls) {
            stream.follow(tls);
        }
        if self.service().config.get().max_connections.is_some_and(|most| self.open.count() > most) {
            return self.parking.close_one(connection);
        }
        // Bytes received already are not reported again.
        self.resume(connection);
    }

    /// Closes the connection idle for longest if too many are idle.
    pub(in crate::engine) fn keep_idle_within(&self, config: &Config) {
        if let Some(most) = config.keep_alive_conn_limit {
            self.evict_idle(most);
        }
    }

    /// Applies a new config to the existing connections and workers at once.
    pub(in crate::engine) fn reshape(self: &Arc<Self>) -> io::Result<()> {
        let config = self.service.config.get();
        while config.keep_alive_conn_limit.is_some_and(|most| self.evict_idle(most)) {}
        while self.threads.len() < config.thread_pool && self.hire()? {}
        // Sleeping workers, and those at the poller, check again if there is a surplus.
        self.clear_poller();
        self.ring();
        Ok(())
    }

    // ---- waking ----

    /// Wakes the holder of the reactor role to look for changes.
    pub(in crate::engine) fn call_reactor(&self) {
        if self.role.is_held_by(0) {
            // The guard may wait for the alarm alone. A worker taking the role looks at everything.
            self.call_guard(Duration::ZERO);
        } else {
            self.parking.wake();
        }
    }

    /// Wakes a sleeping worker to look at the queue. Returns true if there was one. Otherwise a
    /// worker at the poller is called, which may be about to serve an arrival instead.
    pub(in crate::engine) fn call_worker(&self) -> bool {
        let is_coming = self.threads.call();
        // If a worker held the role, the call would reach that worker.
        if !is_coming && self.role.is_held_by(0) && self.waiters.is_any() {
            self.parking.wake();
        }
        is_coming
    }

    /// Wakes the guard, now or after `time`.
    pub(in crate::engine) fn call_guard(&self, time: Duration) {
        if let Err(error) = self.alarm.set(time) {
            log::error!(
                "cannot set the alarm of the guard thread: {error}; a blocking handler may hold up other requests"
            );
        }
    }

    /// Lets the guard sleep: no handler needs watching.
    pub(in crate::engine) fn dismiss_guard(&self) {
        // In this order: an alarm set by another thread in between stays set, and is set anew if
        // needed.
        if let Err(error) = self.alarm.unset() {
            log::error!("cannot clear the alarm of the guard thread: {error}");
        }
        self.role.unwatch();
    }

    pub(in crate::engine) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Wakes all threads to notice that the server stops or is over.
    pub(in crate::engine) fn ring(&self) {
        self.threads.ring();
        self.parking.wake();
        self.call_guard(Duration::ZERO);
    }

    /// Gives the reactor role of worker `number` to the guard, and makes a worker wait at the
    /// poller. If none can, the guard polls at once. Returns false if the worker has lost the role.
    pub(in crate::engine) fn pass_role(&self, number: u32) -> bool {
        let is_given = self.role.give_up(number);
        if is_given {
            self.role.watch();
            let is_attended = self.waiters.is_any() || self.threads.call();
            self.call_guard(if is_attended { TICK } else { Duration::ZERO });
            self.hand_over();
        }
        is_given
    }

    /// Gives the reactor role to the guard, if worker `number` still holds it.
    pub(in crate::engine) fn give_up_role(&self, number: u32) {
        if self.role.give_up(number) {
            self.call_guard(Duration::ZERO);
        }
    }

    /// Wakes the holder of the reactor role if connections are ready or queued. The calling thread,
    /// no longer the holder, may have added them after the holder's last look.
    pub(in crate::engine) fn hand_over(&self) {
        if !self.ready.is_empty() || self.queue.has_any() {
            self.call_reactor();
        }
    }

    /// Sleeps until there is work. Returns false after `thread_idle_timeout` without work if the
    /// worker is surplus.
    pub(in crate::engine) fn sleep(&self, handle: &Arc<WorkerHandle>, config: &Config) -> bool {
        let is_extra = self.threads.fall_asleep(handle, self.least_workers(config));
        // A request may have been queued, or a stop begun, before this worker was registered as
        // sleeping.
        if !self.queue.is_empty() || self.is_over() {
            if !self.threads.get_up(handle) {
                self.threads.come();
            }
            return true;
        }
        let until = Instant::now() + config.thread_idle_timeout;
        loop {
            if !self.threads.is_asleep(handle) {
                self.threads.come();
                return true;
            }
            if !is_extra {
                thread::park();
                continue;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.leave_or_stay(handle, config);
            }
            thread::park_timeout(left);
        }
    }

    /// Dismisses a sleeping worker if there is a surplus. Returns true if the worker stays, awake.
    fn leave_or_stay(&self, handle: &WorkerHandle, config: &Config) -> bool {
        match self.threads.dismiss(handle, self.least_workers(config)) {
            Dismissed::Goes => false,
            Dismissed::Stays => true,
            Dismissed::Called => {
                self.threads.come();
                true
            }
        }
    }

    // ---- hiring and leaving ----

    /// The maximum number of workers; `None`: no limit. Each worker in a handler beyond its time
    /// limit adds one, up to twice `thread_pool_max`.
    pub(in crate::engine) fn most_workers(&self, config: &Config) -> Option<usize> {
        config.thread_pool_max.map(|most| most + self.service.deadlines.lost().min(most))
    }

    /// The number of workers kept without work; workers in handlers beyond their time limit do not
    /// count.
    pub(in crate::engine) fn least_workers(&self, config: &Config) -> usize {
        config.thread_pool + self.service.deadlines.lost()
    }

    /// Adds a worker; `Ok(false)` at the maximum, or if the server is over.
    pub(in crate::engine) fn hire(self: &Arc<Self>) -> io::Result<bool> {
        if self.is_over() {
            return Ok(false);
        }
        let config = self.service.config.get();
        let pool = Arc::clone(self);
        self.threads.hire(self.most_workers(&config), config.thread_stack_size, move |handle| {
            pool.threads.arrive();
            pool.threads.come();
            pool.run_worker(handle);
            pool.give_up_role(handle.number);
            pool.threads.leave(Some(handle));
            pool.call_guard(Duration::ZERO);
        })
    }

    /// Runs `serve` on a new thread of the server.
    fn hire_for_upgrade(self: &Arc<Self>, serve: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let pool = Arc::clone(self);
        self.threads.hire_for_upgrade(self.service.config.get().thread_stack_size, move || {
            pool.threads.arrive();
            serve();
            pool.threads.leave(None);
            pool.call_guard(Duration::ZERO);
        })
    }

    /// Waits for `time`, or until the server stops. Returns true if the server stops.
    pub(in crate::engine) fn stops_within(&self, time: Duration) -> bool {
        self.threads.wait(time, || self.is_stopping())
    }
}

/// The time limit of a handler holding the reactor role, and of arrivals at a poller without a
/// waiting thread.
pub(in crate::engine) const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
