//! The state that all threads of a running server share: its connections, wherever they are, and its workers.

pub(in crate::engine) mod eviction;
pub(in crate::engine) mod handover;
pub(in crate::engine) mod queue;
pub(in crate::engine) mod rate;
pub(in crate::engine) mod ready;
pub(in crate::engine) mod role;
pub(in crate::engine) mod snapshot;
pub(in crate::engine) mod threads;
pub(in crate::engine) mod upgraded;
pub(in crate::engine) mod waiters;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use self::handover::Handover;
use self::queue::Queue;
use self::rate::OnceASecond;
use self::ready::ReadyConnections;
use self::role::Role;
use self::threads::{Dismissed, Threads};
use self::upgraded::Sockets;
use self::waiters::Waiters;
use crate::config::Config;
use crate::engine::connection::ClientConnection;
use crate::engine::parking::{Parked, Parking};
use crate::engine::service::context::Service;
use crate::engine::service::handle::WorkerHandle;
use crate::engine::service::open::OpenConnections;
use crate::net::poll::Alarm;

/// The state that all threads of a running server share.
pub(in crate::engine) struct Pool {
    service: Arc<Service>,
    /// Connections that wait for their clients.
    pub(in crate::engine) parking: Parking,
    /// Connections that the reactor can go on with.
    pub(in crate::engine) ready: ReadyConnections,
    /// Connections whose request waits for a worker.
    pub(in crate::engine) queue: Queue,
    pub(in crate::engine) role: Role,
    /// Wakes the guard.
    alarm: Alarm,
    pub(in crate::engine) threads: Threads,
    pub(in crate::engine) waiters: Waiters,
    pub(in crate::engine) upgraded: Sockets,
    /// Connections that are open, wherever they are.
    pub(in crate::engine) open: Arc<OpenConnections>,
    pub(in crate::engine) accepted: AtomicU64,
    /// Connections for the engine that comes after.
    pub(in crate::engine) handover: Handover,
    /// Warnings that all workers are busy, and that the system refuses threads.
    pub(in crate::engine) overload_warning: OnceASecond,
    pub(in crate::engine) thread_warning: OnceASecond,
    /// Errors while accepting.
    pub(in crate::engine) socket_errors: AtomicU64,
}

impl Pool {
    pub(in crate::engine) fn new(service: Arc<Service>) -> io::Result<Self> {
        Ok(Self {
            queue: Queue::new(service.config.get().queue),
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
            service,
        })
    }

    pub(in crate::engine) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub(in crate::engine) fn is_stopping(&self) -> bool {
        self.service.is_shutting_down()
    }

    /// True if there is nothing more to do.
    pub(in crate::engine) fn is_over(&self) -> bool {
        self.service.is_over()
    }

    // ---- connections ----

    /// Brings in a connection that was just accepted: it waits for its first bytes, without a thread.
    ///
    /// If there are as many as there may be, it takes the place of one that [gives way](Self::make_room); if none does, it is turned
    /// away.
    pub(in crate::engine) fn bring(&self, mut connection: Box<ClientConnection>, config: &Config) {
        connection.count_in(&self.open);
        if config.connections.is_some_and(|most| self.open.count() > most) && !self.make_room() {
            self.ready.refuse(connection);
            return self.call_reactor();
        }
        self.park(connection, config);
    }

    /// Parks a connection, or gives it to the reactor if something has arrived already.
    fn park(&self, connection: Box<ClientConnection>, config: &Config) {
        if let Some(connection) = self.park_unless_ready(connection, config) {
            self.ready.push(connection);
            self.call_reactor();
        }
    }

