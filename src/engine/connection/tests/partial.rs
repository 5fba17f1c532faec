//! The memory of incomplete messages.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::phase::*;
use super::super::*;
use crate::config::Config;
use crate::engine::service::budget::Reservation;
use crate::engine::service::context::{Service, WorkerContext};
use crate::message::Request;
use crate::settings::Settings;

/// Returns the outcome for a connection that has sent `sent` while others hold `others` of
/// 100,000 bytes, and the bytes the connection holds.
fn after(sent: &str, others: u64) -> (Verdict, Phase, u64) {
    let (client, socket) = UnixStream::pair().unwrap();
    over(client, socket, sent, others, 1)
}

/// The answer is six bytes, `n` times.
fn over(mut client: UnixStream, socket: UnixStream, sent: &str, others: u64, n: usize) -> (Verdict, Phase, u64) {
    let settings = Settings { max_parked_size: Some(100_000), ..Settings::default() };
    let config = Config::resolve(&settings).unwrap();
    let service = Arc::new(Service::new(config, Arc::new(move |_: &mut Request| "served".repeat(n))));
    let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
    let _others = service.request_memory.add(others, 0);
    let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
    let mut connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
    client.write_all(sent.as_bytes()).unwrap();
    let verdict = connection.advance(&mut context);
    let held = connection.reservation.as_ref().map_or(0, Reservation::bytes);
    (verdict, std::mem::take(&mut *connection.phase), held)
}

fn head(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(length))
}

#[test]
fn only_waiting_bytes_are_counted() {
    for (sent, expected) in [
        (String::new(), 0),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 0),
        (head(100), 256),
        (head(5000), 8192),
        (head(9000), 16_384),
    ] {
        let (verdict, phase, held) = after(&sent, 0);
        assert!(matches!((verdict, phase), (Verdict::Park, Phase::Head(_))));
        assert_eq!(held, expected, "{} bytes", sent.len());
    }
    // Blanks before a value are not part of the value, but are held as long.
    for filling in ["x", " "] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nX:{}y", filling.repeat(50_000));
        let (_, phase, held) = after(&(head + "\r\nContent-Length: 5000\r\n\r\nhalf"), 0);
        assert!(matches!(phase, Phase::Content(_)) && (50_000..60_000).contains(&held), "{phase:?}: {held}");
    }
    let trailers = format!("\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nY: {}", "y".repeat(6000));
    let (_, phase, held) = after(&(head(100) + &trailers), 0);
    assert!(matches!(phase, Phase::Content(_)) && held > 6000, "{phase:?}: {held}");
}

#[test]
fn only_small_requests_wait_without_room() {
    for (sent, waits) in [(head(8000), true), (head(9000), false)] {
        let (verdict, phase, _) = after(&sent, 100_000);
        assert_eq!(matches!((&verdict, &phase), (Verdict::Park, Phase::Head(_))), waits, "{phase:?}");
        assert_eq!(matches!(phase, Phase::Linger(_)), !waits, "{phase:?}");
    }
    let (_, phase, _) = after(&(head(3000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
    assert!(matches!(phase, Phase::Content(_)), "{phase:?}");
    // The handler has run, and left the rest of the content to the drain.
    let (_, phase, _) = after(&(head(9000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
    assert!(matches!(phase, Phase::Drain(_)), "{phase:?}");
}

/// Returns the outcome for a client that has asked for `/`, sent `more`, and reads no answer.
fn beside_an_answer(more: &str, others: u64, n: usize) -> (Verdict, Phase, u64) {
    let (client, mut socket) = UnixStream::pair().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    while socket.write(&[b'#'; 4096]).is_ok() {}
    over(client, socket, &(head(17_000) + more), others, n)
}

#[test]
fn client_that_pipelines_without_reading_is_closed_without_room() {
    let next = "\r\n\r\n".to_owned() + &head(12_000);
    for (others, kept) in [(0, 16_384), (100_000, 0)] {
        let (verdict, phase, held) = beside_an_answer(&next, others, 1);
        assert!(matches!(verdict, Verdict::Park), "it is let go");
        assert_eq!(held, kept);
        let Phase::Send(sending, then) = phase else { panic!("{phase:?}") };
        assert_eq!(matches!(&then, Then::Linger), kept == 0, "{sending:?}");
    }
}

#[test]
fn unread_trailers_are_dropped_without_room() {
    let trailers = "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nY: ".to_owned() + &"y".repeat(12_000);
    // A small answer is gathered and the content drained. A large one is unfinished, as is its
    // exchange.
    for (n, is_over) in [(1, true), (10_000, false)] {
        let (verdict, phase, held) = beside_an_answer(&trailers, 100_000, n);
        assert!(matches!(verdict, Verdict::Park), "it is let go");
        assert_eq!(held, 0);
        let Phase::Send(sending, then) = phase else { panic!("{phase:?}") };
        let is_last = matches!(then, Then::Linger);
        assert!(is_last == is_over && (is_over || matches!(&then, Then::Conclude(_))), "{sending:?}");
    }
}
