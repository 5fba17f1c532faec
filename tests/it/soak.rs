//! Everybody at once, for as long as one likes: nothing may grow.
//!
//! `DRUPE_SOAK_SECONDS=600 cargo test --features full --test it -- soak --ignored --nocapture` takes ten minutes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, get, post, wait_until};
use crate::crowd::Crowd;
use crate::process::is_alone_with;
use crate::service::Service;

const SETTINGS: &str = "thread_pool=4 thread_pool_max=64 thread_idle_timeout=1 socket_timeout=2 keep_alive_timeout=5 \
                        max_request_header_size=16K max_request_body_size=1M";
const THREADS: u64 = 4;
/// How much more may be resident after the whole than after the first part: what an allocator keeps for so many threads, or less.
const FLAT: u64 = 4 << 20;

#[test]
#[ignore = "goes on for a while; .ci/run runs it"]
fn a_mixed_load_leaves_nothing_behind() {
    if !is_alone_with(4000, "soak::a_mixed_load_leaves_nothing_behind") {
        return;
    }
    let seconds = std::env::var("DRUPE_SOAK_SECONDS").map_or(12, |text| text.parse().unwrap());
    let service = Service::start_with(4000, SETTINGS);
    let empty = service.figures().descriptors();
    let served = AtomicU64::new(0);
    let begun = Instant::now();
    // What is made once is made in the first part.
    load(&service, &served, begun, Duration::from_secs(seconds) / 4);
    let before = at_rest(&service, empty);
    load(&service, &served, begun, Duration::from_secs(seconds) * 3 / 4);
    let after = at_rest(&service, empty);
    show(&service, &served, begun);
    println!("resident at rest: {before} bytes after the first part, {after} after the whole");
    assert!(after < before + FLAT, "{before} bytes at rest became {after}");
    let mut logged = service.logged();
    logged.retain(|line| !line.starts_with("a handler panicked"));
    logged.truncate(10);
    assert!(logged.is_empty(), "clients that misbehave are no trouble of ours: {logged:?}");
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// Has everybody come, again and again, for `time`.
fn load(service: &Service, served: &AtomicU64, begun: Instant, time: Duration) {
    let until = Instant::now() + time;
    let is_over = AtomicBool::new(false);
    let goes_on = || !is_over.load(Ordering::SeqCst);
    let address = service.address();
    thread::scope(|scope| {
        let again = |client: fn(SocketAddr) -> u64| {
            scope.spawn(move || {
                while goes_on() {
                    served.fetch_add(client(address), Ordering::Relaxed);
                }
            });
        };
        (0..3).for_each(|_| again(good));
        (0..2).for_each(|_| again(blocking));
        again(uploading);
        again(pipelining);
        again(half_closing);
        again(aborting);
        again(oversized);
        again(panicking);
        (0..4).for_each(|_| again(slow_reader));
        scope.spawn(|| {
            while goes_on() {
                // Until all have been told; then others.
                let mut crowd = Crowd::connect(address, 100);
                while goes_on() && crowd.waiting() > 0 {
                    crowd.trickle();
                }
            }
        });
        let mut shown = Instant::now();
        while Instant::now() < until {
            if shown.elapsed() >= Duration::from_secs(10) {
                shown = Instant::now();
                show(service, served, begun);
            }
            thread::sleep(Duration::from_millis(50));
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

/// Waits until everybody has left and all is as it was; gives out the resident memory then.
fn at_rest(service: &Service, descriptors: usize) -> u64 {
    wait_until("all have left", || service.counts().of("parked") + service.counts().of("queue") == 0);
    wait_until("the pool is at its size", || service.counts().of("threads") == THREADS);
    wait_until("descriptors are back", || service.figures().descriptors() == descriptors);
    wait_until("threads have gone", || service.figures().threads().len() as u64 == THREADS + 2);
    service.figures().resident()
}

fn show(service: &Service, served: &AtomicU64, begun: Instant) {
    let (counts, figures) = (service.counts(), service.figures());
    println!(
        "{:4} s: {} requests, {} answers to who behaves, {} refused, {} late, {} panics, {} threads, {} descriptors, {} KiB resident",
        begun.elapsed().as_secs(),
        counts.of("requests"),
        served.load(Ordering::Relaxed),
        counts.of("refused"),
        counts.of("timed_out"),
        counts.of("panics"),
        counts.of("threads"),
        figures.descriptors(),
        figures.resident() >> 10,
    );
}

// ---- who comes: each says how many whole answers it has had ----

fn good(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    (0..200).for_each(|_| client.assert_in_step("/good", "/good"));
    200
}

fn blocking(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    (0..20).for_each(|_| client.assert_in_step("/block/5", "/block/5"));
    20
}

fn uploading(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    for length in [0, 1, 1000, 100_000, 1 << 20] {
        assert_eq!(client.post("/length", &vec![b'x'; length]).text(), length.to_string());
    }
    5
}

fn pipelining(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    client.send(get("/pipe").repeat(50));
    (0..50).for_each(|_| assert_eq!(client.answer().text(), "/pipe"));
    50
}

fn half_closing(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    client.send(get("/half"));
    client.end();
    assert_eq!(client.answer().text(), "/half");
    client.assert_closed();
    1
}

fn aborting(address: SocketAddr) -> u64 {
    for request in [get("/large").as_bytes(), b"GET / HT", b"", &post("/length", &[b'x'; 100])[..80]] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
    }
    0
}

fn oversized(address: SocketAddr) -> u64 {
    let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let target = get(&format!("/{}", "x".repeat(10_000)));
    let content = format!("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    for (request, status) in [(field, 431), (target, 414), (content, 413)] {
        let mut client = Client::connect(address);
        client.send(request);
        assert_eq!(client.answer().status, status);
        client.end();
        client.assert_closed();
    }
    3
}

fn panicking(address: SocketAddr) -> u64 {
    let mut client = Client::connect(address);
    assert_eq!(client.get("/panic").status, 500);
    client.assert_closed();
    // Each is a line in the log, which the test keeps.
    thread::sleep(Duration::from_millis(20));
    1
}

/// Takes a little of a large answer now and then, and leaves.
fn slow_reader(address: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(get("/large").as_bytes()).unwrap();
    let mut room = [0; 4096];
    for _ in 0..20 {
        stream.read_exact(&mut room).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    0
}
