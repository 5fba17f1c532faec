//! One connection: order, persistence, expectations, framing, and streamed content.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use drupe::exchange::{NoAnswer, ReasonPhrase};
use drupe::http::{HeaderMap, HeaderValue, StatusCode, header};
use drupe::testing::TestServer;
use drupe::{Body, IntoResponse, Request, RequestExt, Response};

use crate::client::{Client, Framing, PATIENCE, get, post, wait_until};
use crate::process::is_alone;

/// Says method, target and content.
fn tell(request: &mut Request) -> io::Result<String> {
    let (method, target) = (request.method().clone(), request.uri().clone());
    let content = std::mem::take(request.body_mut()).into_string()?;
    Ok(format!("{method} {target} {content}"))
}

fn echo(request: &mut Request) -> Body {
    std::mem::take(request.body_mut())
}

fn target(request: &mut Request) -> String {
    request.uri().to_string()
}

fn status(request: &mut Request) -> StatusCode {
    request.uri().path()[1..].parse().unwrap()
}

// ---- order and persistence ----

#[test]
fn ten_pipelined_requests_with_content_are_answered_in_order() {
    let server = TestServer::new(tell);
    let mut client = Client::connect(server.address());
    let requests: Vec<u8> = (0..10).flat_map(|n| post(&format!("/{n}"), format!("content {n}").as_bytes())).collect();
    client.send(requests);
    for n in 0..10 {
        assert_eq!(client.answer().text(), format!("POST /{n} content {n}"));
    }
    client.assert_in_step("/last", "GET /last ");
    assert_eq!(server.server().statistics().accepts, 1);
}

#[test]
fn pipelined_requests_keep_their_order_when_the_first_is_slow() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = TestServer::new(move |request: &mut Request| {
        if request.uri().path() == "/slow" {
            held.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        request.uri().to_string()
    });
    let mut client = Client::connect(server.address());
    client.send([get("/slow"), get("/fast")].concat());
    wait_until("the slow one is being served", || server.server().statistics().requests == 1);
    release.send(()).unwrap();
    assert_eq!(client.answer().text(), "/slow");
    assert_eq!(client.answer().text(), "/fast");
}

#[test]
fn a_thousand_requests_fit_on_one_connection() {
    let server = TestServer::new(tell);
    let mut client = Client::connect(server.address());
    for n in 0..1000 {
        let answer = if n % 2 == 0 { client.get(&format!("/{n}")) } else { client.post(&format!("/{n}"), b"x") };
        let expected = if n % 2 == 0 { format!("GET /{n} ") } else { format!("POST /{n} x") };
        assert_eq!(answer.text(), expected);
        assert!(answer.field("connection").is_none());
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.accepts, statistics.requests), (1, 1000));
}

#[test]
fn a_1_0_connection_ends_unless_asked_to_stay() {
    let server = TestServer::new(target);
    let mut client = Client::connect(server.address());
    client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let first = client.answer();
    assert_eq!((first.text(), first.field("connection")), ("/1", Some("keep-alive")));
    client.send("GET /2 HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().text(), "/2");
    client.assert_closed();
}

#[test]
fn close_of_a_handler_is_obeyed() {
    let server = TestServer::new(|_: &mut Request| {
        let mut response = Response::new("bye");
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    });
    let mut client = Client::connect(server.address());
    let answer = client.get("/");
    assert_eq!((answer.text(), answer.closes()), ("bye", true));
    client.assert_closed();
}

#[test]
fn head_is_answered_like_get_without_the_content() {
    let server = TestServer::new(|request: &mut Request| match request.uri().path() {
        "/stream" => Body::stream(|writer| writer.write_all(b"streamed")),
        "/reader" => Body::from_reader("read".as_bytes()),
        _ => "eleven long".into(),
    });
    let mut client = Client::connect(server.address());
    for (target, length) in [("/", Some("11")), ("/stream", None), ("/reader", None)] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = client.answer_to("HEAD").unwrap();
        assert_eq!((answer.status, answer.field("content-length")), (200, length), "{target}");
    }
    assert_eq!(client.get("/").text(), "eleven long");
}

