//! Connections that leave HTTP.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use drupe::http::HeaderValue;
use drupe::testing::TestServer;
use drupe::{Request, Response, upgrade};

use crate::client::{Client, PATIENCE};

/// Echoes lines in upper case; anything but `/up` stays HTTP.
fn shout(request: &mut Request) -> Response {
    let mut response = upgrade(request, "shout", |mut stream| {
        let mut buffer = [0; 256];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            buffer[..length].make_ascii_uppercase();
            if stream.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
    });
    response.headers_mut().insert("x-more", HeaderValue::from_static("yes"));
    response
}

const OFFER: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";

#[test]
fn bytes_sent_behind_the_request_are_the_first_of_the_stream() {
    let server = TestServer::new(shout);
    let mut client = Client::connect(server.address());
    client.send([OFFER, "early "].concat());
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("upgrade"), answer.field("x-more")), (101, Some("shout"), Some("yes")));
    assert!(answer.field("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(client.take(6).unwrap(), b"EARLY ");
    for _ in 0..3 {
        client.send("and late");
        assert_eq!(client.take(8).unwrap(), b"AND LATE");
    }
    client.end();
    client.assert_closed();
}

#[test]
fn who_does_not_offer_the_protocol_is_told_to() {
    let server = TestServer::new(shout);
    let mut client = Client::connect(server.address());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: whisper\r\n\r\n",
    ] {
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("upgrade")), (426, Some("shout")), "{request:?}");
    }
    client.send("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n");
    assert_eq!(client.answer().status, 426);
}

#[test]
fn content_before_an_upgrade_is_dropped_and_not_taken_for_the_stream() {
    let server = TestServer::new(shout);
    let mut client = Client::connect(server.address());
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\nContent-Length: 7\r\n\r\ncontent",
    );
    client.send("stream");
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(client.take(6).unwrap(), b"STREAM");
}

#[test]
fn a_stop_ends_upgraded_streams_and_joins_their_threads() {
    let (told, tells) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let server = TestServer::new(move |request: &mut Request| {
        let told = Arc::clone(&told);
        upgrade(request, "shout", move |mut stream| {
            let end = stream.read(&mut [0; 10]);
            told.lock().unwrap().send(matches!(end, Ok(0) | Err(_))).unwrap();
        })
    });
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        client.send(OFFER);
        assert_eq!(client.answer().status, 101);
    }
    let stopped = server.server().stop();
    assert!(stopped.took < PATIENCE, "{stopped:?}");
    // Joined: all of them have told before the stop returned.
    assert_eq!(tells.try_iter().collect::<Vec<_>>(), [true; 5]);
    clients.iter_mut().for_each(|client| assert!(client.over().is_empty()));
}

#[test]
fn an_upgraded_stream_takes_no_worker() {
    let server = TestServer::with(
        |request: &mut Request| match request.uri().path() {
            "/" => shout(request),
            _ => Response::new("served".into()),
        },
        |settings| {
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
        },
    );
    let mut streams: Vec<Client> = (0..5).map(|_| Client::connect(server.address())).collect();
    for stream in &mut streams {
        stream.send(OFFER);
        assert_eq!(stream.answer().status, 101);
    }
    Client::connect(server.address()).assert_in_step("/plain", "served");
    for stream in &mut streams {
        stream.send("x");
        assert_eq!(stream.take(1).unwrap(), b"X");
    }
}

#[test]
fn a_stream_can_be_read_and_written_at_once_and_has_time_limits() {
    let server = TestServer::new(|request: &mut Request| {
        upgrade(request, "shout", |mut stream| {
            stream.set_read_timeout(Some(Duration::from_millis(100)));
            let late = stream.read(&mut [0; 1]).unwrap_err();
            let mut writer = stream.writer();
            // As good as none, as is the other.
            stream.set_read_timeout(Some(Duration::MAX));
            stream.set_write_timeout(None);
            let writing = std::thread::spawn(move || writeln!(writer, "{:?}", late.kind()));
            let mut word = [0; 4];
            stream.read_exact(&mut word).unwrap();
            writing.join().unwrap().unwrap();
            stream.write_all(&word).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        })
    });
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.take(9).unwrap(), b"TimedOut\n");
    client.send("word");
    assert_eq!(client.rest(), b"word");
}
