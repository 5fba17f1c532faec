//! Partial requests: heads without an end, content that its handler waits for. Their memory is
//! bounded.

use std::sync::atomic::{AtomicUsize, Ordering};

use drupe::testing::TestServer;
use drupe::{Request, RequestExt};

use crate::client::{Client, wait_until};
use crate::parked::{lengths, two_workers};
use crate::service::Service;

/// More than the workers there may be.
const SMALL: usize = 12;

/// A head of `length` bytes that lacks its end.
fn begun(length: usize) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(length - 28))
}

#[test]
fn heads_that_wait_are_bounded_in_sum() {
    const ROOM: u64 = 300_000;
    let server = TestServer::with(lengths, |settings| {
        two_workers(settings);
        (settings.max_request_header_size, settings.max_parked_size) = (100_000, Some(ROOM));
    });
    let statistics = || server.server().statistics();
    let mut waiting: Vec<Client> = Vec::new();
    loop {
        let mut client = Client::connect(server.address());
        client.send(begun(90_000));
        wait_until("all has come, and it waits", || {
            let now = statistics();
            now.bytes_read == 90_000 * (waiting.len() as u64 + 1) && now.parked == waiting.len() + 1
        });
        if statistics().turned_away == 1 {
            let answer = client.answer();
            assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
            client.end();
            client.assert_closed();
            break;
        }
        waiting.push(client);
    }
    // Each takes the room of a power of two.
    assert_eq!(waiting.len() as u64, ROOM.div_ceil(131_072));
    // Heads that are not large find room at any time.
    let mut small: Vec<Client> = (0..SMALL).map(|_| Client::connect(server.address())).collect();
    small.iter_mut().for_each(|client| client.send(begun(3000)));
    wait_until("they wait", || statistics().parked == waiting.len() + SMALL);
    // All that wait are served once they go on.
    for client in waiting.iter_mut().chain(&mut small) {
        client.send("\r\n\r\n");
        assert_eq!(client.answer().text(), "0\n");
    }
    assert_eq!(statistics().turned_away, 1);
    // There is room again.
    let mut client = Client::connect(server.address());
    client.send(begun(90_000));
    wait_until("it waits", || statistics().parked == waiting.len() + SMALL + 1);
    client.send("\r\n\r\n");
    assert_eq!(client.answer().text(), "0\n");
}

#[test]
fn content_that_finds_no_room_is_waited_for_by_a_worker() {
    let server = TestServer::with(lengths, |settings| {
        two_workers(settings);
        settings.max_parked_size = Some(20_000);
    });
    let statistics = || server.server().statistics();
    let half = |length: usize| {
        let mut client = Client::connect(server.address());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 2 * length));
        client.send(vec![b'x'; length]);
        client
    };
    let mut waiting = half(30_000);
    wait_until("it waits with all that has come", || statistics().bytes_read > 30_000 && statistics().parked == 1);
    let mut second = half(10_000);
    wait_until("a handler waits with it", || statistics().requests == 1);
    let mut small = half(1000);
    wait_until("what is small waits as ever", || statistics().parked == 2);
    assert_eq!(statistics().requests, 1);
    for (client, length) in [(&mut second, 10_000), (&mut small, 1000), (&mut waiting, 30_000)] {
        client.send(vec![b'x'; length]);
        assert_eq!(client.answer().text(), format!("{}\n", 2 * length));
    }
}

#[test]
fn slow_content_leaves_a_quarter_of_the_workers_to_whole_requests() {
    const WORKERS: usize = 4;
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = TestServer::with(
        |request: &mut Request| {
            if request.method() == "POST" {
                MOST.fetch_max(1 + INSIDE.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                let _ = request.bytes();
                INSIDE.fetch_sub(1, Ordering::SeqCst);
            }
            "answered"
        },
        |settings| {
            (settings.thread_pool, settings.thread_pool_max) = (1, Some(WORKERS));
            settings.body_buffer_size = 1000;
        },
    );
    let slow = || {
        let mut client = Client::connect(server.address());
        client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n".to_owned() + &"x".repeat(2000));
        client
    };
    let waiting: Vec<Client> = (0..5 * WORKERS).map(|_| slow()).collect();
    wait_until("as many workers as may wait do so", || MOST.load(Ordering::SeqCst) >= WORKERS - 1);
    for number in 0..50 {
        Client::connect(server.address()).assert_in_step(&format!("/{number}"), "answered");
    }
    assert_eq!(MOST.load(Ordering::SeqCst), WORKERS - 1);
    drop(waiting);
}

/// A client that sends unwanted content and reads slowly does not count as one that pipelines
/// without reading: the answer is complete.
#[test]
fn answer_is_whole_although_pipelined_input_finds_no_room() {
    let server = TestServer::with(
        |request: &mut Request| match request.uri().path() {
            "/large" => vec![b'x'; LARGE],
            _ => Vec::new(),
        },
        |settings| {
            two_workers(settings);
            (settings.body_buffer_size, settings.max_parked_size) = (0, Some(1));
        },
    );
    let statistics = || server.server().statistics();
    let mut other = Client::connect(server.address());
    other.send(begun(100));
    wait_until("there is no room", || statistics().parked == 1);
    let mut client = Client::connect(server.address());
    let request = "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 12000\r\n\r\n";
    client.send(request.to_owned() + &"x".repeat(12_000));
    wait_until("its answer waits", || statistics().parked == 2);
    assert_eq!(client.answer().content.len(), LARGE);
    client.end();
    client.assert_closed();
    other.send("\r\n\r\n");
    assert_eq!(other.answer().status, 200);
}

/// More than sockets hold.
const LARGE: usize = 16 << 20;

/// 50 requests of 400 KB are 20 MB, of any kind.
#[test]
fn large_requests_of_many_clients_do_not_fill_the_memory() {
    const ROOM: u64 = 4 << 20;
    let head = |filling: &str| format!("POST /length HTTP/1.1\r\nHost: a\r\nX: {}", filling.repeat(400_000));
    let small = "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    for (what, sent) in [
        ("heads that do not end", head("x")),
        ("heads of blanks whose content does not come", head(" ") + "y\r\nContent-Length: 10\r\n\r\n"),
        ("small heads behind large ones", head("x") + "\r\n\r\n" + small),
    ] {
        let service = Service::start(&format!("thread_pool=2 thread_pool_max=4 max_parked_size={ROOM}"));
        Client::connect(service.address()).assert_in_step("/", "/");
        let before = service.figures().resident();
        let begun = service.counts().of("bytes_read");
        let mut clients: Vec<Client> = Vec::new();
        // One after the other: each is whole, or as whole as it will be, before the next comes.
        for number in 1..=50 {
            let mut client = Client::connect(service.address());
            client.send(&sent);
            wait_until("it has come", || service.counts().of("bytes_read") == begun + number * sent.len() as u64);
            clients.push(client);
        }
        Client::connect(service.address()).assert_in_step("/alive", "/alive");
        let peak = service.figures().peak();
        println!("{what}: {} KiB before, {} at the most", before >> 10, peak >> 10);
        assert!(peak < before + ROOM + (8 << 20), "{what}: {peak} bytes at the most, {before} before");
        drop(clients);
        wait_until("all have left", || service.counts().of("parked") + service.counts().of("queue") == 0);
    }
}
