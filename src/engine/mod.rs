//! The engine: accepts, reads, runs handlers, answers, parks, stops.
//!
//! ```text
//!  accept ──► parking ──► reactor ──► queue ──► workers
//!                ▲           │ connection: head, content, handler, answer │
//!                └───────────┴────────────────────────────────────────────┘
//! ```
//!
//! While handlers are long, idle workers wait at the poller, and a connection with input goes
//! straight to one of them ([`reactor`]).
//!
//! There is one module per step. Each module describes itself at the head, and imports only modules
//! below it in this table:
//!
//! | module | purpose |
//! |---|---|
//! | [`accept`] | listens, and accepts connections |
//! | [`reactor`] | decides which thread runs next: the reactor, its guard, the workers |
//! | [`pool`] | holds the state shared by these threads: the queue, the role, the list of workers |
//! | [`parking`] | keeps connections waiting for their clients, without a thread |
//! | [`connection`] | serves one connection from the first byte to the last |
//! | [`wire`] | moves bytes in and out, within their deadlines |
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
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant, SystemTime};

pub(crate) use self::accept::gate::Report;
pub(crate) use self::accept::kept::KeptListeners;
use self::accept::listening::Entrance;
pub(crate) use self::accept::wildcards::ReservedPorts;
pub(crate) use self::connection::{ClientConnection, Verdict};
use self::pool::Pool;
use self::reactor::overload;
pub(crate) use self::service::context::{Service, WorkerContext};
use crate::address::BindAddr;
use crate::config::Config;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::message::Handler;
use crate::message::access::Hooks;
use crate::message::server_handle::ServerState;
use crate::net::descriptors;
pub(crate) use crate::net::inherited::not_taken;
use crate::net::poll::POLLER;
use crate::net::tls::Tls;
use crate::statistics::Statistics;
use crate::sync::Mutex;

/// A running server, with all listeners and threads.
pub(crate) struct Engine {
    pool: Arc<Pool>,
    /// The open entrances. A stop takes them out, because a restart needs the addresses while a
    /// thread of this engine may live on.
    entrances: Mutex<Vec<Arc<Entrance>>>,
    watching: Mutex<Vec<JoinHandle<()>>>,
    guard: OnceLock<ThreadId>,
    started: Instant,
    /// The number of requests answered before a stop was announced.
    answered: AtomicU64,
}

impl Engine {
    /// Binds, and starts every thread except the accepting ones. Unchanged listeners in `kept` are
    /// used again, all others are closed.
    ///
    /// # Errors
    /// Those of [`Tls::load`] and [`Listener::bind`](crate::net::listener::Listener::bind);
    /// `System` without a poller; `Thread` if a thread could not be started. After an error nothing
    /// is left behind.
    pub(crate) fn prepare(
        config: Arc<Config>,
        handler: Arc<dyn Handler>,
        hooks: Hooks,
        kept: &mut KeptListeners,
        report: &Report,
    ) -> Result<Self, Error> {
        warn_of_descriptors(&config);
        if config.proxy_protocol && config.trust.is_none() {
            log::warn!(
                "proxy_protocol is on, but trusted_proxies is empty; every client that can connect may claim any address"
            );
        }
        let tls = tls(&config)?.map(Arc::new);
        let mut service = Service::new(config, handler);
        (service.tls, service.hooks) = (tls, hooks);
        let service = Arc::new(service);
        let pool =
            Pool::new(service, reactor::worker::work).map_err(|source| Error::System { what: POLLER, source })?;
        // Last: kept listeners have threads, which only a stopped engine releases.
        let pool = Arc::new(pool);
        pool.parking.belong_to(Arc::downgrade(&pool) as Weak<_>);
        let entrances = Mutex::new(kept.listen(&pool.service().config.get(), report)?);
        let (watching, guard) = (Mutex::default(), OnceLock::new());
        let engine = Self { pool, entrances, watching, guard, started: Instant::now(), answered: AtomicU64::new(0) };
        engine.start_threads().inspect_err(|_| {
            engine.stop();
        })?;
        Ok(engine)
    }

    /// Starts to accept connections, and continues with the kept ones.
    ///
    /// # Errors
    /// `Thread` if an accepting thread could not be started; the engine is then stopped.
    pub(crate) fn open(&self, mut kept: KeptListeners) -> Result<(), Error> {
        for entrance in self.entrances() {
            entrance.open(&self.pool).inspect_err(|_| {
                self.stop();
            })?;
        }
        let is_alike = kept.from.as_ref().is_some_and(|from| from.talks_as(self.pool.service()));
        for connection in std::mem::take(&mut *kept.connections) {
            if is_alike {
                self.pool.adopt(connection);
            } else {
                self.pool.parking.close_one(connection);
            }
        }
        Ok(())
    }

