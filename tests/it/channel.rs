//! Bodies fed by senders: no thread while nothing is sent, and an end for every way to end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use drupe::http::HeaderMap;
use drupe::http::header::{CONTENT_LENGTH, HeaderValue};
use drupe::layers::BodyFilter;
use drupe::stream::{Overflow, SendError, Sender};
use drupe::testing::TestServer;
use drupe::{Body, BodyWriter, Handler, IntoResponse, Request, Response, Server};

use crate::client::{Client, PATIENCE, get, wait_until};

/// A handler whose `/stream` and other targets wait for senders that the test has.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Vec<Sender>>>);

impl Streams {
    fn wait_for(&self, count: usize) {
        wait_until("the streams have begun", || self.0.lock().unwrap().len() == count);
    }

    /// The sender of the only stream.
    fn sender(&self) -> Sender {
        self.wait_for(1);
        self.0.lock().unwrap().pop().unwrap()
    }

    /// Sends `content` on all streams.
    fn send(&self, content: &'static str) {
        self.0.lock().unwrap().iter().for_each(|sender| sender.try_send(content).unwrap());
    }
}

impl Handler for Streams {
    fn handle(&self, request: &mut Request) -> Response {
        let path = request.uri().path();
        if path == "/plain" {
            return "plain".into_response();
        }
        let (sender, body) = Body::channel(CAPACITY);
        let mut response = Response::new(match path {
            "/capitals" => body
                .through(|content: &[u8], output: &mut BodyWriter<'_>| output.write_all(&content.to_ascii_uppercase())),
            "/panics" => body.through(|_: &[u8], _: &mut BodyWriter<'_>| panic!("a filter may be wrong")),
            _ => body,
        });
        if path == "/five" {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        }
        if path == "/stops" {
            sender.end_at_stop();
        }
        self.0.lock().unwrap().push(sender);
        response
    }
}

const CAPACITY: usize = 64 << 10;

fn server(streams: &Streams) -> TestServer {
    TestServer::new(streams.clone())
}

fn small() -> (Streams, TestServer) {
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
    });
    (streams, server)
}

fn connect(server: &TestServer, target: &str) -> Client {
    let mut client = Client::connect(server.address());
    client.send(get(target));
    assert_eq!(client.head().unwrap().status, 200);
    client
}

#[test]
fn a_hundred_streams_share_one_thread_with_other_requests() {
    let (streams, server) = small();
    let mut clients: Vec<Client> = (0..100).map(|_| connect(&server, "/stream")).collect();
    streams.wait_for(100);
    let mut other = Client::connect(server.address());
    for round in ["one", "two", "three"] {
        streams.send(round);
        for client in &mut clients {
            assert_eq!(client.chunk().unwrap(), round.as_bytes());
        }
        assert_eq!(other.get("/plain").text(), "plain");
    }
    streams.0.lock().unwrap().clear();
    for client in &mut clients {
        assert!(client.chunk().unwrap().is_empty());
        client.fields().unwrap();
        assert_eq!(client.get("/plain").text(), "plain");
    }
}

#[test]
fn content_sent_before_the_handler_returns_comes_first_and_in_order() {
    let server = TestServer::new(|_: &mut Request| {
        let (sender, body) = Body::channel(CAPACITY);
        (0..1000).for_each(|number| sender.try_send(format!("{number},")).unwrap());
        thread::spawn(move || (1000..2000).for_each(|number| sender.send(format!("{number},"), PATIENCE).unwrap()));
        body
    });
    let expected: String = (0..2000).map(|number| format!("{number},")).collect();
    assert_eq!(Client::connect(server.address()).get("/").text(), expected);
}

