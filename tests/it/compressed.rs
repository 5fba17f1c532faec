//! Compressed responses over sockets: promptness, framing, and decoders of other programs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::Command;
use std::sync::{Mutex, mpsc};

use drupe::http::header::{CONTENT_TYPE, HeaderValue};
use drupe::testing::TestServer;
use drupe::{Body, Handler, IntoResponse, Request, Response, layers};
use flate2::read::GzDecoder;

use crate::client::{Client, Framing, PATIENCE};
use crate::place::Place;

/// Content that is long enough, and not the same everywhere.
fn text() -> String {
    (0..20_000).map(|number| format!("{number}\n")).collect()
}

fn gunzip(content: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(content).read_to_string(&mut text).unwrap();
    text
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n")
}

/// A handler of all kinds of bodies.
fn kinds(place: &Place) -> impl Handler {
    let path = place.write("text", text().as_bytes());
    layers::compress(move |request: &mut Request| -> Response {
        match request.uri().path() {
            "/memory" => text().into_response(),
            "/tiny" => "tiny".into_response(),
            "/file" => Body::from_file(File::open(&path).unwrap()).into_response(),
            "/reader" => Body::from_reader(io::Cursor::new(text())).into_response(),
            "/sized" => Body::sized(io::Cursor::new(text()), text().len() as u64).into_response(),
            "/stream" => Body::stream(|writer| writer.write_all(text().as_bytes())).into_response(),
            "/short" => Body::sized(io::Cursor::new(text()), 1 << 20).into_response(),
            "/echo" => std::mem::take(request.body_mut()).into_response(),
            other => panic!("{other}"),
        }
    })
}

/// A file with a form beside it is compressed once, and the layer compresses the rest.
#[cfg(feature = "files")]
#[test]
fn precompressed_file_is_not_compressed_again() {
    let place = Place::new();
    for (name, content) in [("a.js", text()), ("a.js.br", "brotli, ".repeat(100)), ("b.js", text())] {
        place.write(name, content);
    }
    let files = drupe::Files::new(place.path("")).unwrap().precompressed(true);
    let server = TestServer::new(layers::compress(files));
    let mut client = Client::connect(server.address());
    for (target, accept, coding, content) in [
        ("/a.js", "gzip, br", Some("br"), "brotli, ".repeat(100)),
        ("/a.js", "gzip", Some("gzip"), text()),
        ("/b.js", "gzip, br", Some("gzip"), text()),
        ("/a.js", "identity", None, text()),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\n\r\n"));
        let answer = client.answer();
        let plain = if coding == Some("gzip") { gunzip(&answer.content) } else { answer.text().to_owned() };
        assert!(plain == content, "{target} {accept}");
        assert_eq!(answer.field("content-encoding"), coding, "{target} {accept}");
        let vary: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "vary").collect();
        assert_eq!(vary.len(), 1, "{target} {accept}: {vary:?}");
    }
}

/// The 304 of a file has the `Vary` of its 200.
#[cfg(feature = "files")]
#[test]
fn not_modified_file_varies_as_the_file_does() {
    let place = Place::new();
    for (name, length) in [("a.txt", 300), ("b.txt", 30), ("c.png", 300), ("long.txt", 40_000)] {
        place.write(name, "a".repeat(length));
    }
    let server = TestServer::new(layers::compress(drupe::Files::new(place.path("")).unwrap()));
    let mut client = Client::connect(server.address());
    for (target, expected) in [("/a.txt", true), ("/b.txt", false), ("/c.png", false), ("/long.txt", true)] {
        let mut ask = |tag: &str| {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"));
            client.answer()
        };
        let whole = ask("\"none\"");
        let again = ask(whole.field("etag").unwrap());
        assert_eq!((whole.status, again.status), (200, 304), "{target}");
        assert_eq!((whole.field("vary").is_some(), again.field("vary").is_some()), (expected, expected), "{target}");
    }
}

#[test]
fn every_kind_of_body_is_compressed_and_the_connection_stays_in_step() {
    let place = Place::new();
    let server = TestServer::new(kinds(&place));
    let mut client = Client::connect(server.address());
    for (target, framing) in [
        ("/memory", Framing::Length),
        ("/file", Framing::Chunked),
        ("/reader", Framing::Chunked),
        ("/sized", Framing::Chunked),
        ("/stream", Framing::Chunked),
    ] {
        client.send(format!("HEAD{}", get(target).strip_prefix("GET").unwrap()));
        let head = client.answer_to("HEAD").unwrap();
        client.send(get(target));
        let answer = client.answer();
        assert_eq!((answer.framing, answer.field("content-encoding")), (framing, Some("gzip")), "{target}");
        assert!(gunzip(&answer.content) == text() && answer.content.len() < text().len() / 2, "{target}");
        let same = |fields: &[(String, String)]| -> Vec<_> {
            fields.iter().filter(|(name, _)| name != "date" && name != "transfer-encoding").cloned().collect()
        };
        assert_eq!(same(&head.fields), same(&answer.fields), "{target}");
    }
    client.assert_in_step("/tiny", "tiny");
    let content = text();
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    ));
    assert_eq!(gunzip(&client.answer().content), content);
    client.assert_in_step("/tiny", "tiny");
}

