//! Answers to slow clients.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use super::super::phase::*;
use super::super::*;
use crate::config::Config;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::remainder::Remainder;
use bytes::{Bytes, BytesMut};
use http::Method;

use crate::engine::service::context::Service;
use crate::engine::service::costs::{Route, Runs};
use crate::message::writer::BodyFilter;
use crate::message::{Body, BodyWriter, Handler, Request};
use crate::net::poll::Interest;
use crate::settings::Settings;

/// Returns a connection that has asked for `/a` and `/b`, with a full socket, and its client.
fn full() -> (ClientConnection, WorkerContext, UnixStream) {
    let (mut connection, context, mut client) = asked("/a", |request| request.uri().path().to_owned().into());
    // Answers are gathered if the next handler is known to be short.
    let short = |path| context.service.costs.record(Route::new(&Method::GET, path), Duration::from_micros(1));
    ["/a", "/b", "/c"].into_iter().for_each(short);
    client.write_all(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    fill(&mut connection);
    (connection, context, client)
}

fn full_by(handler: Arc<dyn Handler>) -> (ClientConnection, WorkerContext, UnixStream) {
    let (mut client, mut socket) = UnixStream::pair().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    while socket.write(&[b'#'; 4096]).is_ok() {}
    let config = Config::resolve(&Settings::default()).unwrap();
    let service = Arc::new(Service::new(config, handler));
    let context = WorkerContext::new(Arc::clone(&service), Arc::default());
    let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
    client.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    (ClientConnection::new(stream, None, Instant::now(), &service.config.get()), context, client)
}

/// Returns a connection that has asked for `path`. A write that waits has no time limit.
fn asked(path: &str, handler: fn(&Request) -> Body) -> (ClientConnection, WorkerContext, UnixStream) {
    let (mut client, socket) = UnixStream::pair().unwrap();
    let config = Config::resolve(&Settings::default()).unwrap();
    let service = Arc::new(Service::new(config, Arc::new(move |request: &mut Request| handler(request))));
    let context = WorkerContext::new(Arc::clone(&service), Arc::default());
    let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    (ClientConnection::new(stream, None, Instant::now(), &service.config.get()), context, client)
}

/// Fills the socket.
fn fill(connection: &mut ClientConnection) {
    let PlainSocket::Unix(socket) = connection.transport.stream.socket() else { panic!("it is a Unix socket") };
    socket.set_nonblocking(true).unwrap();
    while (&*socket).write(&[b'#'; 4096]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
}

type Make = fn(&Request) -> Body;

#[test]
fn the_first_write_of_any_answer_waits_for_no_client() {
    let large = |_: &Request| Body::from(vec![b'x'; 16 << 20]);
    let file = |_: &Request| {
        let path = std::env::temp_dir().join(format!("drupe-sending-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.set_len(16 << 20).unwrap();
        Body::from_file(file)
    };
    // The kernel cannot send a device.
    let copied = |_: &Request| Body::from_file_range(File::open("/dev/zero").unwrap(), 0..16 << 20);
    let small = |_: &Request| Body::from("small");
    let kinds: [(&str, Make); 4] = [("large", large), ("file", file), ("copied", copied), ("small", small)];
    for (kind, handler) in kinds {
        for is_full in [false, true] {
            if kind == "small" && !is_full {
                continue;
            }
            let (mut connection, mut context, client) = asked("/", handler);
            if is_full {
                fill(&mut connection);
            }
            let (tell, told) = mpsc::channel();
            thread::spawn(move || {
                let verdict = connection.advance(&mut context);
                tell.send((matches!(verdict, Verdict::Park), connection.is_sending()))
            });
            let parked = told.recv_timeout(Duration::from_secs(20));
            assert_eq!(parked, Ok((true, true)), "{kind}, in a full socket: {is_full}");
            drop(client);
        }
    }
}

#[test]
fn gathered_answers_wait_for_room_before_later_requests() {
    let (mut connection, mut context, mut client) = full();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(connection.is_under_way() && connection.interest() == Interest::Write);
    assert!(context.gathered.is_empty(), "it is the connection's own");
    client.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    let mut read = |all: &mut Vec<u8>| drop(client.read_to_end(all));
    read(&mut all);
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(connection.is_idle() && connection.interest() == Interest::Read);
    read(&mut all);
    let answers = String::from_utf8(all.into_iter().filter(|byte| *byte != b'#').collect()).unwrap();
    let contents: Vec<&str> = answers.split("\r\n\r\n").skip(1).map(|part| &part[..2]).collect();
    assert_eq!(contents, ["/a", "/b"], "{answers}");
}

#[test]
fn continue_line_waits_for_room_behind_earlier_answers() {
    let (mut connection, mut context, mut client) = full();
    client.write_all(b"POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(connection.is_sending() && context.gathered.is_empty());
    client.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    let mut read = |all: &mut Vec<u8>| drop(client.read_to_end(all));
    read(&mut all);
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(matches!(*connection.phase, Phase::Content(_)), "{:?}", connection.phase);
    read(&mut all);
    let sent = String::from_utf8(all.into_iter().filter(|byte| *byte != b'#').collect()).unwrap();
    assert!(sent.ends_with("/bHTTP/1.1 100 Continue\r\n\r\n"), "{sent}");
    assert_eq!(context.counters.requests.get(), 2);
    client.write_all(b"hello").unwrap();
    connection.note_input();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(connection.is_idle());
}

#[test]
fn time_for_sending_100_continue_is_not_charged_to_the_content() {
    let (mut connection, mut context, mut client) = full();
    client.write_all(b"POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    let Phase::Send(_, then) = &mut *connection.phase else { panic!("it waits for room") };
    let Then::Resume(phase, _) = then else { panic!("content comes then") };
    let Phase::Content(gathering) = &mut **phase else { panic!("content comes then") };
    gathering.since = gathering.since.and_then(|since| since.checked_sub(Duration::from_secs(3600)));
    client.set_nonblocking(true).unwrap();
    drop(client.read_to_end(&mut Vec::new()));
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(matches!(*connection.phase, Phase::Content(_)), "{:?}", connection.phase);
}

#[test]
fn client_that_leaves_before_the_handler_breaks_off_no_answer() {
    let (mut connection, mut context, mut client) = asked("/a", |request| request.uri().path().to_owned().into());
    context.service.costs.record(Route::new(&Method::GET, "/a"), Duration::from_micros(1));
    context.service.costs.record(Route::new(&Method::POST, "/b"), Duration::from_micros(1));
    let settings = Settings { body_buffer_size: 0, ..Settings::default() };
    context.service.config.replace(Config::resolve(&settings).unwrap().into());
    context.renew();
    client.write_all(b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").unwrap();
    drop(client);
    assert!(matches!(connection.advance(&mut context), Verdict::Close));
    assert_eq!((context.counters.requests.get(), context.counters.broken_off.get()), (1, 0));
}

#[test]
fn client_that_leaves_ends_the_wait() {
    let (mut connection, mut context, client) = full();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    drop(client);
    assert!(matches!(connection.advance(&mut context), Verdict::Close));
}

#[test]
fn a_client_that_reads_nothing_for_too_long_is_cut() {
    let (mut connection, mut context, _client) = full();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    let Phase::Send(sending, _) = &mut *connection.phase else { panic!("it waits for room") };
    sending.since -= Duration::from_secs(3600);
    assert!(matches!(connection.advance(&mut context), Verdict::Close));
    assert_eq!(context.counters.timeouts().write, 1);
}

/// Returns the bytes counted for an answer of `make` whose client has read nothing, and the
/// connection.
fn parked(make: impl Fn() -> Body + Send + Sync + 'static) -> (u64, ClientConnection, WorkerContext, UnixStream) {
    let (mut connection, mut context, client) = full_by(Arc::new(move |_: &mut Request| make()));
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    let Phase::Send(sending, _) = &*connection.phase else { panic!("it waits for room") };
    (sending.reservation.bytes(), connection, context, client)
}

const LARGE: usize = 1 << 20;
/// An allowance for the heads of answers and small allocations.
const BESIDE: u64 = 4096;

#[test]
fn whole_allocations_count_for_as_long_as_they_are_held() {
    let check = |what: &str, make: fn() -> Body| {
        let (counted, ..) = parked(make);
        assert!((LARGE as u64..LARGE as u64 + BESIDE).contains(&counted), "{what}: {counted}");
    };
    check("a vector", || vec![b'x'; LARGE].into());
    check("bytes that own a vector", || Bytes::from(vec![b'x'; LARGE]).into());
    check("bytes from an owner", || Bytes::from_owner(vec![b'x'; LARGE]).into());
    check("an owner", || Body::shared(vec![b'x'; LARGE]));
    check("the only range of some bytes", || Bytes::from(vec![b'x'; LARGE]).slice(..LARGE / 2).into());
    check("a vector with room to spare", || {
        let mut content = Vec::with_capacity(LARGE);
        content.resize(LARGE / 4, b'x');
        content.into()
    });
    check("a buffer with room to spare", || {
        let mut content = BytesMut::with_capacity(LARGE);
        content.resize(LARGE / 4, b'x');
        content.freeze().into()
    });
}

#[test]
fn constants_count_nothing_and_shared_bytes_once() {
    static TEXT: [u8; LARGE] = [b'x'; LARGE];
    assert!(parked(|| TEXT[..].into()).0 < BESIDE);
    let shared = Bytes::from(vec![b'x'; LARGE]);
    let (mut connection, mut context, _client) = full_by({
        let shared = shared.clone();
        Arc::new(move |_: &mut Request| Body::from(shared.clone()))
    });
    let mut others = Vec::new();
    for _ in 0..3 {
        let (other, _, client) = full();
        others.push((other, client));
    }
    for connection in [&mut connection].into_iter().chain(others.iter_mut().map(|(other, _)| other)) {
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
    }
    let held = context.service.answer_memory.bytes();
    assert!((LARGE as u64..LARGE as u64 + 4 * BESIDE).contains(&held), "{held}");
    drop(connection);
    assert!(context.service.answer_memory.bytes() >= LARGE as u64, "three clients still wait for it");
    drop(others);
    assert_eq!(context.service.answer_memory.bytes(), 0);
}

#[test]
fn small_rest_of_a_large_answer_is_copied_and_the_answer_freed() {
    let (counted, mut connection, mut context, mut client) = parked(|| vec![b'x'; LARGE].into());
    assert!(counted >= LARGE as u64);
    client.set_nonblocking(true).unwrap();
    let (mut taken, mut room) = (0, vec![0; 64 * 1024]);
    while let Phase::Send(sending, _) = &*connection.phase {
        let (left, counted) = (sending.rest.as_ref().map_or(0, Remainder::len), sending.reservation.bytes());
        let is_small = left < LARGE as u64 / 8;
        assert_eq!(counted < LARGE as u64 / 8 + BESIDE, is_small, "{left} bytes are left, {counted} count");
        while let Ok(count @ 1..) = client.read(&mut room) {
            taken += count;
        }
        assert!(matches!(connection.advance(&mut context), Verdict::Park), "after {taken} bytes");
    }
    assert_eq!(context.service.answer_memory.bytes(), 0);
}

/// Passes content on, and counts the calls.
struct Counting(Arc<AtomicU32>);

impl BodyFilter for Counting {
    fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> std::io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        output.write_all(content)
    }
}

#[test]
fn guard_leaves_the_filters_of_a_stream_to_workers_after_a_slow_client_too() {
    let (sender, calls) = (Arc::new(OnceLock::new()), Arc::new(AtomicU32::new(0)));
    let (senders, counted) = (Arc::clone(&sender), Arc::clone(&calls));
    let (mut connection, mut context, mut client) = full_by(Arc::new(move |_: &mut Request| {
        let (sender, body) = Body::channel(1000);
        let _ = senders.set(sender);
        body.through(Counting(Arc::clone(&counted)))
    }));
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(connection.is_sending());
    sender.get().unwrap().try_send("an event").unwrap();
    client.set_nonblocking(true).unwrap();
    let _ = client.read_to_end(&mut Vec::new());
    context.duty.runs = Runs::Nothing;
    assert!(matches!(connection.advance(&mut context), Verdict::Work));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    context.duty.runs = Runs::All;
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn guard_waits_for_no_client_even_if_no_more_answers_may_wait() {
    let (mut connection, mut context, _client) = full_by(Arc::new(|_: &mut Request| "never"));
    let _all = context.service.answer_memory.add(1 << 40, 0);
    context.duty.runs = Runs::Nothing;
    assert!(matches!(connection.turn_away(&mut context), Verdict::Park));
    assert!(connection.is_sending());
}
