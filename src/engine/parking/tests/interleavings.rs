//! All interleavings of a client, the reactor at the poller, a deadline and the worker with the
//! connection.
//!
//! Each step is indivisible for other threads: a system call, or a call under the lock of the
//! slots. Threads can therefore interleave only between these steps. All orders are tried, one
//! after the other, over a real socket and with the real connection. A lost event would mean a
//! request without an answer, or an end without a reaction.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::*;
use crate::config::Config;
use crate::engine::connection::Expired;
use crate::engine::connection::Verdict;
use crate::engine::service::context::{Service, WorkerContext};
use crate::message::Request;
use crate::net::stream::Stream;
use crate::settings::Settings;

/// The actions of a client, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ask,
    /// The first half of a request; the second half is the next action.
    AskHalf,
    AskOtherHalf,
    End,
}

/// The thread to take the next step.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Client,
    /// The reactor asks the poller.
    Look,
    /// The reactor fetches the reported connection.
    Fetch,
    /// The worker takes up, serves or parks the connection.
    Work,
    /// The reactor finds the deadline passed.
    Expire,
}

/// The connection held by the worker.
enum Hand {
    Empty,
    Served(Box<ClientConnection>),
    Waiting(Box<ClientConnection>),
}

struct World {
    parking: Parking,
    context: WorkerContext,
    client: UnixStream,
    acts: VecDeque<Act>,
    asked: usize,
    has_ended: bool,
    reported: VecDeque<(u64, bool)>,
    /// The number of looks left to the reactor before the others are done.
    looks: usize,
    ready: VecDeque<Box<ClientConnection>>,
    hand: Hand,
    may_expire: bool,
    /// The number of requests sent when the deadline passed.
    due: Option<usize>,
    is_closed: bool,
}

impl World {
    fn new(service: &Arc<Service>, acts: &[Act], looks: usize, may_expire: bool) -> Self {
        let (client, socket) = UnixStream::pair().unwrap();
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let connection = Box::new(ClientConnection::new(stream, None, Instant::now(), &service.config.get()));
        Self {
            parking: Parking::new().unwrap(),
            context: WorkerContext::new(Arc::clone(service), Arc::default()),
            client,
            acts: acts.iter().copied().collect(),
            asked: 0,
            has_ended: false,
            reported: VecDeque::new(),
            looks,
            ready: VecDeque::new(),
            hand: Hand::Served(connection),
            may_expire,
            due: None,
            is_closed: false,
        }
    }

    /// The threads able to go on.
    fn possible(&self) -> Vec<Turn> {
        let is_idle = matches!(self.hand, Hand::Empty) && self.ready.is_empty();
        let turns = [
            (Turn::Client, !self.acts.is_empty()),
            (Turn::Look, self.looks > 0 && self.reported.is_empty()),
            (Turn::Fetch, !self.reported.is_empty()),
            (Turn::Work, !is_idle),
            (Turn::Expire, self.may_expire && self.parking.len() > 0),
        ];
        turns.into_iter().filter(|(_, can)| *can).map(|(turn, _)| turn).collect()
    }

    fn go(&mut self, turn: Turn) {
        match turn {
            Turn::Client => self.act(),
            Turn::Look => {
                self.looks -= 1;
                self.look();
            }
            Turn::Fetch => {
                let (token, is_ended) = self.reported.pop_front().unwrap();
                self.ready.extend(self.parking.fetch(token, is_ended));
            }
            Turn::Work => self.work(),
            Turn::Expire => self.expire(),
        }
    }

