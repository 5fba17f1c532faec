//! Connections ready for the reactor, independent of the holder of the role.
//!
//! A holder stuck in a handler therefore delays no ready connection: the next holder continues with
//! the same list.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::connection::ClientConnection;

/// The connections to advance next.
#[derive(Default)]
pub(in crate::engine) struct ReadyConnections(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    /// Clients served before, with a new event.
    first: VecDeque<Box<ClientConnection>>,
    /// New clients, and clients with more input after using up their quota.
    later: VecDeque<Box<ClientConnection>>,
    /// Clients to be refused for lack of room.
    unwanted: Vec<Box<ClientConnection>>,
}

impl ReadyConnections {
    /// Adds connections with a reported event.
    pub(in crate::engine) fn extend(&self, reported: impl Iterator<Item = Box<ClientConnection>>) {
        let mut lists = self.lists();
        for connection in reported {
            if connection.answered > 0 {
                lists.first.push_back(connection);
            } else {
                lists.later.push_back(connection);
            }
        }
    }

    /// Adds a connection to the second rank.
    pub(in crate::engine) fn push(&self, connection: Box<ClientConnection>) {
        self.lists().later.push_back(connection);
    }

    /// Adds a connection to be refused for lack of room.
    pub(super) fn refuse(&self, connection: Box<ClientConnection>) {
        self.lists().unwanted.push(connection);
    }

    /// Takes the next connection, one of the second rank only if `any`. The flag is true for a
    /// connection of the second rank.
    pub(in crate::engine) fn pop(&self, any: bool) -> Option<(Box<ClientConnection>, bool)> {
        let mut lists = self.lists();
        if let Some(connection) = lists.first.pop_front() {
            return Some((connection, false));
        }
        let later = if any { lists.later.pop_front() } else { None };
        later.map(|connection| (connection, true))
    }

    /// Takes the connections to be refused.
    pub(in crate::engine) fn take_unwanted(&self) -> Vec<Box<ClientConnection>> {
        std::mem::take(&mut self.lists().unwanted)
    }

    /// Takes all connections.
    pub(in crate::engine) fn drain(&self) -> Vec<Box<ClientConnection>> {
        let Lists { first, later, unwanted } = std::mem::take(&mut *self.lists());
        first.into_iter().chain(later).chain(unwanted).collect()
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        let lists = self.lists();
        lists.first.is_empty() && lists.later.is_empty() && lists.unwanted.is_empty()
    }

    /// No code under this lock can panic half-way, so poisoning is ignored.
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
