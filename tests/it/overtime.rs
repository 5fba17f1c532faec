//! Handlers that exceed their time limit: the client has a 503 in time, the worker is lost until
//! the handler returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use drupe::http::Method;
use drupe::router::Router;
use drupe::testing::TestServer;
use drupe::{Handler, Request, Server, Settings, handler};
use log::Level;

use crate::client::{Client, PATIENCE, get, post, wait_until};
use crate::door::Door;
use crate::logging::{listen, records};
use crate::process::is_alone;

const LIMIT: Duration = Duration::from_millis(200);

/// `/slow` waits at the door; the answer to any other request is its target.
fn at(door: &Door) -> impl Handler + use<> {
    let door = door.clone();
    handler(move |request: &mut Request| {
        if request.uri().path().starts_with("/slow") {
            door.pass();
        }
        request.uri().path().to_owned()
    })
}

fn limited(settings: &mut Settings) {
    settings.request_timeout = Some(LIMIT);
}

/// Checks that a client with a request at the door has a whole 503 in time, and no other byte.
fn assert_refused(client: &mut Client, method: &str, begun: Instant) {
    let answer = client.answer_to(method).unwrap();
    assert!(begun.elapsed() >= LIMIT && begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    assert_eq!((answer.status, answer.closes(), answer.field("retry-after")), (503, true, Some("1")));
    assert_eq!(answer.text(), if method == "HEAD" { "" } else { "the request took too long\n" });
    client.assert_closed();
}

#[test]
fn client_of_a_slow_handler_is_answered_in_time() {
    let door = Door::default();
    let server = TestServer::with(at(&door), limited);
    let mut client = Client::connect(server.address());
    client.assert_in_step("/first", "/first");
    for (method, version) in [("GET", "1.1"), ("HEAD", "1.1"), ("GET", "1.0")] {
        let mut client = Client::connect(server.address());
        let begun = Instant::now();
        client.send(format!("{method} /slow HTTP/{version}\r\nHost: a\r\n\r\n"));
        assert_refused(&mut client, method, begun);
    }
    // Content that the handler leaves unread.
    let begun = Instant::now();
    client.send(post("/slow", &[b'x'; 50_000]));
    assert_refused(&mut client, "POST", begun);
    wait_until("all are lost", || server.server().statistics().threads_lost == 4);
    let statistics = server.server().statistics();
    assert_eq!((statistics.overrun, statistics.in_progress()), (4, 4));
    door.open();
    wait_until("all are back", || server.server().statistics().threads_lost == 0);
    wait_until("all are counted", || server.server().statistics().in_progress() == 0);
    let statistics = server.server().statistics();
    assert_eq!((statistics.answers.server_error, statistics.answers.success, statistics.broken_off), (4, 1, 0));
    Client::connect(server.address()).assert_in_step("/after", "/after");
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn client_over_tls_is_answered_in_time() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        limited(settings);
        settings.ssl_context = Some(crate::secure::context());
    });
    let mut client = crate::secure::connect_to(server.address());
    client.assert_in_step("/first", "/first");
    let begun = Instant::now();
    client.send(get("/slow"));
    assert_refused(&mut client, "GET", begun);
    door.open();
    wait_until("it is counted", || server.server().statistics().in_progress() == 0);
    let statistics = server.server().statistics();
    assert_eq!((statistics.answers.server_error, statistics.broken_off), (1, 0));
}

#[test]
fn client_over_a_unix_socket_is_answered_in_time() {
    let door = Door::default();
    let server = TestServer::unix(at(&door), limited);
    let socket = std::os::unix::net::UnixStream::connect(server.socket().unwrap()).unwrap();
    let mut client = Client::over_unix(socket);
    let begun = Instant::now();
    client.send(get("/slow"));
    assert_refused(&mut client, "GET", begun);
    door.open();
}

#[test]
fn overrun_is_logged_with_its_request_when_it_happens_and_when_it_ends() {
    if !is_alone("overtime::overrun_is_logged_with_its_request_when_it_happens_and_when_it_ends") {
        return;
    }
    listen();
    let door = Door::default();
    let server = TestServer::with(at(&door), limited);
    let mut client = Client::connect(server.address());
    let address = client.address();
    client.send(get("/slow?by=secret"));
    assert_eq!(client.answer().status, 503);
    let warnings = || records(|level, _| level <= Level::Warn);
    wait_until("a warning", || !warnings().is_empty());
    let begin = format!("a handler exceeds its time limit: GET /slow from {address}: runs for 0.2 s; answered 503");
    assert!(warnings()[0].starts_with(&begin), "{:?}", warnings());
    assert_eq!(records(|_, target| target == "drupe::access"), [""; 0]);
    door.open();
    wait_until("another warning", || warnings().len() == 2);
    let begin = format!("a handler has returned after its time limit: GET /slow from {address}: ran for ");
    assert!(warnings()[1].starts_with(&begin), "{:?}", warnings());
    wait_until("a record", || records(|_, target| target == "drupe::access").len() == 1);
    let record = records(|_, target| target == "drupe::access").remove(0);
    assert!(record.contains("\"GET /slow?by=secret HTTP/1.1\" 503 26 "), "{record}");
}

