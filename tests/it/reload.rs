//! Settings that change while a server runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use drupe::testing::TestServer;
use drupe::{Error, Request, Server, Settings};

use crate::client::{Client, get, wait_until};

/// Two workers, and a limit of 1,000 bytes of content.
fn serving() -> TestServer {
    TestServer::with(
        |_: &mut Request| "served",
        |settings| {
            settings.thread_pool = 2;
            settings.thread_idle_timeout = Duration::from_millis(50);
            settings.max_request_body_size = Some(1000);
        },
    )
}

fn reload(server: &TestServer, change: impl FnOnce(&mut Settings)) -> Result<Vec<&'static str>, Error> {
    let mut settings = server.server().settings.clone();
    change(&mut settings);
    server.handle().reload(&settings)
}

#[test]
fn open_connection_uses_reloaded_settings() {
    let server = serving();
    let mut client = Client::connect(server.address());
    assert_eq!(client.post("/", &[b'a'; 1000]).status, 200);
    assert_eq!(client.get("/").field("server"), None);
    let change = |settings: &mut Settings| {
        settings.software = Some("drupe".to_owned());
        settings.max_request_body_size = Some(999);
    };
    assert!(reload(&server, change).unwrap().is_empty());
    assert_eq!(client.get("/").field("server"), Some("drupe"));
    assert_eq!(client.post("/", &[b'a'; 999]).status, 200);
    assert_eq!(client.post("/", &[b'a'; 1000]).status, 413);
}

#[test]
fn connection_that_keeps_its_worker_uses_reloaded_settings() {
    let server = serving();
    let mut client = Client::connect(server.address());
    // One client alone: a worker stays with it.
    (0..50).for_each(|_| client.assert_in_step("/", "served"));
    reload(&server, |settings| settings.software = Some("drupe".to_owned())).unwrap();
    // The worker may be waiting for this request already, and answers it as it did before.
    client.assert_in_step("/", "served");
    assert_eq!(client.get("/").field("server"), Some("drupe"));
}

#[test]
fn reload_changes_the_number_of_workers() {
    let server = serving();
    let threads = || server.server().statistics().threads;
    assert_eq!(threads(), 2);
    reload(&server, |settings| settings.thread_pool = 60).unwrap();
    assert_eq!(threads(), 60);
    reload(&server, |settings| settings.thread_pool = 3).unwrap();
    wait_until("three are left", || threads() == 3);
    Client::connect(server.address()).assert_in_step("/", "served");
    assert_eq!(threads(), 3);
}

#[test]
fn reload_closes_idle_connections_above_the_new_limit() {
    let server = serving();
    let mut clients = Vec::new();
    for idle in 1..=5 {
        let mut client = Client::connect(server.address());
        client.assert_in_step("/", "served");
        clients.push(client);
        // One after the other, so that the order of idle times is known.
        wait_until("it is idle", || server.server().statistics().parked == idle);
    }
    reload(&server, |settings| settings.keep_alive_conn_limit = Some(2)).unwrap();
    clients.drain(..3).for_each(|mut client| client.assert_closed());
    clients.iter_mut().for_each(|client| client.assert_in_step("/", "served"));
}

#[test]
fn settings_that_need_a_restart_are_named_and_kept() {
    let server = serving();
    let change = |settings: &mut Settings| {
        settings.socket_port = 1;
        settings.accepted_queue_size = Some(1);
        settings.software = Some("drupe".to_owned());
        settings.wsgi_version = ("u".to_owned(), 0);
    };
    for _ in 0..2 {
        assert_eq!(reload(&server, change).unwrap(), ["socket_port", "accepted_queue_size", "wsgi_version"]);
        assert_eq!(Client::connect(server.address()).get("/").field("server"), Some("drupe"));
    }
}

#[test]
fn invalid_reload_is_refused_by_name_and_changes_nothing() {
    let server = serving();
    let change = |settings: &mut Settings| {
        settings.software = Some("drupe".to_owned());
        settings.thread_pool_max = Some(1);
    };
    let refused = reload(&server, change).unwrap_err().to_string();
    assert_eq!(refused, "setting thread_pool_max: 1 is below thread_pool, which is 2");
    assert_eq!(Client::connect(server.address()).get("/").field("server"), None);
}

#[test]
fn reload_of_a_stopped_server_does_nothing() {
    let server = Server::new(|_: &mut Request| "served");
    let settings = Settings { thread_pool: 0, ..Settings::default() };
    assert!(server.handle().reload(&settings).unwrap().is_empty());
    assert!(!server.handle().is_running());
}

#[test]
fn no_request_fails_during_many_reloads() {
    let server = serving();
    let (is_over, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
    let answered: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let (server, is_over, progress) = (&server, &is_over, &progress);
                scope.spawn(move || {
                    let mut client = Client::connect(server.address());
                    let mut answered = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        // Half of them come anew for each request.
                        if number % 2 == 0 {
                            client = Client::connect(server.address());
                        }
                        client.send(get("/"));
                        let answer = client.answer();
                        assert_eq!((answer.status, answer.text()), (200, "served"));
                        answered += 1;
                        progress.fetch_add(1, Ordering::Relaxed);
                    }
                    answered
                })
            })
            .collect();
        // However busy the machine is: there are requests in between.
        let mut round = 0;
        while round < 200 || progress.load(Ordering::Relaxed) < 200 {
            let change = |settings: &mut Settings| {
                settings.thread_pool = 1 + round % 5;
                settings.keep_alive_timeout = Duration::from_secs(60 + round as u64 % 60);
                settings.max_connections = Some(100 + round % 100);
            };
            reload(&server, change).unwrap();
            round += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(answered >= 200);
    assert_eq!(server.server().statistics().requests, answered as u64);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn reload_changes_certificates_but_not_tls_on_or_off() {
    use crate::place::Place;
    use crate::secure::{AUTHORITY, connect_to, shown};
    let folder = Place::new();
    let write = |name: &str| folder.write(&format!("{name}.pem"), AUTHORITY.issue(&["localhost", name]).both());
    let (first, second) = (write("old.test"), write("new.test"));
    let server = TestServer::with(|_: &mut Request| "served", |settings| settings.ssl_certificate = Some(first));
    let mut client = connect_to(server.address());
    assert_eq!(shown(server.address()), "old.test");
    let other = |settings: &mut Settings| settings.ssl_certificate = Some(second.clone());
    assert!(reload(&server, other).unwrap().is_empty());
    assert_eq!(shown(server.address()), "new.test");
    client.assert_in_step("/", "served");

    // The settings in force count, not those of the start.
    let none = |settings: &mut Settings| settings.ssl_certificate = None;
    assert_eq!(reload(&server, none).unwrap(), ["ssl_certificate"]);
    assert_eq!(shown(server.address()), "new.test");
    let missing = |settings: &mut Settings| settings.ssl_certificate = Some("missing.pem".into());
    assert!(reload(&server, missing).unwrap_err().to_string().contains("missing.pem"));
    assert_eq!(shown(server.address()), "new.test");
    client.assert_in_step("/", "served");

    let plain = serving();
    assert_eq!(reload(&plain, other).unwrap(), ["ssl_certificate"]);
    Client::connect(plain.address()).assert_in_step("/", "served");
}
