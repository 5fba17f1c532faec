//! A server whose workers are all taken: clients are told in time, and the log says why.

use std::io::Write;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Body, IntoResponse, Request, Response};
use log::Level;

use crate::client::{Client, get, wait_until};
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
