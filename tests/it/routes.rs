//! Routes over sockets: methods, limits, and handlers mounted below a path.

use std::sync::Arc;

use drupe::http::Method;
use drupe::router::{MatchedRoute, Router};
use drupe::testing::TestServer;
use drupe::{Failure, Handler, Request, RequestExt, handler};

use crate::client::{Answer, Client};

/// Sends a request without content, and returns the answer.
fn ask(client: &mut Client, method: &str, target: &str) -> Answer {
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.answer_to(method).unwrap()
}

#[test]
fn head_is_answered_by_get_and_other_methods_are_refused_in_step() {
    let router = Router::new()
        .get("/tea/{name}", |request| request.param("name").map(str::to_owned))
        .post("/tea/{name}", |_| ());
    let server = TestServer::new(router);
    let mut client = Client::connect(server.address());
    let head = ask(&mut client, "HEAD", "/tea/sencha");
    assert_eq!((head.status, head.field("content-length"), head.text()), (200, Some("6"), ""));
    assert_eq!(ask(&mut client, "GET", "/tea/a%2Fb").text(), "a/b");
    assert_eq!(ask(&mut client, "GET", "http://b/tea/c").text(), "c");
    assert_eq!(ask(&mut client, "GET", "/tea/%00").text(), "\0");
    for (method, target, status, allow) in [
        ("PUT", "/tea/a", 405, Some("GET, HEAD, OPTIONS, POST")),
        ("OPTIONS", "/tea/a", 204, Some("GET, HEAD, OPTIONS, POST")),
        ("OPTIONS", "*", 204, Some("GET, HEAD, OPTIONS, POST")),
        ("OPTIONS", "http://b", 204, Some("GET, HEAD, OPTIONS, POST")),
        ("HEAD", "/", 404, None),
        ("GET", "//tea/a", 404, None),
        ("GET", "/tea%2Fa", 404, None),
        ("GET", "/tea/%ff", 400, None),
        ("GET", "/tea/../tea/a", 404, None),
        ("GET", "/", 404, None),
    ] {
        let answer = ask(&mut client, method, target);
        assert_eq!((answer.status, answer.field("allow")), (status, allow), "{method} {target}");
    }
    client.assert_in_step("/tea/a", "a");
}

fn count(request: &mut Request) -> Result<String, Failure> {
    Ok(request.bytes()?.len().to_string())
}

fn outermost(inner: impl Handler) -> impl Handler {
    handler(move |request| {
        let response = inner.handle(request);
        let matched = response.extensions().get::<MatchedRoute>().map(ToString::to_string);
        ([("x-route", matched.unwrap_or_default())], response)
    })
}

#[test]
fn limit_of_a_route_is_above_or_below_the_setting_in_mounts_and_behind_layers_too() {
    let inner = Router::new().post("/up", count).post("/own", count).body_limit("/own", 20);
    let router = Router::new()
        .get("/", |_| "ok")
        .post("/", count)
        .post("/large/{name}", count)
        .post("/small", count)
        .mount("/in", inner)
        .body_limit("/large/{name}", 1000)
        .body_limit("/small", 10)
        .body_limit("/in", 500)
        .with(outermost);
    let server = TestServer::with(router, |settings| settings.max_request_body_size = Some(100));
    for (path, most, matched) in [
        ("/", 100, "/"),
        ("/large/a", 1000, "/large/{name}"),
        ("/small", 10, "/small"),
        ("/in/up", 500, "/in/up"),
        ("/in/own", 20, "/in/own"),
    ] {
        let mut client = Client::connect(server.address());
        let head = |length| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        client.send(head(most) + &"a".repeat(most));
        let answer = client.answer();
        assert_eq!((answer.text(), answer.field("x-route")), (most.to_string().as_str(), Some(matched)));
        client.assert_in_step("/", "ok");
        // The declared length is enough to refuse the request; the content is not awaited.
        client.send(head(most + 1));
        assert_eq!(client.answer().status, 413, "{path}");
        let mut client = Client::connect(server.address());
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        client.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", most + 1, "a".repeat(most + 1)));
        assert_eq!(client.answer().status, 413, "{path}");
    }
}

#[test]
fn shared_state_and_boxed_handlers_have_routes() {
    let state = Arc::new("state".to_owned());
    let boxed: Box<dyn Handler> = Box::new(|_: &mut Request| "boxed");
    let copy = Arc::clone(&state);
    let router = Router::new().get("/state", move |_| copy.to_string()).route(Method::GET, "/boxed", boxed);
    let router = router.route(Method::GET, "/layered", count.with(outermost));
    let server = TestServer::new(Arc::new(router));
    let mut client = Client::connect(server.address());
    assert_eq!(ask(&mut client, "GET", "/state").text(), "state");
    assert_eq!(ask(&mut client, "GET", "/boxed").text(), "boxed");
    assert_eq!(ask(&mut client, "GET", "/layered").text(), "0");
}
