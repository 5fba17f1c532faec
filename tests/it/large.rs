//! Large answers to clients that read without pause: parking must not cost time.
//!
//! The yardstick is the same answer from a reader, which a worker sends from start to end. The
//! tests compare both in one run.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Body, Request};

use crate::client::{Client, get};

const BYTES: usize = 64 << 20;
const FILE: usize = 256 << 20;

fn large(request: &mut Request) -> Body {
    match request.uri().path() {
        "/bytes" => vec![b'x'; BYTES].into(),
        "/file" => Body::from_file(sparse(FILE)),
        "/read/bytes" => Body::sized(std::io::repeat(b'x'), BYTES as u64),
        _ => Body::sized(sparse(FILE), FILE as u64),
    }
}

/// A large file that takes no room.
fn sparse(length: usize) -> File {
    let path = std::env::temp_dir().join(format!("drupe-it-large-{}-{:?}", std::process::id(), thread::current().id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.set_len(length as u64).unwrap();
    file
}

/// Returns the time of a client that pauses for `pause` at each quarter of a megabyte.
fn takes(mut client: Client, target: &str, length: usize, pause: Duration) -> Duration {
    const PIECE: usize = 256 << 10;
    client.send(get(target));
    assert_eq!(client.head().unwrap().field("content-length"), Some(&*length.to_string()));
    let begun = Instant::now();
    for _ in 0..length / PIECE {
        client.take(PIECE).unwrap();
        thread::sleep(pause);
    }
    begun.elapsed()
}

#[test]
fn bytes_that_wait_for_room_go_on_when_there_is_room() {
    let server = TestServer::new(large);
    goes_on(|| Client::connect(server.address()));
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn bytes_go_on_over_tls_too() {
    let server = TestServer::with(large, |settings| settings.ssl_context = Some(crate::secure::context()));
    goes_on(|| crate::secure::connect_to(server.address()));
}

fn goes_on(connect: impl Fn() -> Client) {
    let pause = Duration::from_millis(5);
    let (read, bytes) = (takes(connect(), "/read/bytes", BYTES, pause), takes(connect(), "/bytes", BYTES, pause));
    assert!(bytes < 3 * read, "{bytes:?} as bytes, {read:?} from a reader");
}

#[test]
fn a_file_goes_out_as_fast_as_its_client_takes_it() {
    let server = TestServer::new(large);
    goes_out(|| Client::connect(server.address()));
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_file_goes_out_over_tls_too() {
    let server = TestServer::with(large, |settings| settings.ssl_context = Some(crate::secure::context()));
    goes_out(|| crate::secure::connect_to(server.address()));
}

fn goes_out(connect: impl Fn() -> Client) {
    let (read, file) =
        (takes(connect(), "/read/file", FILE, Duration::ZERO), takes(connect(), "/file", FILE, Duration::ZERO));
    assert!(file < 3 * read, "{file:?} as a file, {read:?} from a reader");
}
