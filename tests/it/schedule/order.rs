//! Pipelining: each answer leaves when its handler has returned, in order and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use drupe::testing::TestServer;
use drupe::{Request, Server};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::door::Door;
use crate::process::is_alone_with;
use crate::schedule::{Site, make_known_as_fast, task};

#[test]
fn answer_that_is_ready_leaves_before_a_slow_handler_returns() {
    for is_known in [false, true] {
        let site = Site::default();
        let server = site.serve(2, 4, |_| {});
        let mut client = Client::connect(server.address());
        if is_known {
            make_known_as_fast(&mut client, "/fast");
            for _ in 0..20 {
                client.send(task("/slow", "5000"));
                assert_eq!(client.answer().text(), "/slow");
            }
        }
        client.send(get("/fast?1") + &get("/fast?2") + &task("/slow", "wait") + &get("/fast?3"));
        assert_eq!(client.answer().text(), "/fast?1");
        assert_eq!(client.answer().text(), "/fast?2");
        wait_until("the slow handler waits", || site.door.waiting() == 1);
        site.door.open();
        assert_eq!(client.answer().text(), "/slow");
        assert_eq!(client.answer().text(), "/fast?3");
    }
}

#[test]
fn slow_pipelined_answers_come_one_by_one() {
    const COUNT: usize = 30;
    let doors: Arc<Vec<Door>> = Arc::new((0..COUNT).map(|_| Door::default()).collect());
    let own = Arc::clone(&doors);
    let server = TestServer::with(
        move |request: &mut Request| {
            own[request.uri().query().unwrap().parse::<usize>().unwrap()].pass();
            request.uri().to_string()
        },
        |settings| (settings.thread_pool, settings.thread_pool_max) = (2, Some(4)),
    );
    let mut client = Client::connect(server.address());
    let targets: Vec<String> = (0..COUNT).map(|number| format!("/slow?{number}")).collect();
    client.send(targets.iter().map(|target| get(target)).collect::<String>());
    for (number, target) in targets.iter().enumerate() {
        wait_until("the handler waits", || doors[number].waiting() == 1);
        assert!(doors[number + 1..].iter().all(|door| door.waiting() == 0), "a later handler has begun");
        // A slow one: an answer that is ready at once may be held back for the next.
        thread::sleep(Duration::from_millis(5));
        doors[number].open();
        assert_eq!(client.answer().text(), target);
    }
}

#[test]
fn fast_answers_do_not_overtake_a_slow_one() {
    let site = Site::default();
    let server = site.serve(4, 8, |_| {});
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(server.address())).collect();
    make_known_as_fast(&mut clients[0], "/fast");
    let behind: String = (0..40).map(|number| get(&format!("/fast?{number}"))).collect();
    clients.iter_mut().for_each(|client| client.send(task("/slow", "wait") + &behind));
    wait_until("the slow handlers wait", || site.door.waiting() == 4);
    let calls = site.calls.load(Ordering::SeqCst);
    // Other clients are served meanwhile, and no request behind a slow one.
    (0..20).for_each(|_| Client::connect(server.address()).assert_in_step("/fast", "/fast"));
    assert_eq!(site.calls.load(Ordering::SeqCst), calls + 20, "a request has overtaken another of its client");
    site.door.open();
    for client in &mut clients {
        assert_eq!(client.answer().text(), "/slow");
        (0..40).for_each(|number| assert_eq!(client.answer().text(), format!("/fast?{number}")));
    }
}

const CONNECTIONS: usize = 64;
const BATCHES: usize = 8;
const BATCH: usize = 8;
const IDLE: usize = 1000;
const MOST: usize = 16;

/// Handlers of a route are short, long and short again, and some clients ask for long ones.
#[test]
fn durations_that_jump_lose_double_and_reorder_nothing() {
    if !is_alone_with(4000, "schedule::order::durations_that_jump_lose_double_and_reorder_nothing") {
        return;
    }
    let calls: Arc<[AtomicU64; 4]> = Arc::default();
    let own = Arc::clone(&calls);
    let mut server = Server::new(move |request: &mut Request| {
        if let Some(route) = request.uri().path().strip_prefix("/route/") {
            let call = own[route.parse::<usize>().unwrap()].fetch_add(1, Ordering::SeqCst);
            let is_long = (call / 128) % 4 == 3 || request.headers().contains_key("long");
            if is_long {
                thread::sleep(Duration::from_millis(50));
            }
        }
        request.uri().to_string()
    });
    server.settings.socket_port = 0;
    (server.settings.thread_pool, server.settings.thread_pool_max) = (4, Some(MOST));
    server.settings.accepted_queue_timeout = 2 * PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut idle: Vec<Client> = (0..IDLE).map(|_| Client::connect(address)).collect();
    idle.iter_mut().for_each(|client| client.assert_in_step("/idle", "/idle"));
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| Client::connect(address)).collect();

    let is_over = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::SeqCst) {
                most = most.max(server.statistics().threads);
                thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let asking = clients.iter_mut().enumerate();
        let asking: Vec<_> = asking.map(|(number, client)| scope.spawn(move || ask(client, number))).collect();
        let asked: Vec<_> = asking.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        asked.into_iter().for_each(|asked| asked.unwrap());
        watching.join().unwrap()
    });
    assert!(most <= MOST, "{most} workers");
    let called: u64 = calls.iter().map(|count| count.load(Ordering::SeqCst)).sum();
    assert_eq!(called, (CONNECTIONS * BATCHES * BATCH) as u64);
    clients.iter_mut().for_each(|client| client.assert_in_step("/last", "/last"));
    idle.iter_mut().for_each(|client| client.assert_in_step("/last", "/last"));
    let statistics = server.statistics();
    assert_eq!(statistics.answered, called + 2 * IDLE as u64 + CONNECTIONS as u64);
    assert_eq!((statistics.turned_away, statistics.timed_out, statistics.broken_off), (0, 0, 0));
}

/// Sends batches in one segment each, and reads their answers in order.
fn ask(client: &mut Client, number: usize) {
    for batch in 0..BATCHES {
        let requests = (0..BATCH).map(|turn| (batch + turn, format!("/route/{}?{number}-{batch}-{turn}", turn % 4)));
        let requests: Vec<_> = requests.collect();
        // Every eighth client asks for long handlers in every other batch.
        let long = if number % 8 == 0 && batch % 2 == 1 { "Long: yes\r\n" } else { "" };
        let sent = requests.iter().map(|(_, target)| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{long}\r\n"));
        client.send(sent.collect::<String>());
        requests.iter().for_each(|(_, target)| assert_eq!(client.answer().text(), target));
    }
}
