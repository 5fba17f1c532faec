//! Deadlines while workers are busy or the queue is full: a client in time is served, a late client
//! gets its 408.

use std::time::{Duration, Instant};

use drupe::Request;
use drupe::testing::TestServer;

use crate::client::{Client, get, wait_until};
use crate::door::Door;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
use crate::secure;
use crate::service::Service;

const SHORT: Duration = Duration::from_millis(300);

/// While every worker was in a handler, no thread looked at received bytes: the deadline passed,
/// and a client with a request in time was closed or got 408.
#[test]
fn request_in_time_is_served_although_other_requests_hold_the_workers() {
    let door = Door::default();
    let own = door.clone();
    let server = TestServer::with(
        move |request: &mut Request| {
            if request.uri().path() == "/block" {
                own.pass();
            }
            request.uri().to_string()
        },
        |settings| {
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
            settings.header_timeout = Some(SHORT);
            settings.keep_alive_timeout = SHORT;
        },
    );
    // From here on everything is faster than the time limit, or on time by any measure.
    let mut idle = Client::connect(server.address());
    idle.assert_in_step("/", "/");
    let mut silent = Client::connect(server.address());
    wait_until("both are parked", || server.server().statistics().parked == 2);
    let mut blocking = Client::connect(server.address());
    blocking.send(get("/block"));
    wait_until("the worker is held", || door.waiting() == 1);
    let asked = Instant::now();
    idle.send(get("/idle"));
    silent.send(get("/silent"));
    wait_until("their time is over", || asked.elapsed() > 3 * SHORT);
    door.open();
    assert_eq!(blocking.answer().text(), "/block");
    assert_eq!(idle.answer().text(), "/idle");
    assert_eq!(silent.answer().text(), "/silent");
    assert_eq!(server.server().statistics().timed_out, 0);
}

/// A handshake whose client had sent its part in time was ended before the server's first answer,
/// because no worker had been free.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_handshake_that_waited_for_a_worker_goes_on() {
    const LIMIT: Duration = Duration::from_secs(1);
    let door = Door::default();
    let own = door.clone();
    let server = TestServer::with(
        move |request: &mut Request| {
            if request.uri().path() == "/block" {
                own.pass();
            }
            request.uri().to_string()
        },
        |settings| {
            settings.ssl_context = Some(secure::context());
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
            settings.handshake_timeout = Some(LIMIT);
        },
    );
    let mut blocking = secure::connect_to(server.address());
    blocking.send(get("/block"));
    wait_until("the worker is held", || door.waiting() == 1);
    let asked = Instant::now();
    let address = server.address();
    let shaking = std::thread::spawn(move || secure::connect_to(address).get("/late"));
    wait_until("it is accepted", || server.server().statistics().accepts == 2);
    wait_until("its time is over", || asked.elapsed() > 2 * LIMIT);
    door.open();
    assert_eq!(blocking.answer().text(), "/block");
    assert_eq!(shaking.join().unwrap().text(), "/late");
    assert_eq!(server.server().statistics().timeouts.handshake, 0);
}

/// After the process had been stopped for longer than `body_timeout`, content that had come
/// meanwhile did not save its client from a 408.
#[test]
fn content_that_comes_while_the_process_is_stopped_is_in_time() {
    // Content is buffered, or read by its handler. The limit leaves a slow machine time before and
    // after the stop.
    let services =
        [1000, 0].map(|buffer| (buffer, Service::start(&format!("body_timeout=4 body_buffer_size={buffer}"))));
    let mut all = services.map(|(buffer, service)| {
        let mut client = Client::connect(service.address());
        client.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n0123456789");
        wait_until("the server waits for content", || {
            let counts = service.counts();
            counts.of("requests") + counts.of("parked") == 1
        });
        (buffer, service, client)
    });
    for (_, service, client) in &mut all {
        service.hold();
        client.send("0123456789");
    }
    let begun = Instant::now();
    wait_until("the time of the clients is over", || begun.elapsed() > Duration::from_secs(5));
    all.iter().for_each(|(_, service, _)| service.signal("CONT"));
    let resumed = Instant::now();
    wait_until("the servers have judged", || resumed.elapsed() > Duration::from_millis(200));
    for (buffer, _service, client) in &mut all {
        client.send("0123456789");
        let answer = client.answer();
        assert_eq!((answer.status, answer.text()), (200, "30"), "buffer of {buffer} bytes");
    }
}

/// A connection past its deadline while the queue was full was closed without its 408.
#[test]
fn all_late_clients_are_answered_even_above_the_queue_size() {
    let server = TestServer::with(
        |_: &mut Request| "fine",
        |settings| {
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
            settings.header_timeout = Some(SHORT);
            settings.accepted_queue_size = Some(1);
        },
    );
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTT"));
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (408, true));
    }
    assert_eq!(server.server().statistics().timed_out, 50);
}
