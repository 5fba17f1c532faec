//! The bounded queue between the reactor, which reads requests, and the workers, which run
//! handlers.
//!
//! A request finding the queue full waits beside the queue, in order, until there is room. After
//! `accepted_queue_timeout`, counted from the arrival here, the reactor takes the request out and
//! answers 503. Waits therefore never add up, and neither the accepting thread nor the reactor ever
//! waits for a worker.
//!
//! Prompt requests have a short line of their own, and are taken first. A prompt request that finds
//! this line full waits among the others.
//!
//! Requests whose content is still to come have a line of their own, too. Their clients may be slow
//! and hold a worker each, so any number of them must not delay requests that have come whole. They
//! are taken if no other request waits, and every ninth time, and only with a permit of
//! [`ContentWaits`]. The worker that releases a permit takes the next such request.
//!
//! The channel is used under a lock only. Without the lock, a thread that loses the processor in
//! the middle of sending makes all receivers spin until it runs again. With 250 workers that took
//! 400 ms.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::engine::connection::ClientConnection;
use crate::engine::service::content_waits::ContentWaits;
use crate::sync::Mutex;

/// Connections with a request waiting for a worker, the longest waiting first.
#[repr(align(128))]
pub(crate) struct Queue {
    capacity: Option<usize>,
    /// The number of all waiting requests, changed under the lock of `waiting`. A worker that finds
    /// nothing takes no lock.
    count: AtomicUsize,
    /// The number of prompt requests among them, changed in the same way.
    prompt: AtomicUsize,
    /// The number of requests whose content is still to come, changed in the same way.
    unfinished: AtomicUsize,
    waiting: Mutex<Lines>,
    content_waits: Arc<ContentWaits>,
}

/// A connection, and the start of the wait.
struct Waiting {
    since: Instant,
    connection: Box<ClientConnection>,
}

/// The channel, and the connections outside.
struct Lines {
    /// Prompt requests, before all others.
    prompt: VecDeque<Waiting>,
    /// The first of all, once looked at.
    first: Option<Waiting>,
    sender: Sender<Waiting>,
    receiver: Receiver<Waiting>,
    /// Connections without room in the channel, behind those in the channel.
    last: VecDeque<Waiting>,
    /// Requests whose content is still to come.
    unfinished: VecDeque<Waiting>,
    /// The number of whole requests taken since the last unfinished one, while one waited.
    in_a_row: u32,
}

impl Queue {
    /// Creates a queue for `capacity` connections; `None`: no limit.
    pub(in crate::engine) fn new(capacity: Option<usize>, content_waits: Arc<ContentWaits>) -> Self {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        let [prompt, last, unfinished] = [const { VecDeque::new() }; 3];
        let lines = Lines { prompt, first: None, sender, receiver, last, unfinished, in_a_row: 0 };
        let [count, prompt, unfinished] = [const { AtomicUsize::new(0) }; 3];
        Self { capacity, count, prompt, unfinished, waiting: Mutex::new(lines), content_waits }
    }

    /// Appends a connection.
    pub(crate) fn push(&self, connection: Box<ClientConnection>, now: Instant) {
        self.append(&mut self.waiting.lock(), Waiting { since: now, connection });
    }

    /// Appends a connection unless others wait; then returns the connection.
    pub(crate) fn push_alone(&self, connection: Box<ClientConnection>, now: Instant) -> Option<Box<ClientConnection>> {
        let mut lines = self.waiting.lock();
        if !self.is_empty() {
            return Some(connection);
        }
        self.append(&mut lines, Waiting { since: now, connection });
        None
    }

    /// Appends a connection with a prompt request; returns the connection if too many wait.
    pub(crate) fn push_prompt(&self, connection: Box<ClientConnection>, now: Instant) -> Option<Box<ClientConnection>> {
        let mut lines = self.waiting.lock();
        if lines.prompt.len() >= MOST_PROMPT {
            return Some(connection);
        }
        lines.prompt.push_back(Waiting { since: now, connection });
        self.prompt.fetch_add(1, Ordering::SeqCst);
        self.count.fetch_add(1, Ordering::SeqCst);
        None
    }