#[test]
fn statuses_without_content_have_none_for_any_handler() {
    let server = TestServer::new(|request: &mut Request| (status(request), "content that must not go out"));
    let mut client = Client::connect(server.address());
    for (target, code) in [("/204", 204), ("/304", 304), ("/204", 204)] {
        let answer = client.get(target);
        assert_eq!((answer.status, answer.content.len()), (code, 0));
        assert!(answer.field("transfer-encoding").is_none());
    }
    assert_eq!(client.get("/200").text(), "content that must not go out");
}

#[test]
fn other_forms_of_the_target_arrive_with_their_host() {
    let server = TestServer::new(|request: &mut Request| {
        let host = request.headers()[header::HOST].to_str().unwrap();
        format!("{} {} {host}", request.method(), request.uri())
    });
    let mut client = Client::connect(server.address());
    client.send("GET http://other:81/path?query HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "GET /path?query other:81");
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "OPTIONS * a");
    client.send("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (405, true));
    client.assert_closed();
    assert_eq!(server.server().statistics().requests, 2);
}

#[test]
fn handler_closes_the_connection_without_an_answer() {
    let server = TestServer::new(|request: &mut Request| match request.uri().path() {
        "/none" => NoAnswer.into_response(),
        _ => "hello".into_response(),
    });
    let mut client = Client::connect(server.address());
    client.send([get("/"), get("/none"), get("/")].concat());
    assert_eq!(client.answer().text(), "hello");
    assert_eq!(client.over(), b"");
    assert_eq!(server.server().statistics().requests, 2);
}

#[test]
fn accepted_connect_reaches_the_handler_and_ends_the_connection() {
    let server = TestServer::with(
        |request: &mut Request| {
            let status = if request.uri().port_u16() == Some(80) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            (status, format!("{} {}", request.method(), request.uri()))
        },
        |settings| settings.accept_connect = true,
    );
    // What follows a CONNECT is for a tunnel, and no request.
    let told = |target: &str| {
        let mut client = Client::connect(server.address());
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let text = String::from_utf8(client.rest()).unwrap();
        let (head, content) = text.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), content.to_owned())
    };
    let (head, content) = told("a:80");
    assert!(head.starts_with("http/1.1 200 ok\r\n") && head.contains("\r\nconnection: close"), "{head}");
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    assert_eq!(content, "CONNECT a:80");
    let (head, content) = told("a:443");
    assert!(head.starts_with("http/1.1 403 ") && head.contains("\r\nconnection: close"), "{head}");
    assert_eq!(content, "CONNECT a:443");
    assert!(told("/path").0.starts_with("http/1.1 400 "));
}

#[test]
fn a_request_knows_both_ends_of_its_connection() {
    let server = TestServer::new(|request: &mut Request| {
        let connection = request.connection();
        format!("{} {} {}", connection.peer().unwrap(), connection.local_addr().unwrap(), connection.scheme())
    });
    let mut client = Client::connect(server.address());
    let expected = format!("{} {} http", client.address(), server.address());
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), expected);
    }
}

#[test]
fn extensions_of_one_request_are_gone_for_the_next() {
    let server = TestServer::new(|request: &mut Request| {
        let before = request.extensions_mut().insert(7_u32);
        format!("{before:?} {}", request.connection().peer().is_some())
    });
    let mut client = Client::connect(server.address());
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "None true");
    }
}