    /// Reads everything a start would read, and opens nothing visible outside the process.
    ///
    /// # Errors
    /// Those of [`Tls::load`]; `Setting` for an unknown user or group; `Bind` for an unusable socket
    /// of the program's own.
    pub(crate) fn check(config: &Config) -> Result<(), Error> {
        for socket in &config.listen_sockets {
            socket.copy().map_err(|source| Error::Bind { address: socket.to_string(), source })?;
        }
        if config.bind.iter().any(|address| matches!(address, BindAddr::Unix(_))) {
            accept::kept::rights(config).check()?;
        }
        tls(config).map(|_| ())
    }

    /// Makes requests know `server`.
    pub(crate) fn belong_to(&self, server: Weak<ServerState>) {
        self.pool.service().shutdown.set_server(server);
    }

    fn start_threads(&self) -> Result<(), Error> {
        for _ in 0..self.pool.service().config.get().thread_pool {
            let hired = self.pool.hire();
            hired.map_err(|source| Error::Thread { name: "worker".to_owned(), source })?;
        }
        let pool = Arc::clone(&self.pool);
        let guard = spawn(&self.watching, "drupe-guard", move || reactor::guard::run(&pool))?;
        self.guard.get_or_init(|| guard);
        Ok(())
    }

    /// The TCP addresses on which the engine accepts connections.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.entrances().iter().flat_map(|entrance| entrance.tcp_addrs()).collect()
    }

    /// All addresses on which the engine accepts connections.
    pub(crate) fn listening(&self) -> Vec<BindAddr> {
        self.entrances().iter().flat_map(|entrance| entrance.addresses()).collect()
    }

    pub(crate) fn entrances(&self) -> Vec<Arc<Entrance>> {
        self.entrances.lock().clone()
    }

    /// Applies `config`, as far as possible in a running engine; reloads certificates and keys if
    /// `is_loading`.
    ///
    /// # Errors
    /// Those of [`Tls::load`], then nothing is changed; `Thread` if more workers are needed and
    /// none can be started.
    pub(crate) fn reload(&self, config: Arc<Config>, is_loading: bool) -> Result<(), Error> {
        let service = self.pool.service();
        if let (true, Some(tls), Some(asked)) = (is_loading, &service.tls, config.tls.clone()) {
            tls.replace(asked.options, asked.adapter, SystemTime::now())?;
        }
        service.replace(config);
        self.pool.reshape().map_err(|source| Error::Thread { name: "worker".to_owned(), source })
    }

    /// Reloads certificates and keys, for later handshakes. Does nothing without TLS.
    ///
    /// # Errors
    /// Those of [`Tls::load`]; the previous certificates and keys then stay in use.
    pub(crate) fn reload_tls(&self) -> Result<(), Error> {
        match &self.pool.service().tls {
            Some(tls) => tls.reload(SystemTime::now()),
            None => Ok(()),
        }
    }

    /// True if the engine speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.pool.service().tls.is_some()
    }

    /// Stops the engine:
    ///
    /// - New connections are not accepted, and idle ones are closed at once.
    /// - Exchanges under way, upgraded connections and refused clients still sending have until
    ///   `shutdown_timeout` to finish.
    /// - The remaining connections are cut, and every ending thread is joined.
    ///
    /// Must be called only once. A worker calling `stop` from a handler is not waited for, and ends
    /// after the handler's answer.
    pub(crate) fn stop(&self) -> Stopped {
        self.stop_and_keep(None)
    }

    /// Stops like [`stop`](Self::stop), but keeps the listeners and the connections waiting for a
    /// request, for the next engine.
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
        pool.service().shutdown.call_back();
        let answered = self.answered.load(Ordering::SeqCst);
        let own = usize::from(self.is_ours());
        let entrances = std::mem::take(&mut *self.entrances.lock());
        if kept.is_some() {
            entrances.iter().for_each(|entrance| entrance.shut());
            pool.handover.begin();
        } else {
            entrances.iter().for_each(|entrance| entrance.close());
        }
        pool.parking.close().into_iter().for_each(|connection| pool.dismiss(connection));
        pool.parking.fetch_ending().into_iter().for_each(|connection| pool.resume(connection));
        pool.ring();
        let kept = match kept {
            Some(kept) => {
                *kept.entrances = entrances;
                Some(kept)
            }
            None => {
                // Dropped here as the last references, so that an abstract name or an inherited
                // socket is free for the next start.
                entrances.into_iter().for_each(|entrance| entrance.join());
                None
            }
        };

        let is_quiet = pool.open.wait_for(own, begun + pool.service().config.get().shutdown_timeout);
        // From here on no request counts as finished: each is answered by now, or cut.
        pool.service().over.store(true, Ordering::SeqCst);
        let finished = pool.threads.counted().answered.get().saturating_sub(answered);
        let cut = if is_quiet { 0 } else { self.cut_all() };
        // Ends the calling thread's own socket as well, without counting it.
        let cut = cut + pool.upgraded.end();
        pool.ring();
        join(&self.watching);
        pool.service().deadlines.end();
        if !pool.threads.wait_for_leaving(Instant::now() + LAST_CALL) {
            overload::left_running(&pool.threads);
        }
        pool.threads.join_gone();
        // A thread may have returned a connection after the cut, or queued a request just read.
        while let Some(late) = pool.queue.take_any() {
            pool.part_with(late);
        }
        pool.ready.drain().into_iter().for_each(|late| pool.part_with(late));
        if let Some(kept) = kept {
            *kept.connections = pool.handover.end();
        }
        Stopped { finished: usize::try_from(finished).unwrap_or(usize::MAX), cut, took: begun.elapsed() }
    }

    /// Announces the stop to handlers and in every answer. Must be called before the stop is
    /// visible elsewhere. Requests answered from now on count as finished in the report.
    pub(crate) fn announce_stop(&self) {
        // Read first: a handler waiting for the announcement may answer at once.
        let answered = self.pool.threads.counted().answered.get();
        if !self.pool.service().shutdown.announce() {
            self.answered.store(answered, Ordering::SeqCst);
        }
        self.pool.upgraded.announce_stop();
    }

    /// Cuts everything still under way. Returns the number of connections cut.
    fn cut_all(&self) -> usize {
        let pool = &self.pool;
        let parked = pool.parking.close_for_good();
        pool.service().preemption.cut();
        let serving = pool.threads.cut();
        // No thread takes requests from the queue any more.
        let queued = std::iter::from_fn(|| pool.queue.take_any()).chain(pool.ready.drain());
        let others: Vec<_> = parked.into_iter().chain(queued).collect();
        // A lingering client has already got the answer.
        let cut = others.iter().filter(|connection| connection.is_under_way()).count();
        others.into_iter().for_each(|connection| pool.part_with(connection));
        serving + cut
    }

    /// Joins threads ended since [`stop`](Self::stop), such as a worker whose handler called
    /// `stop`.
    pub(crate) fn join_rest(&self) {
        self.pool.threads.wait_for_leaving(Instant::now() + LAST_CALL);
        self.pool.threads.join_gone();
    }

    /// True if none of the engine's threads runs any more.
    pub(crate) fn is_over(&self) -> bool {
        self.pool.threads.is_deserted()
    }

    /// Makes a waiting stop proceed at once.
    pub(crate) fn cut(&self) {
        self.pool.open.hurry();
    }

    /// True if a stop waits for the calling thread, which runs a handler or a callback.
    pub(crate) fn is_ours(&self) -> bool {
        let me = thread::current().id();
        let is_watching = self.guard.get() == Some(&me) || self.pool.service().deadlines.is_watched_by(me);
        is_watching || self.pool.threads.includes(me)
    }

    /// Turns the measurement of request times on or off.
    pub(crate) fn measure(&self, is_wanted: bool) {
        self.pool.service().measures.store(is_wanted, Ordering::Relaxed);
    }

    /// Returns the counters so far.
    pub(crate) fn statistics(&self) -> Statistics {
        pool::snapshot::of(&self.pool, self.listening(), self.started.elapsed())
    }
}

