//! Answers of the server itself, shaped by the program.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use drupe::exchange::{AccessRecord, Refusal, RefusalKind as Kind, RequestId};
use drupe::http::Response as Head;
use drupe::{Body, Request, RequestExt, Response, Server, Settings};

use crate::client::{Answer, Client, get, post, wait_until};
use crate::door::Door;

/// Sends each refusal as JSON, with fields that would break the framing.
fn json(refusal: &Refusal) -> Option<Response> {
    let content = format!("{{\"status\":{},\"error\":\"{}\"}}", refusal.status.as_u16(), refusal.reason);
    let response = Head::builder()
        .status(200)
        .header("Content-Type", "application/json")
        .header("X-Own", "kept")
        .header("Content-Length", "1")
        .header("Transfer-Encoding", "chunked")
        .header("Connection", "keep-alive")
        .header("Retry-After", "99")
        .header("Trailer", "x");
    Some(response.body(Body::from(content)).unwrap())
}

fn answer(request: &mut Request) -> Response {
    match request.uri().path() {
        "/panic" => panic!("on purpose"),
        "/own" => {
            request.extensions_mut().insert(RequestId::new("own"));
            panic!("on purpose")
        }
        "/read" => {
            request.body_limit(4);
            let _ = std::mem::take(request.body_mut()).into_vec();
            Response::new("never sent".into())
        }
        "/short" => Response::new(Body::from_reader(Broken)),
        "/echo" => drupe::upgrade(request, "echo", |_| {}),
        _ => Response::new("hello".into()),
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("broken"))
    }
}

fn server(
    handler: impl drupe::Handler,
    set: impl FnOnce(&mut Settings),
    shape: impl Fn(&Refusal) -> Option<Response> + Send + Sync + 'static,
) -> Server {
    let mut server = Server::new(handler);
    server.settings.socket_host = "127.0.0.1".to_owned();
    server.settings.socket_port = 0;
    set(&mut server.settings);
    server.on_refusal(shape);
    server.start().unwrap();
    server
}

fn connect(server: &Server) -> Client {
    Client::connect(server.handle().addresses()[0])
}

#[track_caller]
fn assert_json(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status);
    assert!(answer.text().starts_with(&format!("{{\"status\":{status},\"error\":\"")), "{}", answer.text());
    assert_eq!((answer.field("content-type"), answer.field("x-own")), (Some("application/json"), Some("kept")));
    let absent = ["transfer-encoding", "trailer"].map(|name| answer.field(name));
    assert_eq!(absent, [None; 2]);
    assert!(answer.closes());
}

#[test]
fn refusals_of_each_status_are_shaped() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let server = server(
        answer,
        |settings| {
            settings.max_request_target_size = 100;
            settings.max_request_header_size = 1000;
            settings.max_request_body_size = Some(10);
            settings.max_upgraded = Some(0);
        },
        move |refusal| {
            let line = refusal.method.as_ref().zip(refusal.target.as_ref());
            told.lock().unwrap().push((
                refusal.kind,
                line.map(|(method, target)| format!("{method} {target}")),
                refusal.client.is_some(),
            ));
            json(refusal)
        },
    );
    let long = "x".repeat(2000);
    for (request, status, kind, line) in [
        ("nothing\r\n\r\n".to_owned(), 400, Kind::RequestLine, None),
        ("GET / HTTPS/1.1\r\n\r\n".to_owned(), 400, Kind::Protocol, None),
        ("GET / HTTP/1\r\n\r\n".to_owned(), 400, Kind::Version, None),
        ("get / HTTP/1.1\r\n\r\n".to_owned(), 400, Kind::Method, None),
        ("GET a HTTP/1.1\r\n\r\n".to_owned(), 400, Kind::Target, None),
        ("GET /a#b HTTP/1.1\r\n\r\n".to_owned(), 400, Kind::TargetByte(b'#'), None),
        ("GET / HTTP/1.1\r\nA B\r\n\r\n".to_owned(), 400, Kind::Field, None),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, Kind::Host, None),
        ("GET / HTTP/1.1\n\n".to_owned(), 400, Kind::LineEnd, None),
        (get(&format!("/{long}")), 414, Kind::TargetTooLong, None),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nA: {long}\r\n\r\n"), 431, Kind::HeadTooLarge, None),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n".to_owned(), 417, Kind::Expectation, Some("GET /")),
        (
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n".to_owned(),
            413,
            Kind::ContentTooLarge,
            Some("POST /up"),
        ),
        (
            "POST /co HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(),
            501,
            Kind::Framing,
            Some("POST /co"),
        ),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n".to_owned(), 505, Kind::Version, None),
        (get("/panic?q"), 500, Kind::Handler, Some("GET /panic?q")),
        (get("/short"), 500, Kind::Handler, Some("GET /short")),
        (String::from_utf8(post("/read", b"123456")).unwrap(), 413, Kind::ContentTooLarge, Some("POST /read")),
        (
            "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n".to_owned(),
            503,
            Kind::Unavailable,
            Some("GET /echo"),
        ),
    ] {
        let mut client = connect(&server);
        client.send(&request);
        let answer = client.answer();
        assert_json(&answer, status);
        assert_eq!(answer.field("retry-after"), (status == 503).then_some("1"), "{request}");
        client.end();
        client.over();
        assert_eq!(seen.lock().unwrap().pop(), Some((kind, line.map(str::to_owned), true)), "{request}");
    }
    connect(&server).assert_in_step("/", "hello");
    assert!(seen.lock().unwrap().is_empty(), "an answer of the handler is no refusal");
}

