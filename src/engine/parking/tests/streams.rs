//! All interleavings of a sender, a client, the reactor, a worker and a stop around one stream.
//!
//! As in [`interleavings`](super::interleavings), each step is indivisible for other threads: a
//! system call, a call under the lock of the mailbox, or one under the lock of the slots.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::interleavings::Choices;
use super::*;
use crate::config::Config;
use crate::engine::connection::Verdict;
use crate::engine::service::context::{Service, WorkerContext};
use crate::message::channel::Sender;
use crate::message::{Body, Request};
use crate::net::stream::Stream;
use crate::settings::Settings;
use crate::sync::Mutex;

/// The actions of one side, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// The sender sends the next piece.
    Send,
    /// The sender is dropped.
    Drop,
    /// The client ends its direction.
    End,
    /// The client closes.
    Leave,
    /// The server is told to stop.
    Stop,
}

/// The thread to take the next step.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Sender,
    Client,
    /// A woken thread fetches the stream.
    Wake,
    Look,
    Fetch,
    Work,
    Stop,
}

/// The tokens of wake-ups, in order.
#[derive(Debug, Default)]
struct Wakes(Mutex<VecDeque<u64>>);

impl Wake for Wakes {
    fn wake(&self, token: u64) {
        self.0.lock().push_back(token);
    }
}

enum Hand {
    Empty,
    Served(Box<ClientConnection>),
    Waiting(Box<ClientConnection>),
}

struct World {
    parking: Parking,
    context: WorkerContext,
    client: Option<UnixStream>,
    sender: Option<Sender>,
    wakes: Arc<Wakes>,
    of_sender: VecDeque<Act>,
    of_client: VecDeque<Act>,
    stops: bool,
    is_stopping: bool,
    accepted: usize,
    looks: usize,
    reported: VecDeque<(u64, bool)>,
    ready: VecDeque<Box<ClientConnection>>,
    hand: Hand,
    is_closed: bool,
}

impl World {
    /// A stream whose head is sent, before the connection is parked.
    fn new(of_sender: &[Act], of_client: &[Act], stops: bool) -> Self {
        let sent: Arc<Mutex<Option<Sender>>> = Arc::default();
        let given = Arc::clone(&sent);
        let handler = move |_: &mut Request| {
            let (sender, body) = Body::channel(1000);
            sender.end_at_stop();
            *given.lock() = Some(sender);
            body
        };
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(handler)));
        let (mut client, socket) = UnixStream::pair().unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = Box::new(ClientConnection::new(stream, None, Instant::now(), &service.config.get()));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        let parking = Parking::new().unwrap();
        let wakes = Arc::new(Wakes::default());
        parking.belong_to(Arc::downgrade(&wakes) as Weak<_>);
        Self {
            parking,
            context,
            client: Some(client),
            sender: sent.lock().take(),
            wakes,
            of_sender: of_sender.iter().copied().collect(),
            of_client: of_client.iter().copied().collect(),
            stops,
            is_stopping: false,
            accepted: 0,
            looks: 1,
            reported: VecDeque::new(),
            ready: VecDeque::new(),
            hand: Hand::Waiting(connection),
            is_closed: false,
        }
    }

    /// The threads able to go on.
    fn possible(&self) -> Vec<Turn> {
        let is_idle = matches!(self.hand, Hand::Empty) && self.ready.is_empty();
        let turns = [
            (Turn::Sender, !self.of_sender.is_empty()),
            (Turn::Client, !self.of_client.is_empty()),
            (Turn::Stop, self.stops),
            (Turn::Wake, !self.wakes.0.lock().is_empty()),
            (Turn::Look, self.looks > 0 && self.reported.is_empty()),
            (Turn::Fetch, !self.reported.is_empty()),
            (Turn::Work, !is_idle),
        ];
        turns.into_iter().filter(|(_, can)| *can).map(|(turn, _)| turn).collect()
    }

    fn go(&mut self, turn: Turn) {
        match turn {
            Turn::Sender => {
                let act = self.of_sender.pop_front();
                self.act(act.unwrap());
            }
            Turn::Client => {
                let act = self.of_client.pop_front();
                self.act(act.unwrap());
            }
            Turn::Stop => self.act(Act::Stop),
            Turn::Wake => {
                let token = self.wakes.0.lock().pop_front().unwrap();
                self.ready.extend(self.parking.fetch_woken(token));
            }
            Turn::Look => {
                self.looks -= 1;
                self.look();
            }
            Turn::Fetch => {
                let (token, is_ended) = self.reported.pop_front().unwrap();
                self.ready.extend(self.parking.fetch(token, is_ended));
            }
            Turn::Work => self.work(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Send => {
                let piece = format!("({})", self.accepted);
                if let Some(Ok(())) = self.sender.as_ref().map(|sender| sender.try_send(piece)) {
                    self.accepted += 1;
                }
            }
            Act::Drop => self.sender = None,
            Act::End => self.client.as_ref().unwrap().shutdown(Shutdown::Write).unwrap(),
            Act::Leave => self.client = None,
            Act::Stop => {
                self.stops = false;
                self.is_stopping = true;
                self.context.service.shutdown.tell();
                let refused = self.parking.close();
                assert!(refused.is_empty() || !self.is_stream_open(), "a stop cuts no stream");
                self.is_closed |= !refused.is_empty();
                self.ready.extend(self.parking.fetch_ending());
            }
        }
    }

    /// True if the stream is not over for its sender.
    fn is_stream_open(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    fn look(&mut self) {
        let mut batch = Batch::new(8);
        self.parking.wait(&mut batch, 8, Some(Duration::ZERO)).unwrap();
        self.reported.extend(batch.tokens());
    }

    fn work(&mut self) {
        self.hand = match std::mem::replace(&mut self.hand, Hand::Empty) {
            Hand::Empty => Hand::Served(self.ready.pop_front().unwrap()),
            Hand::Served(mut connection) => match connection.advance(&mut self.context) {
                Verdict::Park => Hand::Waiting(connection),
                Verdict::Again | Verdict::Unsent => Hand::Served(connection),
                Verdict::Close => self.close(connection),
                Verdict::Work | Verdict::Upgrade(_) => panic!("only streams are served here"),
            },
            Hand::Waiting(connection) => match self.parking.park(connection) {
                Parked::Waits { .. } => Hand::Empty,
                Parked::Ready(connection) => Hand::Served(connection),
                // After its end, at a stop.
                Parked::Refused(connection) => {
                    assert!(self.is_stopping && !connection.is_streaming());
                    self.close(connection)
                }
            },
        };
    }

    fn close(&mut self, connection: Box<ClientConnection>) -> Hand {
        self.parking.close_one(connection);
        self.is_closed = true;
        Hand::Empty
    }

    /// Goes on until nothing happens any more.
    fn settle(&mut self) {
        loop {
            while let Some(turn) = self.possible().into_iter().find(|turn| !matches!(turn, Turn::Look)) {
                self.go(turn);
            }
            self.look();
            if self.reported.is_empty() {
                return;
            }
        }
    }

    /// The content received, with a dot for its end.
    fn received(&mut self) -> Option<String> {
        let client = self.client.as_mut()?;
        client.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let _ = client.read_to_end(&mut all);
        let all = String::from_utf8(all).unwrap();
        let mut rest = all.split_once("\r\n\r\n").unwrap().1;
        let mut content = String::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap();
            content.push_str(if size == 0 { "." } else { &after[..size] });
            rest = &after[size + 2..];
        }
        Some(content)
    }
}

