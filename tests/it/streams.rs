//! Streams whose clients, senders, filters and callbacks misbehave: the others go on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use drupe::http::header::{CONTENT_LENGTH, HeaderValue};
use drupe::stream::{Overflow, SendError, Sender};
use drupe::testing::TestServer;
use drupe::{Body, BodyWriter, Handler, IntoResponse, Request, Response, Server, Settings};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::place::Place;

/// Opens a stream for every target but `/plain`; the senders are left to the test.
#[derive(Clone, Default)]
struct Streams {
    senders: Arc<Mutex<Vec<Sender>>>,
    /// Filters of `/blocked` wait until this is set.
    is_released: Arc<AtomicBool>,
    blocked: Arc<AtomicUsize>,
}

impl Streams {
    /// Takes the sender of the only stream.
    fn sender(&self) -> Sender {
        wait_until("a stream has begun", || !self.senders.lock().unwrap().is_empty());
        self.senders.lock().unwrap().remove(0)
    }

    fn release(&self) {
        self.is_released.store(true, Ordering::SeqCst);
    }
}

impl Handler for Streams {
    fn handle(&self, request: &mut Request) -> Response {
        let path = request.uri().path();
        if path == "/plain" {
            return "plain".into_response();
        }
        let (sender, body) = Body::channel(CAPACITY);
        let mut body = body;
        if path == "/blocked" {
            // Slow enough to count as long: the guard holds the reactor role then.
            thread::sleep(Duration::from_millis(5));
            let (is_released, blocked) = (Arc::clone(&self.is_released), Arc::clone(&self.blocked));
            body = body.through(move |content: &[u8], output: &mut BodyWriter<'_>| {
                blocked.fetch_add(1, Ordering::SeqCst);
                while !is_released.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
                output.write_all(content)
            });
        }
        let mut response = Response::new(body);
        if path == "/declared" {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(1_u64 << 40));
        }
        self.senders.lock().unwrap().push(sender);
        response
    }
}

const CAPACITY: usize = 64 << 10;

fn few(settings: &mut Settings) {
    (settings.thread_pool, settings.thread_pool_max) = (1, Some(4));
}

/// Opens a stream.
fn open(server: &TestServer, streams: &Streams, target: &str) -> (Client, Sender) {
    let mut client = Client::connect(server.address());
    client.send(get(target));
    assert_eq!(client.head().unwrap().status, 200);
    (client, streams.sender())
}

/// Sends until the client, which reads nothing, has filled the stream and the buffers of the socket.
fn fill(sender: &Sender) {
    let piece = vec![b'x'; CAPACITY / 4];
    wait_until("the stream is full", || {
        let sent = sender.send(piece.clone(), Duration::from_millis(300));
        assert_ne!(sent, Err(SendError::Closed));
        sent == Err(SendError::Full)
    });
}

#[test]
fn heartbeat_of_any_interval_leaves_the_stream_whole() {
    let streams = Streams::default();
    let server = TestServer::new(streams.clone());
    let (mut client, sender) = open(&server, &streams, "/");
    sender.heartbeat(Duration::MAX, "never");
    sender.try_send("content").unwrap();
    assert_eq!(client.chunk().unwrap(), b"content");
    sender.finish();
    assert!(client.chunk().unwrap().is_empty());
}

#[test]
fn disconnected_client_that_reads_nothing_is_cut_at_once() {
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), |settings| settings.write_timeout = Some(Duration::from_secs(3600)));
    for target in ["/", "/declared"] {
        let (_client, sender) = open(&server, &streams, target);
        let (told, tells) = mpsc::channel();
        sender.on_close(move || told.send(()).unwrap());
        fill(&sender);
        assert_eq!(sender.send_or(vec![b'x'; CAPACITY], Overflow::Disconnect), Err(SendError::Closed));
        tells.recv_timeout(PATIENCE).unwrap();
    }
    wait_until("both are cut", || server.server().statistics().broken_off == 2);
    wait_until("no memory is held", || server.server().statistics().parked_answer_bytes == 0);
    assert_eq!(server.server().statistics().connections, 0);
}

