//! A polite client beside floods: the number of other requests handled between its request and its
//! handler.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use drupe::Request;
use drupe::testing::TestServer;

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::schedule::{Site, kept_alive, make_known_as_fast, task};

#[test]
fn polite_client_is_served_beside_a_flood_of_connections() {
    check(connections, 200, 10 * 200);
}

#[test]
fn polite_client_is_served_beside_a_flood_of_pipelines() {
    check(pipelines, 64, 2 * 64 * DEPTH as u64);
}

/// Checks that at most `bound` requests of `count` threads that `flood` the server are handled before a polite one, nine times of ten.
fn check(flood: fn(SocketAddr, &AtomicBool), count: usize, bound: u64) {
    let flooded = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&flooded);
    let server = TestServer::with(
        move |request: &mut Request| match request.uri().path() {
            "/polite" => own.load(Ordering::SeqCst).to_string(),
            _ => {
                own.fetch_add(1, Ordering::SeqCst);
                "flood".to_owned()
            }
        },
        |settings| settings.accepted_queue_timeout = 2 * PATIENCE,
    );
    let is_over = AtomicBool::new(false);
    let mut waits: Vec<u64> = thread::scope(|scope| {
        let flooding: Vec<_> = (0..count).map(|_| scope.spawn(|| flood(server.address(), &is_over))).collect();
        let polite = scope.spawn(|| {
            let mut clients = [0; 2].map(|_| Client::connect(server.address()));
            wait_until("the flood has come", || flooded.load(Ordering::SeqCst) > 1000);
            let mut waits = Vec::new();
            while waits.len() < REQUESTS {
                waits.push(wait_of(&mut clients[waits.len() % 2], &flooded));
            }
            waits
        });
        let waits = polite.join();
        is_over.store(true, Ordering::SeqCst);
        flooding.into_iter().for_each(|flooding| flooding.join().unwrap());
        waits.unwrap()
    });
    waits.sort_unstable();
    let [median, late, most] = [50, 90, 100].map(|part| waits[(waits.len() - 1) * part / 100]);
    let figures = format!("{} polite requests: median {median}, 90th {late}, most {most}", waits.len());
    println!("flood requests before {figures}");
    // The system may keep single threads from their processor for as long as it likes.
    assert!(late <= bound, "flood requests before {figures}, bound {bound}");
}

/// Counts the requests of the flood that are handled between a request of `client` and its handler.
fn wait_of(client: &mut Client, flooded: &AtomicU64) -> u64 {
    // The connection is parked by then.
    thread::sleep(Duration::from_millis(5));
    client.send(get("/polite"));
    // After the request is out: a pause of this thread before that must not count.
    let before = flooded.load(Ordering::SeqCst);
    client.answer().text().parse::<u64>().unwrap().saturating_sub(before)
}

/// A worker stayed with a client that asked without a pause, while a parked client waited.
#[test]
fn parked_client_is_served_beside_a_hot_one_and_a_handler_that_blocks() {
    let site = Site::default();
    let server = site.serve(2, 2, |_| {});
    let mut clients = kept_alive(&server, 3);
    let [hot, blocked, parked] = &mut clients[..] else { unreachable!() };
    make_known_as_fast(parked, "/route");
    let (is_over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let most = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                hot.assert_in_step("/hot", "/hot");
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        let waits = scope.spawn(|| {
            wait_until("one client is hot", || answered.load(Ordering::SeqCst) > 1000);
            blocked.send(task("/route", "wait"));
            wait_until("the handler blocks", || site.door.waiting() == 1);
            let waits = (0..20).map(|_| {
                thread::sleep(Duration::from_millis(5));
                parked.send(get("/route"));
                let before = answered.load(Ordering::SeqCst);
                assert_eq!(parked.answer().text(), "/route");
                answered.load(Ordering::SeqCst) - before
            });
            waits.max()
        });
        let waits = waits.join();
        is_over.store(true, Ordering::SeqCst);
        site.door.open();
        waits.unwrap().unwrap()
    });
    println!("{most} answers to the hot client before one to the parked client");
    assert!(most <= 1000, "{most} answers to the hot client before one to the parked client");
}

/// A new connection for each request.
fn connections(address: SocketAddr, is_over: &AtomicBool) {
    let mut answer = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let mut stream = connect(address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        answer.clear();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(b"flood"));
    }
}

/// Many requests at once over one connection.
fn pipelines(address: SocketAddr, is_over: &AtomicBool) {
    let mut stream = connect(address);
    // All answers are of one length.
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut room = vec![0; 4096];
    let mut length = 0;
    while !room[..length].ends_with(b"flood") {
        let got = stream.read(&mut room[length..]).unwrap();
        assert!(got > 0, "the connection ends");
        length += got;
    }
    let (requests, mut answers) = (get("/").repeat(DEPTH), vec![0; DEPTH * length]);
    while !is_over.load(Ordering::SeqCst) {
        stream.write_all(requests.as_bytes()).unwrap();
        stream.read_exact(&mut answers).unwrap();
        assert!(answers.ends_with(b"flood"));
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

const REQUESTS: usize = 400;
/// Requests that a pipelining client sends ahead.
const DEPTH: usize = 64;
