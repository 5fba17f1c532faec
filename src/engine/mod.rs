//! The engine: accepts, reads, runs handlers, answers, parks, stops.
//!
//! ```text
//!  accept ──► parking ──► reactor ──► queue ──► workers
//!                ▲           │ connection: head, content, handler, answer │
//!                └───────────┴────────────────────────────────────────────┘
//! ```
//!
//! One room a step; each has a page at its head, and imports only rooms below it:
//!
//! | room | what it does |
//! |---|---|
//! | [`accept`] | listens, and accepts connections |
//! | [`reactor`] | decides which thread runs next: the reactor, its guard, the workers |
//! | [`pool`] | holds what these threads share: the queue, the role, the roster |
//! | [`parking`] | keeps connections that wait for their clients, without a thread |
//! | [`connection`] | takes one connection from its first byte to its last |
//! | [`wire`] | moves bytes in and out, within their time |
//! | [`service`] | configuration, bounds and counters |

mod accept;
mod connection;
#[cfg(test)]
mod orders;
mod parking;
mod pool;
mod reactor;
mod service;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

pub(crate) use self::accept::kept::KeptListeners;
use self::accept::listening::Entrance;
pub(crate) use self::accept::listening::Report;
pub(crate) use self::connection::{ClientConnection, Verdict};
use self::pool::Pool;
pub(crate) use self::service::context::{Service, WorkerContext};
use crate::address::BindAddr;
use crate::config::Config;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::message::Handler;
use crate::net::descriptors;
use crate::net::tls::Tls;
use crate::statistics::Statistics;

/// A server that runs: its listeners and all its threads.
pub(crate) struct Engine {
    pool: Arc<Pool>,
    /// Until they are closed: who starts again needs their names, and a thread may be left that does not end.
    entrances: Mutex<Vec<Arc<Entrance>>>,
    watching: Mutex<Vec<JoinHandle<()>>>,
    started: Instant,
    /// Requests that had been answered when a stop was announced.
    answered: AtomicU64,
}

impl Engine {
    /// Binds and starts every thread but those that accept; listens on what is kept where nothing about it has changed. What is kept and
    /// not wanted is closed.
    ///
    /// # Errors
    /// Those of [`Tls::load`] and [`Listener::bind`](crate::net::listener::Listener::bind); `System` without a poller; `Thread` if one could
    /// not be started. Nothing is left behind.
    pub(crate) fn prepare(
        config: Config,
        handler: Arc<dyn Handler>,
        kept: &mut KeptListeners,
        report: &Report,
    ) -> Result<Self, Error> {
        warn_of_descriptors(&config);
        let tls = tls(&config)?.map(Arc::new);
        let service = Arc::new(Service { tls, ..Service::new(config, handler) });
        let pool = Pool::new(service).map_err(|source| Error::System { what: "epoll", source })?;
        // Last: what is kept has threads, which only an engine that is stopped lets go of.
        let entrances = Mutex::new(kept.listen(&pool.service().config.get(), report)?);
        let engine = Self {
            pool: Arc::new(pool),
            entrances,
            watching: Mutex::default(),
            started: Instant::now(),
            answered: AtomicU64::new(0),
        };
        engine.start_threads().inspect_err(|_| {
            engine.stop();
        })?;
        Ok(engine)
    }

    /// Accepts connections from now on, and goes on with those that are kept.
    ///
    /// # Errors
    /// `Thread` if one could not be started; then it is stopped.
    pub(crate) fn open(&self, mut kept: KeptListeners) -> Result<(), Error> {
        for entrance in self.entrances() {
            entrance.open(&self.pool).inspect_err(|_| {
                self.stop();
            })?;
        }
        let is_alike = kept.from.as_ref().is_some_and(|from| from.talks_as(self.pool.service()));
        for connection in std::mem::take(&mut kept.connections) {
            if is_alike {
                self.pool.adopt(connection);
            } else {
                self.pool.parking.close_one(connection);
            }
        }
        Ok(())
    }

    /// Reads what a start reads, and opens nothing that others could see.
    ///
    /// # Errors
    /// Those of [`Tls::load`], and `Setting` for a user or a group that there is none of.
    pub(crate) fn check(config: &Config) -> Result<(), Error> {
        if config.bind.iter().any(|address| matches!(address, BindAddr::Unix(_))) {
            accept::kept::rights(config).check()?;
        }
        tls(config).map(|_| ())
    }

