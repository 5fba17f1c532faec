//! Random clients under random settings: the invariants hold.
//!
//! Each round has its own server and a crowd of clients, one thread each. `DRUPE_SEED` repeats a
//! failed run, as far as threads can be repeated. `DRUPE_ROUNDS` sets the number of rounds.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use drupe::{Body, Request, Response, Server, Settings};

use crate::client::{Client, PATIENCE, get, post, wait_until};
use crate::process::{descriptors, is_alone_with, threads};

#[test]
fn pool_keeps_its_bounds_and_loses_no_client_under_any_load() {
    if !is_alone_with(4000, "storm::pool_keeps_its_bounds_and_loses_no_client_under_any_load") {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("DRUPE_SEED").unwrap_or(1000 * now.as_secs() + u64::from(now.subsec_millis()));
    for round in 0..number("DRUPE_ROUNDS").unwrap_or(8) {
        // So that the round that fails can be asked for alone.
        let seed = seed.wrapping_add(round);
        println!("DRUPE_SEED={seed} DRUPE_ROUNDS=1");
        storm(&mut Random(seed));
    }
}

/// One round, from before the start to after the stop.
fn storm(random: &mut Random) {
    let before = descriptors();
    let requests = &*Box::leak(Box::new(AtomicU64::new(0)));
    let mut server = Server::new(move |request: &mut Request| handle(request, requests));
    let is_hasty = random.one_in(3);
    choose(&mut server.settings, random, is_hasty);
    println!("{}", shown(&server.settings));
    let (least, most) = (server.settings.thread_pool, server.settings.thread_pool_max.unwrap_or(usize::MAX));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();

    let (asked, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut seen = 0;
    let mut staying: Vec<Client> = thread::scope(|scope| {
        let clients: Vec<_> = (0..10 + random.below(50))
            .map(|number| {
                let kind = KINDS[random.below(KINDS.len())];
                let mut guest = Guest { address, random: Random(random.next()), number, is_hasty, asked: &asked };
                scope.spawn(move || guest.play(kind))
            })
            .collect();
        let watch = scope.spawn(|| {
            let mut seen = 0;
            while !is_over.load(Ordering::SeqCst) {
                let threads = server.statistics().threads;
                assert!(least <= threads && threads <= most, "{threads} workers");
                seen = seen.max(threads);
                thread::sleep(Duration::from_micros(500));
            }
            seen
        });
        let stayed: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        seen = seen.max(watch.join().unwrap());
        stayed.into_iter().filter_map(|stayed| stayed.expect("a client got what it should")).collect()
    });
    println!("{} requests, up to {seen} workers, {} clients stay", asked.load(Ordering::SeqCst), staying.len());

    // After the storm: each request that had to be answered was, and by one call of the handler.
    assert_eq!(requests.load(Ordering::SeqCst), asked.load(Ordering::SeqCst));
    wait_until("nothing waits", || server.statistics().queue == 0);
    wait_until("all workers are free", || server.statistics().threads_idle == server.statistics().threads);
    wait_until("the pool is back at its size", || server.statistics().threads == least);
    if is_hasty {
        // Silent or idle, their time is over.
        staying.iter_mut().for_each(|client| drop(client.over()));
        wait_until("none is left", || server.statistics().parked == 0);
    } else {
        wait_until("who stays is parked, and nobody else", || server.statistics().parked == staying.len());
    }
    assert_eq!(server.statistics().turned_away, 0);
    Client::connect(address).assert_in_step("/", "/");
    let stopped = server.stop();
    assert_eq!(stopped.cut, 0, "{stopped:?}");
    drop(staying);
    wait_until("all threads have been joined", || threads().is_empty());
    wait_until("all descriptors are back", || descriptors() == before);
}

/// Chooses settings of all kinds; short time limits only in a hasty round, because a slow machine
/// would break them.
fn choose(settings: &mut Settings, random: &mut Random, is_hasty: bool) {
    settings.socket_port = 0;
    settings.thread_pool = 1 + random.below(5);
    settings.thread_pool_max = Some(settings.thread_pool + random.below(12));
    settings.thread_idle_timeout = Duration::from_millis(10 + random.below(90) as u64);
    settings.accepted_queue_size = [Some(1), Some(3), Some(64), None][random.below(4)];
    // A valid client must be served, after any time.
    settings.accepted_queue_timeout = 4 * PATIENCE;
    settings.keep_alive_grace = Duration::from_millis(random.below(4) as u64);
    settings.max_drain_size = [1, 1000, 64 << 10][random.below(3)];
    settings.linger_timeout = Duration::from_secs(1);
    settings.socket_timeout = if is_hasty { HASTE } else { 4 * PATIENCE };
    settings.keep_alive_timeout = settings.socket_timeout;
}

fn shown(settings: &Settings) -> String {
    let names = ["thread_pool", "thread_pool_max", "thread_idle_timeout", "accepted_queue_size", "keep_alive_grace"];
    let more = ["max_drain_size", "socket_timeout"];
    let pairs = names.iter().chain(&more).map(|name| format!("{name}={}", settings.get(name).unwrap()));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Counts `/asked/...`, and answers every request with its target and the length of its content.
fn handle(request: &mut Request, requests: &AtomicU64) -> Response {
    let path = request.uri().path().to_owned();
    let body: Body = match path.split('/').nth(1).unwrap() {
        "panic" => panic!("a defect of the handler, on purpose"),
        "large" => vec![b'x'; 4 << 20].into(),
        "ignore" => path.into(),
        "stalls" => {
            let _ = std::mem::take(request.body_mut()).into_vec();
            path.into()
        }
        "asked" => {
            requests.fetch_add(1, Ordering::SeqCst);
            if let Some(millis) = path.split("/block/").nth(1) {
                thread::sleep(Duration::from_millis(millis.parse().unwrap()));
            }
            let content = std::mem::take(request.body_mut()).into_vec().expect("the client sends all it promised");
            format!("{path} {}", content.len()).into()
        }
        _ => path.into(),
    };
    Response::new(body)
}

/// One client of the crowd.
struct Guest<'a> {
    address: SocketAddr,
    random: Random,
    number: usize,
    is_hasty: bool,
    /// Requests that have to be answered, of all clients.
    asked: &'a AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Quick,
    Blocking,
    Pipelining,
    Uploading,
    HalfClosing,
    Panicking,
    Malformed,
    Aborting,
    Trickling,
    Stalling,
    Silent,
    Idle,
}

const KINDS: &[Kind] = &[
    Kind::Quick,
    Kind::Quick,
    Kind::Blocking,
    Kind::Pipelining,
    Kind::Uploading,
    Kind::HalfClosing,
    Kind::Panicking,
    Kind::Malformed,
    Kind::Aborting,
    Kind::Trickling,
    Kind::Stalling,
    Kind::Silent,
    Kind::Idle,
];

impl Guest<'_> {
    /// Acts as a client of this kind. Returns the connection if it stays open to the end.
    ///
    /// # Panics
    /// If the server misbehaves.
    fn play(&mut self, kind: Kind) -> Option<Client> {
        match kind {
            Kind::Quick => {
                let count = 1 + self.random.below(30);
                self.ask(count, |_| String::new());
            }
            Kind::Blocking => {
                let count = 1 + self.random.below(4);
                self.ask(count, |random| format!("/block/{}", random.below(30)));
            }
            Kind::Pipelining => drop(self.ask_at_once()),
            Kind::Uploading => self.upload(),
            Kind::HalfClosing => {
                let mut client = self.ask_at_once();
                client.end();
                client.assert_closed();
            }
            Kind::Panicking => self.refused(get("/panic").as_bytes(), 500),
            Kind::Malformed => self.refused(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            Kind::Aborting => self.abort(),
            Kind::Trickling => self.trickle(),
            Kind::Stalling => {
                let mut client = Client::connect(self.address);
                client.send("POST /stalls HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
                if self.is_hasty {
                    assert_eq!(client.answer().status, 408);
                }
            }
            Kind::Silent => return Some(Client::connect(self.address)),
            Kind::Idle => {
                let mut client = Client::connect(self.address);
                client.assert_in_step("/idle", "/idle");
                return Some(client);
            }
        }
        None
    }

    fn target(&self, count: usize, end: &str) -> String {
        self.asked.fetch_add(1, Ordering::SeqCst);
        format!("/asked/{}/{count}{end}", self.number)
    }

    /// One request after the other, sometimes over a new connection.
    fn ask(&mut self, count: usize, end: impl Fn(&mut Random) -> String) {
        let mut client = Client::connect(self.address);
        for count in 0..count {
            if self.random.one_in(8) {
                client.end();
                client.assert_closed();
                client = Client::connect(self.address);
            }
            let end = end(&mut self.random);
            let target = self.target(count, &end);
            client.assert_in_step(&target, &format!("{target} 0"));
        }
    }

    /// Sends several requests at once; their answers come in order.
    fn ask_at_once(&mut self) -> Client {
        let mut client = Client::connect(self.address);
        let targets: Vec<String> = (0..1 + self.random.below(40)).map(|count| self.target(count, "")).collect();
        client.send(targets.iter().map(|target| get(target)).collect::<String>());
        for target in targets {
            assert_eq!(client.answer().text(), format!("{target} 0"));
        }
        client
    }

    /// Sends content in pieces; some handlers do not read it.
    fn upload(&mut self) {
        let content = vec![b'x'; self.random.below(300_000)];
        let mut client = Client::connect(self.address);
        for count in 0..1 + self.random.below(4) {
            let is_wanted = !self.random.one_in(4);
            let target = if is_wanted { self.target(count, "") } else { "/ignore".to_owned() };
            let request = post(&target, &content);
            let (front, back) = request.split_at(self.random.below(request.len()));
            client.send(front);
            // An answer may come before the content is out, and the connection end with it.
            let _ = client.sender().write_all(back);
            let answer = client.answer();
            assert_eq!(answer.text(), if is_wanted { format!("{target} {}", content.len()) } else { target });
            if answer.closes() {
                client = Client::connect(self.address);
            }
        }
    }

    fn refused(&mut self, request: &[u8], status: u16) {
        let mut client = Client::connect(self.address);
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (status, true));
        client.end();
        client.assert_closed();
    }

    /// Leaves without a word, at any point.
    fn abort(&mut self) {
        for _ in 0..1 + self.random.below(10) {
            let mut client = Client::connect(self.address);
            let requests = [
                get("/large"),
                get("/ignore"),
                "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n".to_owned(),
            ];
            let request = requests[self.random.below(requests.len())].as_bytes();
            client.send(&request[..self.random.below(request.len() + 1)]);
            if self.random.one_in(2) {
                let _ = client.sender().shutdown([Shutdown::Read, Shutdown::Both][self.random.below(2)]);
            }
        }
    }

    /// Sends a head byte by byte: to its deadline if that is near, else for a while.
    fn trickle(&mut self) {
        // Before it is accepted: the deadline cannot be any earlier.
        let begun = Instant::now();
        let mut client = Client::connect(self.address);
        let mut sender = client.sender();
        let is_refused = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let head = get(&format!("/{}", "x".repeat(4000)));
                for (sent, byte) in head.bytes().enumerate() {
                    let is_enough = if self.is_hasty { is_refused.load(Ordering::SeqCst) } else { sent > 20 };
                    if is_enough || sender.write_all(&[byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            if self.is_hasty {
                assert_eq!(client.answer().status, 408);
                assert!(begun.elapsed() >= HASTE, "{:?}", begun.elapsed());
                is_refused.store(true, Ordering::SeqCst);
            }
        });
    }
}

/// A small generator of pseudo-random numbers, from a seed.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        // Multiply, add, and let the upper half stir the lower (the constants are Knuth's).
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// The time limits of a hasty round: far longer than any normal client needs.
const HASTE: Duration = Duration::from_millis(1500);