    fn append(&self, lines: &mut Lines, waiting: Waiting) {
        if waiting.connection.awaits_content() {
            lines.unfinished.push_back(waiting);
            self.unfinished.fetch_add(1, Ordering::SeqCst);
        } else {
            lines.last.push_back(waiting);
            lines.refill();
        }
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// True if the request of `connection` would have to wait beside the queue. Whole requests do not
    /// wait for unfinished ones, so each kind has room of its own.
    pub(crate) fn is_full_for(&self, connection: &ClientConnection) -> bool {
        let unfinished = self.unfinished.load(Ordering::SeqCst);
        let ahead = match connection.awaits_content() {
            true => unfinished,
            false => self.len().saturating_sub(unfinished + self.prompt.load(Ordering::SeqCst)),
        };
        self.capacity.is_some_and(|capacity| ahead >= capacity)
    }

    /// Takes the first connection: one with a prompt request if any, then one with a whole request.
    pub(crate) fn take(&self) -> Option<Box<ClientConnection>> {
        if self.is_empty() {
            return None;
        }
        let mut lines = self.waiting.lock();
        self.take_prompt_if(&mut lines, |_| true).or_else(|| self.take_other(&mut lines))
    }

    /// Takes the first connection with a prompt request.
    pub(crate) fn take_prompt(&self) -> Option<Box<ClientConnection>> {
        if !self.has_prompt() {
            return None;
        }
        self.take_prompt_if(&mut self.waiting.lock(), |_| true)
    }

    /// True if a prompt request waits.
    pub(crate) fn has_prompt(&self) -> bool {
        self.prompt.load(Ordering::SeqCst) > 0
    }

    /// The start of the longest wait.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let mut lines = self.waiting.lock();
        let prompt = lines.prompt.front().map(|first| first.since);
        let unfinished = lines.unfinished.front().map(|first| first.since);
        let other = lines.first().map(|first| first.since);
        [prompt, unfinished, other].into_iter().flatten().min()
    }

    /// Takes a connection waiting since `since` or longer.
    pub(crate) fn take_overdue(&self, since: Instant) -> Option<Box<ClientConnection>> {
        let mut lines = self.waiting.lock();
        let is_overdue = |first: &Waiting| first.since <= since;
        self.take_prompt_if(&mut lines, is_overdue)
            .or_else(|| self.take_whole_if(&mut lines, is_overdue))
            .or_else(|| self.take_unfinished_if(&mut lines, is_overdue))
    }

    /// Takes the first whole request or, if there is none or many have been taken in a row, the
    /// first unfinished one.
    fn take_other(&self, lines: &mut Lines) -> Option<Box<ClientConnection>> {
        let is_turn_of_unfinished = lines.in_a_row >= IN_A_ROW;
        let whole = if is_turn_of_unfinished { None } else { self.take_whole_if(lines, |_| true) };
        if whole.is_some() {
            lines.in_a_row = if lines.unfinished.is_empty() { 0 } else { lines.in_a_row + 1 };
            return whole;
        }
        lines.in_a_row = 0;
        self.take_permitted(lines).or_else(|| self.take_whole_if(lines, |_| true))
    }

    /// Takes the first unfinished request, with a permit.
    fn take_permitted(&self, lines: &mut Lines) -> Option<Box<ClientConnection>> {
        if lines.unfinished.is_empty() {
            return None;
        }
        let permit = self.content_waits.take()?;
        let mut connection = self.take_unfinished_if(lines, |_| true)?;
        connection.permit_wait(permit);
        Some(connection)
    }

    fn take_prompt_if(
        &self,
        lines: &mut Lines,
        is_wanted: impl FnOnce(&Waiting) -> bool,
    ) -> Option<Box<ClientConnection>> {
        let is_wanted = lines.prompt.front().is_some_and(is_wanted);
        let taken = if is_wanted { lines.prompt.pop_front() } else { None };
        taken.map(|waiting| {
            self.prompt.fetch_sub(1, Ordering::SeqCst);
            self.count.fetch_sub(1, Ordering::SeqCst);
            waiting.connection
        })
    }

    fn take_whole_if(
        &self,
        lines: &mut Lines,
        is_wanted: impl FnOnce(&Waiting) -> bool,
    ) -> Option<Box<ClientConnection>> {
        let is_wanted = lines.first().is_some_and(is_wanted);
        let taken = if is_wanted { lines.first.take() } else { None };
        self.taken(taken)
    }