#[test]
fn a_handler_can_stop_reading_halfway_and_the_connection_stays_in_step() {
    // CherryPy's readall_or_close: an answer before the content is read, then the next request on the same connection.
    let server = TestServer::new(|request: &mut Request| {
        let mut some = [0; 10];
        let wanted = if request.uri().path() == "/some" { 10 } else { 0 };
        request.body_mut().read_exact(&mut some[..wanted]).unwrap();
        request.uri().to_string()
    });
    let mut client = Client::connect(server.address());
    for (target, length) in [("/none", 0), ("/none", 1001), ("/some", 1001), ("/some", 10), ("/none", 60_000)] {
        assert_eq!(client.post(target, &vec![b'G'; length]).text(), target);
    }
    client.assert_in_step("/after", "/after");
}

// ---- expectations ----

const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn one_interim_answer_comes_however_much_is_received_before_the_handler_runs() {
    for buffer in [0, 1, 4, 5, 65_536] {
        let server = TestServer::with(tell, |settings| settings.body_buffer_size = buffer);
        let mut client = Client::connect(server.address());
        client.send(EXPECTING);
        let interim = client.answer();
        assert_eq!((interim.status, interim.fields.len()), (100, 0), "buffer {buffer}");
        client.send("hello");
        let answer = client.answer();
        assert_eq!((answer.status, answer.text()), (200, "POST / hello"), "buffer {buffer}");
        client.assert_in_step("/2", "GET /2 ");
    }
}

#[test]
fn an_interim_answer_comes_when_the_content_is_given_back_as_the_body() {
    let server = TestServer::new(echo);
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    assert_eq!(client.answer().text(), "hello");
    client.assert_in_step("/2", "");
}

#[test]
fn content_that_a_streamed_body_reads_is_asked_for_before_the_answer() {
    let server = TestServer::new(|request: &mut Request| {
        let mut content = std::mem::take(request.body_mut());
        Body::stream(move |writer| {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            write!(writer, "it said {text}")
        })
    });
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    assert_eq!(client.answer().text(), "it said hello");
}

#[test]
fn content_that_is_not_wanted_is_never_asked_for_without_a_buffer() {
    let server = TestServer::with(target, |settings| settings.body_buffer_size = 0);
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (200, true));
    client.assert_closed();
}

#[test]
fn content_that_is_not_wanted_is_asked_for_and_dropped_with_a_buffer() {
    let server = TestServer::new(target);
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    assert_eq!(client.answer().status, 100);
    assert_eq!(server.server().statistics().requests, 0);
    client.send("hello");
    assert_eq!(client.answer().status, 200);
    client.assert_in_step("/2", "/2");
}

#[test]
fn content_over_the_limit_is_refused_instead_of_asked_for() {
    let server = TestServer::with(tell, |settings| settings.max_request_body_size = Some(4));
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (413, true));
    client.assert_closed();
    assert_eq!(server.server().statistics().requests, 0);
}

#[test]
fn content_that_comes_unasked_needs_no_interim_answer() {
    let server = TestServer::new(tell);
    let mut client = Client::connect(server.address());
    client.send([EXPECTING, "hello"].concat());
    let mut answer = client.answer();
    if answer.status == 100 {
        // It was on its way already.
        answer = client.answer();
    }
    assert_eq!(answer.text(), "POST / hello");
    client.assert_in_step("/2", "GET /2 ");
}

#[test]
fn an_unknown_expectation_is_refused() {
    let server = TestServer::new(tell);
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: a-miracle\r\n\r\n");
    assert_eq!(client.answer().status, 417);
    client.assert_closed();
}

// ---- trailers ----

#[test]
fn trailers_of_a_request_are_read_behind_its_content() {
    let server = TestServer::new(|request: &mut Request| {
        let body = request.body_mut();
        let early = body.trailers().is_some();
        let mut content = String::new();
        body.read_to_string(&mut content).unwrap();
        let trailers = body.trailers().unwrap();
        let sum = trailers["x-sum"].to_str().unwrap();
        format!("{early} {content} {sum} {}", request.headers().contains_key("x-sum"))
    });
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n3;name=value\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n");
    assert_eq!(client.answer().text(), "false abcdef 6 false");
}

