//! The layers of the crate over sockets: the order of a stack, and connections that stay in step
//! after answers without the handler.

use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Duration;

use drupe::exchange::{AccessRecord, RequestId};
use drupe::http::{Method, StatusCode};
use drupe::layers::{BasicAuth, CatchPanics, Cors, OnFailure, RateLimit, RequestIds, SecurityHeaders, User};
use drupe::testing::TestServer;
use drupe::{Failure, Handler, IntoResponse, RequestExt, Server, handler};

#[cfg(feature = "wsgi")]
use crate::client::get;
use crate::client::{Answer, Client};
use crate::place::{Place, curl, curl_as, is_root};

/// The whole stack, in the order that the documentation recommends.
fn stack(requests_a_minute: u32) -> impl Handler {
    let page = handler(|request| match request.uri().path() {
        "/panic" => panic!("on purpose"),
        "/none" => Err(Failure::new(StatusCode::NOT_FOUND, "no such tea\n")),
        "/length" => Ok(request.bytes()?.len().to_string()),
        _ => Ok(request.extensions().get::<User>().map(ToString::to_string).unwrap_or_default()),
    });
    page.with(CatchPanics::new())
        .with(BasicAuth::users("tea room", [("ann", "b")]))
        .with(RateLimit::per_minute(requests_a_minute))
        .with(Cors::new().origin("https://a.example").methods([Method::PUT]).max_age(Duration::from_secs(60)))
        .with(OnFailure::new(|failure, request| {
            let id = request.extensions().get::<RequestId>().map_or("", RequestId::as_str);
            ([("x-form", "own")], format!("{} in {id}", failure.text().trim_end()))
        }))
        .with(SecurityHeaders::new().hsts(Duration::from_secs(60)))
        .with(RequestIds::new().accept())
}

const ANN: &str = "Authorization: Basic YW5uOmI=\r\n";

fn ask(client: &mut Client, line: &str, fields: &str, content: &str) -> Answer {
    client.send(format!("{line} HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\n{fields}\r\n{content}"));
    client.answer_to(line.split(' ').next().unwrap()).unwrap()
}

#[test]
fn stack_of_layers_refuses_from_outside_in_and_every_answer_has_the_outer_fields() {
    let server = TestServer::new(stack(1000));
    let mut client = Client::connect(server.address());
    let origin = "Origin: https://a.example\r\n";
    for (line, fields, status, content) in [
        ("GET /", ANN, 200, "ann"),
        ("GET /none", ANN, 404, "no such tea in 7"),
        ("GET /panic", ANN, 500, "internal server error in 7"),
        ("GET /", "", 401, "unauthorized in 7"),
        ("GET /", "Authorization: Basic YW5uOmM=\r\n", 401, "unauthorized in 7"),
        ("GET /none", "", 401, "unauthorized in 7"),
        ("OPTIONS /", "Access-Control-Request-Method: PUT\r\n", 204, ""),
        ("HEAD /", ANN, 200, ""),
        ("HEAD /none", ANN, 404, ""),
        ("HEAD /", "", 401, ""),
    ] {
        let answer = ask(&mut client, line, &format!("{origin}{fields}"), "");
        assert_eq!((answer.status, answer.text()), (status, content), "{line} {fields}");
        assert_eq!(answer.field("x-request-id"), Some("7"), "{line} {fields}");
        assert_eq!(answer.field("x-frame-options"), Some("DENY"));
        assert_eq!(answer.field("strict-transport-security"), None);
        assert_eq!(answer.field("access-control-allow-origin"), Some("https://a.example"), "{line} {fields}");
        assert_eq!(answer.field("x-form").is_some(), status >= 400, "{line} {fields}");
        assert_eq!(answer.field("www-authenticate").is_some(), status == 401, "{line} {fields}");
    }
}

#[test]
fn head_of_a_refusal_is_that_of_a_get() {
    let server = TestServer::new(stack(1000));
    let mut client = Client::connect(server.address());
    for fields in ["", ANN] {
        for target in ["/", "/none"] {
            let [head, get] = ["HEAD", "GET"].map(|method| {
                let answer = ask(&mut client, &format!("{method} {target}"), fields, "");
                let fields = answer.fields.into_iter().filter(|(name, _)| name != "date");
                (answer.status, fields.collect::<Vec<_>>())
            });
            assert_eq!(head, get, "{target} {fields}");
        }
    }
}

#[test]
fn refusals_with_unread_content_leave_the_connection_in_step() {
    let server = TestServer::new(stack(1000));
    let mut client = Client::connect(server.address());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n";
    for _ in 0..2 {
        for (line, fields, status) in [("POST /length", "", 401), ("OPTIONS /length", preflight, 204)] {
            let content = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
            let declared = format!("{fields}Content-Length: {}\r\n", content.len());
            let answer = ask(&mut client, line, &declared, content);
            assert_eq!(answer.status, status, "{line}");
            let answer = ask(&mut client, line, &format!("{fields}{chunked}"), "3\r\ntea\r\n0\r\n\r\n");
            assert_eq!(answer.status, status, "{line}");
        }
        let answer = ask(&mut client, "POST /length", &format!("{ANN}{chunked}"), "3\r\ntea\r\n0\r\n\r\n");
        assert_eq!((answer.status, answer.text()), (200, "3"));
    }
}

