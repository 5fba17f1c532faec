//! The server for users: CherryPy's server adapter.

mod address;
#[cfg(feature = "wsgi")]
mod application;
mod built_in;
#[cfg(feature = "process")]
mod driven;
#[cfg(not(feature = "process"))]
#[path = "server/undriven.rs"]
mod driven;
mod graceful;
mod hooks;
mod in_force;
mod life;
#[cfg(feature = "signals")]
mod obeying;
#[cfg(feature = "process")]
mod on_bus;
mod reload;
mod running;
mod served;
mod starting;
mod statistics;
#[cfg(feature = "statistics")]
mod statistics_page;
mod told;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use self::driven::{Driven, Subscriptions};
use self::life::{LifeState, Shared};
use self::served::Served;
use crate::config::Config;
use crate::engine::{Engine, not_taken};
use crate::error::Error;
use crate::http_server::{HttpServer, Stopped};
use crate::message::server_handle::ServerState;
use crate::message::{Handler, ServerHandle};
use crate::settings::{Instance, ListeningSocket, Settings};

/// An HTTP/1.1 server: settings, a handler, and a life cycle.
///
/// ```no_run
/// use drupe::{Server, handler};
///
/// fn main() -> Result<(), drupe::Error> {
///     let mut server = Server::new(handler(|_| "hello\n"));
///     server.settings.socket_port = 8080;
///     server.quickstart()
/// }
/// ```
///
/// [`start`](Self::start) and [`stop`](Self::stop) take `&self`: any thread may call them,
/// repeatedly, and a handler may stop its own server through a [`ServerHandle`]. Dropping a server
/// stops it.
#[derive(Debug)]
pub struct Server {
    /// The settings for the next start; CherryPy's attributes, under CherryPy's names.
    pub settings: Settings,
    shared: Arc<Shared>,
    /// Subscriptions to buses, ended when the server is dropped.
    subscriptions: Subscriptions,
}

impl Server {
    /// Makes a server with default settings that answers with `handler`.
    ///
    /// A closure is written as [`handler`](crate::handler)`(|request| …)`, and one that uses `?` as
    /// [`try_handler`](crate::try_handler)`(|request| …)`. Of a closure alone the compiler cannot
    /// infer the type of the argument.
    pub fn new(handler: impl Handler) -> Self {
        Self::serving(Served::Handler(Arc::new(handler)))
    }

    fn serving(served: Served) -> Self {
        let shared = Arc::new(Shared::new(served));
        Self { settings: Settings::default(), shared, subscriptions: Subscriptions::default() }
    }

    /// Makes this server control `server` instead of the built-in one from the next start on;
    /// CherryPy's `instance`.
    pub fn set_instance(&mut self, server: impl HttpServer) {
        self.settings.instance = Some(Instance::new(server));
    }

    /// Makes the server listen on a socket of the program's own from the next start on: a
    /// [`TcpListener`](std::net::TcpListener), a
    /// [`UnixListener`](std::os::unix::net::UnixListener), or any listening socket as an
    /// [`OwnedFd`].
    ///
    /// The socket is added to [`Settings::listen_sockets`], where its life is described: beside the
    /// addresses of other settings, but instead of the default address; kept by a restart, closed by
    /// a stop. After a stop, another start needs another socket; sockets closed by a stop are
    /// removed here.
    ///
    /// ```
    /// use std::net::TcpListener;
    /// use drupe::{Request, Server};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut server = Server::new(|_request: &mut Request| "hello\n");
    /// server.listen_on(listener);
    /// server.start()?;
    /// # let _ = server.stop();
    /// # Ok(()) }
    /// ```
    pub fn listen_on(&mut self, listener: impl Into<OwnedFd>) {
        let sockets = &mut self.settings.listen_sockets;
        sockets.retain(ListeningSocket::is_open);
        sockets.push(ListeningSocket::new(listener));
    }

    /// Binds and starts; returns once connections are accepted. Does nothing if the server runs
    /// already.
    ///
    /// # Errors
    /// A setting out of range, a host without an address, an address that cannot be bound, a thread
    /// that cannot be started. Each error names the subject; a failed start leaves nothing open.
    pub fn start(&self) -> Result<(), Error> {
        if self.shared.start(&self.settings)? {
            log::info!("serving on {}", self.description());
        }
        Ok(())
    }