    /// Parks a connection, or closes it if it cannot be parked. Returns it if something has arrived already.
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
            Parked::Refused(connection) => self.part_with(connection),
        }
        None
    }

    /// Closes those that have been idle for longest while more are idle than may be.
    pub(in crate::engine) fn keep_idle_within(&self, config: &Config) {
        if let Some(most) = config.idle_connections {
            self.evict_idle(most);
        }
    }

    /// Does at once what a config that was just put in force asks of what is there already.
    pub(in crate::engine) fn reshape(self: &Arc<Self>, work: fn(&Arc<Self>, &Arc<WorkerHandle>)) -> io::Result<()> {
        let config = self.service.config.get();
        while config.idle_connections.is_some_and(|most| self.evict_idle(most)) {}
        while self.threads.len() < config.threads_min && self.hire(work)? {}
        // Those that sleep are to find out whether they are too many now, and those that wait at the poller.
        self.clear_poller();
        self.ring();
        Ok(())
    }

    // ---- waking ----

    /// Wakes the holder of the reactor role, to look at what has changed.
    pub(in crate::engine) fn call_reactor(&self) {
        if self.role.is_held_by(0) {
            // It may wait for its alarm alone. Whoever takes the role from it looks at everything.
            self.call_guard(Duration::ZERO);
        } else {
            self.parking.wake();
        }
    }

    /// Wakes a worker that sleeps, to look at the queue; true if one does, and is on its way. If none does, one that waits at the poller
    /// is called: it may be on its way to something else.
    pub(in crate::engine) fn call_worker(&self) -> bool {
        let is_coming = self.threads.call();
        // Under a worker's role the call would be the holder's.
        if !is_coming && self.role.is_held_by(0) && self.waiters.is_any() {
            self.parking.wake();
        }
        is_coming
    }

    /// Wakes the guard, now or after `time`.
    pub(in crate::engine) fn call_guard(&self, time: Duration) {
        if let Err(error) = self.alarm.set(time) {
            log::error!("setting the guard's alarm failed: {error}");
        }
    }

    /// Lets the guard sleep: no handler runs that it has to look after.
    pub(in crate::engine) fn dismiss_guard(&self) {
        // In this order: an alarm that another thread sets in between stays set, and is set anew if need be.
        if let Err(error) = self.alarm.unset() {
            log::error!("unsetting the guard's alarm failed: {error}");
        }
        self.role.unwatch();
    }

    pub(in crate::engine) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Wakes all threads, to see that the server stops or is over.
    pub(in crate::engine) fn ring(&self) {
        self.threads.ring();
        self.parking.wake();
        self.call_guard(Duration::ZERO);
    }

    /// Gives the reactor role of worker `number` to the guard, and sees to it that a worker waits at the poller; false if it has lost
    /// the role. If none can, the guard polls at once.
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

    /// Wakes the holder of the reactor role if there is something to be done that the calling thread, which does not hold it any
    /// more, may have brought after the holder had looked.
    pub(in crate::engine) fn hand_over(&self) {
        if !self.ready.is_empty() || !self.queue.is_empty() {
            self.call_reactor();
        }
    }

    /// Sleeps until there is work. False: there was none for `thread_idle_timeout`, and there are more workers than need be.
    pub(in crate::engine) fn sleep(&self, handle: &Arc<WorkerHandle>, config: &Config) -> bool {
        let is_extra = self.threads.fall_asleep(handle, config.threads_min);
        // A request may have been queued, or a stop begun, before it could be seen that this worker sleeps.
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

    /// Dismisses a worker that sleeps, if there are more than need be. True: it stays, awake.
    fn leave_or_stay(&self, handle: &WorkerHandle, config: &Config) -> bool {
        match self.threads.dismiss(handle, config.threads_min) {
            Dismissed::Goes => false,
            Dismissed::Stays => true,
            Dismissed::Called => {
                self.threads.come();
                true
            }
        }
    }

    // ---- who comes and goes ----

    /// Adds a worker that runs `work`; `Ok(false)` if there are as many as there may be.
    pub(in crate::engine) fn hire(self: &Arc<Self>, work: fn(&Arc<Self>, &Arc<WorkerHandle>)) -> io::Result<bool> {
        if self.is_over() {
            return Ok(false);
        }
        let config = self.service.config.get();
        let pool = Arc::clone(self);
        self.threads.hire(config.threads_max, config.stack_size, move |handle| {
            pool.threads.arrive();
            pool.threads.come();
            work(&pool, handle);
            pool.give_up_role(handle.number);
            pool.threads.leave(Some(handle));
            pool.call_guard(Duration::ZERO);
        })
    }

    /// Runs `serve` on a thread of its own that belongs to the server.
    fn hire_for_upgrade(self: &Arc<Self>, serve: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let pool = Arc::clone(self);
        self.threads.hire_for_upgrade(self.service.config.get().stack_size, move || {
            pool.threads.arrive();
            serve();
            pool.threads.leave(None);
            pool.call_guard(Duration::ZERO);
        })
    }

    /// Waits for `time`, or until the server stops; says whether it does.
    pub(in crate::engine) fn stops_within(&self, time: Duration) -> bool {
        self.threads.wait(time, || self.is_stopping())
    }
}

/// The time for which a handler may keep the reactor role, and arrivals wait at a poller that nobody waits at.
pub(in crate::engine) const TICK: Duration = Duration::from_millis(1);
