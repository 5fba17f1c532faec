//! Fixed defects, each with its effect for a user.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use drupe::http::{HeaderValue, header};
use drupe::testing::{TestServer, exchange};
use drupe::{Request, Response};

use crate::client::{Client, PATIENCE, get, post, wait_until};

/// A time limit that must not end a wait.
const LONG: Duration = Duration::from_secs(600);

/// The end of a client, reported together with its last bytes, went unnoticed: the connection
/// stayed parked until its deadline, 75 s after an answer.
#[test]
fn connection_that_ends_with_its_last_bytes_is_closed_at_once() {
    let server = TestServer::with(
        |_: &mut Request| "fine",
        |settings| {
            settings.socket_timeout = LONG;
            settings.keep_alive_timeout = LONG;
        },
    );
    // The race has many outcomes; some of them were wrong.
    for round in 0..200 {
        let mut client = Client::connect(server.address());
        client.assert_in_step("/", "fine");
        match round % 2 {
            0 => client.send(get("/")),
            _ => client.send("GET / HT"),
        }
        client.end();
        match round % 2 {
            0 => assert_eq!(client.answer().text(), "fine"),
            _ => assert_eq!(client.answer().status, 400),
        }
        client.assert_closed();
    }
    wait_until("none is left", || server.server().statistics().parked == 0);
}

/// Workers that timed out at the same moment all left where one was too many: the pool fell below `thread_pool`, for good.
#[test]
fn a_pool_never_shrinks_below_its_size() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = TestServer::with(
        move |_: &mut Request| {
            let _ = held.lock().unwrap().recv_timeout(PATIENCE);
            "done"
        },
        |settings| {
            settings.thread_pool = 4;
            settings.thread_idle_timeout = Duration::from_millis(20);
        },
    );
    for _ in 0..10 {
        let mut clients: Vec<Client> = (0..16).map(|_| Client::connect(server.address())).collect();
        clients.iter_mut().for_each(|client| client.send(get("/")));
        wait_until("the pool has grown", || server.server().statistics().threads >= 12);
        (0..16).for_each(|_| release.send(()).unwrap());
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "done"));
        wait_until("the pool is back at its size", || server.server().statistics().threads <= 4);
        assert_eq!(server.server().statistics().threads, 4);
    }
}

/// All workers but one were in blocking handlers, and that one waited at the poller. A request
/// queued at that moment for a worker that then blocked stayed queued until another client sent
/// bytes.
#[test]
fn connection_queued_for_a_blocked_worker_is_served_by_the_reactor() {
    for _ in 0..20 {
        let (release, held) = mpsc::channel::<()>();
        let blocked = Arc::new((AtomicUsize::new(0), Mutex::new(held)));
        let shared = Arc::clone(&blocked);
        let server = TestServer::with(
            move |_: &mut Request| {
                shared.0.fetch_add(1, Ordering::SeqCst);
                // All wait here, one of them with the lock.
                let _ = shared.1.lock().unwrap().recv_timeout(2 * PATIENCE);
                "done"
            },
            |settings| {
                settings.thread_pool = 2;
                settings.thread_pool_max = Some(5);
            },
        );
        let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(server.address())).collect();
        clients.iter_mut().for_each(|client| client.send(get("/")));
        wait_until("as many block as there may be workers", || blocked.0.load(Ordering::SeqCst) == 5);
        (0..20).for_each(|_| release.send(()).unwrap());
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "done"));
    }
}

/// A server that closed first, with more requests unread in its socket, reset the connection and
/// destroyed the answer.
#[test]
fn an_answer_that_closes_survives_requests_that_are_already_on_their_way() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = TestServer::new(move |request: &mut Request| {
        held.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        let mut response = Response::new("the last");
        assert_eq!(request.uri().path(), "/1", "nothing behind the last answer is served");
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    });
    for round in 1..=20 {
        let mut client = Client::connect(server.address());
        client.send(get("/1"));
        wait_until("it is being served", || server.server().statistics().requests == round);
        client.send([get("/2"), get("/3")].concat());
        release.send(()).unwrap();
        let answer = client.answer();
        assert_eq!((answer.text(), answer.closes()), ("the last", true));
        client.end();
        client.assert_closed();
    }
    assert_eq!(server.server().statistics().panics, 0);
}

