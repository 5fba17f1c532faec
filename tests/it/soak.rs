//! A mixed load for any time: nothing may grow.
//!
//! `tests/soak/run 3600` takes an hour and draws the figures.

mod course;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, get, post, wait_until};
use crate::crowd::{self, Crowd};
use crate::process::is_alone_with;
use crate::service::Service;

use self::course::{Course, Latencies};

const SETTINGS: &str = "thread_pool=4 thread_pool_max=64 thread_idle_timeout=1 socket_timeout=2 keep_alive_timeout=5 \
                        max_request_header_size=16K max_request_body_size=1M statistics=true";
const THREADS: u64 = 4;
/// The allowed growth of resident memory after the first part: memory that an allocator keeps for
/// the threads.
const FLAT: u64 = 4 << 20;

#[test]
#[ignore = "goes on for a while; .ci/run runs it"]
fn a_mixed_load_leaves_nothing_behind() {
    if !is_alone_with(4000, "soak::a_mixed_load_leaves_nothing_behind") {
        return;
    }
    let seconds = std::env::var("DRUPE_SOAK_SECONDS").map_or(12, |text| text.parse().unwrap());
    let whole = Duration::from_secs(seconds);
    let doors = doors();
    let mut course = Course::of(whole);
    // One-time allocations happen in the first part.
    load(&doors, &mut course, whole / 4);
    let before: Vec<u64> = doors.iter().map(Door::at_rest).collect();
    load(&doors, &mut course, whole * 3 / 4);
    for (door, before) in doors.iter().zip(before) {
        let after = door.at_rest();
        println!("{}", door.told());
        println!("{}: resident at rest: {before} bytes after the first part, {after} after the whole", door.name);
        assert!(after < before + FLAT, "{}: {before} bytes at rest became {after}", door.name);
        let mut logged = door.service.logged();
        logged.retain(|line| !line.starts_with("a handler failed"));
        logged.truncate(10);
        assert!(logged.is_empty(), "clients that misbehave are no trouble of ours: {logged:?}");
        let [_, cut, _] = door.service.stop();
        assert_eq!(cut, 0);
    }
}

/// A server, and the way of its clients to connect.
struct Door {
    name: &'static str,
    service: Service,
    connect: fn(SocketAddr) -> Client,
    /// The first bytes of slow clients.
    words: &'static [u8],
    /// The number of descriptors without clients.
    descriptors: usize,
    latencies: Latencies,
    /// Whole answers to clients that behave.
    served: AtomicU64,
}

impl Door {
    fn open(name: &'static str, settings: &str, connect: fn(SocketAddr) -> Client, words: &'static [u8]) -> Self {
        let service = Service::start_with(4000, settings);
        let descriptors = service.figures().descriptors();
        Self { name, service, connect, words, descriptors, latencies: Latencies::default(), served: AtomicU64::new(0) }
    }

    /// A regular client.
    fn client(&self) -> Client {
        (self.connect)(self.service.address())
    }

    /// A plain TCP connection.
    fn stranger(&self) -> TcpStream {
        TcpStream::connect(self.service.address()).unwrap()
    }

    /// Waits until all clients are gone and the counts are as before. Returns the resident memory.
    fn at_rest(&self) -> u64 {
        let service = &self.service;
        wait_until("all have left", || service.counts().of("parked") + service.counts().of("queue") == 0);
        wait_until("the pool is at its size", || service.counts().of("threads") == THREADS);
        wait_until("descriptors are back", || service.figures().descriptors() == self.descriptors);
        wait_until("threads have gone", || service.figures().threads().len() as u64 == THREADS + 2);
        service.figures().resident()
    }

    fn told(&self) -> String {
        let counts = self.service.counts();
        let names = ["accepts", "requests", "refused", "timed_out", "turned_away", "handshakes_failed", "panics"];
        let counts: String = names.map(|name| format!(", {} {name}", counts.of(name))).concat();
        format!("{}: {} answers to who behaves{counts}", self.name, self.served.load(Ordering::Relaxed))
    }
}

/// The same server without TLS and, if compiled in, with TLS.
fn doors() -> Vec<Door> {
    let plain = Door::open("http", SETTINGS, Client::connect, crowd::HEAD);
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    let secure = {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        let folder = crate::place::Place::new();
        let file = folder.write("both.pem", crate::secure::AUTHORITY.issue(&["localhost"]).both());
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        // The files are read at the start only.
        let settings = format!("{SETTINGS} ssl_certificate={}", file.display());
        Door::open("https", &settings, crate::secure::connect_to, crowd::HELLO)
    };
    vec![
        plain,
        #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
        secure,
    ]
}

/// Runs clients of all kinds against each door for `time`.
fn load(doors: &[Door], course: &mut Course, time: Duration) {
    let until = Instant::now() + time;
    let is_over = AtomicBool::new(false);
    let goes_on = || !is_over.load(Ordering::SeqCst);
    thread::scope(|scope| {
        let end = End(&is_over);
        for door in doors {
            for (client, count) in CLIENTS {
                for _ in 0..*count {
                    scope.spawn(move || {
                        while goes_on() {
                            door.served.fetch_add(client(door), Ordering::Relaxed);
                        }
                    });
                }
            }
            scope.spawn(move || {
                while goes_on() {
                    // Until all have been told; then others.
                    let mut crowd = Crowd::connect(door.service.address(), 100, door.words);
                    while goes_on() && crowd.waiting() > 0 {
                        crowd.trickle();
                    }
                }
            });
        }
        while Instant::now() < until {
            course.note(doors);
            thread::sleep(Duration::from_millis(50));
        }
        drop(end);
    });
}

