//! The engine: accepts, queues, serves, parks, stops.
//!
//! ```text
//! accept ──► queue ──► worker ──► Connection::advance ──► park | again | close | upgrade
//!              ▲          │ the idle one that leads                │
//!              └──────────┴──── what is ready ◄── parking ◄────────┘
//!                                                    ▲ deadlines
//!                                                  watch
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`accept`] | one thread a listener, which does nothing but accept |
//! | [`queue`] | bounded; what finds no room waits beside it for a while |
//! | [`pool`], [`worker`] | who works, who leads, who sleeps; what one of them does |
//! | [`staff`], [`seat`] | the threads there are; one worker as the others see it |
//! | [`watch`] | keeps the time: deadlines, patience, handlers that block |
//! | [`parking`], [`idle`] | where connections wait without a thread; which of them has been idle for longest |
//! | [`connection`], [`linger`] | the states of one connection; how it ends early |
//! | [`exchange`], [`content`], [`answer`], [`access`] | one request: served, its content, its answer, its line in the log |
//! | [`input`], [`output`], [`pace`], [`desk`] | bytes in, bytes out, patience with a peer, a worker's memory |
//! | [`statistics`] | counters without contention |

mod accept;
mod access;
mod answer;
pub(crate) mod connection;
mod content;
pub(crate) mod desk;
mod exchange;
mod idle;
mod input;
mod linger;
mod output;
mod pace;
mod parking;
mod pool;
mod queue;
mod seat;
mod socket;
mod staff;
pub(crate) mod statistics;
mod watch;
mod worker;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::desk::Service;
use self::pool::Pool;
use crate::config::Config;
use crate::error::Error;
use crate::http_server::{Statistics, Stopped};
use crate::message::Handler;
use crate::net::listener::{Listener, Options};

/// A server that runs: its listeners and all its threads.
pub(crate) struct Engine {
    pool: Arc<Pool>,
    listeners: Vec<Arc<Listener>>,
    /// The accept threads and the watch, until they are joined.
    threads: Mutex<Vec<JoinHandle<()>>>,
    started: Instant,
}

impl Engine {
    /// Binds, starts every thread, and accepts from then on.
    ///
    /// # Errors
    /// Those of [`Listener::bind`]; `System` without a poller; `Thread` if one could not be started. Nothing is left behind.
    pub(crate) fn start(config: Config, handler: Arc<dyn Handler>) -> Result<Self, Error> {
        if config.tls.is_some() {
            return Err(Error::setting("ssl_certificate", "not supported by this version, leave it at its default"));
        }
        let options = Options { backlog: config.backlog, reuse_port: config.reuse_port, nodelay: config.nodelay };
        let listeners: Vec<Arc<Listener>> = Listener::bind(&config.bind, options)?.into_iter().map(Arc::new).collect();
        let service = Arc::new(Service::new(config, handler));
        let pool = Pool::new(service).map_err(|source| Error::System { what: "epoll", source })?;
        let engine = Self { pool: Arc::new(pool), listeners, threads: Mutex::default(), started: Instant::now() };
        engine.start_threads().inspect_err(|_| {
            engine.stop();
        })?;
        Ok(engine)
    }

    fn start_threads(&self) -> Result<(), Error> {
        for _ in 0..self.pool.service().config.threads_min {
            let hired = self.pool.hire(worker::work);
            hired.map_err(|source| Error::Thread { name: "worker".to_owned(), source })?;
        }
        let pool = Arc::clone(&self.pool);
        self.spawn("drupe-watch", move || watch::run(&pool))?;
        for listener in &self.listeners {
            let (listener, pool) = (Arc::clone(listener), Arc::clone(&self.pool));
            self.spawn("drupe-accept", move || accept::run(&listener, &pool))?;
        }
        Ok(())
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = spawned.map_err(|source| Error::Thread { name: name.to_owned(), source })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// The addresses it accepts connections on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.local_addr()).collect()
    }

    /// Stops: no new connections, idle ones closed at once, running requests finished within `shutdown_timeout`, what is left
    /// cut, every thread joined that ends.
    ///
    /// To be called once. From a worker, that is from a handler, the calling thread is not waited for; it ends after its
    /// answer.
    pub(crate) fn stop(&self) -> Stopped {
        let begun = Instant::now();
        let pool = &self.pool;
        // Counted first: a handler that waits for the stop may be done before it is reached below.
        let own = usize::from(self.is_ours());
        let serving = pool.staff.census().1.saturating_sub(own);
        pool.service().shutdown.store(true, Ordering::SeqCst);
        for listener in &self.listeners {
            if let Err(error) = listener.close() {
                log::error!("cannot close the listener on {}: {error}", listener.local_addr());
            }
        }
        drop(pool.parking.close());
        pool.staff.end_upgraded();
        pool.ring();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        join(threads);

        let deadline = begun + pool.service().config.shutdown_timeout;
        let mut cut = 0;
        if !pool.staff.wait_for_leaving(deadline) {
            cut = pool.staff.cut();
            if !pool.staff.wait_for_leaving(Instant::now() + LAST_CALL) {
                log::error!("a handler has not returned; its connection is cut, its thread left alone");
            }
        }
        pool.staff.join_gone();
        Stopped { finished: serving.saturating_sub(cut), cut, took: begun.elapsed() }
    }

    /// Joins what has ended since [`stop`](Self::stop), such as the worker that called it.
    pub(crate) fn join_rest(&self) {
        self.pool.staff.wait_for_leaving(Instant::now() + LAST_CALL);
        self.pool.staff.join_gone();
    }

    /// Whether none of its threads runs any more.
    pub(crate) fn is_over(&self) -> bool {
        self.pool.staff.is_deserted()
    }

    /// Has a stop that is waiting wait no longer.
    pub(crate) fn cut(&self) {
        self.pool.staff.hurry();
    }

    /// Whether the calling thread is one of its workers.
    pub(crate) fn is_ours(&self) -> bool {
        self.pool.staff.includes(thread::current().id())
    }

    /// What has been counted so far.
    pub(crate) fn statistics(&self) -> Statistics {
        let pool = &self.pool;
        let counted = pool.staff.counted();
        let (threads, serving) = pool.staff.census();
        Statistics {
            accepts: pool.accepted.load(Ordering::Relaxed),
            requests: counted.requests.get(),
            refused: counted.refused.get(),
            turned_away: pool.turned_away.load(Ordering::Relaxed),
            timed_out: pool.timed_out.load(Ordering::Relaxed),
            panics: counted.panics.get(),
            bytes_read: counted.bytes_read.get(),
            bytes_written: counted.bytes_written.get(),
            queue: pool.queue.len(),
            parked: pool.parking.len(),
            threads,
            threads_idle: threads - serving,
            run_time: self.started.elapsed(),
        }
    }
}

/// Joins threads that have ended or are about to; never the calling one.
fn join(threads: Vec<JoinHandle<()>>) {
    let me = thread::current().id();
    for thread in threads {
        if thread.thread().id() != me && thread.join().is_err() {
            log::error!("a thread of the server panicked");
        }
    }
}

/// How long cut handlers may take to notice.
const LAST_CALL: Duration = Duration::from_millis(300);
