//! Wake-ups: none in an idle server, few for a single request.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, wait_until};
use crate::place::Place;
use crate::service::Service;

const REQUESTS: u64 = 50;
/// No deadline comes near, so that nothing is due.
const SETTINGS: &str = "socket_timeout=600 keep_alive_timeout=600 thread_idle_timeout=600";

/// A server in a process of its own, with its count of wake-ups.
struct Counted {
    service: Service,
    id: String,
}

impl Counted {
    fn start() -> Self {
        let place = Place::new();
        let file = place.path("id");
        let script = format!("echo $$ > {} && exec \"$0\" \"$@\"", file.display());
        let service = Service::start_after(&script, SETTINGS);
        Self { service, id: fs::read_to_string(file).unwrap().trim().to_owned() }
    }

    /// Counts how often threads of the process went to sleep.
    fn sleeps(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id)).unwrap();
        let texts = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
        texts
            .map(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                line.unwrap().trim().parse::<u64>().unwrap()
            })
            .sum()
    }

    /// Waits until all threads stay asleep for a while, and returns the count of [`sleeps`](Self::sleeps).
    fn at_rest(&self) -> u64 {
        let (mut last, mut since) = (self.sleeps(), Instant::now());
        wait_until("the threads are asleep", || {
            let now = self.sleeps();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() >= Duration::from_millis(300)
        });
        last
    }
}

#[test]
fn idle_server_wakes_no_thread() {
    let counted = Counted::start();
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(counted.service.address())).collect();
    clients.iter_mut().for_each(|client| client.assert_in_step("/", "/"));
    let before = counted.at_rest();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(counted.sleeps() - before, 0, "wake-ups of an idle server");
}

#[test]
fn request_that_comes_alone_wakes_few_threads() {
    let counted = Counted::start();
    let mut kept = Client::connect(counted.service.address());
    (0..200).for_each(|_| kept.assert_in_step("/", "/"));
    let before = counted.at_rest();
    for _ in 0..REQUESTS {
        thread::sleep(Duration::from_millis(20));
        kept.assert_in_step("/", "/");
    }
    let woken = counted.at_rest() - before;
    println!("{woken} wake-ups for {REQUESTS} requests");
    assert!(woken < 3 * REQUESTS, "{woken} wake-ups for {REQUESTS} requests");
}

/// A thread for each connection would wake twice as well: for the handler's sleep, and for the next
/// request.
#[test]
fn handlers_that_block_wake_one_thread_for_each_request() {
    const CLIENTS: u64 = 8;
    let counted = Counted::start();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(counted.service.address())).collect();
    let mut ask = |requests| {
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(move || (0..requests).for_each(|_| client.assert_in_step("/block/2", "/block/2")));
            }
        });
    };
    // Until the server knows the handler, and has started as many threads as it needs.
    ask(20);
    let before = counted.at_rest();
    ask(REQUESTS);
    let (woken, requests) = (counted.at_rest() - before, CLIENTS * REQUESTS);
    println!("{woken} wake-ups for {requests} requests");
    assert!(2 * woken < 5 * requests, "{woken} wake-ups for {requests} requests");
}
