//! All interleavings of a client, a sender, a stop, the reactor at the poller and the worker with an
//! upgraded connection.
//!
//! Each step is indivisible for other threads, as in [`interleavings`](super::interleavings). A send
//! has two: the message gets into the mailbox, then the waker fetches the connection. A lost event
//! would mean a byte or a message unread, an end unnoticed, or a function without word of the stop.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::interleavings::Choices;
use super::*;
use crate::engine::connection::Verdict;
use crate::message::Request;
use crate::message::channel::Sender;
use crate::message::inbox::Inbox;
use crate::message::parked::Wait;
use crate::message::switch::upgrade_parked;

/// The thread to take the next step.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The client sends a byte.
    Say,
    /// The client ends its side.
    Leave,
    /// A sender puts a message into the mailbox.
    Send,
    /// The last sender is dropped.
    Drop,
    /// A woken waker fetches the connection.
    Wake,
    /// The server announces a stop, closes the parking, fetches the connections that react.
    Stop,
    Close,
    FetchStopped,
    /// The reactor asks the poller.
    Look,
    /// The reactor fetches the reported connection.
    Fetch,
    /// The worker takes up, advances or parks the connection.
    Work,
}

/// The events seen by the function.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    bytes: usize,
    messages: usize,
    is_over: bool,
    is_abandoned: bool,
    knows_stop: bool,
}

/// The connection held by the worker.
enum Hand {
    Empty,
    Served(Box<ClientConnection>),
    Waiting(Box<ClientConnection>),
}

/// The tokens of wakers used, whose connections are still to be fetched.
#[derive(Debug, Default)]
struct Woken(Mutex<VecDeque<u64>>);

impl Wake for Woken {
    fn wake(&self, token: u64) {
        self.0.lock().push_back(token);
    }
}

struct World {
    parking: Parking,
    woken: Arc<Woken>,
    context: WorkerContext,
    client: UnixStream,
    sender: Option<Sender>,
    acts: VecDeque<Turn>,
    stop: VecDeque<Turn>,
    reported: VecDeque<(u64, bool)>,
    looks: usize,
    ready: VecDeque<Box<ClientConnection>>,
    hand: Hand,
    seen: Arc<Mutex<Seen>>,
    expected: Seen,
}

