//! Streams between two pieces of content, and upgraded connections between two events: woken by
//! senders, and by a stop.

use std::sync::Weak;

use super::{Parking, State, place};
use crate::engine::connection::ClientConnection;
use crate::message::wake::{Wake, Waker};

impl Parking {
    /// Makes senders wake `server`.
    pub(in crate::engine) fn belong_to(&self, server: Weak<dyn Wake>) {
        // A second call would have the same server.
        let _ = self.server.set(server);
    }

    /// Prepares a connection to be woken. Returns false if a message has come already.
    pub(super) fn arm(&self, connection: &ClientConnection, token: u64) -> bool {
        self.server.get().is_none_or(|server| connection.arm(|| Waker { server: Weak::clone(server), token }))
    }

    /// Fetches the connection `token` with a new message. If the connection is away, the slot notes
    /// the message.
    pub(in crate::engine) fn fetch_woken(&self, token: u64) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots.lock();
        let slot = slots.current(token)?;
        if let State::Away { is_ready } = &mut slot.state {
            *is_ready = true;
            return None;
        }
        slots.fetch(place(token))
    }

    /// Fetches the connections that react to a stop of the server.
    pub(in crate::engine) fn fetch_ending(&self) -> Vec<Box<ClientConnection>> {
        self.fetch_those(|_, connection| connection.reacts_to_stop())
    }
}
