//! The pool: requests are served beside clients that are silent or too many, and beside handlers
//! that block or panic.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use drupe::http::{Method, Uri};
use drupe::testing::TestServer;
use drupe::{Body, Handler, IntoResponse, Request, Response};

use crate::client::{Client, PATIENCE, get, post, wait_until};
use crate::door::Door;

/// `/block` waits at the door; the answer to any other request is its target.
fn at(door: &Door) -> impl Fn(&mut Request) -> String + Send + Sync + 'static {
    let door = door.clone();
    move |request| {
        if request.uri().path() == "/block" {
            door.pass();
        }
        request.uri().to_string()
    }
}

#[test]
fn silent_connections_take_no_worker() {
    for silent in [10, 100] {
        let server = TestServer::with(
            |_: &mut Request| "served",
            |settings| {
                settings.thread_pool = 10;
                settings.thread_pool_max = Some(10);
            },
        );
        let mut clients: Vec<Client> = (0..silent).map(|_| Client::connect(server.address())).collect();
        // Half of them have begun a head.
        clients.iter_mut().step_by(2).for_each(|client| client.send("GET / HTT"));
        Client::connect(server.address()).assert_in_step("/", "served");
        wait_until("all are parked", || server.server().statistics().parked == silent);
        wait_until("no worker is held", || server.server().statistics().threads_idle == 10);
        // It was no deadline that freed one.
        let statistics = server.server().statistics();
        assert_eq!((statistics.timed_out, statistics.parked, statistics.threads), (0, silent, 10));
        clients[0].send("P/1.1\r\n\r\n");
        assert_eq!(clients[0].answer().status, 400);
    }
}

#[test]
fn the_pool_grows_with_handlers_that_block_and_shrinks_again() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        settings.thread_pool = 4;
        settings.thread_idle_timeout = Duration::from_millis(300);
    });
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/block")));
    wait_until("all handlers block at the same time", || door.waiting() == 50);
    assert!(server.server().statistics().threads >= 50);
    door.open();
    for client in &mut clients {
        assert_eq!(client.answer().text(), "/block");
    }
    // Not below it either: several time out at once.
    wait_until("the pool is back at its size", || server.server().statistics().threads == 4);
    // And those that stayed still work.
    for client in &mut clients {
        client.assert_in_step("/after", "/after");
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.accepts), (100, 50));
}

#[test]
fn handlers_that_take_their_time_are_served_side_by_side() {
    let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = TestServer::with(
        move |_: &mut Request| {
            seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(200));
            running.fetch_sub(1, Ordering::SeqCst);
            "done"
        },
        |settings| {
            settings.thread_pool = 4;
            settings.thread_idle_timeout = Duration::from_millis(300);
        },
    );
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "done"));
    // By how much is a matter of speed; that four did not do it all is not.
    assert!(most.load(Ordering::SeqCst) > 4, "{most:?} at once");
    wait_until("the pool is back at its size", || server.server().statistics().threads == 4);
    assert_eq!(server.server().statistics().requests, 50);
}

#[test]
fn the_pool_does_not_grow_over_its_limit() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        settings.thread_pool = 2;
        settings.thread_pool_max = Some(5);
    });
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/block")));
    wait_until("as many block as there may be workers", || door.waiting() == 5);
    wait_until("the others wait", || {
        let statistics = server.server().statistics();
        statistics.queue + statistics.parked == 15
    });
    assert_eq!(server.server().statistics().threads, 5);
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/block"));
    assert_eq!(server.server().statistics().requests, 20);
}

#[test]
fn requests_that_wait_for_a_worker_for_too_long_are_refused_in_time_and_those_in_handlers_answered() {
    let patience = Duration::from_millis(500);
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        settings.thread_pool = 2;
        settings.thread_pool_max = Some(2);
        settings.accepted_queue_size = Some(2);
        settings.accepted_queue_timeout = patience;
    });
    let mut served: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
    served.iter_mut().for_each(|client| client.send(get("/block")));
    wait_until("both workers block", || door.waiting() == 2);
    let mut queued: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
    queued.iter_mut().for_each(|client| client.send(get("/queued")));
    wait_until("the queue is full", || server.server().statistics().queue == 2);
    let begun = Instant::now();
    let mut late: Vec<Client> = (0..8).map(|_| Client::connect(server.address())).collect();
    late.iter_mut().for_each(|client| client.send(get("/late")));
    // The time in the queue counts as well as that beside it.
    for client in queued.iter_mut().chain(&mut late) {
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (503, true));
        assert!(answer.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{answer:?}");
    }
    // The waits do not add up: eight of them one after the other would be eight times as long.
    assert!(begun.elapsed() >= patience && begun.elapsed() < 6 * patience, "{:?}", begun.elapsed());
    for client in queued.iter_mut().chain(&mut late) {
        client.end();
        client.assert_closed();
    }
    door.open();
    served.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/block"));
    assert_eq!(server.server().statistics().turned_away, 10);
}

