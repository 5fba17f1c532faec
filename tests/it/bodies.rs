//! Every kind of body over the wire, with the right framing.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};

use drupe::http::StatusCode;
use drupe::testing::{TestServer, exchange};
use drupe::{Body, IntoResponse, Request, Response};

use crate::client::{Client, Framing, PATIENCE, get, wait_until};
use crate::place::Place;

/// A file that goes with the test.
struct Scratch {
    path: PathBuf,
    _place: Place,
}

impl Scratch {
    fn new(content: &[u8]) -> Self {
        let place = Place::new();
        Self { path: place.write("content", content), _place: place }
    }
}

/// Bytes that differ from their neighbours.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) % 251).unwrap()).collect()
}

fn make(kind: &str, file: &Scratch) -> Response {
    let opened = || File::open(&file.path).unwrap();
    match kind {
        "/unit" => ().into_response(),
        "/status" => StatusCode::ACCEPTED.into_response(),
        "/text" => "0123456789".into_response(),
        "/string" => "0123456789".to_owned().into_response(),
        "/vec" => b"0123456789".to_vec().into_response(),
        "/pair" => (StatusCode::CREATED, "0123456789").into_response(),
        "/error" => Err::<(), _>(StatusCode::CONFLICT).into_response(),
        "/response" => Response::new("0123456789".into()),
        "/empty" => Body::empty().into_response(),
        "/sized" => Body::sized("0123456789".as_bytes(), 10).into_response(),
        "/sized-cut" => Body::sized("0123456789 and more".as_bytes(), 10).into_response(),
        "/file" => Body::from_file(opened()).into_response(),
        "/range" => Body::from_file_range(opened(), 2..5).into_response(),
        "/range-empty" => Body::from_file_range(opened(), 3..3).into_response(),
        "/position" => {
            let mut opened = opened();
            opened.seek(SeekFrom::Start(4)).unwrap();
            Body::from_file(opened).into_response()
        }
        "/reader" => Body::from_reader("0123456789".as_bytes()).into_response(),
        "/reader-empty" => Body::from_reader(std::io::empty()).into_response(),
        "/stream" => Body::stream(|writer| writer.write_all(b"0123456789")).into_response(),
        "/stream-empty" => Body::stream(|_| Ok(())).into_response(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_kind_arrives_whole_and_framed_as_its_length_is_known() {
    const ALL: &str = "0123456789";
    let file = Scratch::new(ALL.as_bytes());
    let server = TestServer::new(move |request: &mut Request| make(request.uri().path(), &file));
    let mut client = Client::connect(server.address());
    for (kind, status, expected, has_length) in [
        ("/unit", 200, "", true),
        ("/status", 202, "", true),
        ("/text", 200, ALL, true),
        ("/string", 200, ALL, true),
        ("/vec", 200, ALL, true),
        ("/pair", 201, ALL, true),
        ("/error", 409, "", true),
        ("/response", 200, ALL, true),
        ("/empty", 200, "", true),
        ("/sized", 200, ALL, true),
        ("/sized-cut", 200, ALL, true),
        ("/file", 200, ALL, true),
        ("/range", 200, "234", true),
        ("/range-empty", 200, "", true),
        ("/position", 200, "456789", true),
        ("/reader", 200, ALL, false),
        ("/reader-empty", 200, "", false),
        ("/stream", 200, ALL, false),
        ("/stream-empty", 200, "", false),
    ] {
        let answer = client.get(kind);
        assert_eq!((answer.status, answer.text()), (status, expected), "{kind}");
        assert_eq!(answer.framing, if has_length { Framing::Length } else { Framing::Chunked }, "{kind}");
        assert!(!answer.closes(), "{kind}");

        let mut old = Client::connect(server.address());
        old.send(format!("GET {kind} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        let answer = old.answer();
        assert_eq!((answer.status, answer.text()), (status, expected), "{kind} in 1.0");
        assert_eq!(answer.framing, if has_length { Framing::Length } else { Framing::Close }, "{kind} in 1.0");
        assert_eq!(answer.field("connection") == Some("keep-alive"), has_length, "{kind} in 1.0");
        assert!(answer.field("transfer-encoding").is_none(), "{kind} in 1.0");
    }
}

#[test]
fn a_server_of_1_0_sends_nothing_chunked() {
    let server = TestServer::with(
        |_: &mut Request| Body::stream(|writer| writer.write_all(b"streamed")),
        |settings| settings.protocol_version = "HTTP/1.0".to_owned(),
    );
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    let answer = client.answer();
    assert_eq!((&*answer.version, answer.text(), answer.framing), ("HTTP/1.0", "streamed", Framing::Close));
}

#[test]
fn large_bodies_of_every_kind_arrive_byte_for_byte() {
    let expected = content(8 << 20);
    let file = Scratch::new(&expected);
    let bytes = expected.clone();
    let server = TestServer::new(move |request: &mut Request| {
        let opened = || File::open(&file.path).unwrap();
        match request.uri().path() {
            "/file" => Body::from_file(opened()),
            "/range" => Body::from_file_range(opened(), 1..(8 << 20) - 1),
            "/reader" => Body::from_reader(opened()),
            "/sized" => Body::sized(opened(), 8 << 20),
            "/vec" => bytes.clone().into(),
            _ => {
                let mut file = opened();
                Body::stream(move |writer| std::io::copy(&mut file, writer).map(|_| ()))
            }
        }
    });
    let mut client = Client::connect(server.address());
    for target in ["/file", "/reader", "/sized", "/vec", "/stream", "/file"] {
        let answer = client.get(target);
        assert!(answer.content == expected, "{target}: {} bytes", answer.content.len());
    }
    assert!(client.get("/range").content == expected[1..expected.len() - 1]);
    let written = server.server().statistics().bytes_written;
    assert!(written > 7 * (8 << 20) - 2, "{written}");
}

#[test]
fn bodies_around_the_buffer_size_arrive_byte_for_byte() {
    let whole = content(200_000);
    let source = whole.clone();
    let file = Scratch::new(&whole);
    let server = TestServer::new(move |request: &mut Request| {
        let (kind, length) = request.uri().path()[1..].split_once('/').unwrap();
        let length: usize = length.parse().unwrap();
        match kind {
            "vec" => Body::from(source[..length].to_vec()),
            "file" => Body::from_file_range(File::open(&file.path).unwrap(), 0..length as u64),
            "reader" => Body::from_reader(std::io::Cursor::new(source[..length].to_vec())),
            _ => {
                let part = source[..length].to_vec();
                // In pieces of all sizes.
                Body::stream(move |writer| {
                    let mut rest = &part[..];
                    let mut size = 1;
                    while !rest.is_empty() {
                        let (piece, more) = rest.split_at(size.min(rest.len()));
                        writer.write_all(piece)?;
                        (rest, size) = (more, size * 3 + 1);
                    }
                    Ok(())
                })
            }
        }
    });
    let mut client = Client::connect(server.address());
    for length in [0, 1, 1000, 16_000, 16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537, 131_072, 200_000] {
        for kind in ["vec", "file", "reader", "stream"] {
            let answer = client.get(&format!("/{kind}/{length}"));
            assert!(answer.content == whole[..length], "{kind} {length}: {} bytes", answer.content.len());
        }
    }
}

#[test]
fn pipelined_large_and_small_bodies_keep_their_order() {
    let server = TestServer::new(|request: &mut Request| {
        let length: usize = request.uri().path()[1..].parse().unwrap();
        vec![u8::try_from(length % 251).unwrap(); length]
    });
    let mut client = Client::connect(server.address());
    let lengths = [5, 1_000_000, 0, 17_000, 3, 300_000, 1];
    client.send(lengths.iter().map(|length| get(&format!("/{length}"))).collect::<String>());
    for length in lengths {
        let answer = client.answer();
        assert!(answer.content == vec![u8::try_from(length % 251).unwrap(); length], "{length}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_cuts_the_connection() {
    const LENGTH: usize = 64 << 20;
    let file = Scratch::new(&[]);
    File::options().write(true).open(&file.path).unwrap().set_len(LENGTH as u64).unwrap();
    let path = file.path.clone();
    let server = TestServer::new(move |_: &mut Request| Body::from_file(File::open(&path).unwrap()));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    let head = client.head().unwrap();
    assert_eq!(head.field("content-length"), Some(&*LENGTH.to_string()));
    // Nothing is read yet, so most of it is still to be sent.
    File::options().write(true).open(&file.path).unwrap().set_len(1).unwrap();
    let rest = client.rest();
    assert!(rest.len() < LENGTH, "{} bytes", rest.len());
    // The missing bytes were not filled up.
    assert!(rest.iter().all(|byte| *byte == 0));
}

#[test]
fn flushed_bytes_arrive_before_the_stream_goes_on() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(Some(held));
    let server = TestServer::new(move |_: &mut Request| {
        let held = held.lock().unwrap().take().unwrap();
        Body::stream(move |writer| {
            for event in 1..=3 {
                write!(writer, "data: {event}\n\n")?;
                writer.flush()?;
                held.recv_timeout(PATIENCE).unwrap();
            }
            Ok(())
        })
    });
    let mut client = Client::connect(server.address());
    client.send(get("/events"));
    assert_eq!(client.head().unwrap().field("transfer-encoding"), Some("chunked"));
    for event in 1..=3 {
        assert_eq!(client.chunk().unwrap(), format!("data: {event}\n\n").into_bytes());
        release.send(()).unwrap();
    }
    assert!(client.chunk().unwrap().is_empty());
    client.fields().unwrap();
}

#[test]
fn bytes_of_a_reader_arrive_before_the_next_read() {
    struct Slow(mpsc::Receiver<&'static str>);
    impl std::io::Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.recv_timeout(PATIENCE) {
                Ok(text) => {
                    buffer[..text.len()].copy_from_slice(text.as_bytes());
                    Ok(text.len())
                }
                Err(_) => Ok(0),
            }
        }
    }
    let (words, reader) = mpsc::channel();
    let reader = Mutex::new(Some(Slow(reader)));
    let server = TestServer::new(move |_: &mut Request| Body::from_reader(reader.lock().unwrap().take().unwrap()));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    wait_until("it is being served", || server.server().statistics().requests == 1);
    for (place, word) in ["one", "two", "three"].into_iter().enumerate() {
        words.send(word).unwrap();
        if place == 0 {
            client.head().unwrap();
        }
        assert_eq!(client.chunk().unwrap(), word.as_bytes());
    }
    drop(words);
    assert!(client.chunk().unwrap().is_empty());
}

#[test]
fn stream_gets_an_error_when_its_client_leaves() {
    let (told, tells) = mpsc::channel();
    let told = Mutex::new(told);
    let server = TestServer::new(move |_: &mut Request| {
        let told = told.lock().unwrap().clone();
        Body::stream(move |writer| {
            let begun = std::time::Instant::now();
            let result = loop {
                match writer.write_all(b"tick").and_then(|()| writer.flush()) {
                    Ok(()) if begun.elapsed() < PATIENCE => {}
                    other => break other,
                }
            };
            told.send(result.is_err()).unwrap();
            result
        })
    });
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    client.head().unwrap();
    drop(client);
    assert!(tells.recv_timeout(2 * PATIENCE).unwrap(), "writing went on");
}

/// Returns the answers to two requests sent at once, the first answered with `body`.
fn answered(body: fn() -> Body) -> String {
    let handler = move |request: &mut Request| if request.uri().path() == "/" { body() } else { "more".into() };
    String::from_utf8(exchange(handler, [get("/"), get("/more")].concat().as_bytes())).unwrap()
}

struct Failing(bool);

impl std::io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        assert!(!self.0, "a test");
        Err(std::io::Error::other("the disk is gone"))
    }
}

#[test]
fn a_body_that_fails_before_its_first_byte_is_a_500() {
    for body in [|| Body::from_reader(Failing(false)), || Body::sized(Failing(false), 5)] as [fn() -> Body; 2] {
        let answer = answered(body);
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n") && !answer.contains("the disk"), "{answer}");
        assert!(!answer.contains("more"), "a 500 in the place of an answer is the last: {answer}");
    }
    assert_eq!(answered(|| Body::from_reader(Failing(true))), "", "a panic there costs the connection");
}

#[test]
fn a_file_that_is_shorter_than_declared_is_the_last_answer() {
    let answer = answered(|| {
        let file = Scratch::new(b"0123456789");
        Body::from_file_range(File::open(&file.path).unwrap(), 4..20)
    });
    assert!(answer.contains("\r\nContent-Length: 16\r\n") && answer.ends_with("\r\n\r\n456789"), "{answer}");
}

#[cfg(feature = "files")]
#[test]
fn parts_of_a_file_that_became_shorter_are_the_last_answer() {
    // The first is small and gathered, the second is sent by the kernel; neither is whole.
    for (length, ranges) in [(10, "0-1,4-9"), (400_000, "0-99999,100000-299999")] {
        let place = Place::new();
        let path = place.write("file", content(length));
        let files = drupe::Files::new(place.path("")).unwrap();
        let server = TestServer::new(move |request: &mut Request| {
            let response = drupe::Handler::handle(&files, request);
            File::options().write(true).open(&path).unwrap().set_len(length as u64 / 2).unwrap();
            response
        });
        let mut client = Client::connect(server.address());
        client.send(format!("GET /file HTTP/1.1\r\nHost: a\r\nRange: bytes={ranges}\r\n\r\n{}", get("/file")));
        let answer = client.over();
        let last = content(length / 2)[length / 2 - length / 10..].to_vec();
        assert!(answer.ends_with(&last), "{ranges}: it ends where the file does");
        assert_eq!(answer.windows(9).filter(|window| window == b"HTTP/1.1 ").count(), 1, "{ranges}");
    }
}
