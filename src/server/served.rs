//! The source of answers: a handler, or an application behind a gateway.

use std::sync::Arc;

use super::Server;
use super::life::Shared;
use crate::bus::Subscriptions;
use crate::config::Config;
use crate::message::Handler;
use crate::settings::Settings;
use crate::wsgi::{Application, Gateway};

/// The source of answers.
pub(super) enum Served {
    Handler(Arc<dyn Handler>),
    /// A gateway, made anew for each start.
    Application(Gateway),
}

impl Server {
    /// Makes a server with default settings that answers with `application`, through the gateway
    /// version of [`wsgi_version`](Settings::wsgi_version).
    ///
    /// ```no_run
    /// use drupe::Server;
    /// use drupe::wsgi::{Environ, Failure, StartResponse};
    ///
    /// # fn main() -> Result<(), drupe::Error> {
    /// let mut server = Server::wsgi(|environ: Environ, start_response: StartResponse| {
    ///     start_response.start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])?;
    ///     Ok::<_, Failure>(format!("you asked for {}\n", environ.path_info()))
    /// });
    /// server.settings.wsgi_version = ("u".to_owned(), 0);
    /// server.quickstart()
    /// # }
    /// ```
    pub fn wsgi(application: impl Application) -> Self {
        Self::serving(Served::Application(Gateway::new(application)))
    }

    pub(super) fn serving(served: Served) -> Self {
        let shared = Arc::new(Shared::new(served));
        Self { settings: Settings::default(), shared, subscriptions: Subscriptions::default() }
    }
}

impl Served {
    /// Returns the handler for a server with `config`.
    pub(super) fn handler(&self, config: &Config) -> Arc<dyn Handler> {
        match self {
            Self::Handler(handler) => Arc::clone(handler),
            Self::Application(gateway) => {
                Arc::new(gateway.under(&config.wsgi_version, config.software.as_ref(), config.protocol_version))
            }
        }
    }
}
