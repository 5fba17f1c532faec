//! Clients that are slow to send content or to read their answer: they hold no thread.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Body, Request, Server, Settings};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::figures::Figures;
use crate::process;

/// Far more slow clients than the two workers there may be.
const SLOW: usize = 12;

pub(crate) fn two_workers(settings: &mut Settings) {
    (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
}

pub(crate) fn lengths(request: &mut Request) -> std::io::Result<String> {
    let content = std::mem::take(request.body_mut()).into_vec()?;
    Ok(format!("{}\n", content.len()))
}

// ---- content ----

#[test]
fn clients_that_are_slow_to_send_content_hold_no_worker() {
    let server = TestServer::with(lengths, two_workers);
    let framings = ["Content-Length: 10\r\n\r\nhalf!", "Transfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n5\r\n"];
    let mut slow: Vec<(Client, &str)> = Vec::new();
    for (framing, rest) in framings.into_iter().zip(["other", "other\r\n0\r\n\r\n"]).cycle().take(SLOW) {
        let mut client = Client::connect(server.address());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}"));
        slow.push((client, rest));
    }
    wait_until("they wait without a worker", || server.server().statistics().parked == SLOW);
    assert_eq!(server.server().statistics().requests, 0, "no handler has been asked");
    Client::connect(server.address()).assert_in_step("/", "0\n");
    for (client, rest) in &mut slow {
        client.send(rest);
        assert_eq!(client.answer().text(), "10\n");
        client.assert_in_step("/", "0\n");
    }
}

#[test]
fn clients_that_wait_for_100_continue_hold_no_worker() {
    let server = TestServer::with(lengths, two_workers);
    let mut waiting: Vec<Client> = (0..SLOW).map(|_| Client::connect(server.address())).collect();
    for client in &mut waiting {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    }
    for client in &mut waiting {
        assert_eq!(client.answer().status, 100);
    }
    wait_until("they wait without a worker", || server.server().statistics().parked == SLOW);
    assert_eq!(server.server().statistics().requests, 0, "no handler has been called");
    Client::connect(server.address()).assert_in_step("/", "0\n");
    for client in &mut waiting {
        client.send("half!other");
        assert_eq!(client.answer().text(), "10\n");
        client.assert_in_step("/", "0\n");
    }
}

#[test]
fn content_that_trickles_is_too_late_when_its_time_is_over() {
    let server = TestServer::with(lengths, |settings| {
        two_workers(settings);
        settings.body_timeout = Some(Duration::from_millis(400));
    });
    let mut clients: Vec<Client> = (0..SLOW).map(|_| Client::connect(server.address())).collect();
    let begun = Instant::now();
    for client in &mut clients {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    }
    let mut sent = 0;
    while begun.elapsed() < Duration::from_millis(300) {
        clients.iter_mut().for_each(|client| client.send("x"));
        sent += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sent > 1);
    for client in &mut clients {
        assert_eq!(client.answer().status, 408);
        client.assert_closed();
    }
    assert!(begun.elapsed() >= Duration::from_millis(400), "not before its time");
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.timed_out), (0, SLOW as u64));
}

#[test]
fn content_within_the_buffer_and_beyond_is_the_same_to_a_handler() {
    for size in [0, 1, 7, 1000, 1 << 20] {
        let server = TestServer::with(
            |request: &mut Request| std::mem::take(request.body_mut()),
            |settings| settings.body_buffer_size = size,
        );
        let mut client = Client::connect(server.address());
        for length in [0, 1, 6, 7, 8, 999, 1000, 1001, 100_000] {
            let content: String = ('a'..='z').cycle().take(length).collect();
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
            client.send(&content);
            assert_eq!(client.answer().text(), content, "buffer {size}, length {length}");
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in content.as_bytes().chunks(600) {
                client.send(format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
            }
            client.send("0\r\n\r\n");
            assert_eq!(client.answer().text(), content, "buffer {size}, length {length}, in chunks");
        }
    }
}

#[test]
fn content_takes_memory_as_received_and_not_as_announced() {
    if !process::is_alone("parked::content_takes_memory_as_received_and_not_as_announced") {
        return;
    }
    const ANNOUNCED: usize = 64 << 20;
    let server = TestServer::with(lengths, |settings| {
        two_workers(settings);
        settings.body_buffer_size = ANNOUNCED;
    });
    let before = Figures::own().resident();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {ANNOUNCED}\r\n\r\n");
    // A worker's buffer is just full: there may be more.
    let begin = head.clone() + &"x".repeat((16 << 10) - head.len());
    let mut clients: Vec<Client> = (0..SLOW).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(&begin));
    wait_until("they wait without a worker", || server.server().statistics().parked == SLOW);
    let each = Figures::own().resident().saturating_sub(before) / SLOW as u64;
    // The received bytes, one piece, and memory kept by the allocator and the test.
    assert!(each < 512 << 10, "{each} bytes for 16 KiB");
}

