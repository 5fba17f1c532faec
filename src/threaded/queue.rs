//! The bounded queue between those who find connections ready and the workers.
//!
//! A connection that finds the queue full waits beside it, in order, until there is room or its time is over; so the thread that
//! accepts never waits, and the waits of many never add up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use super::connection::Connection;

/// Connections that a worker should look at, the longest waiting first.
pub(crate) struct Queue {
    sender: Sender<Box<Connection>>,
    receiver: Receiver<Box<Connection>>,
    capacity: Option<usize>,
    /// How many are in `overflow`, so that the lock is touched only when there are some.
    overflown: AtomicUsize,
    overflow: Mutex<VecDeque<(Instant, Box<Connection>)>>,
}

impl Queue {
    /// A queue of `capacity` places; `None`: no limit.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        Self { sender, receiver, capacity, overflown: AtomicUsize::new(0), overflow: Mutex::default() }
    }

    /// Puts a connection at the end; gives it back if the queue is full.
    pub(crate) fn offer(&self, connection: Box<Connection>) -> Result<(), Box<Connection>> {
        self.sender.try_send(connection).map_err(|error| match error {
            TrySendError::Full(connection) | TrySendError::Disconnected(connection) => connection,
        })
    }

    /// Lets a connection that found no room wait for it until `deadline`.
    pub(crate) fn wait_beside(&self, connection: Box<Connection>, deadline: Instant) {
        let mut overflow = self.overflow();
        overflow.push_back((deadline, connection));
        self.overflown.store(overflow.len(), Ordering::SeqCst);
    }

    /// Takes the first, and lets the first of those beside come in.
    pub(crate) fn take(&self) -> Option<Box<Connection>> {
        let connection = self.receiver.try_recv().ok();
        if self.overflown.load(Ordering::SeqCst) > 0 {
            self.let_in();
            return connection.or_else(|| self.receiver.try_recv().ok());
        }
        connection
    }

    /// Takes those beside whose time is over.
    pub(crate) fn take_overdue(&self, now: Instant) -> Vec<Box<Connection>> {
        if self.overflown.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let mut overflow = self.overflow();
        let count = overflow.iter().take_while(|(deadline, _)| *deadline <= now).count();
        let overdue = overflow.drain(..count).map(|(_, connection)| connection).collect();
        self.overflown.store(overflow.len(), Ordering::SeqCst);
        overdue
    }

    /// When the first of those beside must be told.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        if self.overflown.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.overflow().front().map(|(deadline, _)| *deadline)
    }

    /// How many wait, those beside included.
    pub(crate) fn len(&self) -> usize {
        self.receiver.len() + self.overflown.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more there is room for.
    pub(crate) fn room(&self) -> usize {
        self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(self.receiver.len()))
    }

    fn let_in(&self) {
        let mut overflow = self.overflow();
        while let Some((deadline, connection)) = overflow.pop_front() {
            if let Err(connection) = self.offer(connection) {
                overflow.push_front((deadline, connection));
                break;
            }
        }
        self.overflown.store(overflow.len(), Ordering::SeqCst);
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn overflow(&self) -> MutexGuard<'_, VecDeque<(Instant, Box<Connection>)>> {
        self.overflow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::message::Request;
    use crate::net::script::Script;
    use crate::net::stream::Stream;
    use crate::settings::Settings;
    use crate::threaded::desk::Service;

    /// A connection that is known by what `answered` says.
    fn connection(number: u64) -> Box<Connection> {
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Service::new(config, std::sync::Arc::new(|_: &mut Request| ()));
        let stream = Stream::Script(Script::default());
        let mut connection = Box::new(Connection::new(stream, None, Instant::now(), &service));
        connection.answered = number;
        connection
    }

    fn numbers(queue: &Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.take()).map(|connection| connection.answered).collect()
    }

    #[test]
    fn a_full_queue_gives_the_connection_back() {
        let queue = Queue::new(Some(2));
        assert!(queue.offer(connection(1)).is_ok() && queue.offer(connection(2)).is_ok());
        assert_eq!(queue.room(), 0);
        assert_eq!(queue.offer(connection(3)).unwrap_err().answered, 3);
        assert_eq!(numbers(&queue), [1, 2]);
        assert_eq!(queue.room(), 2);
    }

    #[test]
    fn those_beside_come_in_by_order_and_are_counted() {
        let queue = Queue::new(Some(1));
        queue.offer(connection(1)).unwrap();
        let later = Instant::now() + Duration::from_secs(60);
        queue.wait_beside(connection(2), later);
        queue.wait_beside(connection(3), later);
        assert_eq!(queue.len(), 3);
        assert_eq!(numbers(&queue), [1, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn each_of_those_beside_has_its_own_deadline() {
        let queue = Queue::new(Some(1));
        queue.offer(connection(1)).unwrap();
        let now = Instant::now();
        for number in 2..=4 {
            queue.wait_beside(connection(number), now + Duration::from_secs(number));
        }
        assert_eq!(queue.next_overdue(), Some(now + Duration::from_secs(2)));
        let overdue = queue.take_overdue(now + Duration::from_secs(3));
        assert_eq!(overdue.iter().map(|connection| connection.answered).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(numbers(&queue), [1, 4]);
        assert_eq!(queue.next_overdue(), None);
    }
}
