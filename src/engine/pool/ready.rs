//! Connections that the reactor can go on with, wherever the role is just then.
//!
//! They lie here and not with the holder, so that nothing is held up by a holder that is caught in a handler: the next one goes on.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::connection::ClientConnection;

/// The connections to go on with next.
#[derive(Default)]
pub(in crate::engine) struct ReadyConnections(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    /// Clients that have been served before, and have something new.
    first: VecDeque<Box<ClientConnection>>,
    /// New clients, and those that had their share and have more.
    later: VecDeque<Box<ClientConnection>>,
    /// Clients that there is no room for.
    unwanted: Vec<Box<ClientConnection>>,
}

impl ReadyConnections {
    /// Adds connections that something was reported of.
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

    /// Adds a connection behind those that have not had their share.
    pub(in crate::engine) fn push(&self, connection: Box<ClientConnection>) {
        self.lists().later.push_back(connection);
    }

    /// Adds a connection that is to be told that there is no room.
    pub(super) fn refuse(&self, connection: Box<ClientConnection>) {
        self.lists().unwanted.push(connection);
    }

    /// Takes the next; one of those that come later only if `any`. Returns with it whether it was one of those.
    pub(in crate::engine) fn pop(&self, any: bool) -> Option<(Box<ClientConnection>, bool)> {
        let mut lists = self.lists();
        if let Some(connection) = lists.first.pop_front() {
            return Some((connection, false));
        }
        let later = if any { lists.later.pop_front() } else { None };
        later.map(|connection| (connection, true))
    }

    /// Takes those that there is no room for.
    pub(in crate::engine) fn take_unwanted(&self) -> Vec<Box<ClientConnection>> {
        std::mem::take(&mut self.lists().unwanted)
    }

    /// Takes all.
    pub(in crate::engine) fn drain(&self) -> Vec<Box<ClientConnection>> {
        let Lists { first, later, unwanted } = std::mem::take(&mut *self.lists());
        first.into_iter().chain(later).chain(unwanted).collect()
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        let lists = self.lists();
        lists.first.is_empty() && lists.later.is_empty() && lists.unwanted.is_empty()
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
