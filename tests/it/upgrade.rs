//! Upgraded connections.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use drupe::exchange::Readiness;
use drupe::http::HeaderValue;
use drupe::testing::TestServer;
use drupe::{Request, Response, ServerHandle, Settings, upgrade};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::client::{Client, PATIENCE, wait_until};

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
fn client_that_does_not_offer_the_protocol_gets_426() {
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

    let server = TestServer::with(shout, |settings| settings.protocol_version = "HTTP/1.0".to_owned());
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("upgrade"), answer.field("x-more")), (426, Some("shout"), Some("yes")));
    assert_eq!(answer.text(), "this resource speaks shout\n");
    assert_eq!(server.server().statistics().overruled, 0);
}

#[test]
fn status_101_without_an_upgrade_is_refused_and_ends_the_connection() {
    let server = TestServer::new(|_: &mut Request| {
        let mut response = Response::new(drupe::Body::default());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", "shout".parse().unwrap());
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        response
    });
    let mut client = Client::connect(server.address());
    client.send([OFFER, OFFER].concat());
    assert_eq!(client.answer().status, 500);
    client.assert_closed();
    assert_eq!(server.server().statistics().overruled, 1);
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
fn upgrades_beyond_the_limit_are_refused_and_the_function_does_not_run() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let server = TestServer::with(
        move |request: &mut Request| {
            let runs = Arc::clone(&counted);
            upgrade(request, "shout", move |mut stream| {
                runs.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1]);
            })
        },
        |settings| settings.max_upgraded = Some(2),
    );
    let mut within: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
    for client in &mut within {
        client.send(OFFER);
        assert_eq!(client.answer().status, 101);
    }
    for refused in 1..=3 {
        let mut client = Client::connect(server.address());
        client.send(OFFER);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("retry-after"), answer.closes()), (503, Some("1"), true));
        assert_eq!(answer.field("upgrade"), None);
        client.end();
        client.assert_closed();
        assert_eq!(server.server().statistics().turned_away, refused);
    }
    // A place that is given back can be had again.
    drop(within.pop());
    wait_until("one has left", || server.server().statistics().upgraded == 1);
    let mut next = Client::connect(server.address());
    next.send(OFFER);
    assert_eq!(next.answer().status, 101);
    wait_until("its function runs", || runs.load(Ordering::SeqCst) == 3);
    assert_eq!(server.server().statistics().turned_away, 3);
}

#[test]
fn upgrades_can_be_forbidden_and_unlimited() {
    for (most, status) in [(Some(0), 503), (None, 101)] {
        let server = TestServer::with(shout, |settings| settings.max_upgraded = most);
        let mut client = Client::connect(server.address());
        client.send(OFFER);
        assert_eq!(client.answer().status, status);
    }
}

/// Says goodbye once the server stops, and waits for the client to do so.
fn polite(request: &mut Request) -> Response {
    upgrade(request, "shout", |mut stream| {
        let begun = stream.is_shutting_down();
        let mut buffer = [0; 10];
        let error = loop {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => stream.write_all(&buffer[..length]).unwrap(),
                Err(error) => break error,
            }
        };
        write!(stream, "{begun} {} {:?}", stream.is_shutting_down(), error.kind()).unwrap();
        let mut word = [0; 4];
        // It is told once, and reads on.
        stream.read_exact(&mut word).unwrap();
        stream.write_all(&word).unwrap();
    })
}

fn check_goodbye(server: &TestServer, client: &mut Client) {
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    client.send("echo");
    assert_eq!(client.take(4).unwrap(), b"echo");
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.server().stop());
        assert_eq!(client.take(19).unwrap(), b"false true TimedOut");
        client.send("word");
        assert_eq!(client.rest(), b"word");
        stop.join().unwrap()
    });
    assert_eq!(stopped.cut, 0);
    assert!(stopped.took < PATIENCE, "{stopped:?}");
}