#[test]
fn every_stream_that_fails_is_counted_and_recorded_once() {
    let streams = Streams::default();
    let place = Place::new();
    let server = place.server(streams.clone());
    let records = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&records);
    server.on_access(move |record| {
        assert!(record.is_cut, "the answer has broken off: {record:?}");
        noted.fetch_add(1, Ordering::SeqCst);
    });
    server.start().unwrap();
    let mut clients = Vec::new();
    // In one of these the failure comes while a part of the last content waits for the client.
    for length in (96..416).step_by(16) {
        let mut client = Client::over_unix(std::os::unix::net::UnixStream::connect(place.socket()).unwrap());
        client.send(get("/"));
        assert_eq!(client.head().unwrap().status, 200);
        let sender = streams.sender();
        for _ in 0..length {
            if sender.send(vec![b'x'; 1 << 10], Duration::from_millis(1)).is_err() {
                break;
            }
        }
        sender.fail("on purpose");
        clients.push(client);
    }
    let count = clients.len();
    drop(clients);
    wait_until("all are cut", || server.statistics().connections == 0);
    assert_eq!((server.statistics().broken_off, records.load(Ordering::SeqCst)), (count as u64, count));
    assert_eq!(server.statistics().parked_answer_bytes, 0);
    server.stop();
}

#[test]
fn streams_cut_by_a_stop_are_recorded() {
    let streams = Streams::default();
    let mut server = Server::new(streams.clone());
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(50);
    let records = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&records);
    server.on_access(move |record| {
        noted.lock().unwrap().push((record.status.map(|status| status.as_u16()), record.is_cut));
    });
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    client.head().unwrap();
    let sender = streams.sender();
    server.stop();
    assert!(sender.is_closed());
    assert_eq!(*records.lock().unwrap(), [(Some(200), true)]);
}

#[test]
fn streams_go_on_while_other_clients_keep_all_workers_busy() {
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
    });
    let is_over = AtomicBool::new(false);
    let flood = get("/plain").repeat(256);
    let (mut client, sender) = open(&server, &streams, "/");
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut flooding = TcpStream::connect(server.address()).unwrap();
            let mut reading = flooding.try_clone().unwrap();
            // The end comes as an error to both.
            scope.spawn(move || while reading.read(&mut [0; 64 << 10]).is_ok_and(|count| count > 0) {});
            scope.spawn(|| {
                loop {
                    if is_over.load(Ordering::SeqCst) || flooding.write_all(flood.as_bytes()).is_err() {
                        break;
                    }
                }
                let _ = flooding.shutdown(Shutdown::Both);
                drop(flooding);
            });
        }
        let events: Result<(), String> = (1..=20).try_for_each(|number| {
            wait_until("the load goes on", || server.server().statistics().requests > 1000 * number);
            sender.try_send(format!("{number}")).unwrap();
            let chunk = client.chunk()?;
            if chunk == number.to_string().as_bytes() { Ok(()) } else { Err(format!("{chunk:?}")) }
        });
        is_over.store(true, Ordering::SeqCst);
        events.unwrap();
    });
}

#[test]
fn filters_that_block_hold_up_no_other_client_and_no_other_stream() {
    const BLOCKED: usize = 3;
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), few);
    let (mut other, other_sender) = open(&server, &streams, "/");
    let mut blocked: Vec<_> = (0..BLOCKED).map(|_| open(&server, &streams, "/blocked")).collect();
    for (number, (_, sender)) in blocked.iter().enumerate() {
        sender.try_send("waits").unwrap();
        wait_until("the filter blocks", || streams.blocked.load(Ordering::SeqCst) == number + 1);
        Client::connect(server.address()).assert_in_step("/plain", "plain");
        other_sender.try_send("goes on").unwrap();
        assert_eq!(other.chunk().unwrap(), b"goes on");
    }
    streams.release();
    for (client, sender) in &mut blocked {
        assert_eq!(client.chunk().unwrap(), b"waits");
        sender.finish();
        assert!(client.chunk().unwrap().is_empty());
    }
}

