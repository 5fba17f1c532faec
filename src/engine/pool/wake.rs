//! Connections given to the reactor by any thread, such as a sender of a stream.

use super::Pool;
use crate::engine::connection::ClientConnection;
use crate::message::wake::Wake;

impl Pool {
    /// Gives a connection to the reactor.
    pub(in crate::engine) fn resume(&self, connection: Box<ClientConnection>) {
        // If the list was not empty, the thread that made it so has called the reactor.
        if self.ready.push_from_outside(connection) {
            self.call_reactor();
        }
    }
}

impl Wake for Pool {
    fn wake(&self, token: u64) {
        if let Some(connection) = self.parking.fetch_woken(token) {
            self.resume(connection);
        }
    }
}