#[test]
fn truncated_or_malformed_content_reaches_no_handler() {
    let server = TestServer::new(lengths);
    for (request, ends) in [
        ("Content-Length: 5\r\n\r\nhell", true),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", false),
    ] {
        let mut client = Client::connect(server.address());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{request}"));
        if ends {
            client.end();
        }
        assert_eq!(client.answer().status, 400);
        client.assert_closed();
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.refused), (0, 3));
}

#[test]
fn limit_set_by_a_handler_counts_earlier_content() {
    use drupe::RequestExt;
    let server = TestServer::new(|request: &mut Request| {
        request.body_limit(5);
        std::mem::take(request.body_mut()).into_string()
    });
    for (length, status) in [(5, 200), (6, 413)] {
        for framing in ["Content-Length: {length}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"] {
            let mut client = Client::connect(server.address());
            let content = "x".repeat(length);
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{}", framing.replace("{length}", &length.to_string())));
            if framing.starts_with('T') {
                client.send(format!("{length:x}\r\n{content}\r\n0\r\n\r\n"));
            } else {
                client.send(&content);
            }
            assert_eq!(client.answer().status, status, "{length} {framing}");
        }
    }
}

#[test]
fn handler_without_a_body_buffer_can_converse() {
    let server = TestServer::with(
        |request: &mut Request| std::mem::take(request.body_mut()),
        |settings| settings.body_buffer_size = 0,
    );
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"ping");
    client.send("4\r\npong\r\n");
    assert_eq!(client.chunk().unwrap(), b"pong");
}

// ---- answers ----

/// More than all buffers on the way hold.
const LARGE: usize = 32 << 20;

fn large_or_small(request: &mut Request) -> Body {
    match request.uri().path() {
        "/bytes" => Body::from(vec![b'x'; LARGE]),
        "/file" => Body::from_file(sparse(LARGE)),
        path => path.to_owned().into(),
    }
}

/// A large file that takes no room.
fn sparse(length: usize) -> File {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let path = std::env::temp_dir().join(format!("drupe-it-slow-{}-{number}", std::process::id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.set_len(length as u64).unwrap();
    file
}

#[test]
fn clients_that_are_slow_to_take_their_answer_hold_no_worker() {
    let server = TestServer::with(large_or_small, |settings| {
        two_workers(settings);
        settings.write_timeout = Some(2 * PATIENCE);
    });
    let mut slow: Vec<Client> = (0..SLOW).map(|_| Client::connect(server.address())).collect();
    for (client, target) in slow.iter_mut().zip(["/bytes", "/file"].into_iter().cycle()) {
        // The next request is in the server's hands before the first is answered.
        client.send(get(target) + &get("/next"));
    }
    wait_until("they wait without a worker", || server.server().statistics().parked == SLOW);
    Client::connect(server.address()).assert_in_step("/", "/");
    for client in &mut slow {
        assert_eq!(client.answer().content.len(), LARGE);
        assert_eq!(client.answer().text(), "/next");
        client.assert_in_step("/last", "/last");
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.threads), (3 * SLOW as u64 + 1, 2));
}

#[cfg(feature = "files")]
#[test]
fn clients_that_are_slow_to_take_parts_of_a_file_hold_no_worker() {
    let place = crate::place::Place::new();
    File::create(place.path("large")).unwrap().set_len(LARGE as u64).unwrap();
    std::fs::write(place.path("small"), "0123456789").unwrap();
    let server = TestServer::with(drupe::Files::new(place.path("")).unwrap(), |settings| {
        two_workers(settings);
        settings.write_timeout = Some(2 * PATIENCE);
    });
    let half = LARGE / 2;
    let two_halves = format!("GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=0-{},{half}-\r\n\r\n", half - 1);
    let mut slow: Vec<Client> = (0..SLOW).map(|_| Client::connect(server.address())).collect();
    for client in &mut slow {
        client.send(two_halves.clone() + &get("/small"));
    }
    wait_until("they wait without a worker", || server.server().statistics().parked == SLOW);
    wait_until("no worker is held", || {
        let statistics = server.server().statistics();
        statistics.threads_idle == statistics.threads
    });
    assert_eq!(Client::connect(server.address()).get("/small").text(), "0123456789");
    for client in &mut slow {
        let answer = client.answer();
        let head = answer.content.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answer.status, 206);
        assert!(answer.content[head..head + half].iter().all(|byte| *byte == 0));
        assert!(answer.content.len() > LARGE + head && answer.content.ends_with(b"--\r\n"));
        assert_eq!(client.answer().text(), "0123456789", "the next answer begins where the parts end");
    }
}