/// Ends all clients when dropped, also after a panic.
struct End<'l>(&'l AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// ---- clients: each returns its number of complete answers ----

type Kind = fn(&Door) -> u64;

/// Each kind of client, and the number of concurrent ones.
const CLIENTS: &[(Kind, usize)] = &[
    (good, 3),
    (blocking, 2),
    (uploading, 1),
    (chunking, 1),
    (downloading, 1),
    (pipelining, 1),
    (upgrading, 1),
    (half_closing, 1),
    (aborting, 1),
    (malformed, 1),
    (oversized, 1),
    (panicking, 1),
    (slow_reader, 4),
    (listening, 20),
    (leaving, 4),
    (deaf, 4),
];

fn good(door: &Door) -> u64 {
    let mut client = door.client();
    for _ in 0..200 {
        let asked = Instant::now();
        client.assert_in_step("/good", "/good");
        door.latencies.note(asked);
    }
    200
}

fn blocking(door: &Door) -> u64 {
    let mut client = door.client();
    (0..20).for_each(|_| client.assert_in_step("/block/5", "/block/5"));
    20
}

fn uploading(door: &Door) -> u64 {
    let mut client = door.client();
    for length in [0, 1, 1000, 100_000, 1 << 20] {
        assert_eq!(client.post("/length", &vec![b'x'; length]).text(), length.to_string());
    }
    5
}

/// Waits for `100 Continue`, and sends content of unknown length.
fn chunking(door: &Door) -> u64 {
    let mut client = door.client();
    client.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status, 100);
    (0..50).for_each(|_| client.send(format!("3e8\r\n{}\r\n", "x".repeat(1000))));
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().text(), "50000");
    1
}

/// Downloads a generated answer and a file.
fn downloading(door: &Door) -> u64 {
    let mut client = door.client();
    assert_eq!(client.get("/bytes/1000000").content.len(), 1_000_000);
    let program = std::env::current_exe().unwrap();
    let file = client.get(&format!("/file{}", program.display()));
    assert_eq!(file.content.len() as u64, program.metadata().unwrap().len());
    2
}

fn pipelining(door: &Door) -> u64 {
    let mut client = door.client();
    client.send(get("/pipe").repeat(50));
    (0..50).for_each(|_| assert_eq!(client.answer().text(), "/pipe"));
    50
}

fn upgrading(door: &Door) -> u64 {
    let mut client = door.client();
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 101);
    for _ in 0..20 {
        client.send("what is said");
        assert_eq!(client.take(12).unwrap(), b"what is said");
    }
    1
}

fn half_closing(door: &Door) -> u64 {
    let mut client = door.client();
    client.send(get("/half"));
    client.end();
    assert_eq!(client.answer().text(), "/half");
    client.assert_closed();
    1
}

/// Sends a message or half of one, and closes; over TLS the bytes are no TLS.
fn aborting(door: &Door) -> u64 {
    for request in
        [get("/large").as_bytes(), b"GET / HT", b"", &post("/length", &[b'x'; 100])[..80], b"\x16\x03\x01\x02"]
    {
        door.stranger().write_all(request).unwrap();
    }
    let mut client = door.client();
    client.send(get("/large"));
    client.head().unwrap();
    0
}

fn malformed(door: &Door) -> u64 {
    const REQUESTS: [&str; 4] = [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\nx\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for request in REQUESTS {
        let mut client = door.client();
        client.send(request);
        assert_eq!(client.answer().status, 400, "{request:?}");
        client.end();
        client.assert_closed();
    }
    4
}

fn oversized(door: &Door) -> u64 {
    let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let target = get(&format!("/{}", "x".repeat(10_000)));
    let content = format!("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    for (request, status) in [(field, 431), (target, 414), (content, 413)] {
        let mut client = door.client();
        client.send(request);
        assert_eq!(client.answer().status, status);
        client.end();
        client.assert_closed();
    }
    3
}

fn panicking(door: &Door) -> u64 {
    let mut client = door.client();
    assert_eq!(client.get("/panic").status, 500);
    client.assert_closed();
    // Each is a line in the log, which the test keeps.
    thread::sleep(Duration::from_millis(20));
    1
}

/// Takes a little of a large answer now and then, and leaves.
fn slow_reader(door: &Door) -> u64 {
    let mut client = door.client();
    client.send(get("/large"));
    client.head().unwrap();
    for _ in 0..20 {
        client.take(4096).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    0
}

/// Reads a stream of events to the end, and goes on.
fn listening(door: &Door) -> u64 {
    let mut client = door.client();
    let answer = client.get("/events/100/20");
    let expected: String = (0..100).map(|number| format!("{number:20}")).collect();
    assert_eq!(answer.text(), expected);
    client.assert_in_step("/after", "/after");
    2
}

/// Leaves in the middle of a stream.
fn leaving(door: &Door) -> u64 {
    let mut client = door.client();
    client.send(get("/events/1000/20"));
    client.head().unwrap();
    client.take(200).unwrap();
    0
}

/// Reads nothing of a stream, and is disconnected.
fn deaf(door: &Door) -> u64 {
    let mut client = door.client();
    client.send(get("/events/1000000/60000"));
    client.head().unwrap();
    thread::sleep(Duration::from_secs(1));
    0
}
