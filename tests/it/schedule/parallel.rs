//! Handlers in parallel: as many as the pool allows, and never more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::{Client, get, wait_until};
use crate::schedule::{Site, kept_alive, make_known_as_fast, task};

const WORKERS: usize = 4;
const MOST: usize = 8;

#[test]
fn waiting_handlers_all_run_at_once() {
    for count in 1..=MOST {
        for is_known_as_fast in [false, true] {
            let site = Site::default();
            let server = site.serve(WORKERS, MOST, |_| {});
            let mut clients = kept_alive(&server, count);
            if is_known_as_fast {
                make_known_as_fast(&mut clients[0], "/route");
            }
            clients.iter_mut().for_each(|client| client.send(task("/route", "wait")));
            wait_until(&format!("{count} handlers run at once"), || site.door.waiting() == count);
            assert!(server.server().statistics().threads <= MOST);
            site.door.open();
            clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/route"));
        }
    }
}

/// Handlers of a millisecond, five at a time, ran two by two while eight workers slept.
#[test]
fn short_handlers_overlap() {
    const CLIENTS: usize = 5;
    const ROUNDS: usize = 100;
    const SERVERS: usize = 4;
    for micros in ["1000", "3000"] {
        let mut rounds = [0; CLIENTS + 1];
        // The first rounds may decide how the later ones go: several servers, so that luck counts for less.
        for _ in 0..SERVERS {
            let site = Site::default();
            let server = site.serve(10, 10, |_| {});
            let mut clients = kept_alive(&server, CLIENTS);
            for _ in 0..ROUNDS {
                site.most.store(0, Ordering::SeqCst);
                clients.iter_mut().for_each(|client| client.send(task("/short", micros)));
                clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/short"));
                rounds[site.most.load(Ordering::SeqCst)] += 1;
            }
        }
        println!("{micros} us: rounds by the most handlers at once: {rounds:?}");
        // A busy machine may keep some of them apart, but not in most rounds.
        let overlapped: usize = rounds[CLIENTS - 1..].iter().sum();
        assert!(2 * overlapped > SERVERS * ROUNDS, "{micros} us: {rounds:?}");
    }
}

#[test]
fn handlers_never_outnumber_the_pool() {
    for most in [1, 2, 5] {
        let site = Site::default();
        let server = site.serve(1, most, |_| {});
        let mut clients = kept_alive(&server, 12);
        make_known_as_fast(&mut clients[0], "/route");
        thread::scope(|scope| {
            for (number, client) in clients.iter_mut().enumerate() {
                scope.spawn(move || {
                    for turn in 0..60 {
                        let target = ["/route", "/other"][turn % 2];
                        // The route is short but for every seventh request.
                        let takes = if (turn + number) % 7 == 0 { "2000" } else { "0" };
                        client.send(task(target, takes).repeat(3));
                        (0..3).for_each(|_| assert_eq!(client.answer().text(), target));
                    }
                });
            }
        });
        // A fast route suddenly blocks, for more requests than there may be workers.
        let (blocking, fast) = clients.split_at_mut(8);
        blocking.iter_mut().for_each(|client| client.send(task("/route", "wait")));
        wait_until("as many handlers block as there may be", || site.door.waiting() == most);
        fast.iter_mut().for_each(|client| client.send(get("/route")));
        wait_until("the others wait for a worker", || server.server().statistics().queue == 8 - most + 4);
        assert_eq!(site.running.load(Ordering::SeqCst), most);
        assert_eq!(server.server().statistics().threads, most);
        site.door.open();
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/route"));
        assert_eq!(site.most.load(Ordering::SeqCst), most);
    }
}

/// A handler of a millisecond made the pool twice as large as there were clients.
#[test]
fn pool_never_outnumbers_its_clients() {
    const CLIENTS: usize = 64;
    let site = Site::default();
    let server = site.serve(2, 256, |_| {});
    let mut clients = kept_alive(&server, CLIENTS);
    let is_over = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::SeqCst) {
                most = most.max(server.server().statistics().threads);
                thread::sleep(Duration::from_micros(500));
            }
            most
        });
        let asking: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| ask(client))).collect();
        let asked: Vec<_> = asking.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        asked.into_iter().for_each(|asked| asked.unwrap());
        watching.join().unwrap()
    });
    println!("{most} workers for {CLIENTS} clients");
    assert!(most <= CLIENTS, "{most} workers for {CLIENTS} clients");
}

fn ask(client: &mut Client) {
    for _ in 0..400 {
        client.send(task("/short", "1000"));
        assert_eq!(client.answer().text(), "/short");
    }
}
