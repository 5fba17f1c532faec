//! The ends of answers and of connections in rare orders of events.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use drupe::testing::TestServer;
use drupe::{Body, IntoResponse, Request, Response, Server};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::door::Door;

const LARGE: usize = 8 << 20;

/// An unread byte in the socket turns a close into a reset, which destroys an answer on its way.
#[test]
fn bytes_behind_the_last_request_do_not_destroy_its_answer() {
    let server = TestServer::new(|request: &mut Request| {
        std::mem::take(request.body_mut()).into_vec()?;
        Ok::<_, io::Error>(vec![b'x'; LARGE])
    });
    let mut client = TcpStream::connect(server.address()).unwrap();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
    client.write_all(&[head.as_bytes(), &[b'y'; 100_000]].concat()).unwrap();
    wait_until("the answer is on its way", || server.server().statistics().bytes_written > 0);
    client.write_all(b"\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"x") || answer.len() < LARGE {
        // Slow enough for the server to be done before the client.
        thread::sleep(Duration::from_millis(if answer.len() < LARGE / 2 { 5 } else { 0 }));
        let mut buffer = vec![0; 1 << 20];
        let count = client.read(&mut buffer).unwrap();
        assert!(count > 0, "an end after {} bytes", answer.len());
        answer.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "an orderly end");
}

#[test]
fn request_that_comes_during_a_stream_is_answered_although_the_server_stops() {
    let mut server = Server::new(|request: &mut Request| {
        if request.uri().path() == "/second" {
            return Response::new(Body::from("second"));
        }
        Response::new(Body::stream(|writer| {
            writer.write_all(b"begun")?;
            writer.flush()?;
            while !writer.is_shutting_down() {
                thread::sleep(Duration::from_millis(1));
            }
            // The stop has closed the parking by now.
            thread::sleep(Duration::from_millis(100));
            writer.write_all(b"done")
        }))
    });
    server.settings.socket_port = 0;
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/stream"));
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"begun");
    client.send(get("/second"));
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        assert_eq!(client.chunk().unwrap(), b"done");
        assert_eq!((client.chunk().unwrap(), client.fields().unwrap()), (vec![], vec![]));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text(), answer.closes()), (200, "second", true));
        stop.join().unwrap()
    });
    assert_eq!((stopped.finished, stopped.cut), (2, 0));
}

/// A value of a thread whose drop waits, as that of a database's connection may.
struct Slow;

static HOLDS: AtomicBool = AtomicBool::new(true);
static IS_DROPPED: AtomicBool = AtomicBool::new(false);

impl Drop for Slow {
    fn drop(&mut self) {
        IS_DROPPED.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        while HOLDS.load(Ordering::SeqCst) && begun.elapsed() < PATIENCE / 2 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

thread_local! {
    static KEPT: RefCell<Option<Slow>> = const { RefCell::new(None) };
}

#[test]
fn thread_that_ends_slowly_holds_up_no_client() {
    let door = Door::default();
    let held = door.clone();
    let server = TestServer::with(
        move |_: &mut Request| {
            held.pass();
            // Not on the first worker, which stays.
            if thread::current().name() != Some("drupe-1") {
                KEPT.with_borrow_mut(|kept| *kept = Some(Slow));
            }
            "passed"
        },
        |settings| {
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(8);
            settings.thread_idle_timeout = Duration::from_millis(10);
            settings.header_timeout = Some(Duration::from_millis(100));
        },
    );
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    wait_until("all handlers run", || door.waiting() == 4);
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "passed"));
    wait_until("a thread ends", || IS_DROPPED.load(Ordering::SeqCst));
    let mut late = Client::connect(server.address());
    late.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(late.answer().status, 408);
    assert_eq!(Client::connect(server.address()).get("/").text(), "passed");
    HOLDS.store(false, Ordering::SeqCst);
}

#[test]
fn stop_counts_requests_cut_in_the_queue() {
    let door = Door::default();
    let held = door.clone();
    let mut server = Server::new(move |_: &mut Request| {
        held.pass();
        "passed"
    });
    server.settings.socket_port = 0;
    server.settings.thread_pool = 1;
    server.settings.thread_pool_max = Some(1);
    server.settings.shutdown_timeout = Duration::from_millis(50);
    server.start().unwrap();
    let mut clients: Vec<_> = (0..6).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    wait_until("five wait for the worker", || server.statistics().queue == 5);
    assert_eq!(server.stop().cut, 6);
    door.open();
}

/// A small answer is only gathered when its handler returns, and a cut connection takes it no more.
#[test]
fn answer_that_comes_after_its_connection_was_cut_is_recorded_as_cut() {
    let door = Door::default();
    let held = door.clone();
    let (sender, records) = mpsc::channel();
    let mut server = Server::new(move |_: &mut Request| {
        held.pass();
        "late"
    });
    server.on_access(move |record| sender.send((record.status, record.bytes, record.is_cut)).unwrap());
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(50);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    wait_until("the handler runs", || server.statistics().in_progress() == 1);
    assert_eq!(server.stop().cut, 1);
    door.open();
    assert_eq!(records.recv_timeout(PATIENCE).unwrap(), (None, None, true));
    assert_eq!(client.try_rest().unwrap_or_default(), b"", "no answer");
    wait_until("the exchange is over", || server.statistics().in_progress() == 0);
    let counted = server.statistics();
    assert_eq!((counted.requests, counted.answered, counted.broken_off), (1, 0, 1));
}

#[test]
fn fault_of_the_program_is_not_told_to_the_client() {
    let contradictory = |_: &mut Request| ([("content-length", "5")], "four").into_response();
    let server = TestServer::new(contradictory);
    let answer = Client::connect(server.address()).get("/");
    assert_eq!((answer.status, answer.text()), (500, "internal server error\n"));
}

struct Fatal(Vec<u8>);

impl AsRef<[u8]> for Fatal {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Fatal {
    fn drop(&mut self) {
        panic!("the owner of the content");
    }
}

#[test]
fn owner_that_panics_after_its_answer_to_a_slow_client_is_counted() {
    let server = TestServer::new(|_: &mut Request| Body::from(Bytes::from_owner(Fatal(vec![b'x'; LARGE]))));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    wait_until("the answer waits for its client", || server.server().statistics().parked == 1);
    assert_eq!(client.answer().content.len(), LARGE);
    wait_until("the exchange is over", || server.server().statistics().in_progress() == 0);
    assert_eq!(server.server().statistics().panics, 1);
}

#[test]
fn late_content_that_is_sent_back_is_no_late_reader() {
    let server = TestServer::with(
        |request: &mut Request| std::mem::take(request.body_mut()),
        |settings| {
            settings.body_buffer_size = 1;
            settings.body_timeout = Some(Duration::from_millis(100));
        },
    );
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    client.over();
    wait_until("it is counted", || server.server().statistics().timed_out > 0);
    let timeouts = server.server().statistics().timeouts;
    assert_eq!((timeouts.body, timeouts.write), (1, 0));
}
