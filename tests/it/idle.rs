//! Ten thousand idle clients: each costs a descriptor and a little memory, no thread and no
//! wake-up.

use std::time::{Duration, Instant};

use crate::client::{Client, get, wait_until};
use crate::process::{is_alone_with, most_descriptors};
use crate::service::Service;

const CLIENTS: u32 = 10_000;
/// The time for which the server is left alone.
const QUIET: Duration = Duration::from_secs(5);
/// No deadline comes near, so nothing is due either.
const SETTINGS: &str =
    "thread_pool=10 thread_idle_timeout=1 socket_timeout=600 keep_alive_timeout=600 max_connections=-1";

#[test]
fn ten_thousand_idle_clients_take_no_thread_little_memory_and_no_wake_up() {
    const NAME: &str = "idle::ten_thousand_idle_clients_take_no_thread_little_memory_and_no_wake_up";
    /// Descriptors for each side besides the connections.
    const SPARE: u32 = 200;
    let limit = most_descriptors().min(CLIENTS + SPARE);
    if !is_alone_with(limit, NAME) {
        return;
    }
    let count = limit - SPARE;
    if count < CLIENTS {
        println!("with {count} clients instead of {CLIENTS}: a process may have no more than {limit} descriptors here");
    }
    let service = Service::start_with(limit, SETTINGS);
    // One-time allocations are made before the measurement.
    (0..100).for_each(|_| Client::connect(service.address()).assert_in_step("/", "/"));
    wait_until("they have left", || service.counts().of("parked") == 0);
    let empty = service.figures().resident();

    let clients = idle_clients(&service, count as usize);
    wait_until("the pool is at its size", || service.counts().of("threads") == 10);
    assert_eq!(service.figures().threads().len(), 10 + 2, "ten workers, one that accepts, one that keeps the time");
    let each = (service.figures().resident().saturating_sub(empty)) / u64::from(count);
    println!("{count} idle clients: {each} bytes each, above {empty} bytes");
    assert!(each < 1024, "{each} bytes for each idle client");

    // A new client is served, and no deadline or eviction made room.
    Client::connect(service.address()).assert_in_step("/new", "/new");
    wait_until("the others are still there", || service.counts().of("parked") == u64::from(count));

    // On a busy machine a thread may fall asleep late: look for a period without any wake-up.
    let is_quiet = (0..3).any(|_| {
        let before = quiet(&service);
        let begun = Instant::now();
        wait_until("some time has passed", || begun.elapsed() >= QUIET);
        service.figures().switches() == before
    });
    assert!(is_quiet, "threads have been woken with nothing to do");
    drop(clients);
    wait_until("all have left", || service.counts().of("parked") == 0);
}

#[test]
#[ignore = "needs strace; .ci/run has it"]
fn an_idle_server_returns_from_no_system_call() {
    let file = std::env::temp_dir().join(format!("drupe-strace-{}", std::process::id()));
    let service = Service::start_traced(&file, SETTINGS);
    let mut clients = idle_clients(&service, 100);
    wait_until("the pool is at its size", || service.counts().of("threads") == 10);
    let trace = || std::fs::read_to_string(&file).unwrap();
    let mut seen = trace().len();
    let mut since = Instant::now();
    wait_until("nothing is traced for a while", || {
        let now = trace().len();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        since.elapsed() >= QUIET
    });
    // And that was not because nothing is traced at all.
    clients[0].assert_in_step("/", "/");
    let woken = trace()[seen..].lines().any(|line| line.contains("epoll_wait resumed") || line.contains("epoll_wait("));
    assert!(woken, "strace does not show what it should: {}", &trace()[seen..]);
    drop((clients, service));
    std::fs::remove_file(file).unwrap();
}

/// Clients that have had an answer and are parked.
fn idle_clients(service: &Service, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    while clients.len() < count {
        let mut more: Vec<Client> =
            (clients.len()..count).take(500).map(|_| Client::connect(service.address())).collect();
        more.iter_mut().for_each(|client| client.send(get("/")));
        more.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
        clients.append(&mut more);
    }
    wait_until("all are parked", || service.counts().of("parked") == count as u64);
    clients
}

/// Waits until the threads of the server sleep. Returns the count at that time.
fn quiet(service: &Service) -> u64 {
    let mut last = service.figures().switches();
    let mut since = Instant::now();
    wait_until("the threads are asleep", || {
        let now = service.figures().switches();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() >= Duration::from_millis(300)
    });
    last
}