#[test]
fn senders_learn_at_once_that_the_client_has_left() {
    let streams = Streams::default();
    let server = server(&streams);
    let client = connect(&server, "/stream");
    let sender = streams.sender();
    let (told, tells) = mpsc::channel();
    sender.on_close(move || told.send(()).unwrap());
    assert!(!sender.is_closed());
    drop(client);
    tells.recv_timeout(PATIENCE).unwrap();
    assert!(sender.is_closed());
    assert_eq!(sender.try_send("late"), Err(SendError::Closed));
    let (told, tells) = mpsc::channel();
    sender.on_close(move || told.send(()).unwrap());
    tells.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn content_accepted_before_a_half_close_is_delivered() {
    let streams = Streams::default();
    let server = server(&streams);
    let mut client = connect(&server, "/stream");
    let sender = streams.sender();
    sender.try_send("before").unwrap();
    client.end();
    wait_until("the end is noticed", || sender.is_closed());
    assert_eq!(client.chunk().unwrap(), b"before");
    assert!(client.chunk().is_err(), "the content must not look complete");
}

#[test]
fn a_client_that_reads_nothing_fills_its_stream_and_no_other() {
    let (streams, server) = small();
    let slow = connect(&server, "/stream");
    let sender = streams.sender();
    let mut quick = connect(&server, "/stream");
    streams.wait_for(1);
    let piece = vec![b'x'; CAPACITY / 4];
    // Full for a while: the buffers of the socket are full, too.
    wait_until("the stream is full", || sender.send(piece.clone(), Duration::from_millis(300)) == Err(SendError::Full));
    assert_eq!(sender.send(piece.clone(), Duration::from_millis(20)), Err(SendError::Full));
    assert_eq!(sender.try_send(vec![0; CAPACITY + 1]), Err(SendError::TooLarge(CAPACITY)));
    assert_eq!(sender.send_or(piece.clone(), Overflow::DropOldest), Ok(1));
    streams.send("for the quick");
    assert_eq!(quick.chunk().unwrap(), b"for the quick");
    assert_eq!(sender.send_or(piece, Overflow::Disconnect), Err(SendError::Closed));
    assert!(sender.is_closed());
    drop(slow);
}

#[test]
fn a_waiting_sender_goes_on_as_soon_as_the_client_reads() {
    let (streams, server) = small();
    let mut client = connect(&server, "/stream");
    let sender = streams.sender();
    let sent = thread::spawn(move || {
        (0..200).for_each(|_| sender.send(vec![b'x'; CAPACITY / 2], PATIENCE).unwrap());
    });
    let mut received = 0;
    loop {
        let chunk = client.chunk().unwrap();
        if chunk.is_empty() {
            break;
        }
        received += chunk.len();
    }
    sent.join().unwrap();
    assert_eq!(received, 100 * CAPACITY);
}

#[test]
fn each_framing_has_its_end() {
    let streams = Streams::default();
    let server = server(&streams);
    // A declared length.
    let mut client = connect(&server, "/five");
    let sender = streams.sender();
    sender.try_send("hel").unwrap();
    sender.try_send("lo").unwrap();
    drop(sender);
    assert_eq!(client.take(5).unwrap(), b"hello");
    client.assert_in_step("/plain", "plain");
    // HTTP/1.0: the end of the connection.
    let mut client = Client::connect(server.address());
    client.send("GET /stream HTTP/1.0\r\n\r\n");
    client.head().unwrap();
    let sender = streams.sender();
    sender.try_send("to the end").unwrap();
    sender.finish();
    assert_eq!(client.rest(), b"to the end");
    // No content at all.
    let mut client = Client::connect(server.address());
    client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    let sender = streams.sender();
    wait_until("the stream of a HEAD closes", || sender.is_closed());
    client.assert_in_step("/plain", "plain");
    // Trailers.
    let mut client = Client::connect(server.address());
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
    client.head().unwrap();
    let fields: HeaderMap = [("x-digest".parse().unwrap(), HeaderValue::from_static("7"))].into_iter().collect();
    streams.sender().finish_with(fields);
    assert!(client.chunk().unwrap().is_empty());
    assert_eq!(client.fields().unwrap(), [("x-digest".to_owned(), "7".to_owned())]);
}

#[test]
fn content_that_ends_too_early_never_looks_complete() {
    let streams = Streams::default();
    let server = server(&streams);
    let fails: [fn(Sender); 2] =
        [|sender| sender.fail("no more"), |sender| drop(thread::spawn(move || panic!("with {sender:?}")).join())];
    for fail in fails {
        let mut client = connect(&server, "/stream");
        let sender = streams.sender();
        sender.try_send("part").unwrap();
        fail(sender);
        assert_eq!(client.chunk().unwrap(), b"part");
        assert!(client.chunk().is_err());
        // HTTP/1.0: only a reset can say so.
        let mut client = Client::connect(server.address());
        client.send("GET /stream HTTP/1.0\r\n\r\n");
        client.head().unwrap();
        let sender = streams.sender();
        fail(sender);
        assert!(client.try_rest().is_err());
    }
    // A length that is not reached.
    let mut client = connect(&server, "/five");
    let sender = streams.sender();
    sender.try_send("hel").unwrap();
    drop(sender);
    assert_eq!(client.rest(), b"hel");
}

#[test]
fn filters_change_each_piece_as_it_comes_and_may_panic() {
    let streams = Streams::default();
    let server = server(&streams);
    let mut client = connect(&server, "/capitals");
    let sender = streams.sender();
    for (piece, changed) in [("one", b"ONE"), ("two", b"TWO")] {
        sender.try_send(piece).unwrap();
        assert_eq!(client.chunk().unwrap(), changed);
    }
    let mut client = connect(&server, "/panics");
    let sender = streams.sender();
    sender.try_send("boom").unwrap();
    assert!(client.chunk().is_err());
    wait_until("the stream closes", || sender.is_closed());
    assert_eq!(server.server().statistics().panics, 1);
}

#[test]
fn filter_that_holds_content_back_is_flushed_while_more_comes() {
    /// Sends more for all that it takes, until it is flushed.
    struct Greedy(Sender, usize);
    impl BodyFilter for Greedy {
        fn write(&mut self, content: &[u8], _: &mut BodyWriter<'_>) -> io::Result<()> {
            self.1 += 1;
            if self.1 < ENDLESS {
                self.0.try_send(vec![0; content.len()]).unwrap();
            }
            Ok(())
        }

        fn flush(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
            let taken = std::mem::replace(&mut self.1, ENDLESS);
            if taken > 0 && taken < ENDLESS { write!(output, "{taken}") } else { Ok(()) }
        }
    }
    const ENDLESS: usize = 10_000;
    let server = TestServer::new(|_: &mut Request| {
        let (sender, body) = Body::channel(CAPACITY);
        sender.try_send(vec![0; CAPACITY / 4]).unwrap();
        body.through(Greedy(sender, 0))
    });
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"4");
}