#[test]
fn trailers_of_an_answer_go_only_to_clients_with_te() {
    let server = TestServer::new(|_: &mut Request| {
        Body::stream(|writer| {
            writer.write_all(b"content")?;
            let mut fields = HeaderMap::new();
            fields.insert("x-sum", HeaderValue::from_static("7"));
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
            writer.trailers(fields);
            Ok(())
        })
    });
    let mut client = Client::connect(server.address());
    let plain = client.get("/");
    assert_eq!((plain.text(), plain.framing, plain.trailers.len()), ("content", Framing::Chunked, 0));
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.text(), "content");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn trailers_of_a_request_are_passed_on_with_content_that_is_given_back() {
    let server = TestServer::new(echo);
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.text(), answer.trailers.len()), ("abc", 1));
}

// ---- mistakes of a handler ----

#[test]
fn a_body_shorter_than_declared_cuts_the_connection() {
    let server = TestServer::new(|_: &mut Request| Body::sized("short".as_bytes(), 10));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    let head = client.head().unwrap();
    assert_eq!(head.field("content-length"), Some("10"));
    assert_eq!(client.rest(), b"short");
}

#[test]
fn a_body_longer_than_declared_is_cut_and_the_connection_stays_in_step() {
    let server = TestServer::new(|request: &mut Request| {
        let body = match request.uri().path() {
            "/reader" => Body::from_reader("12345surplus".as_bytes()),
            _ => Body::stream(|writer| writer.write_all(b"12345surplus")),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        response
    });
    let mut client = Client::connect(server.address());
    for target in ["/reader", "/stream", "/reader"] {
        let answer = client.get(target);
        assert_eq!((answer.text(), answer.framing), ("12345", Framing::Length), "{target}");
    }
}

#[test]
fn fields_of_the_handler_replace_those_of_the_server() {
    let server = TestServer::with(
        |request: &mut Request| {
            let mut response = Response::new("own");
            if request.uri().path() == "/own" {
                let fields = response.headers_mut();
                fields.insert(header::DATE, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
                fields.insert(header::SERVER, HeaderValue::from_static("mine"));
                fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("3"));
            }
            response
        },
        |settings| settings.software = Some("drupe/test".to_owned()),
    );
    let mut client = Client::connect(server.address());
    let own = client.get("/own");
    assert_eq!((own.field("date"), own.field("server")), (Some("Thu, 01 Jan 1970 00:00:00 GMT"), Some("mine")));
    let plain = client.get("/");
    assert_eq!(plain.field("server"), Some("drupe/test"));
    assert!(plain.field("date").is_some_and(|date| date.ends_with(" GMT") && date.len() == 29));
    client.send("BAD\r\n\r\n");
    assert_eq!(client.answer().field("server"), Some("drupe/test"));
}

#[test]
fn an_interim_status_as_the_final_one_is_a_500() {
    let server = TestServer::new(|request: &mut Request| status(request));
    for target in ["/100", "/101", "/102", "/103"] {
        let mut client = Client::connect(server.address());
        let answer = client.get(target);
        assert_eq!((answer.status, answer.closes()), (500, true), "{target}");
        client.end();
        client.assert_closed();
    }
}

#[test]
fn a_panic_with_content_still_coming_is_a_readable_500() {
    let server = TestServer::new(|_: &mut Request| -> &str { panic!("on purpose") });
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(vec![b'x'; 3_000_000]);
    assert_eq!(client.answer().status, 500);
    client.end();
    client.assert_closed();
}

#[test]
fn framing_fields_that_contradict_the_body_are_a_500() {
    let server = TestServer::new(|request: &mut Request| {
        let mut response = Response::new("12345");
        let fields = response.headers_mut();
        match request.uri().path() {
            "/length" => drop(fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("6"))),
            "/coding" => drop(fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("gzip"))),
            "/both" => {
                fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
                fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            "/letters" => drop(fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("five"))),
            _ => {
                fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
                fields.append(header::CONTENT_LENGTH, HeaderValue::from_static("6"));
            }
        }
        response
    });
    for target in ["/length", "/coding", "/both", "/letters", "/twice"] {
        let mut client = Client::connect(server.address());
        let answer = client.get(target);
        assert_eq!((answer.status, answer.closes()), (500, true), "{target}: {answer:?}");
        client.assert_closed();
    }
}

