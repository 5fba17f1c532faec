//! Input and output while handlers block all workers.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;

use crate::client::{Answer, Client, get, wait_until};
use crate::schedule::{LARGE, Site, kept_alive, make_known_as_fast, task};

/// A time limit that ends the wait of a test.
const SHORT: Duration = Duration::from_millis(500);

#[test]
fn fast_route_that_suddenly_blocks_holds_up_no_other_client() {
    for workers in [1, 2] {
        let site = Site::default();
        let server = site.serve(workers, workers + 1, |settings| settings.header_timeout = Some(SHORT));
        let mut others = kept_alive(&server, 20);
        let mut first = Client::connect(server.address());
        make_known_as_fast(&mut first, "/route");
        // All in one moment: some of the others are behind the request that blocks.
        let (front, back) = others.split_at_mut(10);
        front.iter_mut().for_each(|client| client.send(get("/route")));
        first.send(task("/route", "wait"));
        back.iter_mut().for_each(|client| client.send(get("/route")));
        others.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/route"));
        wait_until("the handler blocks", || site.door.waiting() == 1);
        let mut half = Client::connect(server.address());
        half.send("GET / HTT");
        for round in 0..10 {
            let target = format!("/{round}");
            others.iter_mut().for_each(|client| client.send(get(&target)));
            others.iter_mut().for_each(|client| assert_eq!(client.answer().text(), target));
            Client::connect(server.address()).assert_in_step("/route", "/route");
        }
        assert_refused(&mut half, 408);
        assert_eq!(site.door.waiting(), 1, "the handler still blocks");
        site.door.open();
        assert_eq!(first.answer().text(), "/route");
    }
}

#[test]
fn download_goes_on_while_every_worker_blocks() {
    for workers in [1, 2] {
        for is_known_as_fast in [false, true] {
            let site = Site::default();
            let server = site.serve(workers, workers, |_| {});
            let mut downloads = kept_alive(&server, 4);
            if is_known_as_fast {
                make_known_as_fast(&mut downloads[0], "/blocked");
            }
            downloads.iter_mut().for_each(|client| client.send(get(&format!("/bytes/{LARGE}"))));
            wait_until("the answers are parked", || server.server().statistics().parked == downloads.len());
            let mut blocked = site.block(&server, workers);
            for client in &mut downloads {
                assert_eq!(client.head().unwrap().status, 200);
                // Piece by piece, so that the server has to send many times.
                for piece in 0..LARGE >> 20 {
                    let taken = client.take(1 << 20);
                    taken.unwrap_or_else(|error| panic!("piece {piece}, {workers} workers: {error}"));
                }
            }
            assert_eq!(site.door.waiting(), workers, "the handlers still block");
            site.door.open();
            blocked.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/blocked"));
            downloads.iter_mut().for_each(|client| client.assert_in_step("/after", "/after"));
        }
    }
}

#[test]
fn deadlines_expire_while_every_worker_blocks() {
    for workers in [1, 2] {
        let site = Site::default();
        let server = site.serve(workers, workers, |settings| {
            (settings.header_timeout, settings.body_timeout) = (Some(SHORT), Some(SHORT));
            settings.keep_alive_timeout = SHORT;
        });
        let mut idle = Client::connect(server.address());
        idle.assert_in_step("/", "/");
        let blocked = site.block(&server, workers);
        let mut silent = Client::connect(server.address());
        let mut half = Client::connect(server.address());
        half.send("GET / HTT");
        let mut sending = Client::connect(server.address());
        sending.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf!");
        for client in [&mut half, &mut sending] {
            assert_refused(client, 408);
        }
        silent.assert_closed();
        idle.assert_closed();
        assert_eq!(site.door.waiting(), workers, "the handlers still block");
        let timeouts = server.server().statistics().timeouts;
        assert_eq!((timeouts.head, timeouts.body, timeouts.idle), (2, 1, 1));
        release(&site, blocked);
    }
}

#[test]
fn head_in_pieces_is_read_while_every_worker_blocks() {
    let site = Site::default();
    let server = site.serve(2, 2, |_| {});
    let blocked = site.block(&server, 2);
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send("GET /piece"));
    wait_until("half heads are parked", || server.server().statistics().parked == 10);
    clients.iter_mut().for_each(|client| client.send("s HTTP/1.1\r\nHost: a\r\n\r\n"));
    wait_until("whole requests wait for a worker", || server.server().statistics().queue == 10);
    release(&site, blocked);
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/pieces"));
}

