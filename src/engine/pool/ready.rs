//! Connections ready for the reactor, independent of the holder of the role.
//!
//! A holder stuck in a handler therefore delays no ready connection: the next holder continues with
//! the same list.

use std::collections::VecDeque;

use crate::engine::connection::ClientConnection;
use crate::sync::Mutex;

/// The connections to advance next.
#[derive(Default)]
pub(in crate::engine) struct ReadyConnections(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    /// Clients served before, with a new event.
    first: VecDeque<Box<ClientConnection>>,
    /// New clients, clients with more input after 64 steps, and clients that sent their next
    /// request before they were parked.
    later: VecDeque<Box<ClientConnection>>,
    /// Streams with new content, and upgraded connections with an event.
    woken: VecDeque<Box<ClientConnection>>,
    /// The number of connections taken from `first` since the last of `later`.
    in_a_row: u32,
    /// Clients to be refused for lack of room.
    unwanted: Vec<Box<ClientConnection>>,
}

impl ReadyConnections {
    /// Adds connections with a reported event.
    pub(in crate::engine) fn extend(&self, reported: impl Iterator<Item = Box<ClientConnection>>) {
        let mut lists = self.0.lock();
        for connection in reported {
            if connection.takes_messages() {
                lists.woken.push_back(connection);
            } else if connection.answered > 0 {
                lists.first.push_back(connection);
            } else {
                lists.later.push_back(connection);
            }
        }
    }

    /// Adds a stream or an upgraded connection to those woken, any other connection to the second
    /// rank.
    pub(in crate::engine) fn push(&self, connection: Box<ClientConnection>) {
        self.push_from_outside(connection);
    }

    /// As [`push`](Self::push), by any thread. Returns true if no connection was ready before, so
    /// that the holder of the role may be waiting.
    pub(super) fn push_from_outside(&self, connection: Box<ClientConnection>) -> bool {
        let mut lists = self.0.lock();
        let was_empty = lists.is_empty();
        if connection.takes_messages() {
            lists.woken.push_back(connection);
        } else {
            lists.later.push_back(connection);
        }
        was_empty
    }

    /// Takes the next stream or upgraded connection.
    pub(in crate::engine) fn pop_woken(&self) -> Option<Box<ClientConnection>> {
        self.0.lock().woken.pop_front()
    }

    /// Adds a connection to be refused for lack of room.
    pub(super) fn refuse(&self, connection: Box<ClientConnection>) {
        self.0.lock().unwanted.push(connection);
    }

    /// Takes the next connection, one of the second rank only if `any`. The flag is true for a
    /// connection of the second rank.
    ///
    /// While connections of both ranks wait, every 33rd one taken is of the second rank. An endless
    /// load of known clients therefore keeps no new client waiting for ever.
    pub(in crate::engine) fn pop(&self, any: bool) -> Option<(Box<ClientConnection>, bool)> {
        let mut lists = self.0.lock();
        let is_turn_of_later = any && !lists.later.is_empty() && (lists.in_a_row >= IN_A_ROW || lists.first.is_empty());
        if is_turn_of_later {
            lists.in_a_row = 0;
            return lists.later.pop_front().map(|connection| (connection, true));
        }
        lists.in_a_row = lists.in_a_row.saturating_add(1);
        lists.first.pop_front().map(|connection| (connection, false))
    }

    /// Takes the connections to be refused.
    pub(in crate::engine) fn take_unwanted(&self) -> Vec<Box<ClientConnection>> {
        std::mem::take(&mut self.0.lock().unwanted)
    }

    /// Takes all connections.
    pub(in crate::engine) fn drain(&self) -> Vec<Box<ClientConnection>> {
        let Lists { first, later, woken, unwanted, .. } = std::mem::take(&mut *self.0.lock());
        let mut all = Vec::from(first);
        all.extend(later);
        all.extend(woken);
        all.extend(unwanted);
        all
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Lists {
    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.later.is_empty() && self.woken.is_empty() && self.unwanted.is_empty()
    }
}

/// Connections of the first rank taken in a row while some of the second wait.
const IN_A_ROW: u32 = 32;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::Config;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    fn connection(answered: u64) -> Box<ClientConnection> {
        let config = Config::resolve(&Settings::default()).unwrap();
        let stream = Stream::unix(UnixStream::pair().unwrap().0, Duration::from_millis(1)).unwrap();
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &config);
        connection.answered = answered;
        Box::new(connection)
    }

    #[test]
    fn new_clients_are_served_beside_an_endless_load_of_known_ones() {
        let ready = ReadyConnections::default();
        ready.extend([0, 1].map(connection).into_iter());
        let mut taken = 0;
        loop {
            let (next, is_later) = ready.pop(true).unwrap();
            assert_eq!(is_later, next.answered == 0);
            if is_later {
                break;
            }
            taken += 1;
            ready.extend(std::iter::once(next));
        }
        assert_eq!(taken, IN_A_ROW);
    }

    #[test]
    fn second_rank_waits_if_its_share_of_the_round_is_used_up() {
        let ready = ReadyConnections::default();
        ready.push(connection(1));
        assert!(ready.pop(false).is_none());
        assert!(ready.pop(true).is_some_and(|(_, is_later)| is_later));
    }
}