// ---- content ----

/// The `number`th block of a stream: one that is lost, doubled, cut or out of place shows.
fn block(number: u64) -> Vec<u8> {
    let mut block = vec![b'x'; BLOCK];
    block[..8].copy_from_slice(&number.to_be_bytes());
    block[BLOCK - 8..].copy_from_slice(&(!number).to_be_bytes());
    block
}

const BLOCK: usize = 65536;

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn content_given_back_streams_through_constant_memory() {
    if !is_alone("exchange::content_given_back_streams_through_constant_memory") {
        return;
    }
    const BLOCKS: u64 = 1024;
    const LENGTH: u64 = BLOCKS * BLOCK as u64;
    let server = TestServer::new(echo);
    for coding in [None, Some("Transfer-Encoding: chunked")] {
        let mut client = Client::connect(server.address());
        let framing = coding.map_or_else(|| format!("Content-Length: {LENGTH}"), str::to_owned);
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        let mut sender = client.sender();
        let before = resident_bytes();
        let sending = thread::spawn(move || {
            for number in 0..BLOCKS {
                match coding {
                    None => sender.write_all(&block(number)),
                    Some(_) => sender.write_all(&[b"10000\r\n", &block(number)[..], b"\r\n"].concat()),
                }
                .unwrap();
            }
            if coding.is_some() {
                sender.write_all(b"0\r\n\r\n").unwrap();
            }
        });
        let head = client.head().unwrap();
        assert_eq!((head.status, head.field("content-length").is_some()), (200, coding.is_none()));
        let (mut content, mut most) = (Vec::new(), 0);
        for number in 0..BLOCKS {
            while content.len() < BLOCK {
                match coding {
                    None => content.extend(client.take(BLOCK).unwrap()),
                    Some(_) => content.extend(client.chunk().unwrap()),
                }
            }
            let found: Vec<u8> = content.drain(..BLOCK).collect();
            assert!(found == block(number), "block {number} is garbled");
            most = most.max(resident_bytes());
        }
        if coding.is_some() {
            assert!(client.chunk().unwrap().is_empty());
            client.fields().unwrap();
        }
        sending.join().unwrap();
        assert!(most < before + LENGTH / 8, "{} KiB", (most - before) >> 10);
        client.assert_in_step("/", "");
    }
}

