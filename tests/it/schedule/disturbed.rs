//! Disturbances of the scheduler: panics, a process that is stopped and continued, refused threads.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::{Client, get, wait_until};
use crate::place::Place;
use crate::schedule::{Site, kept_alive, task};
use crate::service::{LARGE_LENGTH, Service};

#[test]
fn panic_costs_its_connection_only_on_fast_and_slow_routes() {
    for workers in [1, 3] {
        for takes in ["0", "3000"] {
            let site = Site::default();
            let server =
                site.serve(workers, workers, |settings| settings.header_timeout = Some(Duration::from_millis(300)));
            let mut others = kept_alive(&server, 5);
            for _ in 0..100 {
                others[0].send(task("/route", takes));
                assert_eq!(others[0].answer().text(), "/route");
            }
            for round in 1..=20 {
                let mut client = Client::connect(server.address());
                client.send(task("/route", "panic"));
                // In the same moment.
                others.iter_mut().for_each(|client| client.send(get("/route")));
                let answer = client.answer();
                assert_eq!((answer.status, answer.closes()), (500, true));
                client.assert_closed();
                others.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/route"));
                assert_eq!(server.server().statistics().panics, round);
            }
            // Deadlines still expire, and all workers are still there.
            let mut half = Client::connect(server.address());
            half.send("GET / HTT");
            assert_eq!(half.answer().status, 408);
            let mut blocked = site.block(&server, workers);
            site.door.open();
            blocked.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/blocked"));
            assert_eq!(server.server().statistics().threads, workers);
        }
    }
}

#[test]
fn process_that_is_stopped_and_continued_under_load_loses_no_request() {
    let place = Place::new();
    let file = place.path("id");
    let script = format!("echo $$ > {} && exec \"$0\" \"$@\"", file.display());
    let service = Service::start_after(&script, "thread_pool=2 thread_pool_max=8 accepted_queue_timeout=60");
    let id = std::fs::read_to_string(file).unwrap();
    let signal = |signal: &str| {
        let status = Command::new("kill").args([signal, id.trim()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    };
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..12 {
            let (is_over, asked, address) = (&is_over, &asked, service.address());
            scope.spawn(move || {
                let mut kept = Client::connect(address);
                for turn in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let targets = [format!("/x/{client}/{turn}"), format!("/block/{}", turn % 4), "/y".to_owned()];
                    kept.send(targets.iter().map(|target| get(target)).collect::<String>());
                    targets.iter().for_each(|target| assert_eq!(kept.answer().text(), target));
                    Client::connect(address).assert_in_step("/new", "/new");
                    asked.fetch_add(4, Ordering::SeqCst);
                }
            });
        }
        // The pauses are the subject of the test: the process loses time, and runs in between.
        for round in 0..20 {
            thread::sleep(Duration::from_millis(30));
            signal("-STOP");
            thread::sleep(Duration::from_millis(10 * round));
            signal("-CONT");
        }
        is_over.store(true, Ordering::SeqCst);
    });
    Client::connect(service.address()).assert_in_step("/after", "/after");
    let counts = service.counts();
    assert_eq!(counts.of("requests"), asked.load(Ordering::SeqCst) + 1);
    for name in ["turned_away", "timed_out", "refused", "broken_off", "panics"] {
        assert_eq!(counts.of(name), 0, "{name}");
    }
    // A connection that has been answered may wait there for a last look.
    wait_until("the queue is empty", || service.counts().of("queue") == 0);
    assert!(counts.of("threads") <= 8);
    // The pool is full now and then, and says so.
    let logged = service.logged();
    assert!(logged.iter().all(|line| line.starts_with("all 8 workers are busy")), "{logged:?}");
}

/// Stacks of 64 MiB and room for few of them keep the pool below its limit.
#[test]
fn input_and_output_go_on_if_more_threads_are_refused() {
    const HOLDING: usize = 40;
    let settings = "thread_pool=2 thread_pool_max=64 thread_stack_size=67108864 header_timeout=1 \
                    accepted_queue_timeout=60 write_timeout=60";
    let service = Service::start_after("ulimit -v 800000 && exec \"$0\" \"$@\"", settings);
    let mut download = Client::connect(service.address());
    download.send(get("/large"));
    // A connection that has sent nothing is parked as well.
    wait_until("the answer is parked", || {
        let counts = service.counts();
        (counts.of("requests"), counts.of("parked")) == (1, 1)
    });
    let mut holding: Vec<Client> = (0..HOLDING).map(|_| Client::connect(service.address())).collect();
    holding.iter_mut().for_each(|client| client.send(get("/hold")));
    wait_until("every worker blocks and another is refused", || {
        let counts = service.counts();
        let running = counts.of("requests") - counts.of("answered") - 1;
        running == counts.of("threads") && !service.logged().is_empty()
    });
    let mut half = Client::connect(service.address());
    half.send("GET / HTT");
    assert_eq!(download.answer().content.len(), LARGE_LENGTH);
    assert_eq!(half.answer().status, 408);
    let threads = service.figures().threads().len();
    assert!(threads < HOLDING, "{threads} threads: none was refused");
    wait_until("all have been served", || {
        service.release();
        service.counts().of("answered") == 1 + HOLDING as u64
    });
    holding.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "held"));
    Client::connect(service.address()).assert_in_step("/after", "/after");
    assert_eq!((service.counts().of("turned_away"), service.counts().of("panics")), (0, 0));
}