#[test]
fn request_that_waits_too_long_for_a_worker_is_a_503() {
    for (workers, is_known_as_fast) in [(1, false), (1, true), (2, false), (2, true)] {
        let site = Site::default();
        let server = site.serve(workers, workers, |settings| settings.accepted_queue_timeout = SHORT);
        let mut kept = kept_alive(&server, 4);
        if is_known_as_fast {
            make_known_as_fast(&mut kept[0], "/blocked");
        }
        let blocked = site.block(&server, workers);
        let calls = site.calls.load(Ordering::SeqCst);
        let mut new: Vec<Client> = (0..4).map(|_| Client::connect(server.address())).collect();
        let begun = Instant::now();
        for client in kept.iter_mut().chain(&mut new) {
            client.send(get("/blocked"));
        }
        for client in kept.iter_mut().chain(&mut new) {
            assert_unavailable(client);
            assert!(begun.elapsed() >= SHORT, "a 503 after {:?}", begun.elapsed());
        }
        assert_eq!(site.door.waiting(), workers, "the handlers still block");
        wait_until("they are counted", || server.server().statistics().turned_away == 8);
        assert_eq!(server.server().statistics().queue, 0);
        release(&site, blocked);
        kept_alive(&server, 4);
        let called = site.calls.load(Ordering::SeqCst) - calls;
        assert_eq!(called, 4, "a handler ran for a request that had its 503");
    }
}

#[test]
fn request_that_waits_is_served_when_a_worker_returns() {
    for (workers, is_known_as_fast) in [(1, false), (1, true), (2, false), (2, true)] {
        let site = Site::default();
        let server = site.serve(workers, workers, |_| {});
        let mut kept = kept_alive(&server, 10);
        if is_known_as_fast {
            make_known_as_fast(&mut kept[0], "/blocked");
        }
        let blocked = site.block(&server, workers);
        let mut new: Vec<Client> = (0..10).map(|_| Client::connect(server.address())).collect();
        for client in kept.iter_mut().chain(&mut new) {
            client.send(get("/blocked"));
        }
        wait_until("the requests wait for a worker", || server.server().statistics().queue == 20);
        release(&site, blocked);
        for client in kept.iter_mut().chain(&mut new) {
            assert_eq!(client.answer().text(), "/blocked");
        }
        assert_eq!(server.server().statistics().turned_away, 0);
    }
}

#[test]
fn every_request_has_a_time_in_the_queue_of_its_own() {
    let site = Site::default();
    let server = site.serve(1, 1, |settings| settings.accepted_queue_timeout = SHORT);
    let blocked = site.block(&server, 1);
    let asking = (0..4).map(|_| {
        let mut client = Client::connect(server.address());
        let begun = Instant::now();
        client.send(get("/"));
        thread::sleep(SHORT / 5);
        (begun, client)
    });
    let asking: Vec<(Instant, Client)> = asking.collect();
    for (begun, mut client) in asking {
        let answer = client.answer();
        assert!(begun.elapsed() >= SHORT, "a {} after {:?}", answer.status, begun.elapsed());
        assert_eq!((answer.status, answer.closes()), (503, true));
    }
    release(&site, blocked);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn tls_goes_on_while_every_worker_blocks() {
    use crate::secure::{connect_to, context};
    let site = Site::default();
    let server = site.serve(2, 2, |settings| {
        settings.ssl_context = Some(context());
        settings.accepted_queue_timeout = SHORT;
    });
    let mut download = connect_to(server.address());
    download.send(get(&format!("/bytes/{LARGE}")));
    wait_until("the answer is parked", || server.server().statistics().parked == 1);
    let mut blocked: Vec<Client> = (0..2).map(|_| connect_to(server.address())).collect();
    blocked.iter_mut().for_each(|client| client.send(task("/blocked", "wait")));
    wait_until("the handlers block", || site.door.waiting() == 2);
    let mut shaken: Vec<Client> = (0..10).map(|_| connect_to(server.address())).collect();
    shaken[0].send(get("/"));
    assert_unavailable(&mut shaken[0]);
    assert_eq!(download.answer().content.len(), LARGE);
    assert_eq!(site.door.waiting(), 2, "the handlers still block");
    release(&site, blocked);
    shaken[1..].iter_mut().for_each(|client| client.assert_in_step("/", "/"));
    assert_eq!(server.server().statistics().handshakes_failed, 0);
}

#[test]
fn more_clients_than_the_queue_holds_lose_nothing_to_a_blocked_pool() {
    let site = Site::default();
    let server = site.serve(2, 2, |settings| settings.accepted_queue_size = Some(4));
    let mut kept = kept_alive(&server, 50);
    let blocked = site.block(&server, 2);
    kept.iter_mut().for_each(|client| client.send(get("/waits")));
    let mut half = half_head(&server);
    half.send("/1.1\r\nHost: a\r\n\r\n");
    release(&site, blocked);
    kept.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/waits"));
    assert_eq!(half.answer().text(), "/half");
    assert_eq!(server.server().statistics().turned_away, 0);
}

fn half_head(server: &TestServer) -> Client {
    let mut client = Client::connect(server.address());
    client.send("GET /half HTTP");
    client
}

/// Opens the door, and reads the answers that waited behind it.
fn release(site: &Site, mut blocked: Vec<Client>) {
    site.door.open();
    blocked.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/blocked"));
}

fn assert_unavailable(client: &mut Client) {
    let answer = assert_refused(client, 503);
    assert!(answer.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{answer:?}");
}

/// Reads a refusal, behind which the connection ends in order.
fn assert_refused(client: &mut Client, status: u16) -> Answer {
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (status, true), "{answer:?}");
    client.end();
    client.assert_closed();
    answer
}
