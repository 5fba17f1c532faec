//! The server as its user holds it: CherryPy's server adapter.

mod address;
mod graceful;
#[cfg(feature = "signals")]
mod obeying;
mod reload;
mod served;
mod statistics;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use self::graceful::Listeners;
use self::reload::Reloading;
use self::served::Served;
use crate::address::BindAddr;
use crate::bus::notify;
use crate::config::Config;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::message::Handler;
use crate::settings::Settings;
use crate::statistics::{Page, Statistics};
use crate::threaded::Engine;

/// An HTTP/1.1 server: settings, a handler, and a life cycle.
///
/// ```no_run
/// use drupe::{Request, Server};
///
/// fn main() -> Result<(), drupe::Error> {
///     let mut server = Server::new(|_request: &mut Request| "hello\n");
///     server.settings.socket_port = 8080;
///     server.quickstart()
/// }
/// ```
///
/// [`start`](Self::start) and [`stop`](Self::stop) take `&self`: they may be called from any thread, twice, and a handler may stop its
/// own server through a [`ServerHandle`]. Dropping a server stops it.
#[derive(Debug)]
pub struct Server {
    /// What the next start goes by; CherryPy's attributes, under their names.
    pub settings: Settings,
    /// Where its statistics are shown, if they are.
    page: Option<Page>,
    shared: Arc<Shared>,
}

/// A server as others may hold it: to look at it and to stop it.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

struct Shared {
    served: Served,
    life: Mutex<Life>,
    /// Rings when the state changes.
    changed: Condvar,
    /// Who opens things anew when asked.
    graceful: Listeners,
    reloading: Reloading,
}

#[derive(Default)]
struct Life {
    state: State,
    /// The engine that runs, or the last one for as long as it has a thread left to join.
    engine: Option<Arc<Engine>>,
    stopped: Stopped,
    /// Whether it is what the process is for, so that its state is that of the service: systemd is told.
    is_main: bool,
    /// What the last engine had counted when it was let go.
    counted: Statistics,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Stopped,
    Starting,
    Running,
    Stopping,
}

impl Server {
    /// A server with default settings that answers with `handler`.
    pub fn new(handler: impl Handler) -> Self {
        Self::serving(Served::Handler(Arc::new(handler)))
    }

    /// Binds and starts; returns once connections are accepted. Nothing happens if it runs already.
    ///
    /// # Errors
    /// A setting that is out of range, a host without an address, an address that cannot be had, a thread that cannot be started: each
    /// names what it is about, and nothing is left behind.
    pub fn start(&self) -> Result<(), Error> {
        if self.shared.begin_start() { self.start_engine() } else { Ok(()) }
    }

    /// Goes on from `Starting`, which the caller has entered.
    fn start_engine(&self) -> Result<(), Error> {
        let started = Config::resolve(&self.settings).and_then(|config| {
            let handler = self.with_page(self.shared.served.handler(&config));
            Engine::start(config, handler)
        });
        let started = started.map_err(|error| self.settings.locate(error));
        let mut life = self.shared.life();
        let result = match started {
            Ok(engine) => {
                self.shared.reloading.began(&self.settings);
                life.engine = Some(Arc::new(engine));
                life.state = State::Running;
                Ok(())
            }
            Err(error) => {
                life.state = State::Stopped;
                Err(error)
            }
        };
        let is_main = life.is_main;
        drop(life);
        self.shared.changed.notify_all();
        match &result {
            Ok(()) if is_main => notify::ready(),
            Err(_) if is_main => notify::stopping(),
            _ => {}
        }
        if result.is_ok() {
            log::info!("serving on {}", self.description());
        }
        result
    }

    /// Checks the settings as [`start`](Self::start) does, files of certificates and keys included, and listens nowhere.
    ///
    /// # Errors
    /// The first setting that is out of range, contradicts another or names a file that will not do; with where it was written, if it was.
    pub fn check(&self) -> Result<(), Error> {
        let checked = Config::resolve(&self.settings).and_then(|config| Engine::check(&config));
        checked.map_err(|error| self.settings.locate(error))
    }

    /// Stops: accepts no more, closes idle connections at once, lets running requests finish for `shutdown_timeout`, cuts what is left, and
    /// joins every thread. Nothing happens if it does not run.
    ///
    /// From a handler it does not wait for that handler, whose answer is still sent.
    pub fn stop(&self) -> Stopped {
        self.shared.stop()
    }

    /// Stops and starts again, with the settings as they are now. Who [`block`](Self::block)s goes on blocking.
    ///
    /// # Errors
    /// As [`start`](Self::start); then the server is stopped.
    pub fn restart(&self) -> Result<(), Error> {
        // Without a moment in between in which it is stopped: others would take that for the end.
        if self.shared.stop_for(State::Starting).is_some() { self.start_engine() } else { self.start() }
    }

    /// Waits until connections are accepted: at once if it runs, else until another thread has started it.
    pub fn wait(&self) {
        self.shared.wait_for(State::Running);
    }

    /// Waits until it is stopped; returns at once if it does not run.
    pub fn block(&self) {
        self.shared.block();
    }

