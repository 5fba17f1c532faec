//! A restart from outside: no client is refused, no waiting client is dropped, and changed settings
//! apply.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use drupe::process::Bus;
use drupe::{BindAddr, Error, Request, RequestExt, Server, ServerHandle};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::place::Place;

fn server() -> Server {
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = PATIENCE;
    server
}

/// Sends one request over a connection of its own, and checks the answer byte by byte.
fn ask(address: SocketAddr) -> Result<(), String> {
    let told = |what: &'static str| move |error: std::io::Error| format!("{what}: {error} ({:?})", error.kind());
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(told("connect"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told("set"))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").map_err(told("write"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(told("read"))?;
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello") { Ok(()) } else { Err(format!("{answer:?}")) }
}

/// Connects clients all the time while `restart` runs repeatedly. Returns the number of answers.
///
/// # Panics
/// If a client got no answer.
fn storm(address: SocketAddr, restarts: usize, restart: impl Fn()) -> usize {
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        ask(address)?;
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        for _ in 0..restarts {
            let before = answered.load(Ordering::SeqCst);
            restart();
            // They get on before the next, or one of them has given up.
            wait_until("the clients get on", || {
                answered.load(Ordering::SeqCst) >= before + 8
                    || clients.iter().any(thread::ScopedJoinHandle::is_finished)
            });
        }
        is_over.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
    answered.into_inner()
}

#[test]
fn restart_under_load_refuses_and_drops_no_client() {
    let server = server();
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let answered = storm(address, 50, || server.restart().unwrap());
    assert!(answered >= 400, "{answered}");
    assert_eq!(server.bound_addr(), Some(address), "port 0 keeps the port it got");
}

#[test]
fn restart_of_the_bus_refuses_no_client() {
    let (bus, server) = (Bus::new(), server());
    server.subscribe(&bus);
    bus.start().unwrap();
    let address = server.bound_addr().unwrap();
    storm(address, 50, || bus.restart().unwrap());
    assert_eq!(server.bound_addr(), Some(address));
    bus.exit().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn connections_that_wait_for_a_request_survive_a_restart() {
    let server = server();
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let (mut idle, mut fresh, mut begun) =
        (Client::connect(address), Client::connect(address), Client::connect(address));
    idle.assert_in_step("/", "hello");
    let request = get("/");
    let (first, rest) = request.as_bytes().split_at(10);
    begun.send(first);
    wait_until("all are parked", || server.statistics().parked == 3);
    for _ in 0..3 {
        server.restart().unwrap();
        wait_until("all are parked again", || server.statistics().parked == 3);
        idle.assert_in_step("/", "hello");
    }
    fresh.assert_in_step("/", "hello");
    begun.send(rest);
    assert_eq!(begun.answer().text(), "hello");
    let _ = server.stop();
    idle.assert_closed();
}

#[test]
fn running_requests_finish_with_close_at_a_restart() {
    let door = crate::door::Door::default();
    let held = door.clone();
    let mut server = Server::new(move |request: &mut Request| {
        if request.uri().path() == "/wait" {
            held.pass();
        }
        "hello"
    });
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut busy = Client::connect(address);
    busy.send(get("/wait"));
    wait_until("it is being served", || door.waiting() == 1);
    thread::scope(|scope| {
        let restart = scope.spawn(|| server.restart());
        wait_until("it stops", || !server.handle().is_running());
        // A client that connects now waits, and is not refused.
        let late = scope.spawn(move || ask(address));
        door.open();
        let answer = busy.answer();
        assert!(answer.closes() && answer.text() == "hello");
        restart.join().unwrap().unwrap();
        late.join().unwrap().unwrap();
    });
}

#[test]
fn restart_binds_changed_addresses_and_closes_removed_ones() {
    let place = Place::new();
    let mut server = server();
    let tcp = |port| BindAddr::Tcp { host: "127.0.0.1".to_owned(), port };
    server.settings.listen = vec![tcp(0), BindAddr::Unix(place.socket())];
    server.start().unwrap();
    let first = server.bound_addr().unwrap();
    server.settings.listen = vec![BindAddr::Unix(place.socket()), tcp(0), tcp(0)];
    server.restart().unwrap();
    let addresses = server.handle().addresses();
    assert_eq!((addresses.len(), addresses[0]), (2, first));
    assert!(place.socket().exists());
    ask(addresses[1]).unwrap();

    // Another setting of the socket is another socket.
    server.settings.listen = vec![tcp(first.port())];
    server.restart().unwrap();
    assert_eq!(server.bound_addr(), Some(first));
    assert!(!place.socket().exists(), "what is not wanted any more is gone");
    server.settings.nodelay = false;
    server.restart().unwrap();
    ask(first).unwrap();
    let refused = TcpStream::connect(addresses[1]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    // A restart that cannot be leaves nothing that listens.
    server.settings.thread_pool = 0;
    server.restart().unwrap_err();
    assert_eq!(TcpStream::connect(first).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.settings.thread_pool = 2;
    server.start().unwrap();
    ask(first).unwrap();
}

#[test]
fn proxy_removed_by_a_reload_is_untrusted_after_a_restart() {
    let mut server = server();
    server.settings.trusted_proxies = vec!["127.0.0.1".to_owned()];
    server.settings.trusted_proxy_headers = vec!["forwarded".to_owned()];
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.assert_in_step("/", "hello");
    wait_until("it is parked", || server.statistics().parked == 1);
    (server.settings.trusted_proxies, server.settings.trusted_proxy_headers) = Default::default();
    assert!(server.handle().reload(&server.settings).unwrap().is_empty());
    server.restart().unwrap();
    client.assert_closed();
}

#[test]
fn stop_during_a_restart_stops_the_server() {
    let (own, is_asked) = (Arc::new(OnceLock::<ServerHandle>::new()), Arc::new(AtomicBool::new(false)));
    let (handle, asked) = (Arc::clone(&own), Arc::clone(&is_asked));
    let mut server = Server::new(move |request: &mut Request| {
        let handle = handle.get().unwrap();
        asked.store(true, Ordering::SeqCst);
        wait_until("it restarts", || request.is_shutting_down());
        handle.stop();
        "stopped"
    });
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    own.set(server.handle()).unwrap();
    let address = server.bound_addr().unwrap();
    let mut client = Client::connect(address);
    client.send(get("/"));
    wait_until("it is being served", || is_asked.load(Ordering::SeqCst));
    assert!(matches!(server.restart(), Err(Error::Stopped)));
    assert_eq!(client.answer().text(), "stopped");
    assert!(!server.handle().is_running());
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.block().unwrap();
    // That was the end of this one only.
    server.restart().unwrap();
    assert!(server.handle().is_running());
}

#[test]
fn concurrent_stops_and_restarts_terminate() {
    let server = server();
    for _ in 0..20 {
        server.start().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = server.restart();
            });
            scope.spawn(|| server.stop());
            scope.spawn(|| {
                let _ = server.restart();
            });
        });
        server.stop();
        assert!(!server.handle().is_running());
        server.block().unwrap();
    }
    // It has a life after that.
    server.start().unwrap();
    ask(server.bound_addr().unwrap()).unwrap();
    assert!(server.handle().stop().took < PATIENCE + Duration::from_secs(10));
}
