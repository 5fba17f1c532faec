//! Large answers to clients that keep taking: parking them must not cost time.
//!
//! The measure is the same answer from a reader, which a worker sends from first to last: ratios, in one run.

use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Body, Request};

use crate::client::{Client, PATIENCE, get};

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

/// How long a client takes that thinks for `pause` about each piece of a quarter of a megabyte.
fn takes(server: &TestServer, target: &str, length: usize, pause: Duration) -> Duration {
    let mut client = Client::connect(server.address());
    client.send(get(target));
    assert_eq!(client.head().unwrap().field("content-length"), Some(&*length.to_string()));
    let mut stream: TcpStream = client.sender();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut room = vec![0; 256 << 10];
    // The client has some of it already.
    let (begun, mut taken) = (Instant::now(), client.received());
    while taken < length {
        taken += match stream.read(&mut room).unwrap() {
            0 => panic!("cut after {taken} of {length} bytes"),
            count => count,
        };
        thread::sleep(pause);
    }
    begun.elapsed()
}

#[test]
fn bytes_that_wait_for_room_go_on_when_there_is_room() {
    let server = TestServer::new(large);
    let pause = Duration::from_millis(5);
    let (read, bytes) = (takes(&server, "/read/bytes", BYTES, pause), takes(&server, "/bytes", BYTES, pause));
    assert!(bytes < 3 * read, "{bytes:?} as bytes, {read:?} from a reader");
}

#[test]
fn a_file_goes_out_as_fast_as_its_client_takes_it() {
    let server = TestServer::new(large);
    let (read, file) =
        (takes(&server, "/read/file", FILE, Duration::ZERO), takes(&server, "/file", FILE, Duration::ZERO));
    assert!(file < 3 * read, "{file:?} as a file, {read:?} from a reader");
}