impl World {
    fn new(acts: &[Turn], stop: &[Turn]) -> Self {
        let (mut client, socket) = UnixStream::pair().unwrap();
        let (seen, kept) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Mutex::new(None)));
        let (noted, keeps) = (Arc::clone(&seen), Arc::clone(&kept));
        let handler = move |request: &mut Request| {
            let (seen, keeps) = (Arc::clone(&noted), Arc::clone(&keeps));
            upgrade_parked(request, "test", 1000, move |mut stream, sender| {
                *keeps.lock() = Some(sender);
                move |inbox: &Inbox| {
                    let mut seen = seen.lock();
                    seen.messages += std::iter::from_fn(|| inbox.try_recv()).count();
                    seen.is_abandoned = !inbox.has_senders();
                    seen.knows_stop = inbox.is_shutting_down();
                    while !seen.is_over {
                        match stream.read(&mut [0; 2]) {
                            Ok(count) => (seen.bytes, seen.is_over) = (seen.bytes + count, count == 0),
                            Err(_) => break,
                        }
                    }
                    // The end of the client's side is not the end of the connection.
                    Ok(Wait::ForEvents)
                }
            })
        };
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(handler)));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = Box::new(ClientConnection::new(stream, None, Instant::now(), &service.config.get()));
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n").unwrap();
        while matches!(connection.advance(&mut context), Verdict::Again) {}
        assert!(connection.has_left_http());
        let (parking, woken) = (Parking::new().unwrap(), Arc::new(Woken::default()));
        parking.belong_to(Arc::downgrade(&woken) as Weak<_>);
        let sender = kept.lock().take();
        Self {
            parking,
            woken,
            context,
            client,
            sender,
            acts: acts.iter().copied().collect(),
            stop: stop.iter().copied().collect(),
            reported: VecDeque::new(),
            looks: 1,
            ready: VecDeque::new(),
            hand: Hand::Waiting(connection),
            seen,
            expected: Seen::default(),
        }
    }

    /// The threads able to go on.
    fn possible(&self) -> Vec<Turn> {
        let is_idle = matches!(self.hand, Hand::Empty) && self.ready.is_empty();
        let fixed = [self.acts.front(), self.stop.front()].into_iter().flatten().copied();
        let turns = [
            (Turn::Wake, !self.woken.0.lock().is_empty()),
            (Turn::Look, self.looks > 0 && self.reported.is_empty()),
            (Turn::Fetch, !self.reported.is_empty()),
            (Turn::Work, !is_idle),
        ];
        fixed.chain(turns.into_iter().filter(|(_, can)| *can).map(|(turn, _)| turn)).collect()
    }

    fn go(&mut self, turn: Turn) {
        match turn {
            Turn::Say | Turn::Leave | Turn::Send | Turn::Drop => {
                self.acts.pop_front();
            }
            Turn::Stop | Turn::Close | Turn::FetchStopped => {
                self.stop.pop_front();
            }
            _ => {}
        }
        match turn {
            Turn::Say => {
                self.expected.bytes += 1;
                self.client.write_all(b"x").unwrap();
            }
            Turn::Leave => {
                self.expected.is_over = true;
                self.client.shutdown(Shutdown::Write).unwrap();
            }
            Turn::Send => {
                self.expected.messages += 1;
                self.sender.as_ref().unwrap().try_send("message").unwrap();
            }
            Turn::Drop => {
                self.expected.is_abandoned = true;
                self.sender = None;
            }
            Turn::Wake => {
                let token = self.woken.0.lock().pop_front().unwrap();
                self.ready.extend(self.parking.fetch_woken(token));
            }
            Turn::Stop => {
                self.expected.knows_stop = true;
                self.context.service.shutdown.announce();
            }
            Turn::Close => assert!(self.parking.close().is_empty(), "the connection is under way"),
            Turn::FetchStopped => self.ready.extend(self.parking.fetch_ending()),
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
                _ => panic!("the function ends nothing"),
            },
            Hand::Waiting(connection) => match self.parking.park(connection) {
                Parked::Waits { .. } => Hand::Empty,
                Parked::Ready(connection) => Hand::Served(connection),
                Parked::Refused(_) => panic!("the connection could not be parked"),
            },
        };
    }

    /// Goes on until nothing happens any more. Returns the number of steps.
    fn settle(&mut self) -> usize {
        let mut steps = 0;
        loop {
            while let Some(turn) = self.possible().into_iter().find(|turn| !matches!(turn, Turn::Look)) {
                self.go(turn);
                steps += 1;
                assert!(steps < 100, "the connection never rests");
            }
            self.look();
            if self.reported.is_empty() {
                return steps;
            }
        }
    }
}

/// Tries every order. Returns the number of orders.
fn check(acts: &[Turn], stop: &[Turn]) -> usize {
    let mut choices = Choices::default();
    let mut count = 0;
    loop {
        let mut world = World::new(acts, stop);
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
        assert_eq!(*world.seen.lock(), world.expected, "{turns:?}");
        assert_eq!(world.parking.len(), 1, "{turns:?}");
        count += 1;
        if !choices.next() {
            return count;
        }
    }
}

#[test]
fn no_order_of_events_leaves_a_session_without_its_call() {
    let mut count = 0;
    for acts in [
        &[Turn::Say, Turn::Send][..],
        &[Turn::Send, Turn::Send],
        &[Turn::Send, Turn::Leave],
        &[Turn::Send, Turn::Drop],
        &[Turn::Leave, Turn::Send],
    ] {
        count += check(acts, &[]);
    }
    let stop = [Turn::Stop, Turn::Close, Turn::FetchStopped];
    for acts in [&[Turn::Say][..], &[Turn::Send], &[Turn::Leave]] {
        count += check(acts, &stop);
    }
    // Stated in TESTING.md.
    assert_eq!(count, 3_988);
}
