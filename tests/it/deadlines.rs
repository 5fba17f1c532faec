//! Every time limit. The limits are short; the tests assert the outcome, and that the outcome does
//! not come early.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use drupe::http::header;
use drupe::testing::TestServer;
use drupe::{Body, Request, Response, Settings};

use crate::client::{Client, get, wait_until};

const SHORT: Duration = Duration::from_millis(300);
/// A limit that must not be the one that counts.
const LONG: Duration = Duration::from_secs(600);

fn length(request: &mut Request) -> io::Result<String> {
    Ok(std::mem::take(request.body_mut()).into_vec()?.len().to_string())
}

/// Only one of all time limits is short.
fn only(change: impl FnOnce(&mut Settings)) -> impl FnOnce(&mut Settings) {
    |settings| {
        settings.socket_timeout = LONG;
        settings.keep_alive_timeout = LONG;
        change(settings);
    }
}

#[test]
fn half_a_head_is_a_408_at_its_deadline() {
    let server = TestServer::with(length, only(|settings| settings.header_timeout = Some(SHORT)));
    let mut client = Client::connect(server.address());
    let begun = Instant::now();
    client.send("GET / HTTP/1.1\r\nHos");
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert!(begun.elapsed() >= SHORT);
    client.end();
    client.assert_closed();
    assert_eq!(server.server().statistics().timed_out, 1);
}

#[test]
fn a_byte_at_a_time_does_not_put_the_deadline_off() {
    let server = TestServer::with(length, only(|settings| settings.header_timeout = Some(SHORT)));
    let mut client = Client::connect(server.address());
    let mut sender = client.sender();
    let (stop, stopped) = mpsc::channel::<()>();
    let trickle = thread::spawn(move || {
        let mut sent = 0;
        // Waiting for the end of the test is the pause between two bytes.
        while stopped.recv_timeout(SHORT / 10) == Err(mpsc::RecvTimeoutError::Timeout) {
            if sender.write_all(b"G").is_err() {
                break;
            }
            sent += 1;
        }
        sent
    });
    assert_eq!(client.answer().status, 408);
    stop.send(()).unwrap();
    let sent = trickle.join().unwrap();
    assert!(sent > 0, "it was not trickling");
}

#[test]
fn connection_without_a_byte_of_a_head_is_closed_silently_and_counted() {
    let server = TestServer::with(length, only(|settings| settings.header_timeout = Some(SHORT)));
    for sent in ["", "\r\n"] {
        let begun = Instant::now();
        let mut client = Client::connect(server.address());
        client.send(sent);
        assert_eq!(client.over(), b"", "{sent:?}");
        assert!(begun.elapsed() >= SHORT, "{sent:?}");
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.timeouts.head, statistics.timed_out), (2, 2));
    assert_eq!((statistics.refused, statistics.answers.client_error), (0, 0), "no answer was sent");
}

#[test]
fn silent_client_is_answered_408_on_demand_and_idle_client_is_not() {
    let server = TestServer::with(length, |settings| {
        settings.answer_silence = true;
        settings.header_timeout = Some(SHORT);
        settings.keep_alive_timeout = SHORT;
    });
    let mut client = Client::connect(server.address());
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    client.end();
    client.assert_closed();
    let mut client = Client::connect(server.address());
    client.assert_in_step("/", "0");
    assert_eq!(client.over(), b"");
    assert_eq!(server.server().statistics().timed_out, 1);
}

#[test]
fn idle_connection_is_closed_silently() {
    let server = TestServer::with(length, only(|settings| settings.keep_alive_timeout = SHORT));
    let mut client = Client::connect(server.address());
    assert_eq!(client.get("/").status, 200);
    let begun = Instant::now();
    client.assert_closed();
    assert!(begun.elapsed() >= SHORT / 2, "closed long before its time");
    // No failure is counted.
    let statistics = server.server().statistics();
    assert_eq!((statistics.timed_out, statistics.refused), (0, 0));
    Client::connect(server.address()).assert_in_step("/", "0");
}

#[test]
fn half_a_second_head_is_a_408() {
    let server = TestServer::with(length, only(|settings| settings.header_timeout = Some(SHORT)));
    let mut client = Client::connect(server.address());
    assert_eq!(client.get("/").status, 200);
    client.send("GET / HT");
    assert_eq!(client.answer().status, 408);
    client.end();
    client.assert_closed();
}

#[test]
fn the_header_deadline_does_not_count_against_an_idle_connection() {
    let server = TestServer::with(length, only(|settings| settings.header_timeout = Some(SHORT)));
    let mut client = Client::connect(server.address());
    assert_eq!(client.get("/").status, 200);
    // Another connection lives through the time that would have been too long.
    let mut silent = Client::connect(server.address());
    assert_eq!(silent.over(), b"");
    client.assert_in_step("/", "0");
}

#[test]
fn content_that_stalls_is_a_408_and_frees_its_worker() {
    let server = TestServer::with(
        length,
        only(|settings| {
            settings.body_timeout = Some(SHORT);
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
        }),
    );
    for request in ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let mut client = Client::connect(server.address());
        let begun = Instant::now();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{request}"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (408, true));
        assert!(begun.elapsed() >= SHORT);
        Client::connect(server.address()).assert_in_step("/", "0");
    }
}

#[test]
fn content_that_trickles_below_the_minimum_rate_is_a_408() {
    let server = TestServer::with(
        length,
        only(|settings| {
            settings.body_timeout = Some(SHORT);
            settings.minimum_rate = Some(1 << 20);
        }),
    );
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    let mut sender = client.sender();
    let (stop, stopped) = mpsc::channel::<()>();
    let trickle = thread::spawn(move || {
        while stopped.recv_timeout(SHORT / 10) == Err(mpsc::RecvTimeoutError::Timeout) {
            if sender.write_all(b"x").is_err() {
                break;
            }
        }
    });
    assert_eq!(client.answer().status, 408);
    stop.send(()).unwrap();
    trickle.join().unwrap();
}