#[test]
fn content_can_be_read_on_another_thread() {
    let server = TestServer::new(|request: &mut Request| {
        let body = std::mem::take(request.body_mut());
        thread::spawn(move || body.into_string()).join().unwrap()
    });
    let mut client = Client::connect(server.address());
    assert_eq!(client.post("/", b"from afar").text(), "from afar");
    client.send(EXPECTING);
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn a_body_that_outlives_its_exchange_reads_an_error() {
    let kept: Arc<Mutex<Option<Body>>> = Arc::default();
    let shelf = Arc::clone(&kept);
    let server = TestServer::new(move |request: &mut Request| {
        if request.uri().path() == "/keep" {
            *shelf.lock().unwrap() = Some(std::mem::take(request.body_mut()));
        }
        request.uri().to_string()
    });
    let mut client = Client::connect(server.address());
    assert_eq!(client.post("/keep", b"secret of the first").text(), "/keep");
    client.assert_in_step("/2", "/2");
    let mut body = kept.lock().unwrap().take().unwrap();
    assert_eq!(body.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert!(body.trailers().is_none());
    client.assert_in_step("/3", "/3");
}

#[test]
fn a_body_read_elsewhere_when_the_handler_returns_ends_the_connection_not_the_server() {
    let (told, tells) = mpsc::channel();
    let told = Mutex::new(told);
    let server = TestServer::with(
        move |request: &mut Request| {
            if request.uri().path() != "/taken" {
                return "fine";
            }
            let mut body = std::mem::take(request.body_mut());
            let (reads, reading) = mpsc::channel();
            let told = told.lock().unwrap().clone();
            thread::spawn(move || {
                let mut byte = [0];
                body.read_exact(&mut byte).unwrap();
                reads.send(()).unwrap();
                // There is no second byte: this waits, while the handler returns.
                let _ = told.send(body.read_exact(&mut byte).is_err());
            });
            reading.recv_timeout(PATIENCE).unwrap();
            "taken"
        },
        |settings| {
            settings.body_timeout = Some(std::time::Duration::from_millis(300));
            settings.body_buffer_size = 0;
        },
    );
    let mut client = Client::connect(server.address());
    client.send("POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    let rest = client.over();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&rest));
    assert!(tells.recv_timeout(PATIENCE).unwrap(), "the reader is told");
    Client::connect(server.address()).assert_in_step("/", "fine");
}

#[test]
fn a_handler_can_lower_the_limit_for_itself() {
    let server = TestServer::new(|request: &mut Request| {
        request.body_limit(100);
        tell(request)
    });
    for is_chunked in [false, true] {
        for (length, status) in [(100, 200), (101, 413)] {
            let mut client = Client::connect(server.address());
            let content = vec![b'x'; length];
            if is_chunked {
                client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                client.send([format!("{length:x}\r\n").as_bytes(), &content, b"\r\n0\r\n\r\n"].concat());
            } else {
                client.send(post("/", &content));
            }
            let answer = client.answer();
            assert_eq!((answer.status, answer.closes()), (status, status == 413), "{length} {is_chunked}");
        }
    }
}

#[test]
fn a_handler_cannot_raise_the_limit_of_the_server() {
    let raising = |request: &mut Request| {
        request.body_limit(1000);
        tell(request)
    };
    let server = TestServer::with(raising, |settings| {
        (settings.max_request_body_size, settings.body_buffer_size) = (Some(100), 10);
    });
    for size in [1, 5, 20] {
        let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        for (count, status) in [(100 / size, 200), (100 / size + 1, 413)] {
            let mut client = Client::connect(server.address());
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.send(chunk.repeat(count) + "0\r\n\r\n");
            assert_eq!(client.answer().status, status, "{count} chunks of {size}");
        }
    }
}

#[test]
fn content_over_the_handlers_own_limit_is_not_asked_for_without_a_buffer() {
    let limited = |request: &mut Request| {
        request.body_limit(4);
        tell(request)
    };
    let server = TestServer::with(limited, |settings| settings.body_buffer_size = 0);
    let mut client = Client::connect(server.address());
    client.send(EXPECTING);
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (413, true));
    client.end();
    client.assert_closed();
}

#[test]
fn a_failure_of_the_content_keeps_its_status_through_the_question_mark() {
    let server = TestServer::with(tell, |settings| settings.max_request_body_size = Some(10));
    for (body, status) in [
        ("Content-Length: 2\r\n\r\n\u{ff}", 200),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n9\r\n", 413),
    ] {
        let mut client = Client::connect(server.address());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{body}"));
        assert_eq!(client.answer().status, status, "{body:?}");
    }
    let mut client = Client::connect(server.address());
    let answer = client.post("/", b"\xff\xfe");
    assert_eq!((answer.status, answer.closes()), (400, false), "no UTF-8: a mistake, but no doubt about framing");
    client.assert_in_step("/2", "GET /2 ");
}

#[test]
fn failures_of_the_handler_are_500() {
    let place = crate::place::Place::new();
    let file = place.write("latin-1", b"secret caf\xe9");
    let server = TestServer::new(move |request: &mut Request| match request.uri().path() {
        "/content" => {
            let mut text = String::new();
            request.body_mut().read_to_string(&mut text).map(|_| text)
        }
        "/file" => std::fs::read_to_string(&file),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "upstream: a bad certificate")),
    });
    let mut client = Client::connect(server.address());
    let mut ask = |target: &str| {
        let answer = client.post(target, b"caf\xe9");
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(ask("/content"), (400, "text that is not UTF-8\n".to_owned()));
    let failed = (500, "internal server error\n".to_owned());
    assert_eq!(ask("/file"), failed);
    assert_eq!(ask("/upstream"), failed);
}

#[test]
fn refusal_of_a_malformed_target_names_the_character() {
    let server = TestServer::new(|_: &mut Request| "never");
    for (target, reason) in [
        ("/a{b}", "a character that may not be in a request target: `{` (percent-encoded: %7B)\n"),
        ("/?a=<", "a character that may not be in a request target: `<` (percent-encoded: %3C)\n"),
        ("/caf\u{e9}", "a character that may not be in a request target: 0xC3 (percent-encoded: %C3)\n"),
        ("/100%", "an incomplete percent escape in a request target\n"),
        ("a", "a malformed request target (it must start with a slash or be an http URI)\n"),
    ] {
        let mut client = Client::connect(server.address());
        client.send(get(target));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text()), (400, reason), "{target}");
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
        client.assert_closed();
    }
}

