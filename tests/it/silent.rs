//! A server whose workers are all taken: clients are told in time, the log says why, and prompt
//! handlers answer.

use std::io::Write;
use std::time::{Duration, Instant};

use drupe::http::{Method, Uri};
use drupe::testing::TestServer;
use drupe::{Body, Handler, IntoResponse, Request, Response, handler};
use log::Level;

use crate::client::{Client, get, wait_until};
use crate::door::Door;
use crate::logging::{listen, records};
use crate::process::is_alone;

/// A stream of events that never ends, at any path but `/health`.
fn stream(request: &mut Request) -> Response {
    if request.uri().path() == "/health" {
        return "fine\n".into_response();
    }
    let events = Body::stream(|writer| {
        loop {
            writer.write_all(b"data: x\n\n")?;
            writer.flush()?;
            if writer.stops_within(Duration::from_millis(200)) {
                return Ok(());
            }
        }
    });
    events.into_response()
}

/// Opens `count` event streams, and waits until each has begun.
fn streams(server: &TestServer, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/events?by=secret")));
    clients.iter_mut().for_each(|client| assert_eq!(client.head().unwrap().status, 200));
    clients
}

/// With the default number of workers.
#[test]
fn client_without_a_worker_is_told_in_time_and_the_log_says_why() {
    if !is_alone("silent::client_without_a_worker_is_told_in_time_and_the_log_says_why") {
        return;
    }
    listen();
    let patience = Duration::from_millis(500);
    let server = TestServer::with(stream, |settings| settings.accepted_queue_timeout = patience);
    let mut kept = Client::connect(server.address());
    kept.assert_in_step("/health", "fine\n");
    let streaming = streams(&server, 256);
    let begun = Instant::now();
    let mut clients: Vec<Client> = (0..44).map(|_| Client::connect(server.address())).collect();
    clients.push(kept);
    clients.iter_mut().for_each(|client| client.send(get("/events")));
    wait_until("all wait", || server.server().statistics().queue == 45);
    wait_until("the wait shows", || server.server().statistics().queue_wait > Duration::from_millis(20));
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes(), answer.field("retry-after")), (503, true, Some("1")));
    }
    assert!(begun.elapsed() >= patience && begun.elapsed() < 6 * patience, "{:?}", begun.elapsed());
    let statistics = server.server().statistics();
    assert_eq!((statistics.unserved, statistics.turned_away, statistics.queue), (45, 45, 0));
    assert_eq!((statistics.queue_wait, statistics.threads), (Duration::ZERO, 256));
    let serving: Vec<_> = statistics.workers.iter().filter_map(|worker| worker.serving.as_ref()).collect();
    assert!(serving.len() == 256 && serving.iter().all(|serving| serving.is_answering && serving.peer.is_some()));
    let warning = records(|level, _| level <= Level::Warn).remove(0);
    assert!(warning.starts_with("all 256 workers are busy (thread_pool_max): "), "{warning}");
    let longest = warning.split_once("longest running: GET /events from 127.0.0.1:").map(|(_, rest)| rest);
    let is_named = |rest: &str| rest.ends_with(" s, sending, and 255 more of this path)");
    assert!(longest.is_some_and(is_named), "{warning}");
    drop(streaming);
}

/// Shorter than the wait after which a warning is due anyway.
#[test]
fn refusal_after_a_short_wait_is_warned_of_as_well() {
    if !is_alone("silent::refusal_after_a_short_wait_is_warned_of_as_well") {
        return;
    }
    listen();
    let server = TestServer::with(stream, |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        settings.accepted_queue_timeout = Duration::from_millis(20);
    });
    let streaming = streams(&server, 1);
    assert_eq!(Client::connect(server.address()).get("/events").status, 503);
    let warnings = records(|level, _| level <= Level::Warn);
    assert!(
        warnings[0].starts_with("all 1 workers are busy (thread_pool_max): 1 request waits, the first "),
        "{warnings:?}"
    );
    drop(streaming);
}

/// The function [`stream`], with a prompt `/health`.
struct Prompt(Door);

impl Handler for Prompt {
    fn handle(&self, request: &mut Request) -> Response {
        match request.uri().path() {
            "/health/slow" => {
                self.0.pass();
                return "fine\n".into_response();
            }
            "/health/panic" => panic!("on purpose"),
            path if path.starts_with("/health/") => return path.to_owned().into_response(),
            _ => {}
        }
        stream(request)
    }

    fn is_prompt(&self, _: &Method, target: &Uri) -> bool {
        assert!(target.path() != "/asked", "on purpose");
        target.path().starts_with("/health")
    }
}

fn with_one_worker(door: &Door) -> TestServer {
    TestServer::with(Prompt(door.clone()), |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        settings.thread_idle_timeout = Duration::from_millis(300);
    })
}

/// With the default number of workers, and within the time that any other request waits.
#[test]
fn prompt_handler_answers_while_streams_hold_all_workers() {
    let server = TestServer::new(Prompt(Door::default()));
    let mut kept = Client::connect(server.address());
    kept.assert_in_step("/health", "fine\n");
    let streaming = streams(&server, 256);
    let mut waiting = Client::connect(server.address());
    waiting.send(get("/events"));
    wait_until("a request waits", || server.server().statistics().queue == 1);
    for _ in 0..50 {
        kept.assert_in_step("/health", "fine\n");
        Client::connect(server.address()).assert_in_step("/health", "fine\n");
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.queue, statistics.unserved, statistics.threads), (1, 0, 256));
    assert!(statistics.workers.iter().any(|worker| worker.name == "drupe-prompt"));
    drop(streaming);
}

