//! The source of answers: a handler, or an application behind a gateway.

use std::sync::Arc;

use crate::config::Config;
use crate::message::Handler;
use crate::wsgi::Gateway;

/// The source of answers.
pub(super) enum Served {
    Handler(Arc<dyn Handler>),
    /// A gateway, made anew for each start.
    Application(Gateway),
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