    /// Checks the settings as [`start`](Self::start) does, including files of certificates and
    /// keys, without listening.
    ///
    /// # Errors
    /// The first setting that is out of range, contradicts another or names an unusable file; with
    /// the setting's origin in a file or the environment.
    pub fn check(&self) -> Result<(), Error> {
        let checked = Config::resolve(&self.settings).and_then(|config| Engine::check(&config));
        checked.map_err(|error| self.settings.locate(error))
    }

    /// Stops the server. Does nothing if the server does not run.
    ///
    /// A stop:
    /// - accepts no more connections and closes idle ones at once,
    /// - lets running requests finish for `shutdown_timeout`, and cuts the rest,
    /// - joins every thread, except one whose handler never returns.
    ///
    /// A stop called by a handler does not wait for that handler; the handler's answer is still
    /// sent.
    pub fn stop(&self) -> Stopped {
        self.shared.stop()
    }

    /// Stops and starts again, with the current settings. Callers of [`block`](Self::block) stay
    /// blocked.
    ///
    /// If address and socket settings stay the same, the listening sockets stay open, with the same
    /// port for port 0. New connections then wait in the backlog, and none is refused. Connections
    /// waiting for a request stay open and are served afterwards, unless one of these changes:
    /// - TLS on or off,
    /// - the proxies,
    /// - the demands on clients (`ssl_client_ca`, `ssl_verify_mode`, an `ssl_context` of an
    ///   adapter).
    ///
    /// # Errors
    /// The errors of [`start`](Self::start); [`Error::Stopped`] if another caller has requested a
    /// stop meanwhile. After an error the server is stopped. A handler that restarts a server which
    /// stops or restarts gets `Stopped` at once, and changes nothing.
    pub fn restart(&self) -> Result<(), Error> {
        // Without an intermediate `Stopped` state, which callers of `block` would take for the end.
        if self.shared.stop_for(LifeState::Paused).is_none() {
            return self.start();
        }
        if self.shared.go_on(&self.settings)? {
            log::info!("serving on {}", self.description());
        }
        Ok(())
    }

    /// Waits until connections are accepted; returns at once if the server runs.
    ///
    /// # Errors
    /// [`Error::Serving`] if the server does not run because the last start has failed, or because
    /// of a failure while serving. For a [`ServerHandle`], [`Error::Stopped`] if the server has been
    /// dropped.
    pub fn wait(&self) -> Result<(), Error> {
        self.shared.wait()
    }

    /// Waits until the server is stopped; returns at once if the server does not run.
    ///
    /// # Errors
    /// [`Error::Serving`] if the server ended without a stop: a failure while serving, or a failed
    /// start.
    pub fn block(&self) -> Result<(), Error> {
        self.shared.block()
    }

