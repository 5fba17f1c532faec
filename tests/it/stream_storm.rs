//! Random schedules of streams: many threads send, clients of all kinds read, and the server is
//! reloaded, restarted and stopped in between.
//!
//! `DRUPE_SEED` repeats a failed run, as far as threads can be repeated. `DRUPE_ROUNDS` sets the
//! number of rounds.

use std::collections::HashMap;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use drupe::stream::{Overflow, SendError, Sender};
use drupe::{Body, BodyWriter, IntoResponse, Request, Response, Server};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::place::Place;
use crate::process::{assert_nothing_left, descriptors, is_alone_with};
use crate::storm::{Random, number};

#[test]
fn streams_lose_nothing_and_end_for_every_sender_in_any_schedule() {
    if !is_alone_with(4000, "stream_storm::streams_lose_nothing_and_end_for_every_sender_in_any_schedule") {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("DRUPE_SEED").unwrap_or(1000 * now.as_secs() + u64::from(now.subsec_millis()));
    for round in 0..number("DRUPE_ROUNDS").unwrap_or(6) {
        let seed = seed.wrapping_add(round);
        println!("DRUPE_SEED={seed} DRUPE_ROUNDS=1");
        storm(&mut Random(seed));
    }
}

/// The streams of a round, by number.
type Ledger = Arc<Mutex<HashMap<u64, Arc<Stream>>>>;

/// The fate of a stream on the side of its senders.
#[derive(Default)]
struct Stream {
    /// Pieces accepted from each sender.
    accepted: [AtomicUsize; 3],
    dropped: AtomicUsize,
    /// Calls of the callback for the end.
    closed: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The plan of a stream, made of its number.
struct Plan {
    senders: usize,
    pieces: usize,
    length: usize,
    capacity: usize,
    end: End,
    drops_oldest: bool,
    ends_at_stop: bool,
    is_filtered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Drop,
    /// The first sender finishes the stream.
    Finish,
    Fail,
}

impl Plan {
    fn of(number: u64) -> Self {
        let mut random = Random(number);
        let drops_oldest = random.one_in(4);
        Self {
            senders: if drops_oldest { 1 } else { 1 + random.below(3) },
            pieces: 1 + random.below(80),
            length: [1, 30, 1000, 4000][random.below(4)],
            capacity: 4200 + random.below(60_000),
            end: [End::Drop, End::Drop, End::Finish, End::Fail][random.below(4)],
            drops_oldest,
            ends_at_stop: random.one_in(3),
            is_filtered: random.one_in(4),
        }
    }
}

fn handle(request: &mut Request, ledger: &Ledger) -> Response {
    let path = request.uri().path();
    let Some(number) = path.strip_prefix("/stream/") else { return "plain".into_response() };
    let (number, stream): (u64, Arc<Stream>) = (number.parse().unwrap(), Arc::default());
    let plan = Plan::of(number);
    let (sender, body) = Body::channel(plan.capacity);
    let closed = Arc::clone(&stream);
    sender.on_close(move || {
        closed.closed.fetch_add(1, Ordering::SeqCst);
    });
    if plan.ends_at_stop {
        sender.end_at_stop();
    }
    let threads = (0..plan.senders).map(|at| {
        let (sender, stream) = (sender.clone(), Arc::clone(&stream));
        thread::spawn(move || feed(&sender, at, number, &stream))
    });
    stream.threads.lock().unwrap().extend(threads);
    assert!(ledger.lock().unwrap().insert(number, stream).is_none(), "one call for one request");
    let is_filtered = plan.is_filtered;
    let body = if is_filtered {
        body.through(|content: &[u8], output: &mut BodyWriter<'_>| std::io::Write::write_all(output, content))
    } else {
        body
    };
    body.into_response()
}

/// Sends the pieces of sender `at`.
fn feed(sender: &Sender, at: usize, number: u64, stream: &Stream) {
    let (plan, mut random) = (Plan::of(number), Random(number ^ at as u64));
    let filler = "x".repeat(plan.length);
    for count in 0..plan.pieces {
        let piece = format!("{at} {count} {filler}\n");
        let sent = match random.below(3) {
            _ if plan.drops_oldest => match sender.send_or(piece, Overflow::DropOldest) {
                // A part of the first piece is being sent, or the memory of all is full.
                Err(SendError::Full) => continue,
                sent => sent.map(|dropped| {
                    stream.dropped.fetch_add(dropped, Ordering::SeqCst);
                }),
            },
            0 => match sender.try_send(piece.clone()) {
                Err(SendError::Full) => sender.send(piece, 2 * PATIENCE),
                sent => sent,
            },
            _ => sender.send(piece, 2 * PATIENCE),
        };
        match sent {
            Ok(()) => {
                stream.accepted[at].fetch_add(1, Ordering::SeqCst);
            }
            Err(SendError::Closed) => return,
            Err(error) => panic!("no room for {number}: {error}"),
        }
        if random.one_in(6) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    match plan.end {
        End::Finish if at == 0 => sender.finish(),
        End::Fail if at == 0 => sender.fail("on purpose"),
        _ => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Reads,
    ReadsSlowly,
    Pipelines,
    Old,
    Head,
    HalfCloses,
    Leaves,
    Deaf,
}

const KINDS: [Kind; 10] = [
    Kind::Reads,
    Kind::Reads,
    Kind::Reads,
    Kind::ReadsSlowly,
    Kind::Pipelines,
    Kind::Old,
    Kind::Head,
    Kind::HalfCloses,
    Kind::Leaves,
    Kind::Deaf,
];

/// The content that a client has received of a stream.
struct Received {
    number: u64,
    kind: Kind,
    content: Vec<u8>,
    is_whole: bool,
}

/// Plays one client. `begun` counts clients whose first answer has begun.
fn play(mut client: Client, kind: Kind, random: &mut Random, ledger: &Ledger, begun: &AtomicUsize) -> Vec<Received> {
    let count = if kind == Kind::Pipelines { 3 } else { 1 };
    let numbers: Vec<u64> = (0..count).map(|_| random.next()).collect();
    let (method, version) = (if kind == Kind::Head { "HEAD" } else { "GET" }, u8::from(kind != Kind::Old));
    for number in &numbers {
        client.send(format!("{method} /stream/{number} HTTP/1.{version}\r\nHost: a\r\n\r\n"));
    }
    if kind == Kind::HalfCloses {
        client.end();
    }
    let mut all = Vec::new();
    for number in numbers {
        let head = client.head();
        if all.is_empty() {
            begun.fetch_add(1, Ordering::SeqCst);
        }
        let Ok(head) = head else {
            assert!(!all.is_empty(), "no answer to {kind:?}: {head:?}");
            return all;
        };
        assert_eq!(head.status, 200);
        let mut received = Received { number, kind, content: Vec::new(), is_whole: false };
        match kind {
            Kind::Head => received.is_whole = true,
            Kind::Old => {
                let rest = client.try_rest();
                received.is_whole = rest.is_ok();
                received.content = rest.unwrap_or_default();
            }
            Kind::Deaf => {
                let stream = Arc::clone(&ledger.lock().unwrap()[&number]);
                wait_until("the deaf client is cut", || stream.closed.load(Ordering::SeqCst) > 0);
            }
            _ => {
                while let Ok(chunk) = client.chunk() {
                    if chunk.is_empty() {
                        received.is_whole = client.fields().is_ok();
                        break;
                    }
                    received.content.extend(chunk);
                    if kind == Kind::Leaves && received.content.len() > 100 {
                        return Vec::new();
                    }
                    if kind == Kind::ReadsSlowly {
                        thread::sleep(Duration::from_millis(2));
                    }
                }
            }
        }
        let goes_on = received.is_whole && !head.closes();
        all.push(received);
        if !goes_on {
            return all;
        }
    }
    let is_new = matches!(kind, Kind::Reads | Kind::ReadsSlowly | Kind::Head | Kind::Pipelines);
    if is_new && client.try_send(get("/plain").as_bytes()).is_ok() {
        // A stop may have closed the connection.
        match client.answer_to("GET") {
            Ok(answer) => assert_eq!(answer.text(), "plain"),
            Err(error) => assert!(error.starts_with("the end") || error.contains("reset"), "{error}"),
        }
    }
    all
}

impl Received {
    /// Compares with `stream`, whose senders are done.
    fn check(&self, stream: &Stream) {
        let plan = Plan::of(self.number);
        let text = String::from_utf8(self.content.clone()).unwrap();
        let told = || format!("{} of {:?}: {} bytes", self.number, self.kind, text.len());
        if matches!(self.kind, Kind::Head | Kind::Deaf) {
            return;
        }
        let reads_on = !matches!(self.kind, Kind::HalfCloses | Kind::Leaves);
        // A reset, which ends a failed stream of HTTP/1.0, destroys content on its way.
        let is_certain = reads_on && !(self.kind == Kind::Old && plan.end == End::Fail);
        let is_failed = plan.end == End::Fail && stream.accepted[0].load(Ordering::SeqCst) == plan.pieces;
        if is_certain && !plan.ends_at_stop && !plan.drops_oldest {
            assert_eq!(self.is_whole, !is_failed, "{}", told());
        }
        let is_complete = text.is_empty() || text.ends_with('\n');
        assert!(is_complete || !is_certain, "{}", told());
        for at in 0..plan.senders {
            let prefix = format!("{at} ");
            let counts = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let counts: Vec<usize> = counts
                .filter_map(|line| line.strip_prefix(&prefix))
                .map(|line| line.split(' ').next().unwrap().parse().unwrap())
                .collect();
            let accepted = stream.accepted[at].load(Ordering::SeqCst);
            assert!(counts.is_sorted_by(|one, next| one < next), "{}", told());
            if !plan.drops_oldest {
                assert!(counts.iter().copied().eq(0..counts.len()), "{}", told());
            }
            if is_certain {
                let dropped = stream.dropped.load(Ordering::SeqCst);
                assert_eq!(counts.len(), accepted - dropped, "sender {at} of {}, {:?}", told(), plan.end);
            }
        }
    }
}

/// One round, from before the start to after the stop.
fn storm(random: &mut Random) {
    let before = descriptors();
    let place = Place::new();
    let ledger = Ledger::default();
    let streams = Arc::clone(&ledger);
    let mut server = Server::new(move |request: &mut Request| handle(request, &streams));
    let door = random.below(DOORS);
    match door {
        0 => server.settings.socket_port = 0,
        1 => server.settings.socket_file = Some(place.socket()),
        #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
        _ => {
            server.settings.socket_port = 0;
            server.settings.ssl_context = Some(crate::secure::context());
        }
        #[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
        _ => unreachable!("there are two doors"),
    }
    server.settings.thread_pool = 1 + random.below(3);
    server.settings.thread_pool_max = Some(server.settings.thread_pool + random.below(4));
    server.settings.max_parked_size = [None, Some(1 << 20), Some(200_000)][random.below(3)];
    server.settings.write_timeout = Some(Duration::from_secs(2));
    server.settings.accepted_queue_timeout = 4 * PATIENCE;
    server.settings.shutdown_timeout = 4 * PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr();
    let connect = || match door {
        0 => Client::over_stream(TcpStream::connect(address.unwrap()).unwrap()),
        1 => Client::over_unix(UnixStream::connect(place.socket()).unwrap()),
        #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
        _ => crate::secure::connect_to(address.unwrap()),
        #[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
        _ => unreachable!("there are two doors"),
    };

    let count = 20 + random.below(20);
    let (begun, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (begun, ledger) = (&begun, &ledger);
    let received: Vec<Received> = thread::scope(|scope| {
        let clients: Vec<_> = (0..count)
            .map(|_| {
                let (kind, mut random) = (KINDS[random.below(KINDS.len())], Random(random.next()));
                scope.spawn(move || play(connect(), kind, &mut random, ledger, begun))
            })
            .collect();
        for _ in 0..random.below(3) {
            thread::sleep(Duration::from_millis(random.below(30) as u64));
            if random.one_in(2) {
                server.restart().unwrap();
            } else {
                server.settings.keep_alive_timeout += Duration::from_secs(1);
                server.handle().reload(&server.settings).unwrap();
            }
        }
        if random.one_in(2) {
            wait_until("all answers have begun", || begun.load(Ordering::SeqCst) == count);
            assert_eq!(server.stop().cut, 0);
            is_over.store(true, Ordering::SeqCst);
        }
        clients.into_iter().flat_map(|client| client.join().expect("a client got what it should")).collect()
    });

    let streams: HashMap<u64, Arc<Stream>> = std::mem::take(&mut *ledger.lock().unwrap());
    for (number, stream) in &streams {
        wait_until("the stream closes", || stream.closed.load(Ordering::SeqCst) > 0);
        let threads = std::mem::take(&mut *stream.threads.lock().unwrap());
        assert_eq!(threads.len(), Plan::of(*number).senders);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(stream.closed.load(Ordering::SeqCst), 1);
    }
    received.iter().for_each(|received| received.check(&streams[&received.number]));
    println!("{} streams, {} of {count} clients compared", streams.len(), received.len());
    if !is_over.load(Ordering::SeqCst) {
        wait_until("no content is held", || server.statistics().parked_answer_bytes == 0);
        assert_eq!(server.statistics().panics, 0);
        server.stop();
    }
    drop(server);
    drop(place);
    assert_nothing_left(before, "after the round");
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
const DOORS: usize = 3;
#[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
const DOORS: usize = 2;
