//! The handle to a server, which a request can give to its handler.
//!
//! Only `server` makes handles and has their methods. Here the state of a server is opaque, because
//! this module knows no server.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A handle to observe and to stop a server: from [`Server::handle`](crate::Server::handle), or in a
/// handler from [`RequestExt::server`](crate::RequestExt::server).
#[derive(Clone)]
pub struct ServerHandle {
    state: Arc<ServerState>,
}

/// The state of a server.
pub(crate) type ServerState = dyn Any + Send + Sync;

impl ServerHandle {
    pub(crate) fn new(state: Arc<ServerState>) -> Self {
        Self { state }
    }

    pub(crate) fn state(&self) -> &Arc<ServerState> {
        &self.state
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").finish_non_exhaustive()
    }
}
