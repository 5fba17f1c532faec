//! Connections ready for the reactor, independent of the holder of the role.
//!
//! A holder stuck in a handler therefore delays no ready connection: the next holder continues with
//! the same list.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::connection::ClientConnection;
use crate::sync::Mutex;

/// The connections to advance next.
#[derive(Default)]
#[repr(align(128))]
pub(in crate::engine) struct ReadyConnections {
    /// The number of connections in all lists, changed under the lock. A holder that finds none
    /// takes no lock.
    count: AtomicUsize,
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    /// Clients served before, with a new event.
    first: VecDeque<Box<ClientConnection>>,
    /// New clients, clients with more input after 64 steps, and clients that sent their next
    /// request before they were parked.
    later: VecDeque<Box<ClientConnection>>,
    /// Connections whose answers are to be sent at the end of the round.
    unsent: VecDeque<Box<ClientConnection>>,
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
        let mut lists = self.lists.lock();
        for connection in reported {
            if connection.takes_messages() {
                lists.woken.push_back(connection);
            } else if connection.answered > 0 {
                lists.first.push_back(connection);
            } else {
                lists.later.push_back(connection);
            }
        }
        self.note_added(&lists);
    }

    /// Adds a stream or an upgraded connection to those woken, any other connection to the second
    /// rank.
    pub(in crate::engine) fn push(&self, connection: Box<ClientConnection>) {
        self.push_from_outside(connection);
    }

    /// As [`push`](Self::push), by any thread. Returns true if no connection was ready before, so
    /// that the holder of the role may be waiting.
    pub(super) fn push_from_outside(&self, connection: Box<ClientConnection>) -> bool {
        let mut lists = self.lists.lock();
        let was_empty = lists.count() == 0;
        if connection.takes_messages() {
            lists.woken.push_back(connection);
        } else {
            lists.later.push_back(connection);
        }
        self.note_added(&lists);
        was_empty
    }

    /// Adds a connection whose answer is to be sent at the end of the round.
    pub(in crate::engine) fn put_off(&self, connection: Box<ClientConnection>) {
        let mut lists = self.lists.lock();
        lists.unsent.push_back(connection);
        self.note_added(&lists);
    }

    /// Takes the next connection with an unsent answer.
    pub(in crate::engine) fn pop_unsent(&self) -> Option<Box<ClientConnection>> {
        self.take(|lists| lists.unsent.pop_front())?
    }

    /// Takes the next stream or upgraded connection.
    pub(in crate::engine) fn pop_woken(&self) -> Option<Box<ClientConnection>> {
        self.take(|lists| lists.woken.pop_front())?
    }

    /// Adds a connection to be refused for lack of room.
    pub(super) fn refuse(&self, connection: Box<ClientConnection>) {
        let mut lists = self.lists.lock();
        lists.unwanted.push(connection);
        self.note_added(&lists);
    }

    /// Takes the next connection, one of the second rank only if `any`. The flag is true for a
    /// connection of the second rank.
    ///
    /// While connections of both ranks wait, every 33rd one taken is of the second rank. An endless
    /// load of known clients therefore keeps no new client waiting for ever.
    pub(in crate::engine) fn pop(&self, any: bool) -> Option<(Box<ClientConnection>, bool)> {
        self.take(|lists| lists.pop(any))?
    }

    /// Takes the connections to be refused.
    pub(in crate::engine) fn take_unwanted(&self) -> Vec<Box<ClientConnection>> {
        self.take(|lists| std::mem::take(&mut lists.unwanted)).unwrap_or_default()
    }

    /// Takes all connections.
    pub(in crate::engine) fn drain(&self) -> Vec<Box<ClientConnection>> {
        let Some(Lists { first, later, woken, unwanted, unsent, .. }) = self.take(std::mem::take) else {
            return Vec::new();
        };
        let mut all = Vec::from(first);
        all.extend(later);
        all.extend(unsent);
        all.extend(woken);
        all.extend(unwanted);
        all
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Takes connections out of the lists; `None`: there are none.
    fn take<T>(&self, take: impl FnOnce(&mut Lists) -> T) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut lists = self.lists.lock();
        let taken = take(&mut lists);
        // A thread still reading the earlier number finds the lists empty.
        self.count.store(lists.count(), Ordering::Relaxed);
        Some(taken)
    }

    /// Notes the number of connections after some were added. The thread that added them looks for
    /// the holder of the role next, and a thread giving up the role looks at the number next.
    fn note_added(&self, lists: &Lists) {
        self.count.store(lists.count(), Ordering::SeqCst);
    }
}

impl Lists {
    fn pop(&mut self, any: bool) -> Option<(Box<ClientConnection>, bool)> {
        let is_turn_of_later = any && !self.later.is_empty() && (self.in_a_row >= IN_A_ROW || self.first.is_empty());
        if is_turn_of_later {
            self.in_a_row = 0;
            return self.later.pop_front().map(|connection| (connection, true));
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.first.pop_front().map(|connection| (connection, false))
    }

    fn count(&self) -> usize {
        self.first.len() + self.unsent.len() + self.later.len() + self.woken.len() + self.unwanted.len()
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
    use crate::sync::count_locks;

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

    #[test]
    fn looking_at_empty_lists_takes_no_lock() {
        let ready = ReadyConnections::default();
        ready.refuse(connection(0));
        ready.push(connection(1));
        assert!(!ready.is_empty() && ready.pop_woken().is_none());
        assert_eq!((ready.take_unwanted().len(), ready.pop(true).is_some()), (1, true));
        let locks = count_locks(|| {
            assert!(ready.is_empty() && ready.pop(true).is_none() && ready.pop_woken().is_none());
            assert!(ready.take_unwanted().is_empty() && ready.drain().is_empty());
        });
        assert_eq!(locks, 0);
    }
}