    /// Starts, then blocks until the process is told to end: by SIGTERM or SIGINT (feature `signals`), or by
    /// [`ServerHandle::stop`]. A second signal ends it at once, cutting what runs.
    ///
    /// Where systemd asks for it (`Type=notify`, `notify-reload`) it is told when connections are accepted, when the server restarts, and when
    /// it stops. A server that was only started tells nothing: it may be a part of something larger.
    ///
    /// SIGHUP puts in force what [`on_reload`](Self::on_reload) says, SIGUSR1 has certificates loaded again, as
    /// [`ServerHandle::reload_tls`] does; both have files opened anew for [`on_graceful`](Self::on_graceful). What goes wrong is logged. A
    /// signal that nothing was asked for is left alone: with TLS there always is something.
    ///
    /// # Errors
    /// As [`start`](Self::start), and `System` if the signals cannot be had.
    pub fn quickstart(&self) -> Result<(), Error> {
        let starts = self.shared.begin_start();
        // Before anybody can see that it serves: a signal from then on is to be obeyed. One that comes before waits for the start.
        #[cfg(feature = "signals")]
        let _caught = self.obey_all_signals(starts)?;
        if starts {
            self.start_engine()?;
        }
        self.shared.set_main(true);
        self.block();
        self.shared.set_main(false);
        Ok(())
    }

    /// A handle that can be cloned and sent, for handlers and other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        self.shared.join_rest();
    }
}

impl ServerHandle {
    /// Stops the server; see [`Server::stop`].
    pub fn stop(&self) -> Stopped {
        self.shared.stop()
    }

    /// Whether connections are accepted.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared.life().state == State::Running
    }

    /// Waits until connections are accepted; see [`Server::wait`].
    pub fn wait(&self) {
        self.shared.wait_for(State::Running);
    }

    /// Waits until it is stopped; see [`Server::block`].
    pub fn block(&self) {
        self.shared.block();
    }

    /// The addresses of TCP it listens on, with their real ports; empty unless it runs.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses()
    }

    /// Has a stop that is under way wait no longer: what still runs is cut. Nothing happens if none is.
    pub fn cut(&self) {
        let engine = {
            let life = self.shared.life();
            life.engine.clone().filter(|_| life.state == State::Stopping)
        };
        if let Some(engine) = engine {
            engine.cut();
        }
    }
}

impl Shared {
    /// Enters `Starting`, once nobody else is in the middle of anything; false if it runs already.
    fn begin_start(&self) -> bool {
        let mut life = self.settled();
        let starts = life.state != State::Running;
        if starts {
            life.state = State::Starting;
        }
        starts
    }

    fn stop(&self) -> Stopped {
        self.stop_for(State::Stopped).unwrap_or_else(|| self.life().stopped)
    }

    /// Stops what runs, and enters `next`; `None` if it was not this call that stopped it.
    fn stop_for(&self, next: State) -> Option<Stopped> {
        let (engine, is_main) = {
            let mut life = self.life();
            while life.state == State::Starting {
                life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
            }
            match (life.state, &life.engine) {
                (State::Running, Some(engine)) => {
                    let engine = Arc::clone(engine);
                    // Whoever sees that it is stopping may rely on it.
                    engine.announce_stop();
                    life.state = State::Stopping;
                    (engine, life.is_main)
                }
                // Another is at it. Who is waited for himself must not wait for him.
                (State::Stopping, Some(engine)) if !engine.is_ours() => {
                    while life.state == State::Stopping {
                        life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
                    }
                    return None;
                }
                _ => return None,
            }
        };
        match next {
            _ if !is_main => {}
            State::Starting => notify::reloading(),
            _ => notify::stopping(),
        }
        let stopped = engine.stop();
        self.let_go(&engine, |life| {
            life.state = next;
            life.stopped = stopped;
        });
        self.changed.notify_all();
        log::info!("stopped: {} finished, {} cut", stopped.finished, stopped.cut);
        Some(stopped)
    }

    fn set_main(&self, is_main: bool) {
        let is_running = {
            let mut life = self.life();
            life.is_main = is_main;
            life.state == State::Running
        };
        if is_main && is_running {
            notify::ready();
        }
    }

    fn wait_for(&self, state: State) {
        let mut life = self.life();
        while life.state != state {
            life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn block(&self) {
        self.wait_for(State::Stopped);
        self.join_rest();
    }

    fn join_rest(&self) {
        let engine = self.engine();
        if let Some(engine) = engine.filter(|engine| !engine.is_ours()) {
            engine.join_rest();
            self.let_go(&engine, |_| {});
        }
    }

    /// Makes a change, then gives up an engine that is over: its listeners and its poller are closed with it.
    fn let_go(&self, engine: &Arc<Engine>, change: impl FnOnce(&mut Life)) {
        let mut life = self.life();
        change(&mut life);
        if engine.is_over() && life.engine.as_ref().is_some_and(|last| Arc::ptr_eq(last, engine)) {
            life.counted = engine.statistics();
            life.engine = None;
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let life = self.life();
        match (life.state, &life.engine) {
            (State::Running, Some(engine)) => engine.addresses(),
            _ => Vec::new(),
        }
    }

    fn listening(&self) -> Vec<BindAddr> {
        let life = self.life();
        match (life.state, &life.engine) {
            (State::Running, Some(engine)) => engine.listening(),
            _ => Vec::new(),
        }
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        self.life().engine.clone()
    }

    /// The life once nobody is in the middle of changing it.
    fn settled(&self) -> MutexGuard<'_, Life> {
        let mut life = self.life();
        while matches!(life.state, State::Starting | State::Stopping) {
            life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
        life
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.life().state).finish_non_exhaustive()
    }
}