#[test]
fn an_upgraded_connection_learns_of_a_stop_and_ends_in_its_own_way() {
    let patient = |settings: &mut Settings| settings.shutdown_timeout = 2 * PATIENCE;
    let server = TestServer::with(polite, patient);
    check_goodbye(&server, &mut Client::connect(server.address()));
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    {
        let server = TestServer::with(polite, |settings| {
            patient(settings);
            settings.ssl_context = Some(crate::secure::context());
        });
        check_goodbye(&server, &mut crate::secure::connect_to(server.address()));
    }
}

#[test]
fn an_upgraded_connection_can_wait_for_a_stop() {
    let server = TestServer::new(|request: &mut Request| {
        upgrade(request, "shout", |mut stream| {
            while !stream.stops_within(PATIENCE) {}
            stream.write_all(b"bye").unwrap();
        })
    });
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    assert_eq!(server.server().stop().cut, 0);
    assert_eq!(client.rest(), b"bye");
}

#[test]
fn an_upgraded_connection_that_does_not_end_is_cut_and_counted() {
    let server = TestServer::with(
        |request: &mut Request| {
            upgrade(request, "shout", |mut stream| {
                // A stop is no reason to end.
                while !matches!(stream.read(&mut [0; 10]), Ok(0)) {}
            })
        },
        |settings| settings.shutdown_timeout = Duration::from_millis(50),
    );
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        client.send(OFFER);
        assert_eq!(client.answer().status, 101);
    }
    let stopped = server.server().stop();
    assert_eq!(stopped.cut, 3);
    assert!(stopped.took >= Duration::from_millis(50), "{stopped:?}");
    clients.iter_mut().for_each(|client| assert!(client.over().is_empty()));
}

#[test]
fn an_upgraded_connection_can_stop_its_server() {
    let (told, tells) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let handle: Arc<OnceLock<ServerHandle>> = Arc::default();
    let own = Arc::clone(&handle);
    let server = TestServer::new(move |request: &mut Request| {
        let (told, handle) = (Arc::clone(&told), Arc::clone(&own));
        upgrade(request, "shout", move |mut stream| {
            let stopped = handle.get().unwrap().stop();
            let end = [stream.read(&mut [0; 1]), stream.read(&mut [0; 1])].map(Result::unwrap_or_default);
            told.lock().unwrap().send((stopped.cut, end)).unwrap();
        })
    });
    assert!(handle.set(server.handle()).is_ok());
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    assert!(client.over().is_empty());
    assert_eq!(tells.recv_timeout(PATIENCE).unwrap(), (0, [0, 0]), "its own connection is over, and not counted");
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
            let writing = thread::spawn(move || writeln!(writer, "{:?}", late.kind()));
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

/// Reports each wait in a word: `data` with the bytes, `stop`, `pause`; ends at the end of the stream.
fn reporting(request: &mut Request) -> Response {
    upgrade(request, "shout", |mut stream| {
        let mut buffer = [0; 64];
        loop {
            let patience = if stream.is_shutting_down() { None } else { Some(PATIENCE) };
            let word = match stream.wait_readable(patience).unwrap() {
                Readiness::Data => {
                    // The bytes, and no wait for more.
                    let length = stream.read(&mut buffer).unwrap();
                    if length == 0 {
                        return;
                    }
                    format!("data {}.", String::from_utf8_lossy(&buffer[..length]))
                }
                Readiness::Stop => "stop.".to_owned(),
                _ => "pause.".to_owned(),
            };
            stream.write_all(word.as_bytes()).unwrap();
        }
    })
}

fn check_waits(server: &TestServer, client: &mut Client) {
    client.send([OFFER, "early"].concat());
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.take(11).unwrap(), b"data early.");
    client.send("late");
    assert_eq!(client.take(10).unwrap(), b"data late.");
    thread::scope(|scope| {
        let stop = scope.spawn(|| server.server().stop());
        assert_eq!(client.take(5).unwrap(), b"stop.");
        client.send("bye");
        assert_eq!(client.take(9).unwrap(), b"data bye.");
        client.end();
        client.assert_closed();
        assert_eq!(stop.join().unwrap().cut, 0);
    });
}

