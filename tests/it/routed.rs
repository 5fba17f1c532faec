//! Statistics by route, for clients of a router and for patterns of the program's own.

use std::io::{self, Write};
use std::time::Duration;

use drupe::exchange::MatchedRoute;
use drupe::response::Redirect;
use drupe::router::Router;
use drupe::statistics::{Answers, Statistics};
use drupe::testing::TestServer;
use drupe::{Body, Failure, Handler, IntoResponse, Request, RequestExt, handler};

use crate::client::{Client, get, wait_until};
use crate::door::Door;
use crate::statistics::at_rest;

fn count(request: &mut Request) -> Result<String, Failure> {
    Ok(request.bytes()?.len().to_string())
}

/// Answers with each class of status, behind patterns of a router and of the handler's own.
fn routed() -> impl Handler {
    let inner = Router::new().get("/{shop}", |_| "in").get("/panic/{id}", |_| -> &str { panic!("on purpose") });
    let router = Router::new()
        .get("/tea/{name}", |request| request.param("name").map(str::to_owned))
        .post("/tea/{name}", count)
        .get("/moved", |_| Redirect::to("/tea/a"))
        .get("/broken", |_| {
            Body::stream(|writer| {
                writer.write_all(b"half")?;
                writer.flush()?;
                Err(io::Error::other("no more"))
            })
        })
        .mount("/shops", inner);
    handler(move |request| match request.uri().query() {
        // A pattern of the program's own for each request.
        Some(pattern) => {
            let mut response = "own".into_response();
            response.extensions_mut().insert(MatchedRoute::new(pattern));
            response
        }
        None => router.handle(request),
    })
}

/// The rows of all routes: pattern, requests, answers 2xx to 5xx.
fn rows(statistics: &Statistics) -> Vec<(&str, u64, [u64; 4])> {
    let rows = statistics.routes.iter().map(|route| {
        let Answers { success, redirection, client_error, server_error, .. } = route.answers;
        (route.pattern.as_str(), route.requests, [success, redirection, client_error, server_error])
    });
    rows.collect()
}

#[test]
fn requests_are_counted_by_the_pattern_of_their_route() {
    let server = TestServer::with(routed(), |settings| {
        settings.statistics = true;
        settings.max_request_body_size = Some(10);
        settings.body_buffer_size = 0;
    });
    let mut client = Client::connect(server.address());
    for (method, target, status) in [
        ("GET", "/tea/sencha", 200),
        ("HEAD", "/tea/assam", 200),
        ("PUT", "/tea/a", 405),
        ("OPTIONS", "/tea/a", 204),
        ("GET", "/tea/%ff", 400),
        ("GET", "/moved", 303),
        ("GET", "/shops/7", 200),
        ("GET", "/shops/7/8/9", 404),
        ("OPTIONS", "*", 204),
        ("GET", "/none", 404),
        ("HEAD", "/", 404),
    ] {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.answer_to(method).unwrap().status, status, "{method} {target}");
    }
    // Refused before the handler, and while the handler reads.
    let refused = format!("POST /tea/a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{}", "x".repeat(11));
    for (request, status) in [
        (refused, 413),
        ("POST /tea/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n".to_owned(), 400),
        ("GET /shops/panic/1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 500),
    ] {
        let mut client = Client::connect(server.address());
        client.send(request);
        assert_eq!(client.answer().status, status);
    }
    let mut cut = Client::connect(server.address());
    cut.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(cut.answer_to("GET").is_err());
    drop((client, cut));
    let statistics = at_rest(server.server());
    assert_eq!(
        rows(&statistics),
        [
            ("/broken", 1, [0, 0, 0, 0]),
            ("/moved", 1, [0, 1, 0, 0]),
            ("/shops/panic/{id}", 1, [0, 0, 0, 1]),
            ("/shops/{*rest}", 1, [0, 0, 1, 0]),
            ("/shops/{shop}", 1, [1, 0, 0, 0]),
            ("/tea/{name}", 6, [3, 0, 3, 0]),
        ]
    );
    for route in &statistics.routes {
        assert_eq!(route.measured, route.requests, "{route:?}");
        assert!(route.mean().unwrap() <= statistics.latency.longest(), "{route:?}");
    }
    let time: Duration = statistics.routes.iter().map(|route| route.time).sum();
    assert!(!time.is_zero() && time <= statistics.latency.sum(), "{statistics:#?}");
}

#[test]
fn patterns_made_for_each_request_are_bounded_by_the_row_of_others() {
    let server = TestServer::new(routed());
    let mut client = Client::connect(server.address());
    let long = "x".repeat(1000);
    let numbers = (0..1000).map(|number| number.to_string());
    for pattern in numbers.chain([long, "others".to_owned(), String::new(), "0".to_owned()]) {
        assert_eq!(client.get(&format!("/?{pattern}")).text(), "own");
    }
    drop(client);
    let statistics = at_rest(server.server());
    assert_eq!(statistics.routes.len(), 257);
    let (others, named) = statistics.routes.split_last().unwrap();
    assert_eq!((others.pattern.as_str(), others.requests, others.answers.success), ("others", 747, 747));
    assert!(named.iter().all(|route| route.requests == 1 + u64::from(route.pattern == "0")), "{named:?}");
    assert!(statistics.routes.iter().all(|route| route.measured == 0 && route.mean().is_none()));
}

#[test]
fn counts_of_routes_outlast_workers_and_a_stop_and_begin_anew_with_a_start() {
    let door = Door::default();
    let own = door.clone();
    let router = Router::new().get("/{name}", move |_| {
        own.pass();
        "done"
    });
    let server = TestServer::with(router, |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(6));
        settings.thread_idle_timeout = Duration::from_millis(50);
        settings.statistics = true;
    });
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/a")));
    wait_until("each has a worker", || door.waiting() == 6);
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    drop(clients);
    wait_until("the workers have ended", || server.server().statistics().threads == 1);
    let statistics = at_rest(server.server());
    assert_eq!(rows(&statistics), [("/{name}", 6, [6, 0, 0, 0])]);
    assert_eq!((statistics.routes[0].measured, statistics.routes[0].time), (6, statistics.latency.sum()));
    server.server().stop();
    assert_eq!(server.server().statistics().routes, statistics.routes);
    server.server().start().unwrap();
    assert!(server.server().statistics().routes.is_empty());
}
