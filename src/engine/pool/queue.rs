//! The bounded queue between the reactor, which reads requests, and the workers, which run
//! handlers.
//!
//! A request finding the queue full waits beside the queue, in order, until there is room. After
//! `accepted_queue_timeout`, counted from the arrival here, the reactor takes the request out and
//! answers 503. Waits therefore never add up, and neither the accepting thread nor the reactor ever
//! waits for a worker.
//!
//! The channel is used under a lock only. Without the lock, a thread that loses the processor in
//! the middle of sending makes all receivers spin until it runs again. With 250 workers that took
//! 400 ms.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::engine::connection::ClientConnection;
use crate::sync::Mutex;

/// Connections with a request waiting for a worker, the longest waiting first.
pub(crate) struct Queue {
    capacity: Option<usize>,
    /// The number of all waiting requests, changed under the lock of `waiting`. A worker that finds
    /// nothing takes no lock.
    count: AtomicUsize,
    waiting: Mutex<Lines>,
}

/// A connection, and the start of the wait.
struct Waiting {
    since: Instant,
    connection: Box<ClientConnection>,
}

/// The channel, and the connections outside.
struct Lines {
    /// The first of all, once looked at.
    first: Option<Waiting>,
    sender: Sender<Waiting>,
    receiver: Receiver<Waiting>,
    /// Connections without room in the channel, behind all others.
    last: VecDeque<Waiting>,
}

impl Queue {
    /// Creates a queue for `capacity` connections; `None`: no limit.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        let lines = Lines { first: None, sender, receiver, last: VecDeque::new() };
        Self { capacity, count: AtomicUsize::new(0), waiting: Mutex::new(lines) }
    }

    /// Appends a connection.
    pub(crate) fn push(&self, connection: Box<ClientConnection>, now: Instant) {
        let mut lines = self.waiting.lock();
        lines.last.push_back(Waiting { since: now, connection });
        lines.refill();
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// True if another request would have to wait beside the queue.
    pub(crate) fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.len() >= capacity)
    }

    /// Takes the first connection.
    pub(crate) fn take(&self) -> Option<Box<ClientConnection>> {
        if self.is_empty() {
            return None;
        }
        self.take_if(|_| true)
    }

    /// The start of the first connection's wait.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.waiting.lock().first().map(|first| first.since)
    }

    /// Takes the first connection if waiting since `since` or longer.
    pub(crate) fn take_overdue(&self, since: Instant) -> Option<Box<ClientConnection>> {
        self.take_if(|first| first.since <= since)
    }

    fn take_if(&self, is_wanted: impl FnOnce(&Waiting) -> bool) -> Option<Box<ClientConnection>> {
        let mut lines = self.waiting.lock();
        let is_wanted = lines.first().is_some_and(is_wanted);
        let taken = if is_wanted { lines.first.take() } else { None };
        taken.map(|waiting| {
            self.count.fetch_sub(1, Ordering::SeqCst);
            waiting.connection
        })
    }

    /// The number of waiting requests, including those beside the queue.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Lines {
    /// Returns the first connection, after taking it out of the channel.
    fn first(&mut self) -> Option<&Waiting> {
        if self.first.is_none() {
            self.first = self.receiver.try_recv().ok().or_else(|| self.last.pop_front());
            self.refill();
        }
        self.first.as_ref()
    }

    /// Moves connections into the channel while there is room.
    fn refill(&mut self) {
        while let Some(waiting) = self.last.pop_front() {
            if let Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) = self.sender.try_send(waiting) {
                self.last.push_front(back);
                break;
            }
        }
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
    fn each_connection_is_taken_once_by_threads_that_compete() {
        const EACH: u64 = 500;
        let (queue, _) = filled(2, 0);
        let (queue, count) = (&queue, &std::sync::atomic::AtomicU64::new(0));
        let push =
            |from: u64| move || (from..from + EACH).for_each(|number| queue.push(connection(number), Instant::now()));
        let take = || {
            let mut taken = Vec::new();
            while count.load(Ordering::SeqCst) < 2 * EACH {
                if let Some(connection) = queue.take() {
                    count.fetch_add(1, Ordering::SeqCst);
                    taken.push(connection.answered);
                }
            }
            taken
        };
        let taken = std::thread::scope(|scope| {
            for from in [0, EACH] {
                scope.spawn(push(from));
            }
            [(); 2].map(|()| scope.spawn(take)).map(|taker| taker.join().unwrap()).concat()
        });
        let mut sorted = taken.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..2 * EACH).collect::<Vec<_>>());
        assert_eq!((queue.len(), queue.oldest()), (0, None));
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
