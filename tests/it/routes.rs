//! Routes over sockets: methods, limits, and handlers mounted below a path.

use std::fs;
use std::sync::Arc;

use drupe::exchange::MatchedRoute;
use drupe::http::Method;
use drupe::router::Router;
use drupe::testing::TestServer;
use drupe::wsgi::{ApplicationError, Environ, Gateway, StartResponse};
use drupe::{Failure, Files, Handler, Request, RequestExt, handler};

use crate::client::{Answer, Client};
use crate::place::Place;

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
        ("GET", "/tea/../tea/a", 200, None),
        ("GET", "/../tea/a", 404, None),
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
fn files_work_below_any_mount() {
    let place = Place::new();
    fs::create_dir_all(place.path("public/sub")).unwrap();
    fs::write(place.path("public/tea.txt"), "tea").unwrap();
    fs::write(place.path("public/sub/a b.txt"), "ab").unwrap();
    let files = Files::new(place.path("public")).unwrap();
    let router = Router::new()
        .mount("/files", files.clone())
        .mount("/@me/{name}", Router::new().mount("/f", files.clone()))
        .get("/files/tea", |_| "a route");
    let server = TestServer::new(router);
    let mut client = Client::connect(server.address());
    for mount in ["/files", "/@me/a%2fb/f", "/%66iles"] {
        assert_eq!(ask(&mut client, "GET", &format!("{mount}/tea.txt")).text(), "tea");
        assert_eq!(ask(&mut client, "GET", &format!("{mount}/sub/a%20b.txt?c")).text(), "ab");
        for (target, status, location) in [
            ("", 301, Some("./MOUNT/")),
            ("?a=b", 301, Some("./MOUNT/?a=b")),
            ("/sub?a=b", 301, Some("sub/?a=b")),
            ("//sub", 301, Some("../sub/")),
            ("//", 301, Some("../")),
            ("/sub/../sub", 301, Some("sub/")),
            ("/sub/../tea.txt", 200, None),
            ("/", 200, None),
            ("/sub/", 200, None),
            ("/..%2fpublic/tea.txt", 404, None),
            ("/../public/tea.txt", 404, None),
            ("/%2e%2e/public/tea.txt", 404, None),
            ("/%00", 400, None),
            ("/%ff", 404, None),
            ("x", 404, None),
        ] {
            let answer = ask(&mut client, "GET", &format!("{mount}{target}"));
            let name = mount.rsplit('/').next().unwrap();
            let location = location.map(|location| location.replace("MOUNT", name));
            assert_eq!((answer.status, answer.field("location")), (status, location.as_deref()), "{mount}{target}");
        }
        let refused = ask(&mut client, "PUT", &format!("{mount}/tea.txt"));
        assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    // No location names another host.
    for (target, status, location) in [
        ("/@me/%5Cevil/f/sub", 301, Some("sub/")),
        ("/@me//evil/f/sub", 404, None),
        ("//files/sub", 404, None),
        ("/files//sub//", 301, Some("../../../sub/")),
    ] {
        let answer = ask(&mut client, "GET", target);
        assert_eq!((answer.status, answer.field("location")), (status, location), "{target}");
    }
    assert_eq!(ask(&mut client, "GET", "/files/tea").text(), "a route");
    assert_eq!(ask(&mut client, "HEAD", "/files/tea.txt").field("content-length"), Some("3"));
    client.send("GET /@me/\\evil/f/sub HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 400);
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

#[test]
fn mounted_application_has_its_mount_as_script_name() {
    fn application(environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
        start_response.start("200 OK", [("Content-Type", "text/plain")])?;
        let text = |key| environ.text(key).unwrap().into_owned();
        Ok(format!("{}|{}|{}", text("SCRIPT_NAME"), text("PATH_INFO"), text("REQUEST_URI")))
    }
    let router = Router::new().mount("/my app", Gateway::new(application)).mount("/", Gateway::new(application));
    let server = TestServer::new(router);
    let mut client = Client::connect(server.address());
    assert_eq!(ask(&mut client, "GET", "/my%20app/a%20b?c").text(), "/my app|/a b|/my%20app/a%20b?c");
    assert_eq!(ask(&mut client, "GET", "/my%20app").text(), "/my app||/my%20app");
    assert_eq!(ask(&mut client, "GET", "/other").text(), "|/other|/other");
}
