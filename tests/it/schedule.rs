//! The scheduler from outside: handlers in parallel, input and output beside handlers that block,
//! stops, order and fairness.
//!
//! A request asks its handler to block, to sleep or to panic by a field, not by its path. So one
//! route can be short for hundreds of requests and then block.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use drupe::testing::TestServer;
use drupe::{Body, Request, Settings};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::door::Door;

mod blocked;
mod disturbed;
mod fair;
mod order;
mod parallel;
mod quiet;
mod stopping;

/// The handler of these tests, with counts of its calls.
#[derive(Clone, Default)]
struct Site {
    door: Door,
    calls: Arc<AtomicU64>,
    running: Arc<AtomicUsize>,
    /// The most calls that ran at once.
    most: Arc<AtomicUsize>,
}

impl Site {
    /// Serves the site with `workers` threads, up to `most`, and with other settings changed by
    /// `change`.
    ///
    /// A request may wait in the queue for longer than a test takes, unless `change` sets another
    /// limit.
    fn serve(&self, workers: usize, most: usize, change: impl FnOnce(&mut Settings)) -> TestServer {
        let site = self.clone();
        TestServer::with(
            move |request: &mut Request| site.answer(request),
            |settings| {
                (settings.thread_pool, settings.thread_pool_max) = (workers, Some(most));
                settings.accepted_queue_timeout = 2 * PATIENCE;
                settings.write_timeout = Some(2 * PATIENCE);
                change(settings);
            },
        )
    }

    /// Answers with the target, or with as many bytes as the path says behind `/bytes/`.
    fn answer(&self, request: &mut Request) -> Body {
        let _call = Call::of(self);
        match request.headers().get("task").map(|task| task.to_str().unwrap()) {
            None => {}
            Some("wait") => self.door.pass(),
            Some("panic") => panic!("a defect of the handler, on purpose"),
            Some(micros) => thread::sleep(Duration::from_micros(micros.parse().unwrap())),
        }
        match request.uri().path().strip_prefix("/bytes/") {
            Some(length) => vec![b'x'; length.parse().unwrap()].into(),
            None => request.uri().to_string().into(),
        }
    }

    /// Connects `count` clients and waits until all their handlers wait at the door.
    fn block(&self, server: &TestServer, count: usize) -> Vec<Client> {
        let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server.address())).collect();
        clients.iter_mut().for_each(|client| client.send(task("/blocked", "wait")));
        wait_until("the handlers block", || self.door.waiting() == count);
        clients
    }
}

/// A call of the handler, from begin to end, including a panic.
struct Call<'a>(&'a Site);

impl<'a> Call<'a> {
    fn of(site: &'a Site) -> Self {
        site.calls.fetch_add(1, Ordering::SeqCst);
        site.most.fetch_max(site.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self(site)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A request with a task for the handler: `wait` at the door, `panic`, or sleep for so many
/// microseconds.
fn task(target: &str, task: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nTask: {task}\r\n\r\n")
}

/// Requests `target` until the handler counts as short.
fn make_known_as_fast(client: &mut Client, target: &str) {
    (0..200).for_each(|_| client.assert_in_step(target, target));
}

/// Connects clients that have had an answer each.
fn kept_alive(server: &TestServer, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/first")));
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().text(), "/first"));
    clients
}

/// More than all buffers between server and client hold.
const LARGE: usize = 32 << 20;
