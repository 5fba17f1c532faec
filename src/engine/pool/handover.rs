//! The handover at a restart: connections waiting for a request pass from one engine to the next.
//!
//! An exchange under way is finished by its own engine, and the client is told to close.

use crate::engine::connection::ClientConnection;
use crate::sync::Mutex;

/// Connections waiting for the next engine; `None` unless an engine is to follow.
#[derive(Default)]
pub(in crate::engine) struct Handover(Mutex<Option<Vec<Box<ClientConnection>>>>);

impl Handover {
    /// Starts to keep connections.
    pub(in crate::engine) fn begin(&self) {
        self.0.lock().get_or_insert_default();
    }

    /// Returns the connections kept, and keeps no more.
    pub(in crate::engine) fn end(&self) -> Vec<Box<ClientConnection>> {
        self.0.lock().take().unwrap_or_default()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Keeps a connection, or returns it as an error after the end of the handover.
    pub(super) fn keep(&self, connection: Box<ClientConnection>) -> Result<(), Box<ClientConnection>> {
        match &mut *self.0.lock() {
            Some(kept) => {
                kept.push(connection);
                Ok(())
            }
            None => Err(connection),
        }
    }
}
