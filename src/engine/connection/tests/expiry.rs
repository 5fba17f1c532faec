//! The expiry of deadlines.

use std::time::Duration;

use crate::net::poll::Interest;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use super::super::phase::*;
use super::super::*;
use crate::config::Config;
use crate::engine::service::context::Service;
use crate::engine::service::context::WorkerContext;
use crate::message::Request;
use crate::settings::Settings;

/// Returns a waiting connection that has received `sent`.
fn after(sent: &str) -> (ClientConnection, WorkerContext, UnixStream) {
    let (mut client, socket) = UnixStream::pair().unwrap();
    let config = Config::resolve(&Settings::default()).unwrap();
    let service = Arc::new(Service::new(config, Arc::new(|request: &mut Request| request.uri().path().to_owned())));
    let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
    let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
    let mut connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
    client.write_all(sent.as_bytes()).unwrap();
    while !matches!(connection.advance(&mut context), Verdict::Park) {}
    (connection, context, client)
}

/// Returns a request head, and the first part of content that the handler does not read.
fn part_of_80_kib() -> String {
    format!("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 81920\r\n\r\n{}", "x".repeat(70_000))
}

#[test]
fn dropped_content_is_read_once_more_before_expiry() {
    let (mut connection, mut context, mut client) = after(&part_of_80_kib());
    assert!(matches!(*connection.phase, Phase::Drain(_)), "{:?}", connection.phase);
    assert_eq!(connection.overdue(), Expired::Close, "nothing has come");
    client.write_all("x".repeat(81_920 - 70_000).as_bytes()).unwrap();
    client.write_all(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(connection.overdue(), Expired::LastLook);
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert_eq!((connection.is_idle(), connection.answered), (true, 2));
    assert_eq!(context.counters.timeouts().linger, 0);
}

#[test]
fn incomplete_dropped_content_ends_without_another_answer() {
    let (mut connection, mut context, mut client) = after(&part_of_80_kib());
    client.write_all(b"xxx").unwrap();
    assert_eq!(connection.overdue(), Expired::LastLook);
    let written = context.counters.bytes_written.get();
    assert!(matches!(connection.advance(&mut context), Verdict::Close));
    let seen =
        (context.counters.timeouts().linger, context.counters.refused.get(), context.counters.bytes_written.get());
    assert_eq!(seen, (1, 0, written));
}

/// Pretends that the process was stopped for a minute in the present wait for content.
fn stop(connection: &mut ClientConnection) {
    let Phase::Content(gathering) = &mut *connection.phase else { panic!("{:?}", connection.phase) };
    gathering.since = Some(Instant::now() - Duration::from_secs(60));
}

#[test]
fn content_that_came_while_the_process_was_stopped_is_in_time() {
    let (mut connection, mut context, mut client) =
        after("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n0123456789");
    stop(&mut connection);
    client.write_all(b"0123456789").unwrap();
    assert_eq!(connection.overdue(), Expired::LastLook);
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert!(matches!(*connection.phase, Phase::Content(_)), "{:?}", connection.phase);
    assert!(connection.deadline() > Instant::now(), "the client has time for the rest");
    client.write_all(b"0123456789").unwrap();
    connection.note_input();
    assert!(matches!(connection.advance(&mut context), Verdict::Park));
    assert_eq!((connection.is_idle(), connection.answered), (true, 1));
    assert_eq!(context.counters.timeouts().body, 0);
}

#[test]
fn content_of_which_nothing_came_while_the_process_was_stopped_is_late() {
    let (mut connection, mut context, _client) =
        after("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n0123456789");
    stop(&mut connection);
    assert_eq!(connection.overdue(), Expired::LastLook);
    while matches!(connection.advance(&mut context), Verdict::Again) {}
    assert!(matches!(*connection.phase, Phase::Linger(_)), "{:?}", connection.phase);
    assert_eq!((context.counters.timeouts().body, context.counters.refused.get()), (1, 1));
}

#[test]
fn input_behind_the_last_answer_is_dropped_before_the_end() {
    let (mut connection, mut context, mut client) = after("nonsense\r\n\r\n");
    assert!(matches!(*connection.phase, Phase::Linger(_)), "{:?}", connection.phase);
    assert_eq!(connection.overdue(), Expired::Close, "nothing has come");
    client.write_all(b"more").unwrap();
    assert_eq!(connection.overdue(), Expired::LastLook);
    assert!(matches!(connection.advance(&mut context), Verdict::Close));
    assert!(matches!(connection.transport.stream.wait(Interest::Read, Duration::ZERO), Ok(false)), "it has been read");
    assert_eq!(context.counters.timeouts().linger, 1);
}