/// A connection over `max_connections` could slip into the queue before being turned away, and
/// stay.
#[test]
fn connections_above_the_limit_are_never_admitted() {
    let server = TestServer::with(|_: &mut Request| "fine", |settings| settings.max_connections = Some(5));
    let mut within: Vec<Client> = (0..5).map(|_| Client::connect(server.address())).collect();
    // With a part of a head each, none of them gives way.
    let request = get("/");
    let (begun, rest) = request.split_at(1);
    for client in &mut within {
        client.send(begun);
    }
    wait_until("they are parked with it", || {
        let now = server.server().statistics();
        (now.parked, now.bytes_read) == (5, 5)
    });
    for _ in 0..200 {
        let mut over = Client::connect(server.address());
        assert_eq!(over.answer().status, 503);
    }
    wait_until("those turned away have left", || server.server().statistics().parked == 5);
    for client in &mut within {
        client.send(rest);
        assert_eq!(client.answer().text(), "fine");
        wait_until("it is idle", || server.server().statistics().parked == 5);
    }
    // Now they are idle, in this order, and one more takes the place of the one that has been so for longest.
    let mut newcomer = Client::connect(server.address());
    newcomer.assert_in_step("/", "fine");
    within[0].assert_closed();
    within[1].assert_in_step("/", "fine");
}

/// In a full pool of idle connections, the connection idle for longest is closed.
#[test]
fn idle_connections_above_the_limit_close_the_longest_idle() {
    let server = TestServer::with(|_: &mut Request| "fine", |settings| settings.keep_alive_conn_limit = Some(2));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.address())).collect();
    wait_until("they are parked", || server.server().statistics().parked == 3);
    for (place, client) in clients.iter_mut().enumerate() {
        client.assert_in_step("/", "fine");
        wait_until("it is idle", || server.server().statistics().parked == if place < 2 { 3 } else { 2 });
    }
    clients[0].assert_closed();
    clients[1].assert_in_step("/", "fine");
    clients[2].assert_in_step("/", "fine");
}

/// A restart briefly looked like a stop to threads blocked until the end.
#[test]
fn restart_does_not_end_block() {
    let mut server = drupe::Server::new(|_: &mut Request| "fine");
    server.settings.socket_port = 0;
    server.start().unwrap();
    let handle = server.handle();
    let blocked = std::thread::spawn(move || handle.block().unwrap());
    for _ in 0..50 {
        server.restart().unwrap();
        assert!(!blocked.is_finished());
    }
    server.stop();
    blocked.join().unwrap();
}

/// To a client of 1.0, a stream that broke off looked like one that had ended; one that panicked still did.
#[test]
fn a_broken_stream_without_framing_ends_in_a_reset() {
    let server = TestServer::new(|request: &mut Request| {
        let panics = request.uri().path() == "/panic";
        drupe::Body::stream(move |writer| {
            std::io::Write::write_all(writer, b"half")?;
            std::io::Write::flush(writer)?;
            assert!(!panics, "as asked");
            Err(std::io::Error::other("no more"))
        })
    });
    for target in ["/fail", "/panic"] {
        let mut client = Client::connect(server.address());
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
        let error = client.try_rest().expect_err(target);
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

/// Values of a handler in a request's extensions are dropped by the server: a panic in drop cost a
/// worker its memory.
#[test]
fn body_that_panics_in_drop_costs_its_connection_only() {
    #[derive(Clone)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a test");
            }
        }
    }
    impl std::io::Read for Bomb {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Ok(0)
        }
    }
    let server = TestServer::with(
        |request: &mut Request| {
            request.extensions_mut().insert(Bomb);
            *request.body_mut() = drupe::Body::from_reader(Bomb);
            "fine"
        },
        |settings| (settings.thread_pool, settings.thread_pool_max) = (1, Some(1)),
    );
    for _ in 0..5 {
        let mut client = Client::connect(server.address());
        client.send(get("/"));
        let answer = client.answer();
        assert!(answer.closes() && answer.text() == "fine");
    }
    assert_eq!(server.server().statistics().panics, 5);
}