#[test]
fn a_handler_that_thinks_long_costs_its_client_no_time() {
    let (think, thought) = mpsc::channel::<()>();
    let thought = std::sync::Mutex::new(thought);
    let server = TestServer::with(
        move |request: &mut Request| {
            let _ = thought.lock().unwrap().recv_timeout(2 * SHORT);
            length(request)
        },
        only(|settings| {
            settings.body_timeout = Some(SHORT);
            settings.header_timeout = Some(SHORT);
            settings.write_timeout = Some(SHORT);
        }),
    );
    let mut client = Client::connect(server.address());
    assert_eq!(client.post("/", b"hello").text(), "5");
    drop(think);
    assert_eq!(client.post("/", b"hello").text(), "5");
}

/// More than all buffers on the way hold.
const LARGE: usize = 64 << 20;

#[test]
fn a_client_that_does_not_read_is_cut_and_its_worker_is_free_again() {
    let server = TestServer::with(
        |request: &mut Request| match request.uri().path() {
            "/bytes" => Body::from(vec![b'x'; LARGE]),
            "/reader" => Body::sized(io::repeat(b'x'), LARGE as u64),
            "/stream" => Body::stream(|writer| io::copy(&mut io::repeat(b'x').take(LARGE as u64), writer).map(|_| ())),
            "/file" => Body::from_file(sparse()),
            _ => "small".into(),
        },
        only(|settings| {
            settings.write_timeout = Some(SHORT);
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
        }),
    );
    for (cut, target) in (1..).zip(["/bytes", "/reader", "/stream", "/file"]) {
        let before = server.server().statistics().requests;
        let mut client = Client::connect(server.address());
        client.send(get(target));
        wait_until("it is being served", || server.server().statistics().requests == before + 1);
        if matches!(target, "/bytes" | "/file") {
            wait_until("the rest waits without a worker", || server.server().statistics().parked == 1);
        }
        // There is one worker: this is answered at once, or once the other is cut.
        Client::connect(server.address()).assert_in_step("/", "small");
        wait_until("it is cut", || server.server().statistics().timed_out == cut);
        let got = client.over();
        assert!(got.len() < LARGE, "{target}: the whole answer of {} bytes has come", got.len());
    }
}

/// A body that ignores errors ends normally although bytes are lost: the answer must not pass for
/// complete.
#[test]
fn stream_that_ignores_errors_is_cut() {
    let server = TestServer::with(
        |request: &mut Request| {
            let is_declared = request.uri().path() == "/declared";
            let body = Body::stream(|writer| {
                let block = [b'x'; 64 << 10];
                let mut has_failed = false;
                for _ in 0..LARGE / block.len() {
                    has_failed |= writer.write_all(&block).and_then(|()| writer.flush()).is_err();
                }
                assert!(has_failed && writer.write(b"x").is_err() && writer.flush().is_err());
                Ok(())
            });
            let mut answer = Response::new(body);
            if is_declared {
                answer.headers_mut().insert(header::CONTENT_LENGTH, LARGE.into());
            }
            answer
        },
        only(|settings| settings.write_timeout = Some(SHORT)),
    );
    for (cut, (head, end)) in (1..).zip([
        ("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n", Some(&b"0\r\n\r\n"[..])),
        ("GET /declared HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("GET / HTTP/1.0\r\n\r\n", None),
    ]) {
        let mut client = Client::connect(server.address());
        client.send(head);
        wait_until("it is cut", || server.server().statistics().timed_out == cut);
        wait_until("its worker is free", || {
            let statistics = server.server().statistics();
            statistics.threads_idle == statistics.threads
        });
        // It takes again, and must be told that there is nothing more, or that this is not all.
        if head.contains("1.0") {
            let got = client.try_rest().map(|got| got.len());
            assert_eq!(got.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "{head}");
            continue;
        }
        let got = client.over();
        assert!(got.len() < LARGE, "{head}: {} bytes have come", got.len());
        assert!(end.is_none_or(|end| !got.ends_with(end)), "{head}: what was cut passes for whole");
    }
    assert_eq!(server.server().statistics().panics, 0);
}

/// A large file that takes no room.
fn sparse() -> File {
    let name = format!("drupe-it-{}-{:?}", std::process::id(), thread::current().id());
    let path = std::env::temp_dir().join(name);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.set_len(LARGE as u64).unwrap();
    file
}

#[test]
fn a_client_that_reads_slowly_but_steadily_gets_everything() {
    let server = TestServer::with(
        |_: &mut Request| Body::from(vec![b'x'; LARGE]),
        only(|settings| settings.write_timeout = Some(4 * SHORT)),
    );
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    assert_eq!(client.head().unwrap().status, 200);
    // Longer altogether than the time limit, in pauses that are each far below it.
    for _ in 0..64 {
        assert_eq!(client.take(LARGE / 64).unwrap().len(), LARGE / 64);
        thread::sleep(SHORT / 10);
    }
    client.end();
    client.assert_closed();
}

#[test]
fn an_early_answer_waits_for_its_client_only_so_long() {
    let server = TestServer::with(
        length,
        only(|settings| {
            settings.max_request_body_size = Some(10);
            settings.linger_timeout = SHORT;
        }),
    );
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    wait_until("it lingers", || server.server().statistics().parked == 1);
    wait_until("it is closed", || server.server().statistics().parked == 0);
}