#[test]
fn small_unread_answers_hold_no_worker() {
    let server = TestServer::with(|_: &mut Request| "x".repeat(16_000), two_workers);
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(server.address())).collect();
    // Far more answers than the buffers on the way hold.
    const REQUESTS: usize = 1500;
    for client in &clients {
        let mut sender = client.sender();
        std::thread::spawn(move || sender.write_all(get("/").repeat(REQUESTS).as_bytes()));
    }
    wait_until("they wait without a worker", || server.server().statistics().parked == clients.len());
    assert!(server.server().statistics().requests < (4 * REQUESTS) as u64);
    assert_eq!(Client::connect(server.address()).get("/").content.len(), 16_000);
    for client in &mut clients {
        for _ in 0..REQUESTS {
            assert_eq!(client.answer().content.len(), 16_000);
        }
        assert_eq!(client.get("/").content.len(), 16_000);
    }
}

#[test]
fn a_client_that_has_ended_its_side_still_gets_the_whole_answer_slowly() {
    if !process::is_alone("parked::a_client_that_has_ended_its_side_still_gets_the_whole_answer_slowly") {
        return;
    }
    let server = TestServer::with(large_or_small, two_workers);
    for target in ["/bytes", "/file"] {
        let mut client = Client::connect(server.address());
        client.send(get(target));
        client.end();
        wait_until("it waits without a worker", || server.server().statistics().parked == 1);
        let before = process::processor_time();
        std::thread::sleep(Duration::from_millis(400));
        // Half of the time that one spinning thread would use.
        assert!(process::processor_time() - before < 20, "nobody spins meanwhile");
        assert_eq!(client.answer().content.len(), LARGE);
        client.assert_closed();
    }
}

#[test]
fn a_stop_lets_slow_clients_have_their_answer_and_slow_content_come() {
    let mut server = Server::new(large_or_small);
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut takes = Client::connect(address);
    takes.send(get("/file"));
    let mut sends = Client::connect(address);
    sends.send("POST /sent HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf!");
    let mut idle = Client::connect(address);
    idle.assert_in_step("/", "/");
    wait_until("they all wait", || server.statistics().parked == 3);
    let handle = server.handle();
    let stopping = std::thread::spawn(move || handle.stop());
    idle.assert_closed();
    assert!(!stopping.is_finished());
    sends.send("other");
    let answer = sends.answer();
    assert_eq!((answer.text(), answer.closes()), ("/sent", true));
    assert_eq!(takes.answer().content.len(), LARGE);
    let stopped = stopping.join().unwrap();
    assert_eq!((stopped.finished, stopped.cut), (2, 0));
    assert!(stopped.took < PATIENCE);
}

#[test]
fn a_stop_cuts_slow_clients_when_its_time_is_over() {
    let mut server = Server::new(large_or_small);
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(200);
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut takes = Client::connect(address);
    takes.send(get("/bytes"));
    let mut sends = Client::connect(address);
    sends.send("POST /sent HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf!");
    wait_until("they wait", || server.statistics().parked == 2);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 2));
    assert!(takes.over().len() < LARGE);
    sends.over();
}

// ---- clients that hold a worker give way ----

/// Content or an answer that holds a worker while the client does nothing. No content is received
/// before the handler runs.
const HOLDS: [&str; 3] = [
    "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
    "GET /made HTTP/1.1\r\nHost: a\r\n\r\n",
];

fn read_or_make(request: &mut Request) -> std::io::Result<Body> {
    match request.uri().path() {
        "/read" => Ok(std::mem::take(request.body_mut()).into_vec()?.into()),
        "/made" => Ok(Body::sized(std::io::repeat(b'x'), LARGE as u64)),
        path => Ok(path.to_owned().into()),
    }
}

fn patient(settings: &mut Settings) {
    two_workers(settings);
    settings.socket_timeout = 4 * PATIENCE;
}