#[test]
fn compressed_content_for_http_1_0_ends_with_the_connection() {
    let place = Place::new();
    let server = TestServer::new(kinds(&place));
    let mut client = Client::connect(server.address());
    client.send("GET /stream HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let head = client.head().unwrap();
    assert_eq!((head.field("content-encoding"), head.field("transfer-encoding")), (Some("gzip"), None));
    assert_eq!(gunzip(&client.rest()), text());
}

#[test]
fn content_shorter_than_declared_is_cut_off_compressed_too() {
    let place = Place::new();
    let server = TestServer::new(kinds(&place));
    let mut client = Client::connect(server.address());
    client.send(get("/short"));
    client.head().unwrap();
    assert!(!client.over().ends_with(b"\r\n0\r\n\r\n"));
}

#[test]
fn each_event_of_a_compressed_stream_can_be_decoded_at_once() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(Some(held));
    let server = TestServer::new(layers::compress(move |_: &mut Request| {
        let held = held.lock().unwrap().take().unwrap();
        let body = Body::stream(move |writer| {
            for event in 1..=3 {
                write!(writer, "data: {event}\n\n")?;
                writer.flush()?;
                held.recv_timeout(PATIENCE).map_err(io::Error::other)?;
            }
            Ok(())
        });
        let mut response = body.into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    }));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    assert_eq!(client.head().unwrap().field("content-encoding"), Some("gzip"));
    let (mut encoded, mut expected) = (Vec::new(), String::new());
    for event in 1..=3 {
        expected += &format!("data: {event}\n\n");
        encoded.extend(client.chunk().unwrap());
        let mut decoded = vec![0; expected.len()];
        GzDecoder::new(&encoded[..]).read_exact(&mut decoded).unwrap();
        assert_eq!(decoded, expected.as_bytes());
        release.send(()).unwrap();
    }
    encoded.extend(client.chunk().unwrap());
    assert_eq!(gunzip(&encoded), expected);
    assert!(client.chunk().unwrap().is_empty());
}

#[test]
fn curl_decodes_compressed_content() {
    let place = Place::new();
    let server = TestServer::new(kinds(&place));
    for accepts in ["gzip", "deflate"] {
        for target in ["/memory", "/file", "/stream"] {
            let accepts = format!("Accept-Encoding: {accepts}");
            let arguments = ["-q", "-sS", "--noproxy", "*", "--max-time", "60", "--compressed", "-H", &accepts];
            let output = Command::new("curl").args(arguments).arg(server.url(target)).output();
            let output = output.unwrap_or_else(|error| panic!("this test needs curl on the PATH: {error}"));
            assert!(output.stdout == text().as_bytes(), "{accepts} {target}: {output:?}");
        }
    }
}

#[test]
fn python_decodes_compressed_content() {
    const PROGRAM: &str = "
import gzip, http.client, sys, zlib
connection = http.client.HTTPConnection(sys.argv[1])
for coding, decode in ('gzip', gzip.decompress), ('deflate', zlib.decompress):
    for target in '/memory', '/file', '/stream':
        connection.request('GET', target, headers={'Accept-Encoding': coding})
        answer = connection.getresponse()
        assert answer.headers['Content-Encoding'] == coding, target
        content = decode(answer.read())
        assert content == b''.join(b'%d\\n' % number for number in range(20000)), target
";
    let place = Place::new();
    let server = TestServer::new(kinds(&place));
    let output = Command::new("python3").args(["-c", PROGRAM, &server.address().to_string()]).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs python3 on the PATH: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(feature = "files")]
#[test]
fn files_are_revalidated_by_the_weak_tag_and_give_ranges_of_the_original() {
    let place = Place::new();
    place.write("a.txt", text().as_bytes());
    let server = TestServer::new(layers::compress(drupe::Files::new(place.path("")).unwrap()));
    let mut client = Client::connect(server.address());
    client.send(get("/a.txt"));
    let answer = client.answer();
    assert_eq!(gunzip(&answer.content), text());
    let tag = answer.field("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/") && answer.field("accept-ranges").is_none(), "{answer:?}");
    let with = |field: &str| get("/a.txt").replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    client.send(with(&format!("If-None-Match: {tag}")));
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("etag")), (304, Some(&*tag)));
    client.send(with("Range: bytes=0-3"));
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("content-encoding"), answer.text()), (206, None, "0\n1\n"));
}

#[cfg(feature = "wsgi")]
#[test]
fn response_begun_by_write_is_not_compressed() {
    use drupe::wsgi::{ApplicationError, Environ, Gateway, StartResponse};
    let gateway = Gateway::new(|environ: Environ, start_response: StartResponse| {
        let mut write = start_response.start("200 OK", [("Content-Type", "text/plain")])?;
        if environ.path_info() == "/early" {
            write.write_all(b"early ")?;
        }
        Ok::<_, ApplicationError>(text())
    });
    let server = TestServer::new(layers::compress(gateway));
    let mut client = Client::connect(server.address());
    client.send(get("/early"));
    let answer = client.answer();
    assert_eq!((answer.field("content-encoding"), answer.text() == "early ".to_owned() + &text()), (None, true));
    client.send(get("/returned"));
    assert_eq!(gunzip(&client.answer().content), text());
}