#[test]
fn client_above_its_rate_is_told_to_wait_on_a_connection_that_stays() {
    let server = TestServer::new(stack(3));
    let mut client = Client::connect(server.address());
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "GET /", ANN, "").status, 200);
    }
    let content = "Content-Length: 3\r\n";
    for _ in 0..2 {
        let answer = ask(&mut client, "POST /length", &format!("{ANN}{content}"), "tea");
        assert_eq!((answer.status, answer.text()), (429, "too many requests in 7"));
        let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
    }
    // The limit is that of the client, not of its connection.
    let mut other = Client::connect(server.address());
    assert_eq!(ask(&mut other, "GET /", ANN, "").status, 429);
    other.sender().shutdown(Shutdown::Write).unwrap();
    other.assert_closed();
}

#[test]
fn clients_behind_a_trusted_proxy_have_limits_of_their_own() {
    let page = handler(|_| "tea").with(RateLimit::per_minute(1));
    let server = TestServer::with(page, |settings| {
        settings.set("trusted_proxies", "127.0.0.1").unwrap();
        settings.set("trusted_proxy_headers", "forwarded").unwrap();
    });
    let mut proxy = Client::connect(server.address());
    for (address, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("\"[2001:db8::1]\"", 200),
        ("\"[2001:db8::2]\"", 429),
        ("\"[2001:db8:0:1::1]\"", 200),
        // Hidden clients share a bucket, whatever their names.
        ("_a", 200),
        ("_b", 429),
        ("unknown", 429),
    ] {
        let answer = ask(&mut proxy, "GET /", &format!("Forwarded: for={address}\r\n"), "");
        assert_eq!(answer.status, status, "{address}");
    }
}

#[test]
fn users_over_a_unix_socket_have_limits_of_their_own() {
    let place = Place::new();
    let mut server = place.server(handler(|_| "tea").with(RateLimit::per_minute(1)));
    (server.settings.socket_mode, server.settings.peercreds) = (0o666, true);
    server.start().unwrap();
    let is_refused = |answer: String| answer.ends_with(" 429");
    assert_eq!([(); 2].map(|()| is_refused(curl(&place.socket(), "/"))), [false, true]);
    if is_root("callers that are other users") {
        assert_eq!([(); 2].map(|()| is_refused(curl_as(65534, 65534, &place.socket(), "/"))), [false, true]);
    }
}

/// An application that answers by `write`, and then has an empty rest or panics.
#[cfg(feature = "wsgi")]
#[test]
fn answer_that_has_begun_gets_no_form_and_a_panic_cuts_it() {
    use std::io::Write;

    use drupe::wsgi::{ApplicationError, Content, Environ, Gateway, StartResponse};

    let application = |environ: Environ, start_response: StartResponse| {
        let mut write = start_response.start("404 Not Found", [("X-A", "b")])?;
        write.write_all(b"begun")?;
        assert!(environ.path_info() != "/panic", "on purpose");
        Ok::<Content, ApplicationError>("".into())
    };
    let layered = Gateway::new(application).with(CatchPanics::new()).with(OnFailure::new(|_, _| "form"));
    let server = TestServer::new(layered);
    let mut client = Client::connect(server.address());
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!((answer.status, answer.text(), answer.field("x-a")), (404, "begun", Some("b")));
    }
    client.send(get("/panic"));
    assert_eq!(client.head().unwrap().status, 404);
    assert_eq!(client.chunk().unwrap(), b"begun");
    // The last chunk would say that the answer is complete.
    assert_eq!(client.over(), b"");
}

#[test]
fn refusals_of_the_server_get_the_fields_of_cors_and_an_id() {
    let cors = Cors::new().origin("https://a.example").expose(["x-request-id"]);
    let ids = RequestIds::new().accept();
    let mut server = Server::new(handler(|_| "tea").with(cors.clone()).with(ids.clone()));
    server.settings.socket_host = "127.0.0.1".to_owned();
    server.settings.socket_port = 0;
    server.settings.max_request_body_size = Some(1);
    server.on_refusal(move |refusal| {
        let mut response = refusal.reason.clone().into_response();
        cors.add_to_refusal(refusal, &mut response);
        ids.add_to_refusal(refusal, &mut response);
        Some(response)
    });
    let (send, records) = mpsc::channel();
    server.on_access(move |record: &AccessRecord| send.send(record.id.clone()).unwrap());
    server.start().unwrap();
    for (request, status, origin, id) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\nOrigin: https://a.example\r\nContent-Length: 2\r\n\r\n",
            413,
            Some("https://a.example"),
            Some("7"),
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nContent-Length: 2\r\n\r\n", 413, None, None),
        ("nothing\r\n\r\n", 400, None, None),
    ] {
        let mut client = Client::connect(server.handle().addresses()[0]);
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (status, origin));
        assert_eq!(answer.field("vary"), Some("origin"));
        let sent = answer.field("x-request-id").unwrap();
        assert!(id.is_none_or(|id| id == sent) && sent.len() == id.map_or(sent.len().max(17), str::len), "{sent}");
        assert_eq!(records.recv().unwrap(), Some(RequestId::new(sent)));
    }
}