    /// Starts, then blocks until the process is told to end: by SIGTERM or SIGINT (feature
    /// `signals`), or by [`ServerHandle::stop`]. A second signal ends the server at once, cutting
    /// running requests.
    ///
    /// A server on buses ([`subscribe`](Self::subscribe)) is started by the buses:
    /// - `quickstart` starts the buses that do not run; a running bus is left to the starter.
    /// - After the server has stopped, for any reason, `quickstart` exits these buses and waits for
    ///   the end.
    /// - SIGTERM and SIGINT exit the buses, and thereby all parts of the process. A signal during
    ///   the start of the buses takes effect after the start.
    /// - SIGHUP and SIGUSR1 apply to the server only.
    ///
    /// Under systemd (`Type=notify`, `notify-reload`) the server notifies when connections are
    /// accepted, when the server restarts, and when it stops. A server started by
    /// [`start`](Self::start) does not notify: it may be a part of a larger process.
    ///
    /// SIGHUP applies the settings of [`on_reload`](Self::on_reload). SIGUSR1 reloads certificates,
    /// as [`ServerHandle::reload_tls`] does. Both call the listeners of
    /// [`on_graceful`](Self::on_graceful). An [`instance`](Settings::instance) reopens its own files
    /// at both. Errors are logged. `quickstart` leaves SIGHUP or SIGUSR1 to the system if there is
    /// nothing to reload or reopen; with TLS or an instance there always is.
    ///
    /// # Errors
    /// The errors of [`start`](Self::start) and [`block`](Self::block). `System` if the signals
    /// cannot be caught. `Bus` if a bus cannot be started, even because of the server itself, or
    /// ends because of a failure of another part.
    pub fn quickstart(&self) -> Result<(), Error> {
        let driven = Arc::new(Driven::by(&self.shared.resting_buses()));
        // A server on buses is started by the buses.
        let claimed = if driven.is_empty() { self.shared.claim_start()? } else { None };
        // Before the server is seen to serve: signals from then on must be obeyed. An earlier
        // signal waits for the start.
        #[cfg(feature = "signals")]
        let _caught = self.obey_all_signals(claimed.is_some(), &driven)?;
        if let Some(kept) = claimed {
            self.shared.start_claimed(&self.settings, kept)?;
            log::info!("serving on {}", self.description());
        }
        if driven.start()? {
            // The server may have left the buses meanwhile.
            self.stop();
        }
        warn_of_sockets_not_taken();
        self.shared.set_main(true);
        let ended = self.block();
        self.shared.set_main(false);
        ended.and(driven.end())
    }

    /// Calls `listener` when files are to be reopened because another process has moved them, as
    /// logrotate does. That is at SIGUSR1 and SIGHUP while [`quickstart`](Self::quickstart) blocks
    /// (feature `signals`), and at [`ServerHandle::graceful`].
    ///
    /// The server goes on serving meanwhile. `listener` runs on a thread of the server or of the
    /// caller; a panic is logged. `quickstart` catches the signals only if there was a listener, TLS
    /// or an instance at the start; for SIGHUP, [`on_reload`](Self::on_reload) is enough.
    pub fn on_graceful(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.shared.graceful.add(Arc::new(listener));
    }

    /// Returns a handle that can be cloned and sent, for handlers and other threads. Handles do not
    /// keep the server running: it stops when the `Server` is dropped.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.shared) as Arc<ServerState>)
    }
}

/// Warns of passed sockets without a listener: systemd accepts their clients, which would wait.
fn warn_of_sockets_not_taken() {
    let left = not_taken();
    if !left.is_empty() {
        let left = left.join(", ");
        log::warn!("no listener takes the passed sockets {left}; clients there get no answer; see the setting listen");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Handles may outlive the server: no bus may start a server without an owner.
        let buses = self.shared.retire();
        buses.let_go(&self.subscriptions);
        self.stop();
        self.shared.join_rest();
    }
}

impl ServerHandle {
    /// The state of the server.
    fn shared(&self) -> &Shared {
        self.state().downcast_ref().expect("a handle is made by a server, of its own state")
    }

    /// Stops the server; see [`Server::stop`].
    pub fn stop(&self) -> Stopped {
        self.shared().stop()
    }

    /// True if connections are accepted.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared().life().state == LifeState::Running
    }

    /// Waits until connections are accepted; see [`Server::wait`].
    ///
    /// # Errors
    /// The errors of [`Server::wait`].
    pub fn wait(&self) -> Result<(), Error> {
        self.shared().wait()
    }

    /// Waits until the server is stopped; see [`Server::block`].
    ///
    /// # Errors
    /// The errors of [`Server::block`].
    pub fn block(&self) -> Result<(), Error> {
        self.shared().block()
    }

    /// Returns the TCP addresses of the server, with real ports; empty unless the server runs.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared().addresses()
    }

    /// Reloads certificates, as [`reload_tls`](Self::reload_tls) does, or lets an
    /// [`instance`](crate::Settings::instance) reopen its files, and logs errors. Then calls the
    /// listeners of [`Server::on_graceful`], in the order of registration.
    pub fn graceful(&self) {
        self.shared().go_gracefully();
    }

    /// Ends the wait of a stop under way: running requests are cut. Does nothing without a stop
    /// under way.
    pub fn cut(&self) {
        self.shared().cut();
    }
}