    fn act(&mut self) {
        let (one, other) = REQUEST.split_at(20);
        match self.acts.pop_front().unwrap() {
            // The connection may have been closed already, which does not matter to the client.
            Act::Ask => drop(self.client.write_all(REQUEST)),
            Act::AskHalf => return drop(self.client.write_all(one)),
            Act::AskOtherHalf => drop(self.client.write_all(other)),
            Act::End => {
                self.has_ended = true;
                return self.client.shutdown(Shutdown::Write).unwrap();
            }
        }
        self.asked += 1;
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
                Verdict::Close => {
                    self.parking.close_one(connection);
                    self.is_closed = true;
                    Hand::Empty
                }
                Verdict::Work | Verdict::Upgrade(_) => {
                    panic!("a thread of its own runs handlers, and nobody leaves HTTP")
                }
            },
            Hand::Waiting(connection) => match self.parking.park(connection) {
                Parked::Waits { .. } => Hand::Empty,
                Parked::Ready(connection) => Hand::Served(connection),
                Parked::Refused(_) => panic!("it could not be parked"),
            },
        };
    }

    fn expire(&mut self) {
        self.may_expire = false;
        let due = self.parking.fetch_due(Instant::now() + Duration::from_secs(3600));
        for mut connection in due {
            self.due = Some(self.asked);
            match connection.overdue() {
                Expired::LastLook => self.ready.push_back(connection),
                Expired::Close => {
                    self.parking.close_one(connection);
                    self.is_closed = true;
                }
            }
        }
    }

    /// Goes on with everything except the deadline, until nothing happens any more.
    fn settle(&mut self) {
        loop {
            while let Some(turn) = self.possible().into_iter().find(|turn| !matches!(turn, Turn::Expire | Turn::Look)) {
                self.go(turn);
            }
            self.look();
            if self.reported.is_empty() {
                return;
            }
        }
    }

    /// The number of answers received.
    fn answers(&mut self) -> usize {
        self.client.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        // The stream ends with an end, with nothing more to read, or with a reset.
        let _ = self.client.read_to_end(&mut all);
        String::from_utf8(all).unwrap().matches("HTTP/1.1 200 OK").count()
    }
}

/// The choices of one run, and those of the next.
#[derive(Default)]
pub(super) struct Choices {
    /// The index chosen, and the number of options.
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    pub(super) fn pick(&mut self, of: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, of));
        }
        let (chosen, before) = self.taken[self.at];
        assert_eq!(before, of, "the same choices lead to the same");
        self.at += 1;
        chosen
    }

    /// Goes on to the next choices not tried yet; false if there are none.
    pub(super) fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.taken.pop() {
            if chosen + 1 < of {
                self.taken.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

/// Tries every order. Returns the number of orders.
fn check(acts: &[Act], looks: usize, may_expire: bool) -> usize {
    let config = Config::resolve(&Settings::default()).unwrap();
    let service = Arc::new(Service::new(config, Arc::new(|_: &mut Request| ())));
    let mut choices = Choices::default();
    let mut count = 0;
    loop {
        let mut world = World::new(&service, acts, looks, may_expire);
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
        let answers = world.answers();
        // Requests after the deadline may be lost, earlier ones may not.
        let least = world.due.unwrap_or(world.asked);
        assert!((least..=world.asked).contains(&answers), "{answers} of {least} answers: {acts:?} {turns:?}");
        assert!(world.is_closed || !world.has_ended, "nobody noticed the end: {acts:?} {turns:?}");
        assert_eq!(world.parking.len(), usize::from(!world.is_closed), "{acts:?} {turns:?}");
        count += 1;
        if !choices.next() {
            return count;
        }
    }
}

#[test]
fn no_order_of_events_loses_a_request_or_an_end() {
    let mut count = 0;
    for acts in [
        &[Act::Ask, Act::End][..],
        &[Act::Ask, Act::Ask],
        &[Act::AskHalf, Act::AskOtherHalf],
        &[Act::AskHalf, Act::AskOtherHalf, Act::End],
        &[Act::Ask, Act::AskHalf, Act::AskOtherHalf],
        &[Act::End],
    ] {
        count += check(acts, 2, false);
        count += check(acts, 1, true);
    }
    // Stated in TESTING.md.
    assert_eq!(count, 9_310);
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