#[test]
fn client_without_room_at_first_is_served_if_room_comes_in_time() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        settings.thread_pool = 1;
        settings.thread_pool_max = Some(1);
        settings.accepted_queue_size = Some(1);
        settings.accepted_queue_timeout = PATIENCE;
    });
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/block")));
    wait_until("one blocks, the others wait", || {
        let statistics = server.server().statistics();
        door.waiting() == 1 && statistics.queue + statistics.parked == 19
    });
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/block"));
    assert_eq!(server.server().statistics().turned_away, 0);
}

#[test]
fn full_queue_without_timeout_answers_503_at_once() {
    let door = Door::default();
    let server = TestServer::with(at(&door), |settings| {
        settings.thread_pool = 1;
        settings.thread_pool_max = Some(1);
        settings.accepted_queue_size = Some(1);
        settings.accepted_queue_timeout = Duration::ZERO;
    });
    let mut served = Client::connect(server.address());
    served.send(get("/block"));
    wait_until("the worker blocks", || door.waiting() == 1);
    let mut queued = Client::connect(server.address());
    queued.send(get("/queued"));
    wait_until("the queue is full", || server.server().statistics().queue == 1);
    assert_eq!(Client::connect(server.address()).get("/late").status, 503);
    door.open();
    assert_eq!(served.answer().text(), "/block");
    assert_eq!(queued.answer().text(), "/queued");
}

#[test]
fn a_handler_that_blocks_does_not_hold_up_other_connections() {
    for threads in [1, 2] {
        let door = Door::default();
        let server = TestServer::with(at(&door), |settings| {
            settings.thread_pool = threads;
            settings.thread_pool_max = Some(threads + 2);
        });
        // One connection has been alone for long enough to have a worker to itself.
        let mut favourite = Client::connect(server.address());
        (0..50).for_each(|_| favourite.assert_in_step("/favourite", "/favourite"));
        favourite.send(get("/block"));
        wait_until("a handler blocks", || door.waiting() == 1);
        let mut others: Vec<Client> = (0..20).map(|_| Client::connect(server.address())).collect();
        for round in 0..10 {
            let target = format!("/{round}");
            others.iter_mut().for_each(|client| client.send(get(&target)));
            others.iter_mut().for_each(|client| assert_eq!(client.answer().text(), target));
        }
        assert_eq!(door.waiting(), 1, "it still blocks");
        door.open();
        assert_eq!(favourite.answer().text(), "/block");
    }
}

#[test]
fn connections_ready_beside_a_blocking_request_are_not_held_up() {
    // A blocking request and ordinary ones become ready in the same moment, again and again.
    let doors: Arc<Mutex<Vec<Door>>> = Arc::default();
    let list = Arc::clone(&doors);
    let server = TestServer::with(
        move |request: &mut Request| {
            if let Some(round) = request.uri().path().strip_prefix("/block/") {
                let door = list.lock().unwrap()[round.parse::<usize>().unwrap()].clone();
                door.pass();
            }
            request.uri().to_string()
        },
        |settings| {
            settings.thread_pool = 2;
            settings.thread_pool_max = Some(4);
        },
    );
    let mut blocking = Client::connect(server.address());
    let mut others: Vec<Client> = (0..10).map(|_| Client::connect(server.address())).collect();
    for round in 0..20 {
        let door = Door::default();
        doors.lock().unwrap().push(door.clone());
        let (front, back) = others.split_at_mut(5);
        front.iter_mut().for_each(|client| client.send(get("/other")));
        blocking.send(get(&format!("/block/{round}")));
        back.iter_mut().for_each(|client| client.send(get("/other")));
        others.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/other"));
        wait_until("it blocks", || door.waiting() == 1);
        door.open();
        assert_eq!(blocking.answer().text(), format!("/block/{round}"));
    }
}