    fn start_threads(&self) -> Result<(), Error> {
        for _ in 0..self.pool.service().config.get().threads_min {
            let hired = self.pool.hire(reactor::worker::work);
            hired.map_err(|source| Error::Thread { name: "worker".to_owned(), source })?;
        }
        let pool = Arc::clone(&self.pool);
        spawn(&self.watching, "drupe-guard", move || reactor::guard::run(&pool))
    }

    /// The addresses of TCP it accepts connections on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.entrances().iter().flat_map(|entrance| entrance.tcp_addrs()).collect()
    }

    /// Everything it accepts connections on.
    pub(crate) fn listening(&self) -> Vec<BindAddr> {
        self.entrances().iter().flat_map(|entrance| entrance.addresses()).collect()
    }

    pub(crate) fn entrances(&self) -> Vec<Arc<Entrance>> {
        self.entrances.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes by `config` from now on, as far as that is possible while it runs; certificates and keys are loaded again.
    ///
    /// # Errors
    /// Those of [`Tls::load`], then nothing is changed; `Thread` if there are to be more workers and none can be started.
    pub(crate) fn reload(&self, config: Config) -> Result<(), Error> {
        let service = self.pool.service();
        if let (Some(tls), Some(asked)) = (&service.tls, config.tls.clone()) {
            tls.replace(asked.options, asked.adapter, SystemTime::now())?;
        }
        service.replace(config);
        self.pool.reshape(reactor::worker::work).map_err(|source| Error::Thread { name: "worker".to_owned(), source })
    }

    /// Loads certificates and keys again, for the handshakes that begin from now on; nothing without TLS.
    ///
    /// # Errors
    /// Those of [`Tls::load`]; then those there are stay in use.
    pub(crate) fn reload_tls(&self) -> Result<(), Error> {
        match &self.pool.service().tls {
            Some(tls) => tls.reload(SystemTime::now()),
            None => Ok(()),
        }
    }

    /// Whether it speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.pool.service().tls.is_some()
    }

    /// Stops: no new connections, idle ones closed at once, what is under way finished within `shutdown_timeout`, upgraded connections and
    /// refused clients that still send included, what is left cut, every thread joined that ends.
    ///
    /// To be called once. From a worker, that is from a handler, the calling thread is not waited for; it ends after its
    /// answer.
    pub(crate) fn stop(&self) -> Stopped {
        self.stop_and_keep(None)
    }

    /// As [`stop`](Self::stop), with the listeners left open and what waits for a request left alone: for the engine that comes after.
    pub(crate) fn pause(&self) -> (Stopped, KeptListeners) {
        let mut kept = KeptListeners::default();
        kept.from = Some(Arc::clone(self.pool.service()));
        let stopped = self.stop_and_keep(Some(&mut kept));
        (stopped, kept)
    }

    fn stop_and_keep(&self, kept: Option<&mut KeptListeners>) -> Stopped {
        let begun = Instant::now();
        let pool = &self.pool;
        self.announce_stop();
        let answered = self.answered.load(Ordering::SeqCst);
        let own = usize::from(self.is_ours());
        let entrances = std::mem::take(&mut *self.entrances.lock().unwrap_or_else(PoisonError::into_inner));
        if kept.is_some() {
            entrances.iter().for_each(|entrance| entrance.shut());
            pool.handover.begin();
        } else {
            entrances.iter().for_each(|entrance| entrance.close());
        }
        pool.parking.close().into_iter().for_each(|connection| pool.dismiss(connection));
        pool.ring();
        let kept = match kept {
            Some(kept) => {
                kept.entrances = entrances;
                Some(kept)
            }
            None => {
                // Dropped here: nobody else holds them, and an abstract name or an inherited socket is free for the next start.
                entrances.into_iter().for_each(|entrance| entrance.join());
                None
            }
        };

        let is_quiet = pool.open.wait_for(own, begun + pool.service().config.get().shutdown_timeout);
        // From here on nothing counts as answered: it is finished by now, or cut.
        pool.service().over.store(true, Ordering::SeqCst);
        let finished = pool.threads.counted().answered.get().saturating_sub(answered);
        let cut = if is_quiet { 0 } else { self.cut_all() };
        // One may be left that is not under way: the calling thread's own.
        let cut = cut + pool.upgraded.end();
        pool.ring();
        join(&self.watching);
        if !pool.threads.wait_for_leaving(Instant::now() + LAST_CALL) {
            log::error!("a handler has not returned; its connection is cut, its thread left alone");
        }
        pool.threads.join_gone();
        // A thread may have brought something back after the cut, or queued a request that it was just reading.
        let late = std::iter::from_fn(|| pool.queue.take()).chain(pool.ready.drain());
        late.for_each(|connection| pool.part_with(connection));
        if let Some(kept) = kept {
            kept.connections = pool.handover.end();
        }
        Stopped { finished: usize::try_from(finished).unwrap_or(usize::MAX), cut, took: begun.elapsed() }
    }

    /// Has handlers know that the server stops, and every answer say so; to be called before anybody can see it elsewhere. What is
    /// answered from now on is finished, in the words of the report.
    pub(crate) fn announce_stop(&self) {
        // Looked at before: who waits to be told may be done with its answer at once.
        let answered = self.pool.threads.counted().answered.get();
        if !self.pool.service().shutdown.tell() {
            self.answered.store(answered, Ordering::SeqCst);
        }
        self.pool.upgraded.announce_stop();
    }

    /// Cuts what is still under way; says how many connections that were.
    fn cut_all(&self) -> usize {
        let pool = &self.pool;
        let parked = pool.parking.close_for_good();
        // Who only lingers has had his answer.
        let parked_cut = parked.iter().filter(|connection| connection.is_under_way()).count();
        pool.service().preemption.cut();
        let cut = parked_cut + pool.threads.cut();
        // Nobody will look at what is queued any more.
        let queued = std::iter::from_fn(|| pool.queue.take()).chain(pool.ready.drain());
        // What is left of an answer must not look like its end.
        parked.iter().filter(|connection| connection.is_sending()).for_each(|connection| connection.stream.abort());
        parked.into_iter().chain(queued).for_each(|connection| pool.part_with(connection));
        cut
    }

    /// Joins what has ended since [`stop`](Self::stop), such as the worker that called it.
    pub(crate) fn join_rest(&self) {
        self.pool.threads.wait_for_leaving(Instant::now() + LAST_CALL);
        self.pool.threads.join_gone();
    }

    /// Whether none of its threads runs any more.
    pub(crate) fn is_over(&self) -> bool {
        self.pool.threads.is_deserted()
    }

    /// Has a stop that is waiting wait no longer.
    pub(crate) fn cut(&self) {
        self.pool.open.hurry();
    }

    /// Whether the calling thread is one of its workers.
    pub(crate) fn is_ours(&self) -> bool {
        self.pool.threads.includes(thread::current().id())
    }

    /// Has the time of requests measured, or not, from now on.
    pub(crate) fn measure(&self, is_wanted: bool) {
        self.pool.service().measures.store(is_wanted, Ordering::Relaxed);
    }

    /// What has been counted so far.
    pub(crate) fn statistics(&self) -> Statistics {
        pool::snapshot::of(&self.pool, self.listening(), self.started.elapsed())
    }
}

fn spawn(threads: &Mutex<Vec<JoinHandle<()>>>, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    let thread = spawned.map_err(|source| Error::Thread { name: name.to_owned(), source })?;
    threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    Ok(())
}

/// Says so if there may be more connections than descriptors.
fn warn_of_descriptors(config: &Config) {
    let limit = descriptors::limit();
    if let Some(most) = config.connections.filter(|most| *most >= limit) {
        log::warn!(
            "max_connections is {most}, but the process may have {limit} descriptors open (RLIMIT_NOFILE); \
             idle connections will be closed where they run out"
        );
    }
}

/// What is needed to speak TLS, if it is to be spoken.
fn tls(config: &Config) -> Result<Option<Tls>, Error> {
    let asked = config.tls.clone();
    asked.map(|asked| Tls::load(asked.options, asked.adapter, SystemTime::now())).transpose()
}

/// Joins threads that have ended or are about to; never the calling one.
fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let me = thread::current().id();
    let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
    for thread in threads {
        if thread.thread().id() != me && thread.join().is_err() {
            log::error!("a thread of the server panicked");
        }
    }
}

/// How long cut handlers may take to notice.
const LAST_CALL: Duration = Duration::from_millis(300);
