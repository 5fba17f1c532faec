//! Files whose length the file system does not know, and files that change while they are sent.

use std::fs::File;
use std::io::Write;

use drupe::testing::TestServer;
use drupe::{Body, Files, Handler, Request, Settings, layers};

use crate::client::{Client, Framing};
use crate::place::Place;
use crate::secure::{connect_to, context};

fn secure(settings: &mut Settings) {
    settings.ssl_context = Some(context());
}

#[test]
fn pseudo_file_arrives_whole_with_every_framing() {
    let version = std::fs::read_to_string("/proc/version").unwrap();
    let body = |_: &mut Request| Body::from_file(File::open("/proc/version").unwrap());
    let files = || Files::new("/proc").unwrap();
    let of = |client: &mut Client, request: &str, method: &str| {
        client.send(request);
        let answer = client.answer_to(method).unwrap();
        assert_eq!((answer.status, answer.field("content-length")), (200, None), "{request}");
        (answer.framing, answer.text().to_owned())
    };
    for server in [TestServer::new(files()), TestServer::new(body), TestServer::with(files(), secure)] {
        let connect = || match server.url("/").starts_with("https") {
            true => connect_to(server.address()),
            false => Client::connect(server.address()),
        };
        let mut client = connect();
        for fields in ["", "Range: bytes=0-3\r\n", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"] {
            let request = format!("GET /version HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            assert_eq!(of(&mut client, &request, "GET"), (Framing::Chunked, version.clone()));
        }
        let head = of(&mut client, "HEAD /version HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD");
        assert_eq!(head, (Framing::None, String::new()));
        let mut client = connect();
        client.send("GET /version HTTP/1.0\r\n\r\n");
        let head = client.head().unwrap();
        assert_eq!((head.field("content-length"), head.field("transfer-encoding")), (None, None));
        assert_eq!(client.rest(), version.as_bytes());
    }
}

/// Content that does not compress well.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}

#[test]
fn file_that_shrinks_while_it_is_sent_is_never_taken_for_whole() {
    const LENGTH: usize = 16 << 20;
    let place = Place::new();
    let content = noise(LENGTH);
    let serve = |handler: Box<dyn Handler>, settings: fn(&mut Settings)| TestServer::with(handler, settings);
    let files = || Files::new(place.path("")).unwrap();
    for (name, fields, version, is_compressed) in [
        ("length", "", "1.1", false),
        ("one range", "Range: bytes=1-\r\n", "1.1", false),
        ("parts", "Range: bytes=0-9000000,9000002-\r\n", "1.1", false),
        ("chunks", "Accept-Encoding: gzip\r\n", "1.1", true),
        ("close", "Accept-Encoding: gzip\r\n", "1.0", true),
    ] {
        for settings in [(|_| ()) as fn(&mut Settings), secure] {
            place.write("large.txt", &content);
            let handler: Box<dyn Handler> = match is_compressed {
                true => Box::new(layers::compress(files())),
                false => Box::new(files()),
            };
            let server = serve(handler, settings);
            let mut client = match server.url("/").starts_with("https") {
                true => connect_to(server.address()),
                false => Client::connect(server.address()),
            };
            client.send(format!("GET /large.txt HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
            let head = client.head().unwrap();
            assert!(matches!(head.status, 200 | 206) && head.field("content-encoding").is_some() == is_compressed);
            // Nothing is read yet, so most of it is still to be sent.
            File::options().write(true).open(place.path("large.txt")).unwrap().set_len(1).unwrap();
            let declared = head.field("content-length").map(|length| length.parse::<usize>().unwrap());
            match (declared, head.field("transfer-encoding")) {
                (Some(declared), _) => assert!(client.over().len() < declared, "{name}"),
                (None, Some(_)) => assert!(!client.over().ends_with(b"0\r\n\r\n"), "{name}"),
                (None, None) => assert!(client.try_rest().is_err(), "{name}"),
            }
        }
    }
}

#[test]
fn file_that_grows_while_it_is_sent_has_the_length_of_its_beginning() {
    const LENGTH: usize = 16 << 20;
    let place = Place::new();
    place.write("large", noise(LENGTH));
    let server = TestServer::new(Files::new(place.path("")).unwrap());
    let mut client = Client::connect(server.address());
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert_eq!(head.field("content-length"), Some(&*LENGTH.to_string()));
    File::options().append(true).open(place.path("large")).unwrap().write_all(b"more").unwrap();
    client.take(LENGTH).unwrap();
    assert_eq!(client.get("/none").status, 404, "the connection is in step");
}
