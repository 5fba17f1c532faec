//! Every bound in bytes or numbers: the limit itself passes, one more is refused with its status.

use std::io::{self, Write};
use std::net::Shutdown;
use std::thread;

use drupe::http::StatusCode;
use drupe::testing::TestServer;
use drupe::{Request, Settings};

use crate::client::{Client, get, post, wait_until};

fn length(request: &mut Request) -> io::Result<String> {
    Ok(std::mem::take(request.body_mut()).into_vec()?.len().to_string())
}

/// Sends each request on a connection of its own and compares the status. A refusal must close the
/// connection; any other answer leaves the connection in step.
fn check(change: impl FnOnce(&mut Settings), cases: &[(Vec<u8>, u16)]) {
    let server = TestServer::with(length, change);
    for (request, status) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let mut client = Client::connect(server.address());
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (*status, *status >= 400), "{shown:?}: {}", answer.text());
        if *status < 400 {
            client.assert_in_step("/", "0");
        } else {
            client.assert_closed();
        }
    }
}

/// A request whose head is exactly `size` bytes.
fn head_of(size: usize) -> Vec<u8> {
    let bare = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size - bare)).into_bytes()
}

#[test]
fn a_head_of_the_limit_passes_and_one_byte_more_is_431() {
    let limit = |settings: &mut Settings| settings.max_request_header_size = 1000;
    check(limit, &[(head_of(1000), 200), (head_of(1001), 431), (head_of(50_000), 431)]);
}

#[test]
fn the_status_of_a_large_head_can_be_cherrypys() {
    let limit = |settings: &mut Settings| {
        settings.max_request_header_size = 1000;
        settings.max_request_header_fields = 3;
        settings.header_overflow_status = 413;
    };
    check(limit, &[(head_of(1000), 200), (head_of(1001), 413), (fields_of(3), 200), (fields_of(4), 413)]);
}

#[test]
fn head_may_be_as_large_as_the_default_of_cherrypy() {
    check(|_| {}, &[(head_of(512_000), 200), (head_of(512_001), 431)]);
}

#[test]
fn a_target_of_the_limit_passes_and_one_byte_more_is_414() {
    let target = |size: usize| get(&format!("/{}", "x".repeat(size - 1))).into_bytes();
    let limit = |settings: &mut Settings| settings.max_request_target_size = 100;
    check(limit, &[(target(100), 200), (target(101), 414), (target(100_000), 414)]);
}

