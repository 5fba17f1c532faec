//! Clients killed in every phase, and one stopped while it receives a gibibyte. The clients are
//! separate processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::client::{Client, get, wait_until};
use crate::place::Place;
use crate::service::{Counts, LARGE_LENGTH, Service};

/// The bytes sent by a client before its death (`BIG` is more than is received before a handler
/// runs), the bytes received by then, and the sign that the server has come as far.
type Phase = (&'static str, (&'static str, &'static str), Reached);

const PHASES: &[Phase] = &[
    ("connected", ("", ""), waits),
    ("in the request line", ("GET /he", ""), waits),
    ("in the header section", ("GET /hello HTTP/1.1\r\nHost: a\r\nX-", ""), waits),
    ("idle", ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n/hello"), is_idle),
    ("in its content", ("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf", ""), waits),
    (
        "in content that the handler reads",
        ("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nBIG", ""),
        is_handled_early,
    ),
    ("in a chunk", ("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", ""), waits),
    (
        "before a chunk",
        ("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ""),
        waits,
    ),
    ("in the trailers", ("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-", ""), waits),
    (
        "before its content",
        (
            "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
            "100 Continue\r\n\r\n",
        ),
        waits,
    ),
    ("while a handler runs", ("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", ""), is_handled),
    (
        "with more requests sent",
        ("GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT", ""),
        is_handled_with_all,
    ),
    ("while bytes are sent to it", ("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", ""), is_slow),
    ("while what is made is sent to it", ("GET /bytes/1073741824 HTTP/1.1\r\nHost: a\r\n\r\n", ""), is_taking),
    (
        "after it was refused",
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nBIG", "HTTP/1.1 413 "),
        is_refused,
    ),
    (
        "after an early answer",
        ("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nBIG", "\r\n\r\n/early"),
        is_idle,
    ),
    (
        "out of HTTP",
        ("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello", "\r\n\r\nhello"),
        is_upgraded,
    ),
];

/// Phases behind a PROXY header.
const PROXIED: &[Phase] = &[
    ("before a PROXY header", ("", ""), waits),
    ("in a PROXY header", ("PROXY TCP4 192.0.", ""), waits),
    ("in the signature of one in binary", ("\r\n\r\n\0\r\nQU", ""), waits),
    ("in the addresses of one in binary", ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\x7F\0\0", ""), waits),
    ("behind a PROXY header", ("PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n", ""), waits),
    ("in a request behind it", ("PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\nGET /he", ""), waits),
];

const TABLES: [&[Phase]; 2] = [PHASES, PROXIED];

#[test]
fn killed_client_leaves_nothing_in_any_phase() {
    let service = Service::start(SETTINGS);
    check(&service, PHASES, Client::connect, |phase| {
        Victim::of("killed::live", service.address(), &[(PHASE, &format!("0 {phase}"))])
    });
}

#[test]
fn client_killed_before_its_proxy_header_leaves_nothing() {
    let service = Service::start(&format!("{SETTINGS} proxy_protocol=true trusted_proxies=127.0.0.1"));
    let connect = |address| {
        let mut client = Client::connect(address);
        client.send("PROXY UNKNOWN\r\n");
        client
    };
    check(&service, PROXIED, connect, |phase| {
        Victim::of("killed::live", service.address(), &[(PHASE, &format!("1 {phase}"))])
    });
    // Clients that leave within a PROXY header.
    assert_eq!(service.counts().of("proxy_refused"), 3 * 3);
}

/// Long deadlines: only the end of the client can release a connection.
pub(crate) const SETTINGS: &str =
    "thread_pool=2 thread_pool_max=8 thread_idle_timeout=1 socket_timeout=600 keep_alive_timeout=600 minimum_rate=-1";

/// Kills a client in each of `phases`, three times, and waits until `service` is as before.
pub(crate) fn check<T>(
    service: &Service,
    phases: &[(&str, T, Reached)],
    connect: fn(SocketAddr) -> Client,
    start: impl Fn(&str) -> Victim,
) {
    let empty = service.figures().descriptors();
    let at_rest = |what: &str| {
        wait_until(what, || {
            let counts = service.counts();
            counts.of("connections") + counts.of("queue") == 0 && counts.of("threads_idle") == counts.of("threads")
        });
        wait_until("its descriptor is closed", || service.figures().descriptors() == empty);
    };
    for round in 0..3 {
        for (number, (phase, _, is_reached)) in phases.iter().enumerate() {
            let before = service.counts();
            let mut victim = start(&number.to_string());
            let sent = victim.sent();
            wait_until(&format!("it is {phase}"), || {
                is_reached(&Sight { before: &before, now: service.counts(), sent })
            });
            victim.kill();
            service.release();
            at_rest(&format!("who was killed {phase} has left, round {round}"));
        }
        connect(service.address()).assert_in_step("/alive", "/alive");
        at_rest("who was not killed has left");
    }
    let counts = service.counts();
    assert_eq!((counts.of("timed_out"), counts.of("panics"), counts.of("turned_away")), (0, 0, 0));
    assert!(service.logged().is_empty(), "{:?}", service.logged());
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

// ---- how far the server has come ----

/// The counts of a server whose only client has sent so many bytes.
pub(crate) struct Sight<'a> {
    before: &'a Counts,
    now: Counts,
    sent: u64,
}

pub(crate) type Reached = fn(&Sight<'_>) -> bool;

impl Sight<'_> {
    /// The growth of a count since the client came.
    pub(crate) fn more(&self, name: &str) -> u64 {
        self.now(name) - self.before.of(name)
    }

    /// The current count.
    pub(crate) fn now(&self, name: &str) -> u64 {
        self.now.of(name)
    }

    /// True if the connection is parked, with all sent bytes read.
    fn is_parked(&self) -> bool {
        self.now("parked") == 1 && self.is_read()
    }

    /// True if all sent bytes have been read; with TLS, this is known once no worker has the
    /// connection.
    pub(crate) fn is_read(&self) -> bool {
        // The content inside of TLS is shorter.
        self.more("bytes_read").max(self.more("tls_bytes_read")) == self.sent
    }
}

/// No request has come whole.
pub(crate) fn waits(sight: &Sight) -> bool {
    sight.is_parked() && sight.more("requests") == 0
}

/// The client has its answer, and the server waits for the next request or for the rest of the
/// current one.
pub(crate) fn is_idle(sight: &Sight) -> bool {
    sight.is_parked() && sight.more("answered") == 1
}

/// A handler has been called and has not returned.
pub(crate) fn is_handled(sight: &Sight) -> bool {
    (sight.more("requests"), sight.more("answered"), sight.more("broken_off")) == (1, 0, 0) && sight.now("parked") == 0
}

/// A handler runs, and all other sent bytes have been read.
fn is_handled_with_all(sight: &Sight) -> bool {
    is_handled(sight) && sight.is_read()
}

/// The same before all has come, since that is more than a connection keeps.
pub(crate) fn is_handled_early(sight: &Sight) -> bool {
    is_handled(sight) && sight.more("bytes_read") > drupe::Settings::default().body_buffer_size as u64
}

/// A part of `/large` is on its way, and the rest waits for room.
pub(crate) fn is_slow(sight: &Sight) -> bool {
    let written = sight.more("bytes_written");
    sight.is_parked() && sight.more("requests") == 1 && 0 < written && written < LARGE_LENGTH as u64
}

/// The client has received a part of a generated answer.
pub(crate) fn is_taking(sight: &Sight) -> bool {
    sight.more("requests") == 1 && sight.more("broken_off") == 0 && sight.more("bytes_written") >= AT_ONCE as u64
}

/// The client has been refused, and its further bytes are discarded.
fn is_refused(sight: &Sight) -> bool {
    sight.is_parked() && sight.more("refused") == 1
}

/// The connection has been upgraded.
pub(crate) fn is_upgraded(sight: &Sight) -> bool {
    sight.now("upgraded") == 1
}

/// The client reads for a while and then stops: memory stays the same, other clients are served,
/// and the connection is closed at the time limit.
#[test]
fn a_client_that_is_stopped_in_a_gibibyte_is_bounded_in_memory_and_time() {
    let place = Place::new();
    let file = place.path("gibibyte");
    // All holes.
    std::fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
    let service = Service::start("thread_pool=2 thread_pool_max=2 write_timeout=2 keep_alive_timeout=600");
    let empty = service.figures().descriptors();
    Client::connect(service.address()).assert_in_step("/", "/");
    let before = service.figures().resident();
    let from_file = cfg!(feature = "files").then(|| format!("/file{}", file.display()));
    let targets = std::iter::once("/bytes/1073741824".to_owned()).chain(from_file);
    for (late, target) in (1..).zip(targets) {
        let mut victim = Victim::start(service.address(), &get(&target));
        victim.wait_for("taken");
        victim.signal("-STOP");
        let mut most = 0;
        wait_until("it is let go", || {
            // One of the two workers may be held by it, or none.
            Client::connect(service.address()).assert_in_step("/other", "/other");
            most = most.max(service.figures().resident());
            service.counts().of("timed_out") == late
        });
        assert!(most < before + FLAT, "{target}: {before} bytes became {most}");
        wait_until("its descriptor is closed", || service.figures().descriptors() == empty);
        victim.signal("-CONT");
        // Going on, it finds the end before the gibibyte is there.
        victim.wait_for("the end");
        victim.kill();
    }
    assert_eq!(service.counts().of("threads"), 2);
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// Memory kept by allocators, far below a gibibyte.
const FLAT: u64 = 4 << 20;

/// A process with one connection.
pub(crate) struct Victim {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Victim {
    /// Starts one that sends `bytes`.
    fn start(address: SocketAddr, bytes: &str) -> Self {
        let mut victim = Self::of("killed::live", address, &[(BYTES, bytes)]);
        victim.sent();
        victim
    }

    /// Starts a client process that runs the test of this name with `given`.
    pub(crate) fn of(test: &str, address: SocketAddr, given: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]).env(ADDRESS, address.to_string()).envs(given.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits until the client has sent all its bytes and received the expected ones. Returns the
    /// number of bytes sent.
    fn sent(&mut self) -> u64 {
        let line = self.wait_for(" sent");
        line.split(' ').next().unwrap().parse().unwrap()
    }

    fn wait_for(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.trim_end().ends_with(what) {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "it has ended before {what:?}");
        }
        line
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client in the child process; does nothing by itself.
#[test]
fn live() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let bytes = std::env::var(BYTES);
    let (sends, hears) = match std::env::var(PHASE) {
        Ok(phase) => {
            let (table, number) = phase.split_once(' ').unwrap();
            TABLES[table.parse::<usize>().unwrap()][number.parse::<usize>().unwrap()].1
        }
        Err(_) => (bytes.as_deref().unwrap(), ""),
    };
    let mut stream = TcpStream::connect(address).unwrap();
    let bytes = sends.replace("BIG", &"x".repeat(100_000));
    stream.write_all(bytes.as_bytes()).unwrap();
    hear(&mut stream, hears);
    println!("\n{} sent", bytes.len());
    if bytes.contains("1073741824") || bytes.contains("gibibyte") {
        take(&mut stream);
    }
    loop {
        thread::park();
    }
}

/// Reads until `text` has come.
pub(crate) fn hear(stream: &mut impl Read, text: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(text) {
        let mut room = [0; 4096];
        let length = stream.read(&mut room).unwrap();
        assert!(length > 0, "the end before {text:?}");
        heard.extend_from_slice(&room[..length]);
    }
}

/// Reads some MiB at once, then so slowly that the process can be stopped in between.
pub(crate) fn take(stream: &mut impl Read) {
    let mut room = vec![0; 1 << 16];
    let mut taken = 0;
    while let Ok(length @ 1..) = stream.read(&mut room) {
        if taken < AT_ONCE && taken + length >= AT_ONCE {
            println!("\ntaken");
        }
        taken += length;
        if taken >= AT_ONCE {
            thread::sleep(Duration::from_millis(1));
        }
    }
    println!("\nthe end");
}

const AT_ONCE: usize = 4 << 20;
pub(crate) const ADDRESS: &str = "DRUPE_TEST_VICTIM";
const BYTES: &str = "DRUPE_TEST_BYTES";
pub(crate) const PHASE: &str = "DRUPE_TEST_PHASE";
