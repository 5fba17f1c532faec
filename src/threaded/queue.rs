//! The bounded queue between those who find connections ready and the workers.
//!
//! A connection that finds the queue full waits beside it, in order, until there is room or its time is over; so the thread that
//! accepts never waits, and the waits of many never add up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use super::connection::Connection;

/// Connections that a worker should look at, the longest waiting first.
pub(crate) struct Queue {
    sender: Sender<Box<Connection>>,
    receiver: Receiver<Box<Connection>>,
    capacity: Option<usize>,
    /// How many wait beside the queue, so that the lock is touched only when there are some.
    overflown: AtomicUsize,
    /// How many have been taken since the start.
    taken: AtomicU64,
    /// How many are to be turned away.
    unwanted: AtomicUsize,
    beside: Mutex<Beside>,
}

/// Those that found no room.
#[derive(Default)]
struct Beside {
    /// Ready ones that a worker had in hand; they come in first, and there are never more than a batch for each worker.
    ready: VecDeque<Box<Connection>>,
    /// New ones and how long they may wait, the first to be told at the front.
    new: VecDeque<(Instant, Box<Connection>)>,
    /// Those that come in no more.
    unwanted: Vec<Box<Connection>>,
}

impl Queue {
    /// A queue of `capacity` places; `None`: no limit.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        let (overflown, unwanted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let taken = AtomicU64::new(0);
        Self { sender, receiver, capacity, overflown, taken, unwanted, beside: Mutex::default() }
    }

    /// Puts a connection at the end; gives it back if the queue is full.
    pub(crate) fn offer(&self, connection: Box<Connection>) -> Result<(), Box<Connection>> {
        self.sender.try_send(connection).map_err(|error| match error {
            TrySendError::Full(connection) | TrySendError::Disconnected(connection) => connection,
        })
    }

    /// Lets a new connection that found no room wait for it until `deadline`, which is not earlier than that of the one before.
    pub(crate) fn wait_beside(&self, connection: Box<Connection>, deadline: Instant) {
        let mut beside = self.beside();
        beside.new.push_back((deadline, connection));
        self.note(&beside);
    }

    /// Puts a ready connection where it will be taken although there is no room: it must not be lost, and nobody waits for it.
    pub(crate) fn put_back(&self, connection: Box<Connection>) {
        let mut beside = self.beside();
        beside.ready.push_back(connection);
        self.note(&beside);
    }

    /// Keeps a connection for the watch to turn away; no worker gets it.
    pub(crate) fn refuse(&self, connection: Box<Connection>) {
        let mut beside = self.beside();
        beside.unwanted.push(connection);
        self.note(&beside);
    }

    /// Takes the first, and lets the first of those beside come in.
    pub(crate) fn take(&self) -> Option<Box<Connection>> {
        let mut connection = self.receiver.try_recv().ok();
        if self.overflown.load(Ordering::SeqCst) > 0 {
            self.let_in();
            connection = connection.or_else(|| self.receiver.try_recv().ok());
        }
        if connection.is_some() {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        connection
    }

    /// How many have been taken since the start, and how many will have been when all that wait now are: what is put in is taken
    /// in order.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let taken = self.taken.load(Ordering::Relaxed);
        (taken, taken + self.receiver.len() as u64)
    }

    /// Takes those that are to be turned away: those whose time is over, and those that were unwanted from the first.
    pub(crate) fn take_overdue(&self, now: Instant) -> Vec<Box<Connection>> {
        if self.overflown.load(Ordering::SeqCst) + self.unwanted.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let mut beside = self.beside();
        let mut overdue = std::mem::take(&mut beside.unwanted);
        let count = beside.new.iter().take_while(|(deadline, _)| *deadline <= now).count();
        overdue.extend(beside.new.drain(..count).map(|(_, connection)| connection));
        self.note(&beside);
        overdue
    }

    /// When the first of those beside must be told.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        if self.overflown.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.beside().new.front().map(|(deadline, _)| *deadline)
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
        let mut beside = self.beside();
        while let Some(connection) = beside.ready.pop_front() {
            if let Err(connection) = self.offer(connection) {
                beside.ready.push_front(connection);
                break;
            }
        }
        while let Some((deadline, connection)) = beside.new.pop_front() {
            if let Err(connection) = self.offer(connection) {
                beside.new.push_front((deadline, connection));
                break;
            }
        }
        self.note(&beside);
    }

    fn note(&self, beside: &Beside) {
        self.overflown.store(beside.ready.len() + beside.new.len(), Ordering::SeqCst);
        self.unwanted.store(beside.unwanted.len(), Ordering::SeqCst);
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::net::script::Script;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// A connection that is known by what `answered` says.
    fn connection(number: u64) -> Box<Connection> {
        let config = Config::resolve(&Settings::default()).unwrap();
        let stream = Stream::Script(Script::default());
        let mut connection = Box::new(Connection::new(stream, None, Instant::now(), &config));
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
    fn the_unwanted_never_come_in() {
        let queue = Queue::new(Some(1));
        queue.refuse(connection(1));
        assert!(queue.is_empty() && queue.take().is_none());
        queue.wait_beside(connection(2), Instant::now() + Duration::from_secs(60));
        let overdue = queue.take_overdue(Instant::now());
        assert_eq!(overdue.iter().map(|connection| connection.answered).collect::<Vec<_>>(), [1]);
        assert_eq!(numbers(&queue), [2]);
    }

    #[test]
    fn what_is_put_back_comes_before_what_is_new() {
        let queue = Queue::new(Some(1));
        queue.offer(connection(1)).unwrap();
        queue.wait_beside(connection(4), Instant::now() + Duration::from_secs(60));
        queue.put_back(connection(2));
        queue.put_back(connection(3));
        assert!(queue.take_overdue(Instant::now()).is_empty());
        assert_eq!(numbers(&queue), [1, 2, 3, 4]);
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
