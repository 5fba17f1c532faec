//! Upgraded connections that wait without a thread: called for each event, and only then.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use drupe::bytes::Bytes;
use drupe::http::StatusCode;
use drupe::stream::{Inbox, Overflow, ParkedStream, SendError, Sender, Wait, upgrade_parked};
use drupe::testing::{Conversation, TestServer};
use drupe::{Handler, IntoResponse, Request, Response, Settings};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::logging;
use crate::process::is_alone;

/// A room of connections, whose function depends on the target.
#[derive(Clone, Default)]
struct Room {
    senders: Arc<Mutex<Vec<Sender>>>,
    calls: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

/// Writes all it reads, or sends it to all, and writes all messages.
struct Relay {
    stream: ParkedStream,
    unsent: VecDeque<Bytes>,
    room: Room,
    shares: bool,
}

impl Relay {
    fn call(&mut self, inbox: &Inbox) -> io::Result<Wait> {
        self.room.calls.fetch_add(1, Ordering::SeqCst);
        loop {
            // While the client takes nothing, nothing more is taken in.
            while let Some(piece) = self.unsent.front_mut() {
                match self.stream.write(piece) {
                    Ok(count) => drop(piece.split_to(count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Wait::ForEvents),
                    Err(error) => return Err(error),
                }
                self.unsent.retain(|piece| !piece.is_empty());
            }
            if let Some(message) = inbox.try_recv() {
                self.unsent.push_back(message);
                continue;
            }
            let mut buffer = [0; 1000];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(Wait::End),
                Ok(count) if self.shares => {
                    let piece = Bytes::copy_from_slice(&buffer[..count]);
                    self.room.send(&piece);
                }
                Ok(count) => self.unsent.push_back(Bytes::copy_from_slice(&buffer[..count])),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if inbox.is_shutting_down() => {
                    self.stream.write_all(b"BYE")?;
                    return Ok(Wait::End);
                }
                Err(_) => return Ok(Wait::ForEvents),
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.room.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Room {
    fn send(&self, message: &Bytes) {
        self.senders.lock().unwrap().retain(|sender| sender.try_send(message.clone()) != Err(SendError::Closed));
    }

    fn wait_for(&self, count: usize) {
        wait_until("the sessions have begun", || self.senders.lock().unwrap().len() == count);
    }

    fn sender(&self) -> Sender {
        self.wait_for(1);
        self.senders.lock().unwrap()[0].clone()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Handler for Room {
    fn handle(&self, request: &mut Request) -> Response {
        let (room, path) = (self.clone(), request.uri().path().to_owned());
        if path == "/plain" {
            return "plain".into_response();
        }
        upgrade_parked(request, "test", CAPACITY, move |stream, sender| {
            room.senders.lock().unwrap().push(sender);
            let shares = path == "/share";
            let mut relay = Relay { stream, unsent: VecDeque::new(), room, shares };
            move |inbox: &Inbox| relay.call(inbox)
        })
    }
}

const CAPACITY: usize = 64 << 10;

fn offer(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n")
}

fn small(handler: impl Handler) -> TestServer {
    TestServer::with(handler, |settings| (settings.thread_pool, settings.thread_pool_max) = (2, Some(2)))
}

fn switched(mut client: Client, target: &str) -> Client {
    client.send(offer(target));
    assert_eq!(client.answer().status, 101);
    client
}

fn connect(server: &TestServer, target: &str) -> Client {
    switched(Client::connect(server.address()), target)
}

#[test]
fn five_hundred_sessions_echo_and_share_on_two_workers() {
    let room = Room::default();
    let server = small(room.clone());
    let threads = || server.server().statistics().threads;
    let mut clients: Vec<Client> = (0..500).map(|_| connect(&server, "/share")).collect();
    room.wait_for(500);
    assert_eq!(server.server().statistics().upgraded, 500);
    for round in 0..3 {
        let word = format!("round {round}");
        clients[round * 200].send(&word);
        for client in &mut clients {
            assert_eq!(client.take(word.len()).unwrap(), word.as_bytes());
        }
    }
    let mut echoes: Vec<Client> = (0..20).map(|_| connect(&server, "/echo")).collect();
    for (at, client) in echoes.iter_mut().enumerate() {
        client.send(format!("number {at:3}"));
    }
    for (at, client) in echoes.iter_mut().enumerate() {
        assert_eq!(client.take(10).unwrap(), format!("number {at:3}").as_bytes());
    }
    assert_eq!(Client::connect(server.address()).get("/plain").text(), "plain");
    assert_eq!(threads(), 2);
    drop((clients, echoes));
    wait_until("all sessions have ended", || room.ended() == 520 && server.server().statistics().upgraded == 0);
}

#[test]
fn a_silent_session_is_not_called() {
    let room = Room::default();
    let server = small(room.clone());
    let mut client = connect(&server, "/echo");
    client.send("x");
    assert_eq!(client.take(1).unwrap(), b"x");
    let mut others: Vec<Client> = (0..20).map(|_| Client::connect(server.address())).collect();
    let before = room.calls();
    for client in &mut others {
        client.assert_in_step("/plain", "plain");
    }
    assert!(room.calls() <= before + 1, "{before}, {}", room.calls());
}

#[test]
fn bytes_sent_behind_the_request_come_first() {
    let server = small(Room::default());
    let mut client = Client::connect(server.address());
    client.send(offer("/echo") + "early ");
    assert_eq!(client.answer().status, 101);
    client.send("and late");
    assert_eq!(client.take(14).unwrap(), b"early and late");
    client.end();
    client.assert_closed();
}

#[test]
fn a_connection_in_memory_ends_when_its_session_waits() {
    let conversation = Conversation::new(Room::default(), &Settings::default()).unwrap();
    let answer = conversation.run([offer("/echo").into_bytes(), b"some".to_vec()]);
    assert!(answer.ends_with(b"\r\n\r\nsome"), "{}", answer.escape_ascii());
    let waits = by(|mut stream, _sender| move |_: &Inbox| stream.write_all(b"word").map(|()| Wait::ForEvents));
    let answer = Conversation::new(waits, &Settings::default()).unwrap().run([offer("/").into_bytes()]);
    assert!(answer.ends_with(b"\r\n\r\nword"), "{}", answer.escape_ascii());
}

#[test]
fn a_client_that_offers_nothing_gets_426() {
    let server = small(Room::default());
    let mut client = Client::connect(server.address());
    client.send(get("/echo"));
    assert_eq!(client.answer().status, 426);
    client.assert_in_step("/plain", "plain");
}

/// Sends `LARGE` in one thread and reads the echo in another, slowly at first.
fn echo_much(mut sends: impl Write + Send + 'static, mut receives: impl Read, end: impl FnOnce() + Send + 'static) {
    let large: Vec<u8> = (0..LARGE).map(|at: u32| at.to_le_bytes()[at as usize % 3]).collect();
    let expected = large.clone();
    let sending = thread::spawn(move || {
        sends.write_all(&large).unwrap();
        sends.flush().unwrap();
        end();
    });
    let mut received = vec![0; expected.len()];
    receives.read_exact(&mut received[..4096]).unwrap();
    thread::sleep(Duration::from_millis(200));
    receives.read_exact(&mut received[4096..]).unwrap();
    assert!(received == expected);
    sending.join().unwrap();
}

const LARGE: u32 = 20_000_000;

#[test]
fn large_echoes_wait_for_a_slow_reader_and_lose_nothing() {
    let room = Room::default();
    let server = small(room.clone());
    let stream = connect(&server, "/echo").sender();
    let sends = stream.try_clone().unwrap();
    let ends = stream.try_clone().unwrap();
    echo_much(sends, &stream, move || ends.shutdown(std::net::Shutdown::Write).unwrap());
    assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
    let statistics = server.server().statistics();
    assert!(statistics.bytes_read.min(statistics.bytes_written) >= u64::from(LARGE));
    wait_until("the session has ended", || room.ended() == 1);
}

#[test]
fn sessions_work_over_unix_sockets() {
    let room = Room::default();
    let server = TestServer::unix(room.clone(), |_| {});
    let mut stream = UnixStream::connect(server.socket().unwrap()).unwrap();
    stream.write_all(offer("/echo").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let ends = stream.try_clone().unwrap();
    echo_much(stream.try_clone().unwrap(), &stream, move || ends.shutdown(std::net::Shutdown::Write).unwrap());
    room.sender().try_send("more").unwrap_err();
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn sessions_work_over_tls_with_records_larger_than_a_read() {
    let room = Room::default();
    let server = TestServer::with(room.clone(), |settings| settings.ssl_context = Some(crate::secure::context()));
    let mut client = switched(crate::secure::connect_to(server.address()), "/echo");
    for round in 0..50 {
        let piece = vec![b'a' + round % 26; 16_000 + usize::from(round)];
        client.send(&piece);
        assert!(client.take(piece.len()).unwrap() == piece);
    }
    let sender = room.sender();
    (0..10).for_each(|_| sender.try_send(vec![b'm'; 6000]).unwrap());
    assert!(client.take(60_000).unwrap().iter().all(|byte| *byte == b'm'));
    // More than socket and records hold: the rest waits for the client.
    let sending = thread::spawn(move || (0..200).for_each(|_| sender.send(vec![b'n'; 60_000], PATIENCE).unwrap()));
    thread::sleep(Duration::from_millis(100));
    for _ in 0..200 {
        assert!(client.take(60_000).unwrap().iter().all(|byte| *byte == b'n'));
    }
    sending.join().unwrap();
    client.end();
    wait_until("the session has ended", || room.ended() == 1);
}

#[test]
fn a_client_that_reads_nothing_fills_its_mailbox_and_no_other() {
    let room = Room::default();
    let server = small(room.clone());
    let slow = connect(&server, "/echo");
    let sender = room.sender();
    let mut quick = connect(&server, "/echo");
    room.wait_for(2);
    let piece = vec![b'x'; CAPACITY / 4];
    wait_until("the mailbox is full", || sender.try_send(piece.clone()) == Err(SendError::Full));
    assert_eq!(sender.send(piece.clone(), Duration::from_millis(20)), Err(SendError::Full));
    quick.send("x");
    assert_eq!(quick.take(1).unwrap(), b"x");
    // A function that waits for room is not called in vain.
    let calls = room.calls();
    thread::sleep(Duration::from_millis(50));
    assert!(room.calls() - calls < 3, "{}", room.calls() - calls);
    assert_eq!(sender.send_or(piece, Overflow::Disconnect), Err(SendError::Closed));
    wait_until("the slow client is cut", || room.ended() == 1);
    drop(slow);
    quick.send("y");
    assert_eq!(quick.take(1).unwrap(), b"y");
}

#[test]
fn senders_learn_at_once_that_the_client_has_left() {
    let room = Room::default();
    let server = small(room.clone());
    let client = connect(&server, "/echo");
    let sender = room.sender();
    let (told, tells) = mpsc::channel();
    sender.on_close(move || told.send(()).unwrap());
    assert!(!sender.is_closed());
    drop(client);
    tells.recv_timeout(PATIENCE).unwrap();
    assert_eq!(sender.try_send("late"), Err(SendError::Closed));
}

/// A handler that serves each connection by `serve`, made anew by `make`.
fn by<F>(make: impl Fn(ParkedStream, Sender) -> F + Clone + Send + Sync + 'static) -> impl Handler
where
    F: FnMut(&Inbox) -> io::Result<Wait> + Send + 'static,
{
    move |request: &mut Request| {
        let make = make.clone();
        match request.uri().path() {
            "/plain" => "plain".into_response(),
            _ => upgrade_parked(request, "test", CAPACITY, make),
        }
    }
}

#[test]
fn messages_arrive_one_by_one_even_if_empty() {
    let (told, tells) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let server = small(by(move |mut stream, sender| {
        told.lock().unwrap().send(sender).unwrap();
        move |inbox: &Inbox| {
            // The first byte is a sign to take messages.
            if stream.read(&mut [0])? == 0 {
                return Ok(Wait::End);
            }
            let messages = std::iter::from_fn(|| inbox.try_recv());
            let lengths: Vec<String> = messages.map(|message| message.len().to_string()).collect();
            stream.write_all(format!("{}.", lengths.join(" ")).as_bytes())?;
            Ok(Wait::ForEvents)
        }
    }));
    let mut client = connect(&server, "/");
    let sender = tells.recv_timeout(PATIENCE).unwrap();
    for message in ["one", "", "three", ""] {
        sender.try_send(message).unwrap();
    }
    client.send("!");
    assert_eq!(client.take(8).unwrap(), b"3 0 5 0.");
    let full = (0..=CAPACITY).find(|_| sender.try_send("") == Err(SendError::Full));
    assert_eq!(full, Some(CAPACITY));
}

#[test]
fn a_session_may_write_after_the_end_of_the_clients_side() {
    let (told, tells) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let server = small(by(move |mut stream, sender| {
        told.lock().unwrap().send(sender).unwrap();
        let mut has_ended = false;
        move |inbox: &Inbox| {
            while !has_ended {
                match stream.read(&mut [0; 100]) {
                    Ok(count) => has_ended = count == 0,
                    Err(_) => return Ok(Wait::ForEvents),
                }
            }
            while let Some(message) = inbox.try_recv() {
                stream.write_all(&message)?;
            }
            Ok(if inbox.has_senders() { Wait::ForEvents } else { Wait::End })
        }
    }));
    let mut client = connect(&server, "/");
    let sender = tells.recv_timeout(PATIENCE).unwrap();
    client.send("some");
    client.end();
    for word in ["after ", "the ", "end"] {
        sender.try_send(word).unwrap();
        assert_eq!(client.take(word.len()).unwrap(), word.as_bytes());
    }
    drop(sender);
    client.assert_closed();
}

#[test]
fn time_is_an_event() {
    let server = small(by(|mut stream, _sender| {
        let mut due = Instant::now();
        move |_: &Inbox| {
            while matches!(stream.read(&mut [0; 100]), Ok(1..)) {}
            let now = Instant::now();
            if now >= due {
                stream.write_all(b"tick ")?;
                due = now + Duration::from_millis(20);
            }
            Ok(Wait::For(due.saturating_duration_since(Instant::now())))
        }
    }));
    let mut clients: Vec<Client> = (0..10).map(|_| connect(&server, "/")).collect();
    for client in &mut clients {
        assert_eq!(client.take(25).unwrap(), b"tick tick tick tick tick ");
    }
}

#[test]
fn a_session_that_does_not_read_is_called_for_other_events_and_not_in_vain() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (told, tells) = mpsc::channel();
    let (counts, told) = (Arc::clone(&calls), Arc::new(Mutex::new(told)));
    let server = small(by(move |mut stream, sender| {
        told.lock().unwrap().send(sender).unwrap();
        let calls = Arc::clone(&counts);
        move |inbox: &Inbox| {
            calls.fetch_add(1, Ordering::SeqCst);
            // Input is read one byte for each message.
            while inbox.try_recv().is_some() {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                stream.write_all(&byte)?;
            }
            Ok(Wait::ForEvents)
        }
    }));
    let mut client = connect(&server, "/");
    let sender = tells.recv_timeout(PATIENCE).unwrap();
    client.send("abcdef");
    for byte in b"abcdef" {
        thread::sleep(Duration::from_millis(10));
        sender.try_send("next").unwrap();
        assert_eq!(client.take(1).unwrap(), [*byte]);
    }
    assert!(calls.load(Ordering::SeqCst) <= 20, "{calls:?}");
}

#[test]
fn a_flood_to_one_session_delays_no_other_client() {
    let room = Room::default();
    let server = small(by(|mut stream, _sender| {
        move |_: &Inbox| {
            let mut buffer = vec![0; 1 << 16];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return Ok(Wait::End),
                    Ok(_) => {}
                    // `WouldBlock` ends nothing.
                    Err(error) => return Err(error),
                }
            }
        }
    }));
    let floods: Vec<TcpStream> = (0..4).map(|_| connect(&server, "/").sender()).collect();
    let is_over = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = floods
        .into_iter()
        .map(|mut flood| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(
                move || while is_over.load(Ordering::SeqCst) == 0 && flood.write_all(&[0; 1 << 16]).is_ok() {},
            )
        })
        .collect();
    let mut client = Client::connect(server.address());
    for _ in 0..50 {
        client.assert_in_step("/plain", "plain");
    }
    is_over.store(1, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(room);
}

#[test]
fn a_panic_closes_its_connection_only_and_is_logged_with_the_request() {
    if !is_alone("sessions::a_panic_closes_its_connection_only_and_is_logged_with_the_request") {
        return;
    }
    logging::listen();
    let server = small(by(|mut stream, _sender| {
        move |_: &Inbox| {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(0) => Ok(Wait::End),
                Ok(_) if byte == *b"!" => panic!("a session may be wrong"),
                Ok(_) => stream.write_all(&byte).map(|()| Wait::ForEvents),
                Err(_) => Ok(Wait::ForEvents),
            }
        }
    }));
    let (mut good, mut bad) = (connect(&server, "/good"), connect(&server, "/bad-session"));
    bad.send("a");
    assert_eq!(bad.take(1).unwrap(), b"a");
    bad.send("!");
    bad.assert_closed();
    good.send("b");
    assert_eq!(good.take(1).unwrap(), b"b");
    wait_until("the panic is logged", || {
        let errors = logging::records(|level, _| level == log::Level::Error);
        errors.iter().any(|text| text.contains("/bad-session") && text.contains("a session may be wrong"))
    });
    let statistics = server.server().statistics();
    assert_eq!((statistics.panics, statistics.upgraded), (1, 1));
}

#[test]
fn every_session_is_told_once_of_a_stop_and_has_time_to_end() {
    let room = Room::default();
    let server = small(room.clone());
    let mut clients: Vec<Client> = (0..100).map(|_| connect(&server, "/echo")).collect();
    room.wait_for(100);
    let stopping = thread::spawn(move || server.server().stop());
    for client in &mut clients {
        assert_eq!(client.rest(), b"BYE");
    }
    drop(clients);
    assert_eq!(stopping.join().unwrap().cut, 0);
    assert_eq!(room.ended(), 100);
}

#[test]
fn sessions_that_go_on_after_a_stop_are_cut_in_time() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = TestServer::with(
        by(move |mut stream, _sender| {
            let calls = Arc::clone(&count);
            move |inbox: &Inbox| {
                calls.fetch_add(usize::from(inbox.is_shutting_down()), Ordering::SeqCst);
                while matches!(stream.read(&mut [0; 100]), Ok(1..)) {}
                Ok(Wait::ForEvents)
            }
        }),
        |settings| settings.shutdown_timeout = Duration::from_millis(300),
    );
    let mut clients: Vec<Client> = (0..3).map(|_| connect(&server, "/")).collect();
    wait_until("all are parked", || server.server().statistics().parked == 3);
    let stopped = server.server().stop();
    assert_eq!((stopped.cut, calls.load(Ordering::SeqCst)), (3, 3));
    clients.iter_mut().for_each(Client::assert_closed);
}

#[test]
fn a_restart_ends_sessions_and_serves_new_ones() {
    let room = Room::default();
    let server = small(room.clone());
    let mut client = connect(&server, "/echo");
    server.server().restart().unwrap();
    assert_eq!(client.rest(), b"BYE");
    let mut client = connect(&server, "/echo");
    client.send("x");
    assert_eq!(client.take(1).unwrap(), b"x");
}

#[test]
fn a_woken_session_waits_for_a_worker_however_long() {
    let door = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let (room, own) = (Room::default(), Arc::clone(&door));
    let inner = room.clone();
    let handler = move |request: &mut Request| {
        if request.uri().path() != "/blocks" {
            return inner.handle(request);
        }
        let open = own.1.wait_while(own.0.lock().unwrap(), |is_open| !*is_open).unwrap();
        drop(open);
        StatusCode::NO_CONTENT.into_response()
    };
    let server = TestServer::with(handler, |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        settings.accepted_queue_timeout = Duration::from_millis(50);
        settings.accepted_queue_size = Some(1);
    });
    let mut session = connect(&server, "/echo");
    let sender = room.sender();
    let mut blocks = Client::connect(server.address());
    blocks.send(get("/blocks"));
    wait_until("the worker is taken", || server.server().statistics().threads_idle == 0);
    session.send("waits");
    sender.try_send("so long").unwrap();
    let mut refused = Client::connect(server.address());
    refused.send(get("/blocks"));
    assert_eq!(refused.answer().status, 503);
    thread::sleep(Duration::from_millis(200));
    *door.0.lock().unwrap() = true;
    door.1.notify_all();
    let mut received = session.take(12).unwrap();
    received.sort_unstable();
    let mut expected = b"waitsso long".to_vec();
    expected.sort_unstable();
    assert_eq!(received, expected);
    assert_eq!(blocks.answer().status, 204);
}