fn spawn(
    threads: &Mutex<Vec<JoinHandle<()>>>,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<ThreadId, Error> {
    let spawned = crate::sync::spawn(thread::Builder::new().name(name.to_owned()), Box::new(run));
    let thread = spawned.map_err(|source| Error::Thread { name: name.to_owned(), source })?;
    let id = thread.thread().id();
    threads.lock().push(thread);
    Ok(id)
}

/// Warns if connections may outnumber descriptors.
fn warn_of_descriptors(config: &Config) {
    let limit = descriptors::limit();
    if let Some(most) = config.max_connections.filter(|most| *most >= limit) {
        log::warn!(
            "max_connections is {most}, but the process may have {limit} descriptors open (RLIMIT_NOFILE); \
             idle connections will be closed when descriptors run out"
        );
    }
}

/// Loads certificates and keys, if TLS is configured.
fn tls(config: &Config) -> Result<Option<Tls>, Error> {
    let asked = config.tls.clone();
    asked.map(|asked| Tls::load(asked.options, asked.adapter, SystemTime::now())).transpose()
}

/// Joins threads that have ended or are about to end, except the calling one.
fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let me = thread::current().id();
    let threads = std::mem::take(&mut *threads.lock());
    for thread in threads {
        if thread.thread().id() != me && thread.join().is_err() {
            log::error!("a thread of the server panicked");
        }
    }
}

/// The time for handlers to notice that their connections were cut.
const LAST_CALL: Duration = Duration::from_millis(300);