    fn take_unfinished_if(
        &self,
        lines: &mut Lines,
        is_wanted: impl FnOnce(&Waiting) -> bool,
    ) -> Option<Box<ClientConnection>> {
        let is_wanted = lines.unfinished.front().is_some_and(is_wanted);
        let taken = if is_wanted { lines.unfinished.pop_front() } else { None };
        if taken.is_some() {
            self.unfinished.fetch_sub(1, Ordering::SeqCst);
        }
        self.taken(taken)
    }

    fn taken(&self, taken: Option<Waiting>) -> Option<Box<ClientConnection>> {
        taken.map(|waiting| {
            self.count.fetch_sub(1, Ordering::SeqCst);
            waiting.connection
        })
    }

    /// Takes any connection, also one without a permit.
    pub(crate) fn take_any(&self) -> Option<Box<ClientConnection>> {
        let mut lines = self.waiting.lock();
        self.take_prompt_if(&mut lines, |_| true)
            .or_else(|| self.take_whole_if(&mut lines, |_| true))
            .or_else(|| self.take_unfinished_if(&mut lines, |_| true))
    }

    /// The number of waiting requests, including those beside the queue.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// True if a request waits, also one without a permit.
    pub(crate) fn has_any(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// The number of waiting requests that a worker may take now.
    pub(crate) fn takeable(&self) -> usize {
        let (count, unfinished) = (self.len(), self.unfinished.load(Ordering::SeqCst));
        match unfinished {
            0 => count,
            _ => count.saturating_sub(unfinished.saturating_sub(self.content_waits.free())),
        }
    }

    /// True if a worker may take no request now.
    pub(crate) fn is_empty(&self) -> bool {
        self.takeable() == 0
    }
}

impl Lines {
    /// Returns the first whole request, after taking it out of the channel.
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

/// The most prompt requests that wait in their own line.
const MOST_PROMPT: usize = 64;
/// Whole requests taken in a row while unfinished ones wait.
const IN_A_ROW: u32 = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;
    use crate::config::Config;
    use crate::engine::connection::Verdict;
    use crate::engine::service::context::{Service, WorkerContext};
    use crate::engine::service::costs::{Route, Runs};
    use crate::message::Request;
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

    /// Returns the permits of a pool of at most `workers`.
    fn content_waits(workers: usize) -> Arc<ContentWaits> {
        let settings = Settings { thread_pool: 1, thread_pool_max: Some(workers), ..Settings::default() };
        let config = Config::resolve(&settings).unwrap();
        Arc::clone(&Service::new(config, Arc::new(|_: &mut Request| "never")).content_waits)
    }

