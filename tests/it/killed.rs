//! Clients that are killed in every phase, and one that is stopped while it is sent a gibibyte. They are processes of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::client::{Client, get, wait_until};
use crate::place::Place;
use crate::service::Service;

/// What a client has sent when it dies; `BIG` is more than is received before a handler runs.
const PHASES: &[(&str, &str)] = &[
    ("connected", ""),
    ("in the request line", "GET /he"),
    ("in the header section", "GET /hello HTTP/1.1\r\nHost: a\r\nX-"),
    ("idle", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("in its content", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"),
    ("in content that the handler reads", "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nBIG"),
    ("in a chunk", "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    ("before a chunk", "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("in the trailers", "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-"),
    ("before its content", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"),
    ("while a handler runs", "GET /block/300 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("with more requests sent", "GET /block/100 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT"),
    ("while bytes are sent to it", "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("while what is made is sent to it", "GET /bytes/1073741824 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("after an early answer", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nBIG"),
    ("out of HTTP", "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello"),
];

#[test]
fn a_client_that_is_killed_leaves_nothing_in_whatever_phase() {
    // No deadline helps: what is let go is let go because the client has gone.
    let settings = "thread_pool=2 thread_pool_max=8 thread_idle_timeout=1 socket_timeout=600 keep_alive_timeout=600 minimum_rate=-1";
    let service = Service::start(settings);
    let empty = service.figures().descriptors();
    for round in 0..3 {
        for (phase, bytes) in PHASES {
            let accepts = service.counts().of("accepts");
            let mut victim = Victim::start(service.address(), bytes);
            wait_until("it is there", || service.counts().of("accepts") > accepts);
            victim.kill();
            wait_until(&format!("who was killed {phase} has left, round {round}"), || {
                let counts = service.counts();
                counts.of("parked") + counts.of("queue") == 0 && counts.of("threads_idle") == counts.of("threads")
            });
            wait_until("its descriptor is closed", || service.figures().descriptors() == empty);
        }
        Client::connect(service.address()).assert_in_step("/alive", "/alive");
        wait_until("it has left", || service.figures().descriptors() == empty);
    }
    let counts = service.counts();
    assert_eq!((counts.of("timed_out"), counts.of("panics"), counts.of("turned_away")), (0, 0, 0));
    assert!(service.logged().is_empty(), "{:?}", service.logged());
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// It takes for a while and then nothing: memory stays as it was, others are served, and it is let go when it has taken too long.
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
    for (late, target) in [(1, "/bytes/1073741824".to_owned()), (2, format!("/file{}", file.display()))] {
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

/// What allocators keep, far from a gibibyte.
const FLAT: u64 = 4 << 20;

/// A process with one connection.
struct Victim {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Victim {
    /// Starts one, and waits until it has sent `bytes`.
    fn start(address: SocketAddr, bytes: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["killed::live", "--exact", "--nocapture"]).env(ADDRESS, address.to_string()).env(BYTES, bytes);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut victim = Self { child, said };
        victim.wait_for("sent");
        victim
    }

    fn wait_for(&mut self, what: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(what) {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "it has ended before {what:?}");
        }
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

/// The client of the other side; by itself it does nothing.
#[test]
fn live() {
    let (Ok(address), Ok(bytes)) = (std::env::var(ADDRESS), std::env::var(BYTES)) else { return };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes.replace("BIG", &"x".repeat(100_000)).as_bytes()).unwrap();
    println!("\nsent");
    if bytes.contains("1073741824") || bytes.contains("gibibyte") {
        take(&mut stream);
    }
    loop {
        thread::park();
    }
}

/// Takes what comes: some MiB at once, then so slowly that there is time to be stopped.
fn take(stream: &mut TcpStream) {
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
const ADDRESS: &str = "DRUPE_TEST_VICTIM";
const BYTES: &str = "DRUPE_TEST_BYTES";