/// A response that is not sent, because the content was malformed, is dropped; a panic in drop
/// reached the worker and lost the answer.
#[test]
fn a_response_that_panics_as_it_is_dropped_unsent_costs_no_answer() {
    struct Bomb;
    impl std::io::Read for Bomb {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Ok(0)
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a test");
            }
        }
    }
    let server = TestServer::with(
        |request: &mut Request| {
            let _ = std::mem::take(request.body_mut()).into_vec();
            drupe::Body::from_reader(Bomb)
        },
        |settings| {
            (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
            settings.body_buffer_size = 0;
        },
    );
    for _ in 0..5 {
        let mut client = Client::connect(server.address());
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
        assert_eq!(client.answer().status, 400);
    }
    assert_eq!(server.server().statistics().panics, 5);
}

/// The value of a panic that panics when dropped, as its successors do. Dropping the value of a
/// panic reached the worker, and the client lost its answer.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        std::panic::panic_any(Endless);
    }
}

/// Panics with [`Endless`] where the path of a request says.
struct Panicking;

impl drupe::Handler for Panicking {
    fn handle(&self, request: &mut Request) -> Response {
        let body = match request.uri().path() {
            "/handler" => std::panic::panic_any(Endless),
            "/body" => drupe::Body::stream(|_| std::panic::panic_any(Endless)),
            _ => "fine".into(),
        };
        Response::new(body)
    }

    fn body_limit(&self, _: &http::Method, target: &http::Uri) -> Option<u64> {
        if target.path() == "/limit" { std::panic::panic_any(Endless) } else { None }
    }
}

#[test]
fn value_of_a_panic_that_panics_in_drop_costs_no_answer() {
    let mut server = drupe::Server::new(Panicking);
    (server.settings.socket_host, server.settings.socket_port) = ("127.0.0.1".to_owned(), 0);
    (server.settings.thread_pool, server.settings.thread_pool_max) = (1, Some(1));
    server.on_refusal(|_| std::panic::panic_any(Endless));
    server.on_access(|_| std::panic::panic_any(Endless));
    server.start().unwrap();
    for _ in 0..3 {
        for request in [get("/handler"), String::from_utf8(post("/limit", b"12")).unwrap()] {
            let mut client = Client::connect(server.handle().addresses()[0]);
            client.send(request);
            let answer = client.answer();
            assert_eq!((answer.status, answer.text()), (500, "internal server error\n"));
        }
        let mut client = Client::connect(server.handle().addresses()[0]);
        client.send(get("/body"));
        assert!(client.answer_to("GET").is_err());
        Client::connect(server.handle().addresses()[0]).assert_in_step("/", "fine");
    }
    assert_eq!(server.statistics().panics, 9);
}

/// A client sent its content with the head, and `Expect: 100-continue` as well. A handler that
/// returned the content made the server send `100 Continue`, before the gathered answers to earlier
/// requests. A handler that left such content unread cost the connection.
#[test]
fn client_that_has_sent_all_content_gets_no_100_continue() {
    let handler = |request: &mut Request| match request.uri().path() {
        "/echo" => std::mem::take(request.body_mut()),
        path => path.to_owned().into(),
    };
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    };
    let text = [get("/first"), post("/echo"), post("/unread"), get("/last")].concat();
    let answered = String::from_utf8(exchange(handler, text.as_bytes())).unwrap();
    let contents: Vec<&str> = answered.split("\r\n\r\n").map(|part| part.split("HTTP/1.1").next().unwrap()).collect();
    assert_eq!(contents, ["", "/first", "hello", "/unread", "/last"], "{answered}");
}