#[test]
fn heartbeats_are_sent_while_nothing_else_is() {
    let (streams, server) = small();
    let mut client = connect(&server, "/stream");
    let sender = streams.sender();
    sender.heartbeat(Duration::from_millis(20), ":\n\n");
    for _ in 0..3 {
        assert_eq!(client.chunk().unwrap(), b":\n\n");
    }
    sender.try_send("content").unwrap();
    while client.chunk().unwrap() != b"content" {}
    sender.finish();
    while !client.chunk().unwrap().is_empty() {}
}

#[test]
fn stop_ends_the_streams_that_end_at_a_stop_and_waits_for_the_others() {
    let streams = Streams::default();
    let mut server = Server::new(streams.clone());
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut ending = Client::connect(address);
    ending.send(get("/stops"));
    ending.head().unwrap();
    let first = streams.sender();
    let mut finite = Client::connect(address);
    finite.send(get("/stream"));
    finite.head().unwrap();
    let second = streams.sender();
    thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        assert!(ending.chunk().unwrap().is_empty(), "the stream has its end");
        wait_until("its senders know", || first.is_closed());
        wait_until("the others are told", || second.is_shutting_down());
        second.try_send("last").unwrap();
        second.finish();
        assert_eq!(finite.chunk().unwrap(), b"last");
        assert!(finite.chunk().unwrap().is_empty());
        stop.join().unwrap();
    });
    assert_eq!(second.try_send("after the server"), Err(SendError::Closed));
}

#[test]
fn stop_cuts_streams_whose_senders_do_not_end() {
    let streams = Streams::default();
    let mut server = Server::new(streams.clone());
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(50);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/stream"));
    client.head().unwrap();
    let sender = streams.sender();
    server.stop();
    assert!(sender.is_closed());
    assert!(client.chunk().is_err());
}

#[test]
fn a_pipelined_request_waits_for_the_end_of_the_stream() {
    let streams = Streams::default();
    let server = server(&streams);
    let mut client = Client::connect(server.address());
    client.send(get("/stream") + &get("/plain"));
    client.head().unwrap();
    let sender = streams.sender();
    client.send(get("/plain"));
    sender.try_send("first").unwrap();
    sender.finish();
    assert_eq!(client.chunk().unwrap(), b"first");
    assert!(client.chunk().unwrap().is_empty());
    client.fields().unwrap();
    for _ in 0..2 {
        assert_eq!(client.answer().text(), "plain");
    }
}

#[test]
fn many_senders_lose_nothing_and_mix_nothing_up() {
    const SENDERS: usize = 8;
    const EACH: usize = 500;
    let (streams, server) = small();
    let mut client = connect(&server, "/stream");
    let sender = streams.sender();
    let left = Arc::new(AtomicUsize::new(SENDERS));
    for number in 0..SENDERS {
        let (sender, left) = (sender.clone(), Arc::clone(&left));
        thread::spawn(move || {
            (0..EACH).for_each(|at| sender.send(format!("{number} {at}\n"), PATIENCE).unwrap());
            left.fetch_sub(1, Ordering::SeqCst);
        });
    }
    drop(sender);
    let mut content = Vec::new();
    loop {
        let chunk = client.chunk().unwrap();
        if chunk.is_empty() {
            break;
        }
        content.extend(chunk);
    }
    assert_eq!(left.load(Ordering::SeqCst), 0);
    let text = String::from_utf8(content).unwrap();
    for number in 0..SENDERS {
        let own = text.lines().filter_map(|line| line.strip_prefix(&format!("{number} ")));
        assert!(own.eq((0..EACH).map(|at| at.to_string())), "sender {number}");
    }
}
