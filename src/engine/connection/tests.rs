//! Whole connections, driven from their clients' side.

mod expiry;
mod partial;
pub(super) mod picture;
mod sending;

use super::ClientConnection;
use super::phase::Then;
use crate::engine::service::context::WorkerContext;

impl ClientConnection {
    /// Waits for room to write, and for nothing else.
    pub(in crate::engine) fn wait_for_room(&mut self, context: &mut WorkerContext) {
        self.leave(None, Then::Close, context);
    }
}