/// Tries every order. Returns the number of orders.
fn check(of_sender: &[Act], of_client: &[Act], stops: bool) -> usize {
    let mut choices = Choices::default();
    let mut count = 0;
    loop {
        let mut world = World::new(of_sender, of_client, stops);
        let mut turns = Vec::new();
        loop {
            let possible = world.possible();
            if possible.is_empty() {
                break;
            }
            let turn = possible[choices.pick(possible.len())];
            turns.push(turn);
            world.go(turn);
        }
        world.settle();
        let mut expected: String = (0..world.accepted).map(|at| format!("({at})")).collect();
        let is_complete = world.sender.is_none() || stops;
        let has_left = !of_client.is_empty();
        let story = format!("{of_sender:?} {of_client:?} {stops} {turns:?}");
        if let Some(received) = world.received() {
            // A client that half-closes before the end misses the end, and never anything accepted.
            if is_complete && (!has_left || received.ends_with('.')) {
                expected.push('.');
            }
            assert_eq!(received, expected, "{story}");
        }
        if has_left || is_complete {
            assert!(!world.is_stream_open(), "the sender does not know: {story}");
        }
        assert!(world.is_closed || !has_left && !stops, "an end was not noticed: {story}");
        assert_eq!(world.parking.len(), usize::from(!world.is_closed), "{story}");
        count += 1;
        if !choices.next() {
            return count;
        }
    }
}

#[test]
fn no_order_of_events_loses_content_or_the_end_of_a_stream() {
    let mut count = 0;
    for of_sender in [&[Act::Send][..], &[Act::Send, Act::Send], &[Act::Send, Act::Drop], &[Act::Drop]] {
        count += check(of_sender, &[], false);
        count += check(of_sender, &[], true);
        for act in [Act::End, Act::Leave] {
            count += check(of_sender, &[act], false);
        }
    }
    count += check(&[Act::Send], &[Act::Leave], true);
    // Stated in TESTING.md.
    assert_eq!(count, 12_711);
}