/// With as few workers as possible.
#[test]
fn lost_workers_are_replaced_up_to_twice_the_maximum() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        limited(settings);
        (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
        settings.thread_idle_timeout = Duration::from_millis(300);
        settings.accepted_queue_timeout = Duration::from_millis(600);
    });
    let lose = |count: usize| {
        let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server.address())).collect();
        clients.iter_mut().for_each(|client| client.send(get("/slow")));
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 503));
    };
    lose(2);
    wait_until("both are lost", || server.server().statistics().threads_lost == 2);
    Client::connect(server.address()).assert_in_step("/", "/");
    lose(2);
    wait_until("four are lost", || server.server().statistics().threads_lost == 4);
    // No further worker: told after the wait in the queue.
    assert_eq!(Client::connect(server.address()).get("/").status, 503);
    let statistics = server.server().statistics();
    assert_eq!((statistics.threads, statistics.unserved, statistics.overrun), (4, 1, 4));
    door.open();
    Client::connect(server.address()).assert_in_step("/", "/");
    wait_until("the pool is back at its size", || server.server().statistics().threads == 2);
    assert_eq!(server.server().statistics().threads_lost, 0);
}

#[test]
fn limits_of_handlers_and_routes_apply_in_place_of_the_setting() {
    let pause = |request: &mut Request| {
        thread::sleep(2 * LIMIT);
        request.uri().path().to_owned()
    };
    let router = Router::new()
        .get("/setting", pause)
        .route(Method::GET, "/longer", pause.within(PATIENCE))
        .get("/route", pause)
        .time_limit("/route", PATIENCE)
        .mount(
            "/mount",
            Router::new().get("/a", |_| {
                thread::sleep(2 * LIMIT);
                "a"
            }),
        )
        .time_limit("/mount", PATIENCE)
        .route(Method::GET, "/innermost", pause.within(LIMIT).within(PATIENCE));
    let server = TestServer::with(router, limited);
    let status = |path: &str| Client::connect(server.address()).get(path).status;
    assert_eq!(["/setting", "/longer", "/route", "/mount/a", "/innermost"].map(status), [503, 200, 200, 200, 503]);
    let server = TestServer::new(pause.within(LIMIT));
    assert_eq!(Client::connect(server.address()).get("/").status, 503);
}

/// Each request is answered once and completely, by the handler or by the server.
#[test]
fn handler_that_returns_at_its_deadline_is_answered_once() {
    let server = TestServer::with(
        |request: &mut Request| {
            let micros: u64 = request.uri().path()[1..].parse().unwrap();
            thread::sleep(Duration::from_micros(micros));
            "in time"
        },
        |settings| settings.request_timeout = Some(Duration::from_millis(5)),
    );
    let (mut in_time, mut late) = (0, 0);
    for round in 0..400 {
        let mut client = Client::connect(server.address());
        let answer = client.get(&format!("/{}", 4_000 + 10 * (round % 100)));
        match (answer.status, answer.text()) {
            (200, "in time") => {
                in_time += 1;
                client.end();
            }
            (503, "the request took too long\n") => late += 1,
            other => panic!("{other:?}"),
        }
        client.assert_closed();
    }
    println!("{in_time} in time, {late} late");
    wait_until("all have returned", || server.server().statistics().in_progress() == 0);
    let statistics = server.server().statistics();
    assert_eq!((statistics.answers.success, statistics.answers.server_error), (in_time, late));
    assert_eq!((statistics.overrun, statistics.threads_lost, statistics.broken_off), (late, 0, 0));
}

/// The refusal would overtake the earlier answers.
#[test]
fn connection_with_earlier_answers_unsent_is_cut_or_answered_in_order() {
    let (door, blocks) = (Door::default(), Arc::new(AtomicBool::new(false)));
    let (own, seen) = (door.clone(), Arc::clone(&blocks));
    let server = TestServer::with(
        move |_: &mut Request| {
            if seen.swap(false, Ordering::SeqCst) {
                own.pass();
            }
            "short"
        },
        limited,
    );
    let mut client = Client::connect(server.address());
    (0..50).for_each(|_| client.assert_in_step("/", "short"));
    blocks.store(true, Ordering::SeqCst);
    client.send([get("/"), get("/"), get("/")].concat());
    let received = client.over();
    let text = String::from_utf8(received).unwrap();
    assert!(!text.contains("short") || text.find("200 OK") < text.find("503"), "{text:?}");
    assert!(text.matches("HTTP/1.1").count() <= 2, "{text:?}");
    door.open();
}

#[test]
fn client_that_waits_to_send_is_cut() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        limited(settings);
        // The handler runs before the client has sent content.
        settings.body_buffer_size = 0;
    });
    let mut client = Client::connect(server.address());
    client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
    let received = client.over();
    assert!(received.is_empty(), "{received:?}");
    door.open();
    wait_until("it has returned", || server.server().statistics().threads_lost == 0);
}

#[test]
fn refusal_of_a_slow_handler_is_shaped_by_the_program() {
    let door = Door::default();
    let mut server = Server::new(at(&door));
    (server.settings.socket_port, server.settings.request_timeout) = (0, Some(LIMIT));
    server.on_refusal(|refusal| {
        let path = refusal.target.as_ref().map(|target| target.path().to_owned());
        Some(drupe::Response::new(format!("{} {path:?}", refusal.status.as_u16()).into()))
    });
    server.start().unwrap();
    let answer = Client::connect(server.bound_addr().unwrap()).get("/slow");
    assert_eq!((answer.status, answer.text(), answer.field("retry-after")), (503, "503 Some(\"/slow\")", Some("1")));
    door.open();
    server.stop();
}

#[test]
fn stop_ends_within_its_limit_while_handlers_exceed_theirs() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        limited(settings);
        settings.shutdown_timeout = Duration::from_millis(500);
    });
    let mut client = Client::connect(server.address());
    client.send(get("/slow"));
    assert_eq!(client.answer().status, 503);
    let begun = Instant::now();
    server.server().stop();
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    door.open();
}