#[test]
fn late_heads_and_lack_of_room_are_shaped() {
    let door = Door::default();
    let own = door.clone();
    let server = server(
        move |_: &mut Request| own.pass(),
        |settings| {
            settings.max_connections = Some(1);
            settings.header_timeout = Some(Duration::from_millis(100));
        },
        |refusal| {
            assert_eq!(refusal.retry_after, (refusal.status == 503).then_some(Duration::from_secs(1)));
            json(refusal)
        },
    );
    let mut late = connect(&server);
    late.send("GET / HT");
    assert_json(&late.answer(), 408);
    late.end();
    late.over();
    wait_until("the first client has left", || server.statistics().connections == 0);
    let mut held = connect(&server);
    held.send(get("/"));
    wait_until("the handler runs", || server.statistics().requests == 1);
    let mut surplus = connect(&server);
    surplus.send(get("/"));
    let answer = surplus.answer();
    assert_json(&answer, 503);
    assert_eq!(answer.field("retry-after"), Some("1"));
    door.open();
    assert_eq!(held.answer().status, 200);
}

#[test]
fn head_gets_the_length_of_the_shaped_content_only() {
    let server = server(answer, |_| {}, json);
    for request in ["HEAD / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n", "HEAD /panic HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut client = connect(&server);
        client.send(request);
        let answer = client.answer_to("HEAD").unwrap();
        assert!(answer.field("content-length").unwrap().parse::<u64>().unwrap() > 20);
        client.end();
        assert_eq!(client.over(), b"");
    }
}

