//! The workers: who works, who waits, who watches the parked connections, and when there are too few or too many.
//!
//! **Leader and followers.** One idle worker, the leader, waits at the poller itself and serves what it finds, batch by batch, so a
//! busy server's next ready connection costs no hand-over and no context switch. The others sleep; nobody is woken for work
//! that somebody who is awake will reach in microseconds.
//!
//! **A handler that blocks** must not hold up the rest. While anybody works, the watch thread looks each millisecond at who
//! has been at the same request since it last looked. Such a worker is written off: if it led, the lead is vacant; if
//! connections wait and fewer workers run than there are processors, a sleeping one is called, or one is added. Where what is
//! queued waits for two milliseconds and those who work sleep, handlers block for short times, many of them: then everybody who is
//! wanted is called at once (see [`shortage`](super::shortage)).
//!
//! So the number of threads follows the number of handlers that block, between `thread_pool` and `thread_pool_max`.
//!
//! **Measured**, two processors shared with the client, processor time of the server for a thousand small requests in milliseconds,
//! and requests a second:
//!
//! | | 1 connection | 8 | 64 |
//! |---|---|---|---|
//! | as it is | 9.2, 53,800 | 7.1, 126,900 | 7.4, 125,000 |
//! | no worker stays with a lone connection | 10.5, 46,700 | 7.1, 123,000 | 7.3, 126,300 |
//! | it stays after the first request | 9.2, 53,700 | 8.4, 81,400 | 7.8, 89,000 |
//! | one ready connection at a time | 9.3, 53,800 | 7.1, 96,500 | 8.2, 79,300 |
//! | eight at a time | 9.7, 50,800 | 7.2, 97,600 | 8.0, 111,900 |
//! | armed anew for each request (one-shot) | 9.5, 51,800 | 7.7, 116,500 | 8.1, 100,100 |
//! | one thread waits, others serve | 12.6, 42,300 | 8.9, 104,900 | 19.1, 56,600 |
//!
//! Handlers that block for a millisecond, 64 connections: 43 answers a millisecond, where a thread for each connection gives 44; without
//! calling everybody at once 3, as three workers of ten took turns.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::desk::Service;
use super::moving::Heritage;
use super::open::Open;
use super::parking::{Parked, Parking};
use super::queue::Queue;
use super::seat::{Seat, State};
use super::staff::Staff;
use crate::config::Config;
use crate::net::stream::Stream;

/// What all threads of one running server share.
pub(crate) struct Pool {
    service: Arc<Service>,
    pub(super) queue: Queue,
    pub(super) parking: Parking,
    /// The seat of the leader; 0: vacant.
    lead: AtomicUsize,
    /// Workers that run and are not written off. Whoever queues something may rely on them to look at the queue once more.
    busy: AtomicUsize,
    pub(super) staff: Staff,
    /// Whether handlers block: then everybody who is wanted is called at once.
    eager: AtomicBool,
    watch: Watch,
    /// Connections that are open, wherever they are.
    pub(super) open: Arc<Open>,
    pub(super) accepted: AtomicU64,
    /// Connections for the engine that comes after.
    pub(super) heritage: Heritage,
    /// Errors while accepting.
    pub(super) socket_errors: AtomicU64,
}

/// How the watch thread is woken.
#[derive(Default)]
struct Watch {
    thread: OnceLock<Thread>,
    /// Whether it sleeps until somebody works.
    dozes: AtomicBool,
}

