//! The handover at a restart: connections waiting for a request pass from one engine to the next.
//!
//! An exchange under way is finished by its own engine, and the client is told to close.

use std::sync::Arc;

use http::Extensions;

use super::Pool;
use crate::engine::connection::ClientConnection;
use crate::net::poll::Interest;
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

    fn is_wanted(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Keeps a connection, or returns it as an error after the end of the handover.
    fn keep(&self, connection: Box<ClientConnection>) -> Result<(), Box<ClientConnection>> {
        match &mut *self.0.lock() {
            Some(kept) => {
                kept.push(connection);
                Ok(())
            }
            None => Err(connection),
        }
    }
}

impl Pool {
    /// Closes a connection that cannot stay, or keeps it for the next engine.
    pub(in crate::engine) fn part_with(&self, mut connection: Box<ClientConnection>) {
        if !self.handover.is_wanted() || !connection.may_move() {
            return self.parking.close_one(connection);
        }
        self.parking.detach(&mut connection);
        connection.watched = Interest::Read;
        // This engine no longer waits for the connection, and the extensions would report this
        // engine's end.
        connection.ticket = None;
        connection.client.extensions = Extensions::new();
        if let Err(connection) = self.handover.keep(connection) {
            self.parking.close_one(connection);
        }
    }

    /// Continues a connection if the client has sent something before the stop; parts with any
    /// other.
    ///
    /// A request already sent is answered with `Connection: close`. After a reset the client could
    /// not know if the request was carried out, and must not repeat a POST then (RFC 9110 §9.2.2).
    pub(in crate::engine) fn dismiss(&self, connection: Box<ClientConnection>) {
        if self.handover.is_wanted() || !connection.has_unread_input() {
            return self.part_with(connection);
        }
        self.look_again(connection);
    }

    /// Takes over a connection from the previous engine, within the limit of connections.
    pub(in crate::engine) fn adopt(&self, mut connection: Box<ClientConnection>) {
        connection.count_in(&self.open);
        // Later handshakes use the current certificates and settings.
        if let (Some(stream), Some(tls)) = (Arc::get_mut(&mut connection.transport.stream), &self.service().tls) {
            stream.follow(tls);
        }
        if self.service().config.get().max_connections.is_some_and(|most| self.open.count() > most) {
            return self.parking.close_one(connection);
        }
        // Bytes received already are not reported again.
        self.ready.push(connection);
        self.call_reactor();
    }
}
