//! Connections that outlive an engine: at a restart, those that wait for a request are handed from one to the next.
//!
//! What is in the middle of an exchange is finished where it began, and told to close.

use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;

use super::Pool;
use crate::engine::connection::ClientConnection;
use crate::net::poll::Interest;

/// Those that wait to be handed on; `None` while nobody is to come after.
#[derive(Default)]
pub(in crate::engine) struct Handover(Mutex<Option<Vec<Box<ClientConnection>>>>);

impl Handover {
    /// Keeps from now on.
    pub(in crate::engine) fn begin(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Gives out what was kept, and keeps no more.
    pub(in crate::engine) fn end(&self) -> Vec<Box<ClientConnection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    fn is_wanted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives it back if nobody wants it any more.
    fn keep(&self, connection: Box<ClientConnection>) -> Result<(), Box<ClientConnection>> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(kept) => {
                kept.push(connection);
                Ok(())
            }
            None => Err(connection),
        }
    }
}

impl Pool {
    /// Closes a connection that cannot stay, or keeps it for the engine that comes after.
    pub(in crate::engine) fn part_with(&self, mut connection: Box<ClientConnection>) {
        if !self.handover.is_wanted() || !connection.may_move() {
            return self.parking.close_one(connection);
        }
        self.parking.detach(&mut connection);
        connection.watched = Interest::Read;
        // It counts no more among those that this engine waits for, and what it carries would tell of this one's end.
        connection.ticket = None;
        connection.extensions = Extensions::new();
        if let Err(connection) = self.handover.keep(connection) {
            self.parking.close_one(connection);
        }
    }

    /// Goes on with a connection whose client has sent something by the time a stop begins; parts with any other.
    ///
    /// A client whose request has come is answered and told `ClientConnection: close`. A reset instead would leave it without knowing
    /// whether its request was carried out, and a POST must not be repeated then (RFC 9110 §9.2.2).
    pub(in crate::engine) fn dismiss(&self, connection: Box<ClientConnection>) {
        if self.handover.is_wanted() || !connection.has_unread_input() {
            return self.part_with(connection);
        }
        self.look_again(connection);
    }

    /// Takes over a connection from the engine before, if there may be one more.
    pub(in crate::engine) fn adopt(&self, mut connection: Box<ClientConnection>) {
        connection.count_in(&self.open);
        // A handshake that begins from now on goes by the certificates and settings there are now.
        if let (Some(stream), Some(tls)) = (Arc::get_mut(&mut connection.stream), &self.service().tls) {
            stream.follow(tls);
        }
        if self.service().config.get().connections.is_some_and(|most| self.open.count() > most) {
            return self.parking.close_one(connection);
        }
        // Bytes that were received already are not reported once more.
        self.ready.push(connection);
        self.call_reactor();
    }
}