#[test]
fn stop_ends_an_upgraded_connection_that_another_thread_has_taken() {
    let (told, tells) = mpsc::channel();
    let server = TestServer::with(
        move |request: &mut Request| {
            let told = told.clone();
            upgrade(request, "shout", move |mut stream| {
                thread::spawn(move || {
                    // The first error tells of the stop, the second of the end.
                    let mut read = || stream.read(&mut [0; 10]).map_err(|error| error.kind());
                    told.send((read(), read())).unwrap();
                });
            })
        },
        |settings| settings.shutdown_timeout = Duration::from_millis(200),
    );
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    wait_until("the connection counts", || server.server().statistics().upgraded == 1);
    let stopped = server.server().stop();
    assert_eq!(stopped.cut, 1);
    let (first, last) = tells.recv_timeout(PATIENCE).unwrap();
    assert_eq!((first, last), (Err(ErrorKind::TimedOut), Ok(0)));
    assert_eq!(client.rest(), b"");
}

#[test]
fn stop_waits_for_a_function_that_has_dropped_its_stream() {
    let (told, tells) = mpsc::channel();
    let is_done = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_done);
    let server = TestServer::with(
        move |request: &mut Request| {
            let (told, done) = (told.clone(), Arc::clone(&done));
            upgrade(request, "shout", move |stream| {
                drop(stream);
                told.send(()).unwrap();
                // Longer than the time that a stop grants to threads that it does not know.
                thread::sleep(Duration::from_secs(1));
                done.store(true, Ordering::SeqCst);
            })
        },
        |settings| settings.shutdown_timeout = 2 * PATIENCE,
    );
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    tells.recv_timeout(PATIENCE).unwrap();
    assert_eq!(server.server().stop().cut, 0);
    assert!(is_done.load(Ordering::SeqCst));
}

#[test]
fn wait_of_an_upgraded_connection_ends_for_data_or_a_stop() {
    let patient = |settings: &mut Settings| settings.shutdown_timeout = 2 * PATIENCE;
    let server = TestServer::with(reporting, patient);
    check_waits(&server, &mut Client::connect(server.address()));
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    {
        let server = TestServer::with(reporting, |settings| {
            patient(settings);
            settings.ssl_context = Some(crate::secure::context());
        });
        check_waits(&server, &mut crate::secure::connect_to(server.address()));
    }
}

#[test]
fn wait_of_an_upgraded_connection_ends_with_its_time() {
    let server = TestServer::new(|request: &mut Request| {
        upgrade(request, "shout", |mut stream| {
            for time in [Duration::ZERO, Duration::from_millis(1)] {
                assert_eq!(stream.wait_readable(Some(time)).unwrap(), Readiness::Timeout);
            }
            stream.write_all(b"silent").unwrap();
        })
    });
    let mut client = Client::connect(server.address());
    client.send(OFFER);
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.rest(), b"silent");
}

#[test]
fn upgraded_connection_can_be_polled_by_its_descriptor() {
    let server = TestServer::new(|request: &mut Request| {
        upgrade(request, "shout", |mut stream| {
            let mut buffer = [0; 64];
            for _ in 0..2 {
                // What came with the request is in memory, where no poll sees it.
                while stream.wait_readable(Some(Duration::ZERO)).unwrap() == Readiness::Timeout {
                    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
                    poll(&mut polled, PollTimeout::NONE).unwrap();
                }
                let length = stream.read(&mut buffer).unwrap();
                stream.write_all(&buffer[..length]).unwrap();
            }
        })
    });
    let mut client = Client::connect(server.address());
    client.send([OFFER, "early"].concat());
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.take(5).unwrap(), b"early");
    client.send("late");
    assert_eq!(client.rest(), b"late");
}