#[test]
fn refusal_without_a_usable_shape_is_plain_text() {
    for shape in [
        (|_: &Refusal| None) as fn(&Refusal) -> Option<Response>,
        |_| panic!("on purpose"),
        |_| Some(Response::new(vec![b'x'; (16 << 10) + 1].into())),
        |_| Some(Response::new(Body::stream(|writer| writer.write_all(b"a stream")))),
    ] {
        let server = server(answer, |_| {}, shape);
        let mut client = connect(&server);
        client.send("nothing\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("content-type")), (400, Some("text/plain; charset=utf-8")));
        assert!(answer.text().ends_with('\n') && answer.closes());
        let mut client = connect(&server);
        assert_eq!(client.get("/panic").text(), "internal server error\n");
        connect(&server).assert_in_step("/", "hello");
    }
}

#[test]
fn refusals_are_counted_with_their_bytes() {
    let server = server(answer, |_| {}, json);
    let mut expected = 0;
    for request in [get("/panic"), "nothing\r\n\r\n".to_owned(), get("/short")] {
        let mut client = connect(&server);
        client.send(&request);
        expected += client.answer().content.len() as u64;
        client.end();
        client.over();
        wait_until("the bytes are counted", || server.statistics().content_written == expected);
    }
}

/// The `Origin` of refused requests.
type Origins = Arc<Mutex<Vec<Option<String>>>>;

/// Notes the `Origin` of each refusal.
fn noting(origins: &Origins) -> impl Fn(&Refusal) -> Option<Response> + use<> {
    let origins = Arc::clone(origins);
    move |refusal| {
        let origin = refusal.fields.get("origin").map(|value| value.to_str().unwrap().to_owned());
        origins.lock().unwrap().push(origin);
        None
    }
}

#[test]
fn refusal_of_a_request_that_was_read_has_its_fields() {
    let origins = Origins::default();
    let set = |settings: &mut Settings| {
        settings.max_request_header_size = 1000;
        settings.max_request_body_size = Some(10);
        settings.max_upgraded = Some(0);
        settings.body_timeout = Some(Duration::from_millis(100));
    };
    let server = server(answer, set, noting(&origins));
    let long = "x".repeat(1000);
    let chunked = "Transfer-Encoding: chunked";
    for (line, fields, content, status, has_fields) in [
        ("POST /", "Content-Length: 11", "", 413, true),
        ("POST /", chunked, "b\r\n", 413, true),
        ("POST /", chunked, "x\r\n", 400, true),
        ("POST /", "Content-Length: 5", "123", 408, true),
        ("POST /read", "Content-Length: 6", "123456", 413, true),
        ("GET /", "Expect: much", "", 417, true),
        ("GET /panic", "Accept: */*", "", 500, true),
        ("GET /short", "Accept: */*", "", 500, true),
        ("GET /echo", "Connection: upgrade\r\nUpgrade: echo", "", 503, true),
        ("GET /", &format!("A: {long}"), "", 431, false),
        ("GET /", "A B", "", 400, false),
    ] {
        let mut client = connect(&server);
        client.send(format!("{line} HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n{fields}\r\n\r\n{content}"));
        assert_eq!(client.answer().status, status, "{line} {fields}");
        let seen = origins.lock().unwrap().pop();
        assert_eq!(seen, Some(has_fields.then(|| "https://a.example".to_owned())), "{line} {fields}");
    }
    assert!(origins.lock().unwrap().is_empty());
}

#[test]
fn refusal_by_a_full_queue_has_the_fields_of_the_request() {
    let origins = Origins::default();
    let door = Door::default();
    let own = door.clone();
    let set = |settings: &mut Settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        settings.accepted_queue_size = Some(1);
        settings.accepted_queue_timeout = Duration::ZERO;
    };
    let server = server(move |_: &mut Request| own.pass(), set, noting(&origins));
    let mut served = connect(&server);
    served.send(get("/"));
    wait_until("the worker blocks", || door.waiting() == 1);
    let mut queued = connect(&server);
    queued.send(get("/"));
    wait_until("the queue is full", || server.statistics().queue == 1);
    let mut surplus = connect(&server);
    surplus.send("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n");
    assert_eq!(surplus.answer().status, 503);
    assert_eq!(*origins.lock().unwrap(), [Some("https://a.example".to_owned())]);
    door.open();
    assert_eq!((served.answer().status, queued.answer().status), (200, 200));
}

#[test]
fn id_of_a_shaped_refusal_is_in_the_access_record_unless_a_layer_has_set_one() {
    let (send, records) = mpsc::channel();
    let mut server = Server::new(answer);
    server.settings.socket_host = "127.0.0.1".to_owned();
    server.settings.socket_port = 0;
    server.settings.max_upgraded = Some(0);
    server.on_access(move |record: &AccessRecord| send.send(record.id.clone()).unwrap());
    server.on_refusal(|refusal| {
        let known = refusal.id.as_ref().map_or("none", RequestId::as_str);
        let mut response = Response::new(Body::from(known.to_owned()));
        response.extensions_mut().insert(RequestId::new("shaped"));
        Some(response)
    });
    server.start().unwrap();
    for (request, content, id) in [
        ("nothing\r\n\r\n".to_owned(), "none", "shaped"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n".to_owned(), "none", "shaped"),
        (get("/panic"), "none", "shaped"),
        (get("/own"), "own", "own"),
        (get("/short"), "none", "shaped"),
        ("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n".to_owned(), "none", "shaped"),
    ] {
        let mut client = connect(&server);
        client.send(&request);
        assert_eq!(client.answer().text(), content, "{request}");
        assert_eq!(records.recv().unwrap(), Some(RequestId::new(id)), "{request}");
    }
}
