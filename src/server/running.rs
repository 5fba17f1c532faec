//! The engine behind a server: the built-in engine, or a user-supplied HTTP server.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use crate::address::BindAddr;
use crate::config::Config;
use crate::engine::Report;
use crate::engine::{Engine, KeptListeners};
use crate::error::Error;
use crate::http_server::Stopped;
use crate::http_server::controlled::{Control, EndReport};
use crate::message::Handler;
use crate::message::access::Hooks;
use crate::message::server_handle::ServerState;
use crate::settings::Settings;
use crate::statistics::Statistics;
use crate::sync::catch;

/// An engine or an instance, from its start to its stop.
pub(super) enum Running {
    Engine(Engine),
    Instance(Box<dyn Control>),
}

/// A bound engine that does not accept yet. An instance binds and accepts when opened.
pub(super) enum Prepared {
    Engine(Engine, KeptListeners),
    Instance(Box<dyn Control>),
}

impl Prepared {
    /// Binds the addresses of `config`, except those in `kept`.
    ///
    /// # Errors
    /// The errors of [`Engine::prepare`].
    pub(super) fn new(
        settings: &Settings,
        config: Arc<Config>,
        handler: Arc<dyn Handler>,
        hooks: Hooks,
        mut kept: KeptListeners,
        report: &Report,
    ) -> Result<Self, Error> {
        match &settings.instance {
            Some(instance) => Ok(Self::Instance(instance.prepare(config.bind.first(), config.shutdown_timeout))),
            None => Ok(Self::Engine(Engine::prepare(config, handler, hooks, &mut kept, report)?, kept)),
        }
    }

    /// Starts to accept.
    ///
    /// # Errors
    /// The errors of [`Engine::open`]; `Serving` for an instance that could not start; `Thread`.
    pub(super) fn open(self) -> Result<Arc<Running>, Error> {
        match self {
            Self::Engine(engine, kept) => engine.open(kept).map(|()| Arc::new(Running::Engine(engine))),
            Self::Instance(instance) => instance.open().map(|()| Arc::new(Running::Instance(instance))),
        }
    }

    /// Makes requests know `server`.
    pub(super) fn belong_to(&self, server: Weak<ServerState>) {
        if let Self::Engine(engine, _) = self {
            engine.belong_to(server);
        }
    }

    pub(super) fn give_up(self) {
        if let Self::Engine(engine, _) = self {
            engine.stop();
        }
    }
}

impl Running {
    /// Calls `report` if an instance ends unexpectedly; an engine has had a report from the start.
    pub(super) fn watch(&self, report: EndReport) {
        if let Self::Instance(instance) = self {
            instance.watch(report);
        }
    }

    pub(super) fn announce_stop(&self) {
        if let Self::Engine(engine) = self {
            engine.announce_stop();
        }
    }

    pub(super) fn stop(&self) -> Stopped {
        match self {
            Self::Engine(engine) => engine.stop(),
            Self::Instance(instance) => instance.stop(),
        }
    }

    /// Stops, but keeps listeners and connections for the next start.
    pub(super) fn pause(&self) -> (Stopped, KeptListeners) {
        match self {
            Self::Engine(engine) => engine.pause(),
            Self::Instance(instance) => (instance.stop(), KeptListeners::default()),
        }
    }

    /// Ends the wait of a stop under way.
    pub(super) fn cut(&self) {
        match self {
            Self::Engine(engine) => engine.cut(),
            Self::Instance(instance) => instance.cut(),
        }
    }

    /// True if a stop waits for the calling thread.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Engine(engine) => engine.is_ours(),
            Self::Instance(instance) => instance.is_ours(),
        }
    }

    /// True if all threads have ended.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Engine(engine) => engine.is_over(),
            Self::Instance(instance) => instance.is_over(),
        }
    }

    /// Joins the threads that have ended since the stop.
    pub(super) fn join_rest(&self) {
        match self {
            Self::Engine(engine) => engine.join_rest(),
            Self::Instance(instance) => instance.join_rest(),
        }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Engine(engine) => engine.addresses(),
            Self::Instance(instance) => instance.listening().iter().filter_map(tcp).collect(),
        }
    }

    pub(super) fn listening(&self) -> Vec<BindAddr> {
        match self {
            Self::Engine(engine) => engine.listening(),
            Self::Instance(instance) => instance.listening(),
        }
    }

    /// True for a user-supplied server.
    pub(super) fn is_instance(&self) -> bool {
        matches!(self, Self::Instance(_))
    }

    pub(super) fn is_secure(&self) -> bool {
        match self {
            Self::Engine(engine) => engine.is_secure(),
            Self::Instance(instance) => instance.server().is_secure(),
        }
    }

    /// Puts `config` in force, and loads certificates and keys again if `is_loading`. An instance
    /// keeps its own settings, and reopens its files.
    pub(super) fn reload(&self, config: Arc<Config>, is_loading: bool) -> Result<(), Error> {
        match self {
            Self::Engine(engine) => engine.reload(config, is_loading),
            Self::Instance(_) if is_loading => self.reload_tls(),
            Self::Instance(_) => Ok(()),
        }
    }

    /// Reloads certificates; an instance reopens its files.
    pub(super) fn reload_tls(&self) -> Result<(), Error> {
        match self {
            Self::Engine(engine) => engine.reload_tls(),
            Self::Instance(instance) => {
                let reopened = catch(|| instance.server().graceful()).unwrap_or_else(|panic| {
                    Err(format!("graceful panicked: {}", panic.message().unwrap_or("without a message")).into())
                });
                reopened.map_err(|error| Error::Serving { source: Arc::from(error) })
            }
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        match self {
            Self::Engine(engine) => engine.statistics(),
            Self::Instance(instance) => instance.server().statistics(),
        }
    }

    /// Returns the statistics after the end; empty if an instance panics, which is logged.
    pub(super) fn final_statistics(&self) -> Statistics {
        catch(|| self.statistics()).unwrap_or_else(|_| {
            log::error!("the HTTP server panicked in its statistics method; its final statistics are lost");
            Statistics::default()
        })
    }

    /// Makes the built-in engine measure times, or stop measuring.
    pub(super) fn measure(&self, is_wanted: bool) {
        if let Self::Engine(engine) = self {
            engine.measure(is_wanted);
        }
    }
}

/// Returns the address if it is a TCP address with a number.
fn tcp(address: &BindAddr) -> Option<SocketAddr> {
    match address {
        BindAddr::Tcp { host, port } => Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, *port)),
        _ => None,
    }
}
