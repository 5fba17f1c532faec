//! The source of answers: a handler, or a function that makes one for each start.

use std::sync::Arc;

use crate::config::Config;
use crate::message::Handler;

/// The source of answers.
pub(super) enum Served {
    Handler(Arc<dyn Handler>),
    /// A handler made anew for each start.
    Made(Box<Make>),
}

type Make = dyn Fn(&Config) -> Arc<dyn Handler> + Send + Sync;

impl Served {
    /// Returns the handler for a server with `config`.
    pub(super) fn handler(&self, config: &Config) -> Arc<dyn Handler> {
        match self {
            Self::Handler(handler) => Arc::clone(handler),
            Self::Made(make) => make(config),
        }
    }
}