#[test]
fn prompt_requests_of_all_forms_are_answered_beside_a_busy_worker() {
    let server = with_one_worker(&Door::default());
    let streaming = streams(&server, 1);
    // Pipelined; a head in pieces; content; a panic.
    let mut client = Client::connect(server.address());
    client.send([get("/health/1"), get("/health/2"), get("/health/3")].concat());
    for number in 1..=3 {
        assert_eq!(client.answer().text(), format!("/health/{number}"));
    }
    client.send("GET /health HT");
    wait_until("the piece is read", || server.server().statistics().parked == 1);
    client.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "fine\n");
    assert_eq!(client.post("/health", &[b'x'; 100_000]).text(), "fine\n");
    assert_eq!(client.get("/health/panic").status, 500);
    Client::connect(server.address()).assert_in_step("/health", "fine\n");
    assert_eq!(server.server().statistics().panics, 1);
    // The question itself panics: the request waits as any other.
    let mut client = Client::connect(server.address());
    client.send(get("/asked"));
    wait_until("it waits", || server.server().statistics().queue == 1);
    assert_eq!(server.server().statistics().panics, 2);
    drop(streaming);
}

/// A request behind a prompt one on the same connection does not get the reserved worker.
#[test]
fn reserved_worker_runs_prompt_handlers_only() {
    let door = Door::default();
    let server = with_one_worker(&door);
    let mut streaming = streams(&server, 1);
    let mut client = Client::connect(server.address());
    client.send([get("/health"), get("/events")].concat());
    assert_eq!(client.answer().text(), "fine\n");
    wait_until("the stream waits", || server.server().statistics().queue == 1);
    Client::connect(server.address()).assert_in_step("/health", "fine\n");
    // A prompt handler that blocks holds the reserved worker, and others wait.
    let mut slow = Client::connect(server.address());
    slow.send(get("/health/slow"));
    wait_until("it blocks", || door.waiting() == 1);
    let mut behind = Client::connect(server.address());
    behind.send(get("/health"));
    wait_until("another prompt request waits", || server.server().statistics().queue == 2);
    streaming.clear();
    // The only worker is free, and takes the prompt request first.
    assert_eq!(behind.answer().text(), "fine\n");
    assert_eq!(client.head().unwrap().status, 200);
    door.open();
    assert_eq!(slow.answer().text(), "fine\n");
    let has_reserve = || server.server().statistics().workers.iter().any(|worker| worker.name == "drupe-prompt");
    wait_until("the reserved worker leaves", || !has_reserve());
    Client::connect(server.address()).assert_in_step("/health", "fine\n");
    wait_until("it came again", has_reserve);
}

#[test]
fn stop_joins_the_reserved_worker_and_cuts_its_connection() {
    let door = Door::default();
    let server = TestServer::with(Prompt(door.clone()), |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        settings.shutdown_timeout = Duration::from_millis(300);
    });
    let streaming = streams(&server, 1);
    Client::connect(server.address()).assert_in_step("/health", "fine\n");
    let mut slow = Client::connect(server.address());
    slow.send(get("/health/slow"));
    wait_until("it blocks", || door.waiting() == 1);
    let opening = std::thread::spawn({
        let door = door.clone();
        move || {
            slow.over();
            door.open();
        }
    });
    assert_eq!(server.server().stop().cut, 1);
    opening.join().unwrap();
    drop(streaming);
}

#[test]
fn marks_pass_through_layers_and_arcs() {
    let layer = |inner: std::sync::Arc<drupe::layers::Prompt<_>>| handler(move |request| inner.handle(request));
    fn page(_: &mut Request) -> &'static str {
        "fine\n"
    }
    let prompt = page.prompt().with(layer);
    let (method, target) = (Method::GET, Uri::from_static("/"));
    assert!(prompt.is_prompt(&method, &target) && !page.is_prompt(&method, &target));
    let boxed: Box<dyn Handler> = Box::new(std::sync::Arc::new(prompt));
    assert!(boxed.is_prompt(&method, &target));
}

#[cfg(feature = "statistics")]
#[test]
fn statistics_are_shown_while_streams_hold_all_workers() {
    let mut server = drupe::Server::new(stream);
    (server.settings.socket_port, server.settings.thread_pool, server.settings.thread_pool_max) = (0, 1, Some(1));
    server.mount_statistics(drupe::statistics::Page::at("/statistics"));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut streaming = Client::connect(address);
    streaming.send(get("/events"));
    assert_eq!(streaming.head().unwrap().status, 200);
    let asking = |path| get(path).replace("Host: a", "Host: localhost");
    let mut metrics = Client::connect(address);
    metrics.send(asking("/statistics/metrics"));
    let metrics = metrics.answer();
    assert!(metrics.text().contains("drupe_workers{state=\"idle\"} 0"), "{}", metrics.text());
    let mut events = Client::connect(address);
    events.send(asking("/statistics/events"));
    let head = events.head().unwrap();
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    drop(streaming);
    server.stop();
}
