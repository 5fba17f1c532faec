//! A stop answers the requests that have arrived, even if a handler calls the stop.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use drupe::{Request, Server, ServerHandle};

use crate::client::{Client, PATIENCE, get, post, wait_until};
use crate::schedule::{Site, make_known_as_fast, task};

const CLIENTS: usize = 200;

/// A server that is not started, with kept-alive clients once it is.
fn server(site: &Site, workers: usize, most: usize) -> Server {
    let site = site.clone();
    let mut server = Server::new(move |request: &mut Request| site.answer(request));
    server.settings.socket_port = 0;
    (server.settings.thread_pool, server.settings.thread_pool_max) = (workers, Some(most));
    (server.settings.accepted_queue_timeout, server.settings.shutdown_timeout) = (2 * PATIENCE, PATIENCE);
    server
}

fn kept_alive(server: &Server) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
    clients.iter_mut().for_each(|client| client.assert_in_step("/first", "/first"));
    wait_until("the clients are parked", || server.statistics().parked == CLIENTS);
    clients
}

/// A request without content or with content, which a client must not send again by itself.
fn request(number: usize, takes: &str) -> Vec<u8> {
    let target = format!("/last/{number}");
    if number % 2 == 0 { task(&target, takes).into_bytes() } else { post(&target, b"content") }
}

/// Counts the clients without their answer and an end in order; the text is the first failure.
fn lost(clients: &mut [Client], must_close: bool) -> (usize, Option<String>) {
    let mut lost = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let answered = client.answer_to("GET").and_then(|answer| {
            assert_eq!((answer.status, answer.text()), (200, &*format!("/last/{number}")));
            assert!(answer.closes() || !must_close, "{answer:?}");
            client.try_rest().map_err(|error| error.to_string())
        });
        match answered {
            Ok(rest) => assert!(rest.is_empty(), "bytes behind the last answer"),
            Err(error) => lost.push(format!("client {number}: {error}")),
        }
    }
    (lost.len(), lost.into_iter().next())
}

/// Requests that kept-alive clients had sent a moment before a stop were reset without an answer.
#[test]
fn requests_that_came_before_a_stop_are_answered() {
    for takes in ["0", "2000"] {
        let site = Site::default();
        let server = server(&site, 4, 16);
        server.start().unwrap();
        let mut clients = kept_alive(&server);
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(request(number, takes));
        }
        let stopped = thread::scope(|scope| {
            let stop = scope.spawn(|| server.stop());
            assert_eq!(lost(&mut clients, false), (0, None), "handlers of {takes} us");
            stop.join().unwrap()
        });
        assert_eq!(stopped.cut, 0);
        assert_eq!(server.statistics().answered, 2 * CLIENTS as u64);
    }
}

#[test]
fn requests_behind_a_full_pool_are_answered_by_a_stop() {
    for is_known_as_fast in [false, true] {
        let site = Site::default();
        let server = server(&site, 2, 4);
        server.start().unwrap();
        if is_known_as_fast {
            make_known_as_fast(&mut Client::connect(server.bound_addr().unwrap()), "/blocked");
        }
        let mut clients = kept_alive(&server);
        let mut blocked: Vec<Client> = (0..4).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
        blocked.iter_mut().for_each(|client| client.send(task("/blocked", "wait")));
        wait_until("every worker blocks", || site.door.waiting() == 4);
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(request(number, "0"));
        }
        let stopped = thread::scope(|scope| {
            let stop = scope.spawn(|| server.stop());
            wait_until("the server is stopping", || !server.handle().is_running());
            site.door.open();
            assert_eq!(lost(&mut clients, true), (0, None));
            stop.join().unwrap()
        });
        for client in &mut blocked {
            let answer = client.answer();
            assert_eq!((answer.text(), answer.closes()), ("/blocked", true));
            client.assert_closed();
        }
        assert_eq!(stopped.cut, 0);
    }
}

#[test]
fn stop_closes_idle_clients_while_every_worker_blocks() {
    let site = Site::default();
    let server = server(&site, 2, 2);
    server.start().unwrap();
    let mut clients = kept_alive(&server);
    let mut blocked: Vec<Client> = (0..2).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
    blocked.iter_mut().for_each(|client| client.send(task("/blocked", "wait")));
    wait_until("every worker blocks", || site.door.waiting() == 2);
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        clients.iter_mut().for_each(Client::assert_closed);
        assert_eq!(site.door.waiting(), 2, "the handlers still block");
        site.door.open();
        blocked.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/blocked"));
        stop.join().unwrap()
    });
    assert_eq!((stopped.finished, stopped.cut), (2, 0));
}

#[test]
fn stop_that_a_handler_calls_answers_the_other_requests() {
    for is_fast in [true, false] {
        let handle: Arc<OnceLock<ServerHandle>> = Arc::default();
        let own = Arc::clone(&handle);
        let mut server = Server::new(move |request: &mut Request| {
            if !is_fast && request.uri().path() == "/route" {
                thread::sleep(Duration::from_millis(3));
            }
            if request.headers().contains_key("stop") {
                let _ = own.get().unwrap().stop();
            }
            request.uri().to_string()
        });
        server.settings.socket_port = 0;
        (server.settings.thread_pool, server.settings.thread_pool_max) = (2, Some(8));
        server.settings.shutdown_timeout = PATIENCE;
        handle.set(server.handle()).unwrap();
        server.start().unwrap();
        let mut clients = kept_alive(&server);
        let mut stopping = Client::connect(server.bound_addr().unwrap());
        make_known_as_fast(&mut stopping, "/route");
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(get(&format!("/last/{number}")));
        }
        stopping.send("GET /route HTTP/1.1\r\nHost: a\r\nStop: yes\r\n\r\n");
        assert_eq!(lost(&mut clients, false), (0, None), "from a fast route: {is_fast}");
        let answer = stopping.answer();
        assert_eq!((answer.text(), answer.closes()), ("/route", true));
        stopping.assert_closed();
        server.block().unwrap();
        assert_eq!(server.stop().cut, 0);
    }
}

#[test]
fn stop_that_the_only_worker_calls_closes_idle_clients() {
    let handle: Arc<OnceLock<ServerHandle>> = Arc::default();
    let own = Arc::clone(&handle);
    let mut server = Server::new(move |request: &mut Request| {
        if request.headers().contains_key("stop") {
            let _ = own.get().unwrap().stop();
        }
        request.uri().to_string()
    });
    server.settings.socket_port = 0;
    (server.settings.thread_pool, server.settings.thread_pool_max) = (1, Some(1));
    server.settings.shutdown_timeout = PATIENCE;
    handle.set(server.handle()).unwrap();
    server.start().unwrap();
    let mut clients = kept_alive(&server);
    let mut stopping = Client::connect(server.bound_addr().unwrap());
    make_known_as_fast(&mut stopping, "/route");
    stopping.send("GET /route HTTP/1.1\r\nHost: a\r\nStop: yes\r\n\r\n");
    let answer = stopping.answer();
    assert_eq!((answer.text(), answer.closes()), ("/route", true));
    clients.iter_mut().for_each(Client::assert_closed);
    server.block().unwrap();
}