    /// Creates a queue for `capacity` connections, holding connections 1 to `count`, one second
    /// apart.
    fn filled(capacity: usize, count: u64) -> (Queue, Instant) {
        let (queue, start) = (Queue::new(Some(capacity), content_waits(256)), Instant::now());
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

    #[test]
    fn prompt_requests_are_taken_first_and_no_more_of_them_than_their_line_holds() {
        let (queue, start) = filled(2, 3);
        assert!(queue.take_prompt().is_none() && queue.is_full_for(&connection(4)));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(queue.push_prompt(connection(10), at(0)).is_none());
        assert!(queue.push_prompt(connection(11), at(9)).is_none());
        assert_eq!((queue.len(), queue.oldest(), queue.has_prompt()), (5, Some(at(0)), true));
        let overdue = std::iter::from_fn(|| queue.take_overdue(at(1))).map(|connection| connection.answered);
        assert_eq!(overdue.collect::<Vec<_>>(), [10, 1]);
        assert_eq!(queue.take_prompt().map(|connection| connection.answered), Some(11));
        assert!(queue.push_prompt(connection(12), at(9)).is_none());
        assert_eq!(numbers(&queue), [12, 2, 3]);
        assert!(queue.is_empty() && !queue.has_prompt() && !queue.is_full_for(&connection(4)));
        let pushed = (0..).take_while(|number| queue.push_prompt(connection(*number), start).is_none());
        assert_eq!(pushed.count(), MOST_PROMPT);
        assert!(!queue.is_full_for(&connection(4)), "the other line is empty");
    }

    /// Creates a connection with a request whose content is still to come, identified by `answered`.
    fn unfinished(number: u64) -> Box<ClientConnection> {
        let config = Arc::new(Config::resolve(&Settings { body_buffer_size: 0, ..Settings::default() }).unwrap());
        let service = Arc::new(Service::new(Arc::clone(&config), Arc::new(|_: &mut Request| "never")));
        let mut context = WorkerContext::new(service, Arc::default());
        // Even a short handler has to wait for this content.
        context.service.costs.record(Route::new(&Method::POST, "/"), Duration::from_micros(1));
        context.duty.runs = Runs::Short;
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf".to_vec();
        let stream = Stream::Plain(PlainSocket::Script(Script::new([head])));
        let mut connection = Box::new(ClientConnection::new(stream, None, Instant::now(), &config));
        assert!(matches!(connection.advance(&mut context), Verdict::Work));
        connection.answered = number;
        connection
    }

    #[test]
    fn requests_whose_content_is_to_come_wait_behind_whole_ones_and_take_turns_with_many() {
        let (queue, start) = filled(2, 0);
        let at = |seconds| start + Duration::from_secs(seconds);
        (100..103).for_each(|number| queue.push(unfinished(number), at(1)));
        (1..21).for_each(|number| queue.push(connection(number), at(2)));
        assert_eq!((queue.len(), queue.oldest()), (23, Some(at(1))));
        let expected = [1, 2, 3, 4, 5, 6, 7, 8, 100, 9, 10, 11, 12, 13, 14, 15, 16, 101, 17, 18, 19, 20, 102];
        assert_eq!(numbers(&queue), expected);
        assert!(queue.is_empty() && queue.oldest().is_none());
        (1..10).for_each(|number| queue.push(connection(number), at(2)));
        assert_eq!(numbers(&queue), [1, 2, 3, 4, 5, 6, 7, 8, 9], "there is no turn to leave");
        queue.push(connection(1), at(1));
        queue.push(unfinished(100), at(1));
        queue.push(unfinished(101), at(3));
        let overdue = std::iter::from_fn(|| queue.take_overdue(at(2))).map(|connection| connection.answered);
        assert_eq!(overdue.collect::<Vec<_>>(), [1, 100]);
        assert_eq!(numbers(&queue), [101]);
    }

    #[test]
    fn requests_whose_content_is_to_come_leave_a_quarter_of_the_workers() {
        for (workers, most) in [(1, 1), (2, 2), (4, 3), (10, 8), (256, 192)] {
            assert_eq!(content_waits(workers).free(), most);
        }
        let queue = Queue::new(None, content_waits(4));
        (1..=5).for_each(|number| queue.push(unfinished(number), Instant::now()));
        let mut taken: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!((taken.len(), queue.len(), queue.takeable(), queue.is_empty()), (3, 2, 0, true));
        queue.push(connection(9), Instant::now());
        assert!(!queue.is_empty());
        assert_eq!(queue.take().map(|whole| whole.answered), Some(9));
        drop(taken.pop());
        assert_eq!((queue.takeable(), queue.is_empty()), (1, false));
        taken.extend(queue.take());
        assert_eq!(taken.last().map(|next| next.answered), Some(4));
        assert!(queue.take().is_none() && queue.oldest().is_some());
        assert_eq!(queue.take_any().map(|last| last.answered), Some(5));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn unfinished_requests_leave_whole_ones_their_room() {
        let queue = Queue::new(Some(2), content_waits(4));
        let is_full = |queue: &Queue| (queue.is_full_for(&connection(0)), queue.is_full_for(&unfinished(0)));
        queue.push(unfinished(1), Instant::now());
        assert_eq!(is_full(&queue), (false, false));
        (2..=6).for_each(|number| queue.push(unfinished(number), Instant::now()));
        assert_eq!(is_full(&queue), (false, true));
        (7..=8).for_each(|number| queue.push(connection(number), Instant::now()));
        assert_eq!(is_full(&queue), (true, true));
    }

    #[test]
    fn unread_connection_is_queued_only_if_no_other_waits() {
        let (queue, start) = filled(2, 0);
        assert!(queue.push_alone(connection(1), start).is_none());
        assert_eq!(queue.push_alone(connection(2), start).map(|back| back.answered), Some(2));
        assert_eq!(numbers(&queue), [1]);
    }
}
