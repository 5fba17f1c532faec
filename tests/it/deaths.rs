//! Causes of outages in other servers, against two workers: no descriptors, many panics, content
//! that is announced and never sent.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, get, wait_until};
use crate::process::is_alone_with;
use crate::service::Service;

/// The allowed growth of resident memory: memory kept by allocators, which does not grow with the
/// number of clients.
const FLAT: u64 = 2 << 20;

/// Alive: a client that comes now is served, and there are as many workers as before.
fn assert_alive(service: &Service) {
    for _ in 0..10 {
        Client::connect(service.address()).assert_in_step("/alive", "/alive");
    }
    assert_eq!(service.counts().of("threads"), 2);
    assert_eq!(service.figures().threads().len(), 2 + 2, "two workers, one that accepts, one that keeps the time");
}

#[test]
fn server_without_descriptors_stays_quiet_and_recovers() {
    let settings = "thread_pool=2 thread_pool_max=2 socket_timeout=600 keep_alive_timeout=600 max_connections=100";
    let service = Service::start_with(48, settings);
    let mut early = Client::connect(service.address());
    early.assert_in_step("/", "/");
    // A connection with a partial request is never evicted.
    let request = get("/");
    let (part, rest) = request.split_at(1);
    early.send(part);
    wait_until("the part is read", || service.counts().of("bytes_read") == request.len() as u64 + 1);
    for round in 1..=2 {
        let (logged, begun) = (service.logged().len(), Instant::now());
        // They find room before the door, but not all of them inside.
        let crowd: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut client = TcpStream::connect(service.address()).unwrap();
                client.write_all(part.as_bytes()).unwrap();
                client
            })
            .collect();
        wait_until("the server has noticed", || service.logged().len() > logged);
        let (used, from) = (service.figures().processor_time(), Instant::now());
        wait_until("three seconds have passed", || from.elapsed() >= Duration::from_secs(3));
        let (used, over) = (service.figures().processor_time() - used, from.elapsed());
        assert!(10 * used < over, "round {round}: {used:?} of processor time in {over:?}");
        let (lines, seconds) = (service.logged().len() - logged, begun.elapsed().as_secs() + 1);
        assert!(lines as u64 <= seconds, "round {round}: {lines} lines in {seconds} s: {:?}", service.logged());
        // Connected clients are served as before.
        early.send([rest, part].concat());
        assert_eq!(early.answer().text(), "/");
        drop(crowd);
        wait_until("all have left", || service.counts().of("parked") == 1);
        assert_alive(&service);
    }
    let [finished, cut, _] = service.stop();
    assert_eq!((finished, cut), (0, 0));
}

#[test]
fn a_thousand_panics_cost_no_worker_and_no_memory() {
    let service = Service::start("thread_pool=2 thread_pool_max=2");
    let storm = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..count / 8 {
                        let mut client = Client::connect(service.address());
                        let answer = client.get("/panic");
                        assert_eq!((answer.status, answer.closes()), (500, true));
                        client.assert_closed();
                    }
                });
            }
        });
    };
    storm(200);
    let before = service.figures().resident();
    storm(1000);
    let after = service.figures().resident();
    assert!(after < before + FLAT, "{before} bytes became {after}");
    assert_eq!(service.counts().of("panics"), 1200);
    assert_alive(&service);
}

#[test]
fn unsent_content_that_the_handler_ignores_holds_no_worker() {
    if !is_alone_with(4000, "deaths::unsent_content_that_the_handler_ignores_holds_no_worker") {
        return;
    }
    let service = Service::start_with(
        4000,
        "thread_pool=2 thread_pool_max=2 body_timeout=1 linger_timeout=1 max_drain_size=64K max_request_body_size=2G",
    );
    let empty = service.figures().descriptors();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let promise = "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nhalf";
        let mut clients: Vec<Client> = (0..1000).map(|_| Client::connect(service.address())).collect();
        clients.iter_mut().for_each(|client| client.send(promise));
        // Others are served while it lasts.
        Client::connect(service.address()).assert_in_step("/meanwhile", "/meanwhile");
        for client in &mut clients {
            // At once, or once it is clear that the content does not come.
            let answer = client.answer();
            assert!(matches!((answer.status, answer.text()), (200, "ignored") | (408, _)), "{answer:?}");
            assert!(answer.closes());
        }
        // They stay, and are let go by the server.
        clients.iter_mut().for_each(|client| drop(client.over()));
        wait_until("all are let go", || service.counts().of("parked") == 0 && service.figures().descriptors() <= empty);
        rounds.push(service.figures().resident());
        assert_alive(&service);
    }
    assert!(rounds[2] < rounds[0] + FLAT, "resident bytes after each round: {rounds:?}");
}

#[test]
fn clients_that_reset_in_the_middle_leave_nothing() {
    let service = Service::start("thread_pool=2 thread_pool_max=2");
    let empty = service.figures().descriptors();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        for round in 0..1000 {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            match round % 4 {
                0 => {}
                1 => stream.write_all(b"GET / HT").unwrap(),
                2 => stream.write_all(get("/large").as_bytes()).unwrap(),
                _ => stream.write_all(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").unwrap(),
            }
            if round % 8 < 4 {
                // With unread bytes in it, closing is a reset.
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
        wait_until("all have left", || service.counts().of("parked") == 0 && service.figures().descriptors() <= empty);
        rounds.push(service.figures().resident());
        assert_alive(&service);
    }
    assert!(rounds[2] < rounds[0] + FLAT, "resident bytes after each round: {rounds:?}");
}