#[test]
fn a_handler_that_ignores_malformed_content_does_not_hide_it() {
    let server = TestServer::new(|request: &mut Request| {
        let _ = std::mem::take(request.body_mut()).into_vec();
        "all is well"
    });
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(client.answer().status, 400);
    client.assert_closed();
}

#[test]
fn content_that_breaks_off_is_a_400_for_a_client_that_still_reads() {
    let failed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&failed);
    let handler = move |request: &mut Request| {
        let read = std::mem::take(request.body_mut()).into_vec();
        if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        read
    };
    let server = TestServer::with(handler, |settings| settings.body_buffer_size = 3);
    for request in ["Content-Length: 5\r\n\r\nhell", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let mut client = Client::connect(server.address());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{request}"));
        client.end();
        assert_eq!(client.answer().status, 400);
        client.assert_closed();
    }
    assert_eq!(failed.load(Ordering::SeqCst), 2);
}

#[test]
fn reason_phrase_of_a_handler_goes_out() {
    let server = TestServer::new(|request: &mut Request| {
        let mut response = (StatusCode::NOT_FOUND, "nothing\n").into_response();
        if let Ok(reason) = ReasonPhrase::try_from(request.uri().path()) {
            response.extensions_mut().insert(reason);
        }
        response
    });
    let mut client = Client::connect(server.address());
    client.send(get("/nope"));
    client.send(get(&format!("/{}", "x".repeat(200))));
    client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(client.rest()).unwrap();
    let lines: Vec<&str> =
        text.split("\r\n").filter(|line| line.starts_with("HTTP/") || line.contains("nothing\nHTTP/")).collect();
    assert_eq!(lines, ["HTTP/1.1 404 /nope", "nothing\nHTTP/1.1 404 Not Found", "nothing\nHTTP/1.1 404 /last"]);
}

#[test]
fn field_names_are_in_title_case_once_the_setting_is_reloaded() {
    let server = TestServer::new(|_: &mut Request| {
        let mut response = Response::new("hello");
        response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"a\""));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    });
    let told = |expected: &str| {
        let mut client = Client::connect(server.address());
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let text = String::from_utf8(client.rest()).unwrap();
        assert!(text.contains(expected), "{text}");
    };
    told("\r\netag: \"a\"\r\ncontent-type: text/plain\r\n");
    let mut settings = server.server().settings.clone();
    settings.title_case_headers = true;
    assert_eq!(server.server().handle().reload(&settings).unwrap(), [""; 0]);
    told("\r\nETag: \"a\"\r\nContent-Type: text/plain\r\n");
}