#[test]
fn slow_clients_that_hold_all_workers_give_way_to_other_clients() {
    for hold in HOLDS {
        let server = TestServer::with(read_or_make, |settings| {
            patient(settings);
            settings.body_buffer_size = 0;
        });
        let mut holding: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
        for client in &mut holding {
            client.send(hold);
            if hold.contains("200000") {
                client.send("x".repeat(100_000));
            }
        }
        wait_until("they hold all workers", || server.server().statistics().requests == 2);
        Client::connect(server.address()).assert_in_step("/", "/");
        if hold.starts_with("POST") {
            assert!((1..=2).contains(&server.server().statistics().timed_out));
        }
    }
}

/// Sends so many bytes to each, twenty times a second, until `is_over`.
fn trickle(clients: &mut [(Client, usize)], mut is_over: impl FnMut() -> bool) {
    while !is_over() {
        for (client, piece) in &mut *clients {
            // A client that had to give way may be cut off.
            let _ = client.try_send("x".repeat(*piece).as_bytes());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_slower_client_gives_way_and_the_faster_keeps_its_worker() {
    const LENGTH: usize = 90 << 10;
    let server = TestServer::with(read_or_make, |settings| {
        patient(settings);
        settings.body_buffer_size = 0;
    });
    let mut holding = [2000, 500].map(|piece| (Client::connect(server.address()), piece));
    for (client, _) in &mut holding {
        client.send(format!("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"));
    }
    wait_until("they hold all workers", || server.server().statistics().requests == 2);
    // Both rates are known before a worker is wanted.
    let begun = Instant::now();
    trickle(&mut holding, || begun.elapsed() > Duration::from_secs(2));
    let mut other = Client::connect(server.address());
    other.send(get("/"));
    trickle(&mut holding, || server.server().statistics().timed_out > 0 || begun.elapsed() > PATIENCE / 2);
    assert_eq!(other.answer().text(), "/");
    let [(mut faster, _), (mut slower, _)] = holding;
    faster.send("x".repeat(LENGTH));
    assert_eq!(faster.answer().content.len(), LENGTH);
    assert_eq!(slower.answer().status, 408);
    assert_eq!(server.server().statistics().timed_out, 1);
}

#[test]
fn uploads_that_hold_all_workers_give_way_to_other_clients() {
    let server = TestServer::with(read_or_make, |settings| {
        patient(settings);
        (settings.thread_pool, settings.thread_pool_max) = (4, Some(4));
    });
    // Six kilobytes a second each, for longer than anything is waited for.
    let mut holding: Vec<(Client, usize)> = (0..4).map(|_| (Client::connect(server.address()), 300)).collect();
    for (client, _) in &mut holding {
        client.send(
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n".to_owned() + &"x".repeat(66_000),
        );
    }
    wait_until("they hold all workers", || server.server().statistics().requests == 4);
    let mut other = Client::connect(server.address());
    other.send(get("/"));
    let begun = Instant::now();
    let is_served = || server.server().statistics().answered > server.server().statistics().timed_out;
    trickle(&mut holding, || is_served() || begun.elapsed() > PATIENCE / 2);
    assert!(is_served(), "all workers wait for uploads");
    assert_eq!(other.answer().text(), "/");
    let timed_out = server.server().statistics().timed_out;
    assert!((1..=2).contains(&timed_out), "{timed_out} gave way to one");
}

#[test]
fn memory_of_parked_answers_is_bounded() {
    const MOST: u64 = 8 << 20;
    let server = TestServer::with(
        |request: &mut Request| Body::from(if request.uri().path() == "/" { vec![b'x'] } else { vec![b'x'; LARGE] }),
        |settings| {
            (settings.thread_pool, settings.thread_pool_max) = (4, Some(4));
            settings.max_parked_size = Some(MOST);
            settings.write_timeout = Some(2 * PATIENCE);
        },
    );
    let slow: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = Client::connect(server.address());
            client.send(get("/large"));
            client
        })
        .collect();
    // As many as there are workers may be left when it fills; the others are each waited for by a worker.
    wait_until("all workers wait", || {
        let statistics = server.server().statistics();
        statistics.threads_idle == 0 && statistics.parked > 0
    });
    let parked = server.server().statistics().parked;
    assert!((1..=4).contains(&parked), "{parked} answers are parked although one is too many");
    // A slow client gives way nevertheless.
    assert_eq!(Client::connect(server.address()).get("/").content, b"x");
    drop(slow);
}