impl Pool {
    pub(crate) fn new(service: Arc<Service>) -> io::Result<Self> {
        Ok(Self {
            queue: Queue::new(service.config.get().queue),
            parking: Parking::new()?,
            lead: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            staff: Staff::default(),
            eager: AtomicBool::new(false),
            watch: Watch::default(),
            open: Arc::default(),
            accepted: AtomicU64::new(0),
            heritage: Heritage::default(),
            socket_errors: AtomicU64::new(0),
            service,
        })
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.service.is_shutting_down()
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_over(&self) -> bool {
        self.service.is_over()
    }

    // ---- connections ----

    /// Brings in a connection that was just accepted.
    ///
    /// Where there are as many as there may be, it takes the place of the one that has been idle for longest; if none is idle it is
    /// turned away.
    pub(crate) fn bring(&self, mut connection: Box<Connection>, config: &Config) {
        connection.count_in(&self.open);
        if config.connections.is_some_and(|most| self.open.count() > most) && !self.evict(0) {
            self.queue.refuse(connection);
            return self.wake_watch();
        }
        if let Err(connection) = self.queue.offer(connection) {
            self.queue.wait_beside(connection, Instant::now() + config.accepted_queue_timeout);
            return self.wake_watch();
        }
        self.rouse();
    }

    /// Closes the connection that has been idle for longest, if more than `most` are.
    fn evict(&self, most: usize) -> bool {
        let idlest = self.parking.fetch_idlest(most);
        let is_one = idlest.is_some();
        idlest.into_iter().for_each(|idlest| self.parking.close_one(idlest));
        is_one
    }

    /// Parks a connection, or closes it where that is not possible; gives it back if something has arrived already.
    pub(super) fn park(&self, connection: Box<Connection>, config: &Config) -> Option<Box<Connection>> {
        match self.parking.park(connection) {
            Parked::Waits { is_earliest } => {
                if is_earliest {
                    self.wake_watch();
                }
                if let Some(most) = config.idle_connections {
                    self.evict(most);
                }
                None
            }
            Parked::Ready(connection) => Some(connection),
            Parked::Refused(connection) => {
                self.part_with(connection);
                None
            }
        }
    }

    /// Does at once what a config that was just put in force asks of what is there already.
    pub(super) fn reshape(self: &Arc<Self>, work: fn(&Arc<Self>, &Arc<Seat>)) -> io::Result<()> {
        let config = self.service.config.get();
        while config.idle_connections.is_some_and(|most| self.evict(most)) {}
        while self.staff.len() < config.threads_min && self.hire(work)? {}
        // Those who sleep are to find out whether they are too many now.
        self.ring();
        Ok(())
    }

    // ---- who works ----

    /// Sees to it that somebody looks at the queue, to which something has been added.
    pub(super) fn rouse(&self) {
        if self.busy.load(Ordering::SeqCst) > 0 && !self.is_eager() {
            // They will look before they rest; and should they be held up, the watch sees it.
            self.alert();
        } else if !self.call() {
            // None sleeps: the leader may be waiting at the poller, or all are held up.
            self.parking.wake();
            self.alert();
        }
    }

    /// Has one that sleeps work; false if none sleeps.
    ///
    /// It counts as working from now on, not only once it runs: what comes meanwhile needs nobody else.
    pub(super) fn call(&self) -> bool {
        self.staff.call(|seat| {
            seat.stir();
            self.works(seat);
        })
    }

    /// Whether handlers block, so that who works is not to be waited for.
    pub(super) fn is_eager(&self) -> bool {
        self.eager.load(Ordering::Relaxed)
    }

    pub(super) fn set_eager(&self, eager: bool) {
        self.eager.store(eager, Ordering::Relaxed);
    }

    /// Has the watch thread look after those who work.
    pub(super) fn alert(&self) {
        if self.watch.dozes.swap(false, Ordering::SeqCst) {
            self.wake_watch();
        }
    }

    /// Has the leader look at the queue if it is waiting at the poller; false if it is not.
    pub(super) fn call_leader(&self) -> bool {
        let lead = self.lead.load(Ordering::SeqCst);
        let mut waits = false;
        self.staff.for_each(|seat| waits |= seat.number == lead && seat.is(State::Waits));
        if waits {
            self.parking.wake();
        }
        waits
    }

    /// Takes the lead if it is vacant; true also for who has it already.
    pub(super) fn take_lead(&self, seat: &Seat) -> bool {
        match self.lead.compare_exchange(0, seat.number, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            Err(holder) => holder == seat.number,
        }
    }

    /// Gives the lead up, if it is still `seat`'s.
    pub(super) fn leave_lead(&self, seat: &Seat) {
        let _ = self.lead.compare_exchange(seat.number, 0, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Enters that `seat` works and can be relied on.
    pub(super) fn works(&self, seat: &Seat) {
        if !seat.turn(State::Works) {
            self.busy.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Enters that `seat` waits. What was queued before this is seen by who looks after it.
    pub(super) fn waits(&self, seat: &Seat) {
        if seat.turn(State::Waits) {
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Enters that `seat` works for one connection only.
    pub(super) fn attaches(&self, seat: &Seat) {
        if seat.turn(State::Attached) {
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Sleeps until called. False: nobody has, for `thread_idle_timeout`, and there are more than need be.
    pub(super) fn sleep(&self, seat: &Arc<Seat>, config: &Config) -> bool {
        let is_extra = self.staff.fall_asleep(seat, config.threads_min);
        // Something may have been queued, the lead left or a stop begun before it could be seen that this one sleeps.
        let is_left_lying = !self.queue.is_empty() && self.busy.load(Ordering::SeqCst) == 0;
        if is_left_lying || self.is_lead_vacant() || self.is_over() {
            self.staff.get_up(seat);
            return true;
        }
        let until = Instant::now() + config.thread_idle_timeout;
        while self.staff.is_asleep(seat) {
            if !is_extra {
                thread::park();
                continue;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return !self.staff.dismiss(seat, config.threads_min);
            }
            thread::park_timeout(left);
        }
        true
    }

    // ---- who comes and goes ----

    /// Adds a worker that runs `work`; `Ok(false)` if there are as many as there may be.
    pub(super) fn hire(self: &Arc<Self>, work: fn(&Arc<Self>, &Arc<Seat>)) -> io::Result<bool> {
        if self.is_over() {
            return Ok(false);
        }
        let config = self.service.config.get();
        let pool = Arc::clone(self);
        self.staff.hire(config.threads_max, config.stack_size, move |seat| {
            pool.staff.arrive();
            seat.arrive();
            work(&pool, seat);
            pool.waits(seat);
            pool.leave_lead(seat);
            pool.staff.leave(Some(seat));
            pool.wake_watch();
        })
    }

    /// Runs `serve` on a thread of its own that belongs to the server and has `stream` cut when it stops.
    pub(super) fn hire_for_upgrade(
        self: &Arc<Self>,
        stream: &Arc<Stream>,
        serve: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let pool = Arc::clone(self);
        self.staff.hire_for_upgrade(stream, self.service.config.get().stack_size, move || {
            pool.staff.arrive();
            serve();
            pool.staff.leave(None);
            pool.wake_watch();
        })?;
        if self.is_stopping() {
            // The stop may have looked before it was entered.
            self.staff.end_upgraded();
        }
        Ok(())
    }

    /// Waits for `time`, or until the server stops; says whether it does.
    pub(crate) fn stops_within(&self, time: Duration) -> bool {
        self.staff.wait(time, || self.is_stopping())
    }

    /// Wakes everybody, to see that the server stops or is over.
    pub(super) fn ring(&self) {
        self.staff.ring();
        self.parking.wake();
        self.wake_watch();
    }

    // ---- the watch ----

    /// Enters the calling thread as the one that watches.
    pub(super) fn begin_watch(&self) {
        let _ = self.watch.thread.set(thread::current());
    }

    pub(super) fn wake_watch(&self) {
        if let Some(thread) = self.watch.thread.get() {
            thread.unpark();
        }
    }

    /// Lets the watch thread sleep: until `until`, and unless `ticks`, until somebody works.
    pub(super) fn doze(&self, until: Option<Instant>, ticks: bool) {
        if !ticks {
            self.watch.dozes.store(true, Ordering::SeqCst);
            if self.busy.load(Ordering::SeqCst) > 0 {
                self.watch.dozes.store(false, Ordering::SeqCst);
                return;
            }
        }
        match until {
            Some(until) => thread::park_timeout(until.saturating_duration_since(Instant::now())),
            None => thread::park(),
        }
        self.watch.dozes.store(false, Ordering::SeqCst);
    }

    /// Writes off those who are still at what they were at the last time this was called; says how many are written off.
    pub(super) fn write_off(&self) -> usize {
        let mut held_up = 0;
        self.staff.for_each(|seat| {
            if seat.write_off() {
                self.busy.fetch_sub(1, Ordering::SeqCst);
                self.leave_lead(seat);
            }
            held_up += usize::from(seat.is(State::WrittenOff));
        });
        held_up
    }

    /// Workers that run and are not held up.
    pub(super) fn running(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    pub(super) fn is_lead_vacant(&self) -> bool {
        self.lead.load(Ordering::SeqCst) == 0
    }
}