#[test]
fn a_panic_costs_one_connection_and_no_worker() {
    let server = TestServer::with(
        |request: &mut Request| {
            assert!(request.uri().path() != "/panic", "a defect of the handler, on purpose");
            "fine"
        },
        |settings| {
            settings.thread_pool = 2;
            settings.thread_pool_max = Some(2);
        },
    );
    for round in 1..=20 {
        let mut client = Client::connect(server.address());
        let answer = client.get("/panic");
        assert_eq!((answer.status, answer.closes()), (500, true));
        assert!(!answer.text().contains("on purpose"), "the client is told too much: {:?}", answer.text());
        client.assert_closed();
        Client::connect(server.address()).assert_in_step("/", "fine");
        assert_eq!(server.server().statistics().panics, round);
    }
    assert_eq!(server.server().statistics().threads, 2);
}

/// The limit of this handler panics.
struct Limitless;

impl Handler for Limitless {
    fn handle(&self, _: &mut Request) -> Response {
        "fine".into_response()
    }

    fn body_limit(&self, _: &Method, _: &Uri) -> Option<u64> {
        panic!("on purpose")
    }
}

/// The answers to earlier requests of the connection arrive too.
#[test]
fn a_limit_that_panics_is_answered_with_a_500() {
    let server = TestServer::new(Limitless);
    let mut client = Client::connect(server.address());
    client.send([get("/").as_bytes(), &post("/", b"x")].concat());
    assert_eq!(client.answer().text(), "fine");
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes(), answer.text()), (500, true, "internal server error\n"));
    client.assert_closed();
    assert_eq!(server.server().statistics().panics, 1);
    Client::connect(server.address()).assert_in_step("/", "fine");
}

#[test]
fn a_body_that_panics_cuts_its_connection_only() {
    struct Panics;
    impl io::Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("a defect of the body, on purpose")
        }
    }
    let server = TestServer::with(
        |request: &mut Request| match request.uri().path() {
            "/stream" => Body::stream(|writer| {
                writer.write_all(b"half")?;
                writer.flush()?;
                panic!("a defect of the body, on purpose")
            }),
            "/reader" => Body::from_reader(Panics),
            _ => "fine".into(),
        },
        |settings| {
            settings.thread_pool = 1;
            settings.thread_pool_max = Some(1);
        },
    );
    let mut idle = Client::connect(server.address());
    idle.assert_in_step("/", "fine");
    for (count, target) in ["/stream", "/reader", "/stream", "/reader"].into_iter().enumerate() {
        let mut client = Client::connect(server.address());
        client.send(get(target));
        let error = client.answer_to("GET").expect_err("no whole answer");
        assert!(error.contains("the end") || error.contains("cut"), "{error}");
        idle.assert_in_step("/", "fine");
        assert_eq!(server.server().statistics().panics, count as u64 + 1);
    }
    assert_eq!(server.server().statistics().threads, 1);
}

#[test]
fn a_body_that_fails_halfway_is_seen_as_cut() {
    let server = TestServer::new(|request: &mut Request| match request.uri().path() {
        "/stream" => Body::stream(|writer| {
            writer.write_all(b"half")?;
            Err(io::Error::other("on purpose"))
        }),
        _ => "fine".into(),
    });
    let mut client = Client::connect(server.address());
    client.send(get("/stream"));
    let error = client.answer_to("GET").expect_err("no whole answer");
    assert!(error.contains("the end") || error.contains("cut"), "{error}");
    Client::connect(server.address()).assert_in_step("/", "fine");
}

#[test]
fn many_clients_at_once_each_get_their_own_answers() {
    let server = TestServer::new(|request: &mut Request| {
        let target = request.uri().to_string();
        std::mem::take(request.body_mut()).into_string().map(|content| target + &content)
    });
    let address = server.address();
    let failed = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..16)
        .map(|who| {
            let failed = Arc::clone(&failed);
            thread::spawn(move || {
                let mut client = Client::connect(address);
                for n in 0..200 {
                    if n % 50 == 49 {
                        client = Client::connect(address);
                    }
                    let content = format!("-{who}-{n}");
                    let answer = client.post("/mine", content.as_bytes());
                    if answer.text() != format!("/mine{content}") {
                        failed.store(true, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!failed.load(Ordering::SeqCst));
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.accepts), (16 * 200, 16 * 5));
}