#[test]
fn streams_that_wait_for_a_worker_are_not_refused() {
    const BLOCKED: usize = 4;
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), |settings| {
        few(settings);
        settings.accepted_queue_timeout = Duration::from_millis(20);
    });
    let mut all: Vec<_> = (0..2 * BLOCKED).map(|_| open(&server, &streams, "/blocked")).collect();
    all.iter().for_each(|(_, sender)| sender.try_send("waits").unwrap());
    wait_until("all workers are in filters", || streams.blocked.load(Ordering::SeqCst) == BLOCKED);
    // Waits for longer than a request may.
    let mut refused = Client::connect(server.address());
    assert_eq!(refused.get("/plain").status, 503);
    streams.release();
    for (client, sender) in &mut all {
        assert_eq!(client.chunk().unwrap(), b"waits");
        sender.finish();
        assert!(client.chunk().unwrap().is_empty());
        client.fields().unwrap();
        client.assert_in_step("/plain", "plain");
    }
}

#[test]
fn callback_of_a_closed_stream_may_panic_send_drop_and_block() {
    let streams = Streams::default();
    let server = TestServer::with(streams.clone(), few);
    let (client, sender) = open(&server, &streams, "/");
    let (mut other, other_sender) = open(&server, &streams, "/");
    let (told, tells) = mpsc::channel::<&str>();
    sender.on_close(|| panic!("a callback may be wrong"));
    let last = sender.clone();
    let also = told.clone();
    last.clone().on_close(move || {
        assert_eq!(last.try_send("late"), Err(SendError::Closed));
        last.on_close(move || also.send("within").unwrap());
        drop(last);
    });
    let also = told.clone();
    sender.on_close(move || {
        other_sender.try_send("left").unwrap();
        drop(other_sender);
        also.send("sent").unwrap();
    });
    sender.on_close(move || {
        thread::sleep(Duration::from_millis(200));
        told.send("blocked").unwrap();
    });
    drop(client);
    assert_eq!(other.chunk().unwrap(), b"left");
    assert!(other.chunk().unwrap().is_empty());
    assert_eq!([(); 3].map(|()| tells.recv_timeout(PATIENCE).unwrap()), ["within", "sent", "blocked"]);
    Client::connect(server.address()).assert_in_step("/plain", "plain");
}

#[test]
fn callback_of_a_stream_may_stop_a_server_that_stops() {
    let streams = Streams::default();
    let inner = streams.clone();
    let mut server = Server::new(move |request: &mut Request| {
        // Slow enough to count as long: the guard holds the reactor role then, and ends the stream.
        thread::sleep(Duration::from_millis(5));
        inner.handle(request)
    });
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_secs(1);
    server.start().unwrap();
    let handle = server.handle();
    let mut client = Client::connect(server.bound_addr().unwrap());
    for _ in 0..3 {
        client.assert_in_step("/plain", "plain");
    }
    client.send(get("/"));
    client.head().unwrap();
    let sender = streams.sender();
    sender.end_at_stop();
    let (told, tells) = mpsc::channel();
    sender.on_close(move || {
        handle.stop();
        told.send(()).unwrap();
    });
    let stopping = thread::spawn(move || server.stop());
    tells.recv_timeout(PATIENCE).expect("neither stop waits for the other");
    wait_until("the server has stopped", || stopping.is_finished());
}

#[test]
fn callback_of_a_closed_stream_may_stop_the_server() {
    let streams = Streams::default();
    let mut server = Server::new(streams.clone());
    server.settings.socket_port = 0;
    server.start().unwrap();
    let handle = server.handle();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    client.head().unwrap();
    let sender = streams.sender();
    let (told, tells) = mpsc::channel();
    sender.on_close(move || {
        handle.stop();
        told.send(()).unwrap();
    });
    drop(client);
    tells.recv_timeout(PATIENCE).unwrap();
    wait_until("the server has stopped", || server.bound_addr().is_none());
}
