//! The server as its user holds it: CherryPy's server adapter.

mod address;
mod built_in;
mod driven;
mod graceful;
mod instance;
mod life;
#[cfg(feature = "signals")]
mod obeying;
mod on_bus;
mod reload;
mod running;
mod served;
mod starting;
mod statistics;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;

use self::driven::Driven;
use self::life::{LifeState, Shared};
use self::served::Served;
use crate::bus::{Subscriptions, WeakBus};
use crate::config::Config;
use crate::engine::Engine;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::message::Handler;
use crate::settings::Settings;

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
    shared: Arc<Shared>,
    /// On buses, which are to forget it when it is dropped.
    subscriptions: Subscriptions,
}

/// A server as others may hold it: to look at it and to stop it.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
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
        if self.shared.start(&self.settings)? {
            log::info!("serving on {}", self.description());
        }
        Ok(())
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
    /// Where address and socket settings stay the same, so do the listening sockets, port 0 with the port it got: connections wait meanwhile,
    /// and none is refused. Those that wait for a request stay open and are served afterwards, unless TLS is switched on or off, or proxies
    /// or what clients have to show (`ssl_client_ca`, `ssl_verify_mode`, an `ssl_context` of an adapter) change.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Stopped`] if somebody has asked for a stop meanwhile. Then the server is stopped.
    pub fn restart(&self) -> Result<(), Error> {
        // Without a moment in between in which it is stopped: others would take that for the end.
        if self.shared.stop_for(LifeState::Paused).is_none() {
            return self.start();
        }
        if self.shared.go_on(&self.settings)? {
            log::info!("serving on {}", self.description());
        }
        Ok(())
    }

    /// Waits until connections are accepted: at once if it runs, else until another thread has started it.
    ///
    /// # Errors
    /// [`Error::Serving`] if it does not run because its last start has failed, or because it could not go on.
    pub fn wait(&self) -> Result<(), Error> {
        self.shared.wait()
    }

    /// Waits until it is stopped; returns at once if it does not run.
    ///
    /// # Errors
    /// [`Error::Serving`] if nobody has stopped it: it could not go on, or its last start has failed.
    pub fn block(&self) -> Result<(), Error> {
        self.shared.block()
    }

    /// Starts, then blocks until the process is told to end: by SIGTERM or SIGINT (feature `signals`), or by
    /// [`ServerHandle::stop`]. A second signal ends it at once, cutting what runs.
    ///
    /// A server that is on buses ([`subscribe`](Self::subscribe)) is started by them: it starts those that do not run, and when it has
    /// stopped, whoever has stopped it, has them exit and waits until they have. SIGTERM and SIGINT have them exit, and with them what else
    /// is there; one that comes in the middle of their start is obeyed as soon as that is through. A bus that runs already is left to
    /// whoever has started it. SIGHUP and SIGUSR1 are for the server alone.
    ///
    /// Where systemd asks for it (`Type=notify`, `notify-reload`) it is told when connections are accepted, when the server restarts, and when
    /// it stops. A server that was only started tells nothing: it may be a part of something larger.
    ///
    /// SIGHUP puts in force what [`on_reload`](Self::on_reload) says, SIGUSR1 has certificates loaded again, as
    /// [`ServerHandle::reload_tls`] does; both have files opened anew for [`on_graceful`](Self::on_graceful). What goes wrong is logged. A
    /// signal that nothing was asked for is left alone: with TLS there always is something.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`block`](Self::block), and `System` if the signals cannot be had. `Bus` if a bus cannot be started, be
    /// it for the server's own reasons, or ends because another of its parts cannot go on.
    pub fn quickstart(&self) -> Result<(), Error> {
        let driven = Arc::new(Driven::by(&self.shared));
        // It is not for a server to start that is started by its buses.
        let claimed = if driven.is_empty() { self.shared.claim_start() } else { None };
        // Before anybody can see that it serves: a signal from then on is to be obeyed. One that comes before waits for the start.
        #[cfg(feature = "signals")]
        let _caught = self.obey_all_signals(claimed.is_some(), &driven)?;
        if let Some(kept) = claimed {
            self.shared.start_claimed(&self.settings, kept)?;
            log::info!("serving on {}", self.description());
        }
        if driven.start()? {
            // It may have left its buses meanwhile.
            self.stop();
        }
        self.shared.set_main(true);
        let ended = self.block();
        self.shared.set_main(false);
        ended.and(driven.end())
    }

    /// A handle that can be cloned and sent, for handlers and other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Handles may outlive it: no bus is to start what nobody owns.
        let buses = std::mem::take(&mut self.shared.life().buses);
        for bus in buses.iter().filter_map(WeakBus::upgrade) {
            self.subscriptions.end(&bus);
        }
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
        self.shared.life().state == LifeState::Running
    }

    /// Waits until connections are accepted; see [`Server::wait`].
    ///
    /// # Errors
    /// As there.
    pub fn wait(&self) -> Result<(), Error> {
        self.shared.wait()
    }

    /// Waits until it is stopped; see [`Server::block`].
    ///
    /// # Errors
    /// As there.
    pub fn block(&self) -> Result<(), Error> {
        self.shared.block()
    }

    /// The addresses of TCP it listens on, with their real ports; empty unless it runs.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses()
    }

    /// Has a stop that is under way wait no longer: what still runs is cut. Nothing happens if none is.
    pub fn cut(&self) {
        self.shared.cut();
    }
}
