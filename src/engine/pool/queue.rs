//! The bounded queue between the reactor, which reads requests, and the workers, which run
//! handlers.
//!
//! A request finding the queue full waits beside the queue, in order, until there is room. After
//! `accepted_queue_timeout`, counted from the arrival here, the reactor takes the request out and
//! answers 503. Waits therefore never add up, and neither the accepting thread nor the reactor ever
//! waits for a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::engine::connection::ClientConnection;
use crate::sync::Mutex;

/// Connections with a request waiting for a worker, the longest waiting first.
pub(crate) struct Queue {
    sender: Sender<Waiting>,
    receiver: Receiver<Waiting>,
    /// The number of requests in `aside`, so that the lock is taken only if there are some.
    outside: AtomicUsize,
    aside: Mutex<Aside>,
}

/// A connection, and the start of the wait.
struct Waiting {
    since: Instant,
    connection: Box<ClientConnection>,
}

/// Connections outside the channel.
#[derive(Default)]
struct Aside {
    /// The first of all, once looked at.
    first: Option<Waiting>,
    /// Connections without room in the channel, behind all others.
    last: VecDeque<Waiting>,
}

impl Queue {
    /// Creates a queue for `capacity` connections; `None`: no limit.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        Self { sender, receiver, outside: AtomicUsize::new(0), aside: Mutex::default() }
    }

    /// Appends a connection.
    pub(crate) fn push(&self, connection: Box<ClientConnection>, now: Instant) {
        let mut waiting = Waiting { since: now, connection };
        if self.outside.load(Ordering::SeqCst) == 0 {
            match self.sender.try_send(waiting) {
                Ok(()) => return,
                Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => waiting = back,
            }
        }
        let mut aside = self.aside.lock();
        aside.last.push_back(waiting);
        self.refill(&mut aside);
    }

    /// True if another request would have to wait beside the queue.
    pub(crate) fn is_full(&self) -> bool {
        self.outside.load(Ordering::SeqCst) > 0 || self.sender.is_full()
    }

    /// Takes the first connection.
    pub(crate) fn take(&self) -> Option<Box<ClientConnection>> {
        if self.outside.load(Ordering::SeqCst) > 0 {
            let mut aside = self.aside.lock();
            let first = aside.first.take().or_else(|| self.next(&mut aside));
            self.refill(&mut aside);
            return first.map(|waiting| waiting.connection);
        }
        self.receiver.try_recv().ok().map(|waiting| waiting.connection)
    }

    /// The start of the first connection's wait.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.first(&mut self.aside.lock()).map(|first| first.since)
    }

    /// Takes the first connection if waiting since `since` or longer.
    pub(crate) fn take_overdue(&self, since: Instant) -> Option<Box<ClientConnection>> {
        let mut aside = self.aside.lock();
        let is_overdue = self.first(&mut aside).is_some_and(|first| first.since <= since);
        let overdue = if is_overdue { aside.first.take() } else { None };
        self.refill(&mut aside);
        overdue.map(|waiting| waiting.connection)
    }

    /// The number of waiting requests, including those beside the queue.
    pub(crate) fn len(&self) -> usize {
        // Under the lock, so that a request moving into the channel is not missed.
        let aside = self.aside.lock();
        self.receiver.len() + usize::from(aside.first.is_some()) + aside.last.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the first connection, after taking it out of the channel.
    fn first<'a>(&self, aside: &'a mut Aside) -> Option<&'a Waiting> {
        if aside.first.is_none() {
            aside.first = self.next(aside);
            self.refill(aside);
        }
        aside.first.as_ref()
    }

    /// Takes the first connection behind `aside.first`. The channel may be empty while connections
    /// wait beside it: a worker reading 0 from `outside` takes from the channel without a refill.
    fn next(&self, aside: &mut Aside) -> Option<Waiting> {
        self.receiver.try_recv().ok().or_else(|| aside.last.pop_front())
    }

    /// Moves connections into the channel while there is room.
    fn refill(&self, aside: &mut Aside) {
        while let Some(waiting) = aside.last.pop_front() {
            if let Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) = self.sender.try_send(waiting) {
                aside.last.push_front(back);
                break;
            }
        }
        self.outside.store(usize::from(aside.first.is_some()) + aside.last.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::net::script::Script;
    use crate::net::socket::PlainSocket;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// Creates a connection identified by `answered`.
    fn connection(number: u64) -> Box<ClientConnection> {
        let config = Config::resolve(&Settings::default()).unwrap();
        let stream = Stream::Plain(PlainSocket::Script(Script::default()));
        let mut connection = Box::new(ClientConnection::new(stream, None, Instant::now(), &config));
        connection.answered = number;
        connection
    }

    /// Creates a queue for `capacity` connections, holding connections 1 to `count`, one second
    /// apart.
    fn filled(capacity: usize, count: u64) -> (Queue, Instant) {
        let (queue, start) = (Queue::new(Some(capacity)), Instant::now());
        (1..=count).for_each(|number| queue.push(connection(number), start + Duration::from_secs(number)));
        (queue, start)
    }

    fn numbers(queue: &Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.take()).map(|connection| connection.answered).collect()
    }

    #[test]
    fn queue_keeps_the_order_with_and_without_room() {
        for capacity in [1, 2, 3, 10] {
            let (queue, _) = filled(capacity, 5);
            assert_eq!(queue.len(), 5);
            assert_eq!(queue.take().map(|first| first.answered), Some(1));
            queue.push(connection(6), Instant::now());
            assert_eq!(numbers(&queue), [2, 3, 4, 5, 6]);
            assert!(queue.is_empty() && queue.oldest().is_none());
        }
    }

    #[test]
    fn overflow_connections_are_found_beside_an_empty_queue() {
        for look in [|queue: &Queue| queue.oldest().is_some(), |queue: &Queue| queue.take().is_some()] {
            let (queue, _) = filled(1, 2);
            // Like a worker that looked beside the channel before the second connection came.
            queue.receiver.try_recv().unwrap();
            assert!(!queue.is_empty() && look(&queue));
        }
    }

    #[test]
    fn a_look_at_the_first_changes_no_order() {
        for capacity in [1, 2, 10] {
            let (queue, start) = filled(capacity, 4);
            assert_eq!(queue.oldest(), Some(start + Duration::from_secs(1)));
            queue.push(connection(5), start + Duration::from_secs(5));
            assert_eq!((queue.len(), queue.oldest()), (5, Some(start + Duration::from_secs(1))));
            assert_eq!(numbers(&queue), [1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn connections_that_have_waited_for_too_long_are_taken_out_first_come_first() {
        for capacity in [1, 2, 10] {
            let (queue, start) = filled(capacity, 4);
            let overdue = std::iter::from_fn(|| queue.take_overdue(start + Duration::from_secs(2)));
            assert_eq!(overdue.map(|connection| connection.answered).collect::<Vec<_>>(), [1, 2]);
            assert_eq!(queue.oldest(), Some(start + Duration::from_secs(3)));
            assert_eq!(numbers(&queue), [3, 4]);
        }
    }
}