/// A request of `count` field lines.
fn fields_of(count: usize) -> Vec<u8> {
    let fields: String = (1..count).map(|n| format!("X-{n}: y\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

#[test]
fn as_many_fields_as_the_limit_pass_and_one_more_is_431() {
    check(|settings| settings.max_request_header_fields = 20, &[(fields_of(20), 200), (fields_of(21), 431)]);
    check(|_| {}, &[(fields_of(100), 200), (fields_of(101), 431)]);
}

#[test]
fn content_of_the_limit_passes_and_one_byte_more_is_413() {
    let limit = |settings: &mut Settings| settings.max_request_body_size = Some(1000);
    let chunked = |sizes: &[usize]| {
        let chunks: String = sizes.iter().map(|size| format!("{size:x}\r\n{}\r\n", "x".repeat(*size))).collect();
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
    };
    check(
        limit,
        &[
            (post("/", &[b'x'; 1000]), 200),
            (post("/", &[b'x'; 1001]), 413),
            (chunked(&[500, 500]), 200),
            (chunked(&[1000]), 200),
            (chunked(&[500, 501]), 413),
            (chunked(&[1001]), 413),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n".to_vec(), 413),
        ],
    );
}

#[test]
fn unread_content_is_dropped_up_to_the_limit_and_then_costs_the_connection() {
    let server = TestServer::with(|_: &mut Request| "ignored", |settings| settings.max_drain_size = 1000);
    let mut client = Client::connect(server.address());
    assert!(!client.post("/", &[b'x'; 1000]).closes());
    client.assert_in_step("/", "ignored");
    let answer = client.post("/", &[b'x'; 1001]);
    assert_eq!((answer.text(), answer.closes()), ("ignored", true));
    client.end();
    client.assert_closed();
}

/// Sends `total` bytes of content completely before reading.
fn upload(client: &mut Client, total: usize) -> Result<(), String> {
    let block = vec![b'x'; 1 << 20];
    let mut sender = client.sender();
    for sent in (0..total).step_by(block.len()) {
        sender.write_all(&block[..block.len().min(total - sent)]).map_err(|error| format!("{error} after {sent}"))?;
    }
    Ok(())
}

#[test]
fn a_client_that_sends_100_mib_to_the_end_still_reads_its_413() {
    const TOTAL: usize = 100 << 20;
    let server = TestServer::with(length, |settings| {
        settings.max_request_body_size = Some(1000);
        // As long as a loaded machine needs.
        settings.linger_timeout = crate::client::PATIENCE;
    });
    let mut client = Client::connect(server.address());
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {TOTAL}\r\n\r\n"));
    upload(&mut client, TOTAL).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (413, true));
    client.assert_closed();
    assert_eq!(server.server().statistics().requests, 0);
}

#[test]
fn an_early_answer_is_readable_while_the_content_still_comes() {
    const TOTAL: usize = 20 << 20;
    let server = TestServer::with(
        |_: &mut Request| (StatusCode::FORBIDDEN, "not for you"),
        |settings| {
            settings.linger_timeout = crate::client::PATIENCE;
        },
    );
    let mut client = Client::connect(server.address());
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {TOTAL}\r\n\r\n"));
    upload(&mut client, TOTAL).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (403, "not for you"));
    client.end();
    client.assert_closed();
}

#[test]
fn a_lingering_connection_is_cut_at_its_limit_of_bytes() {
    let server = TestServer::with(length, |settings| {
        settings.max_request_body_size = Some(1000);
        settings.max_linger_size = 1 << 20;
        settings.linger_timeout = crate::client::PATIENCE;
    });
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    // More than all buffers on the way hold: it cannot all be taken.
    assert!(upload(&mut client, 200 << 20).is_err());
    wait_until("the connection is gone", || server.server().statistics().parked == 0);
}

#[test]
fn a_lingering_connection_takes_no_worker() {
    let server = TestServer::with(length, |settings| {
        settings.thread_pool = 1;
        settings.thread_pool_max = Some(1);
        settings.max_request_body_size = Some(1000);
        settings.linger_timeout = crate::client::PATIENCE;
    });
    let lingering: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = Client::connect(server.address());
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
            assert_eq!(client.answer().status, 413);
            client
        })
        .collect();
    wait_until("all of them linger", || server.server().statistics().parked == lingering.len());
    Client::connect(server.address()).assert_in_step("/", "0");
    for client in &lingering {
        client.sender().shutdown(Shutdown::Both).unwrap();
    }
    wait_until("they have left", || server.server().statistics().parked == 0);
}

#[test]
fn content_that_is_announced_and_never_sent_holds_no_worker() {
    let server = TestServer::with(
        |_: &mut Request| "ignored",
        |settings| {
            settings.thread_pool = 4;
            settings.thread_pool_max = Some(4);
            settings.max_request_body_size = None;
            settings.linger_timeout = crate::client::PATIENCE;
            settings.body_buffer_size = 0;
        },
    );
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(server.address())).collect();
    for (client, length) in clients.iter_mut().zip([1_000_000_000_u64, 1000].into_iter().cycle()) {
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nonly this"));
        assert_eq!(client.answer().text(), "ignored");
    }
    Client::connect(server.address()).assert_in_step("/", "ignored");
    wait_until("they wait without a worker", || {
        let statistics = server.server().statistics();
        statistics.parked >= 6 && statistics.threads_idle == 4
    });
}

#[test]
fn each_of_many_oversized_heads_gets_a_431() {
    // A hundred clients at once, each one byte over: each gets its answer, none disturbs another.
    let server = TestServer::with(length, |settings| settings.max_request_header_size = 1000);
    let address = server.address();
    let threads: Vec<_> = (0..10)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..10 {
                    let mut client = Client::connect(address);
                    client.send(head_of(1001));
                    assert_eq!(client.answer().status, 431);
                    client.assert_closed();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(server.server().statistics().refused, 100);
}
