//! What has come of requests and cannot be used yet: heads without an end, content that its handler waits for. All of it is bounded.

use drupe::testing::TestServer;
use drupe::{Request, Settings};

use crate::client::{Client, wait_until};
use crate::service::Service;

/// More than the workers there may be.
const SMALL: usize = 12;

fn two_workers(settings: &mut Settings) {
    (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
}

fn lengths(request: &mut Request) -> std::io::Result<String> {
    let content = std::mem::take(request.body_mut()).into_vec()?;
    Ok(format!("{}\n", content.len()))
}

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
    wait_until("it waits", || statistics().parked == 1);
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

/// 200 heads of 400 KB are 80 MB.
#[test]
fn large_heads_of_many_clients_do_not_fill_the_memory() {
    const ROOM: u64 = 16 << 20;
    let service = Service::start(&format!("thread_pool=2 thread_pool_max=4 max_parked_size={ROOM}"));
    Client::connect(service.address()).assert_in_step("/", "/");
    let before = service.figures().resident();
    // First those that lack their end, then those that lack their content.
    for end in ["", "\r\nContent-Length: 10\r\n\r\n"] {
        let head = format!("POST /length HTTP/1.1\r\nHost: a\r\nX: {}{end}", "x".repeat(400_000));
        let mut clients: Vec<Client> = (0..200).map(|_| Client::connect(service.address())).collect();
        clients.iter_mut().for_each(|client| client.send(&head));
        Client::connect(service.address()).assert_in_step("/alive", "/alive");
        let peak = service.figures().peak();
        assert!(peak < before + 2 * ROOM, "{peak} bytes at the most, {before} before");
        drop(clients);
        wait_until("all have left", || service.counts().of("parked") + service.counts().of("queue") == 0);
    }
    assert!(service.counts().of("turned_away") > 100, "{:?}", service.counts());
}
