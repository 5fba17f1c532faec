//! Many processors: the work that one server does in parallel, the memory that its threads share,
//! and a projection to 16 processors.
//!
//! If your handlers are short, start one server for each processor, on the same port:
//!
//! ```
//! use std::num::NonZero;
//! use std::thread;
//!
//! use drupe::{Request, Server};
//!
//! fn hello(_request: &mut Request) -> &'static str {
//!     "hello\n"
//! }
//!
//! # fn main() -> Result<(), drupe::Error> {
//! let mut port = 0; // a free port; in production 80, for example
//! let mut servers = Vec::new();
//! for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
//!     let mut server = Server::new(hello);
//!     server.settings.socket_host = "127.0.0.1".to_owned();
//!     server.settings.socket_port = port;
//!     server.settings.reuse_port = true;
//!     server.start()?;
//!     port = server.bound_addr().map_or(port, |address| address.port());
//!     servers.push(server);
//! }
//! # assert!(servers.iter().all(|server| server.bound_addr().is_some_and(|bound| bound.port() == port)));
//! # Ok(())
//! # }
//! ```
//!
//! The kernel assigns each new connection to one of the servers by a hash of the addresses. With
//! few connections the shares are uneven. A small `thread_pool` is enough for each. Limits such as
//! `max_connections`, `thread_pool_max` and `accepted_queue_size` hold for each server, and each has
//! its own statistics. Several processes with `reuse_port` share a port in the same way.
//!
//! # What runs in parallel
//!
//! | handler, by its average time | threads at work for many clients |
//! |---|---|
//! | short: up to 100 microseconds, answer included | one, the [reactor](super::travel); if a single client sends without a pause, one worker for that client |
//! | long | as many as there are workers: each waits for a request itself, runs the handler and answers |
//!
//! A server with short handlers therefore uses little more than one processor, however many there
//! are. A server with long handlers uses all of them, if `thread_pool_max` is at least their number.
//!
//! # What a request writes
//!
//! Locked instructions for each request of a warm connection, counted under callgrind with
//! `GET /hello`, or with a handler that sleeps. A lock is two of them, one to lock and one to unlock.
//! *Pipelined*: one client sends 16 requests at a time. *Eight in turn*: eight clients, one request
//! at a time.
//!
//! | written | also written by | pipelined | one client | eight in turn | 64 at once | long handler |
//! |---|---|---|---|---|---|---|
//! | parking (the slots and deadlines of waiting connections): lock | all workers, accept threads | 0 | 0 | 4 | 2 | 4 |
//! | connections ready for the reactor: lock | any thread that gives a connection back | 0 | 0 | 0 | 2 | 0 |
//! | the reactor role: a handler begins and ends | the guard, a worker that takes the role | 0 | 0 | 2 | 2 | 0 |
//! | the workers waiting at the poller: count | all workers | 0 | 0 | 0 | 0 | 2 |
//! | queue; counters of the statistics; settings; handler; budgets of memory | | 0 | 0 | 0 | 0 | 0 |
//! | **shared by threads** | | **0** | **0** | **6** | **6** | **6** |
//! | the worker's current request and connection: lock | none; read by a stop, the statistics, time limits | 2 | 2 | 4 | 4 | 6 |
//! | the connection's own reference count | none | 0 | 0 | 2 | 2 | 2 |
//! | reference counts of the parts of a head | none, unless your handler sends parts to other threads | 10 | 10 | 8 | 8 | 10 |
//! | cancellation points of glibc, in the thread's own memory | none | 0 | 4 | 6 | 4 | 8 |
//!
//! - Each counter of the statistics has one writer and needs no locked instruction. A snapshot adds
//!   up the counters of all workers.
//! - The parts of the shared state lie on cache lines of their own, and so does each worker. The
//!   state that all threads only read stays in the caches of all processors.
//! - The average time of a route is written only if a measurement differs by more than an eighth.
//! - The locks that remain guard a connection that passes from one thread to another. While one
//!   thread holds the reactor role, no other thread takes them, except for a new connection.
//! - The two writes of the role let the guard take over from a handler that blocks.
//!
//! The system calls of a request are one read and one write. In the last three columns there is
//! also the wait at the poller: one call, shared by up to 256 connections.
//!
//! # Tried on two processors
//!
//! The machine was shared: other programs took most of both processors, and so did the client, with
//! 64 connections. The processor time of a request is comparable between the rows; the rates show
//! the order only. Medians of six runs, in brackets the best run:
//!
//! | servers | `/hello`: time, requests a second | 50 microseconds of work | 300 microseconds of work |
//! |---|---|---|---|
//! | one, on one processor | 8.3 us, 23,000 (64,000) | 66 us, 4,100 (6,000) | 339 us, 1,500 (1,700) |
//! | one, on both | 7.8 us, 46,000 (60,000) | 63 us, 9,400 (13,200) | 320 us, 2,800 (4,300) |
//! | two with `reuse_port`, one on each | 8.3 us, 68,000 (71,000) | 61 us, 13,400 (22,600) | 317 us, 5,000 (5,400) |
//!
//! With 50 microseconds of work, one reactor can serve at most 16,000 requests a second. Only the
//! two servers exceeded that, in their best run.
//!
//! # Projection to 16 processors
//!
//! This is an estimate on paper, not a measurement. Assumptions:
//!
//! - The server takes 7 microseconds of processor time for a small request, kernel included, and 20
//!   beside a long handler. Both were measured on two processors.
//! - A locked instruction on a cache line that another processor wrote last takes 0.1 microseconds,
//!   and reading such a line as much.
//! - The kernel holds its lock of the poller for 1 microsecond for each connection.
//! - The clients, the network and the memory of the handlers are no limit.
//!
//! **Short handlers.** The reactor does all work of a request, one request after another. The
//! number of requests that one server serves in a second is therefore at most one second divided by
//! the time of a request, on any number of processors:
//!
//! | handler | one server, requests a second | 16 servers with `reuse_port` |
//! |---|---|---|
//! | 0 us | 140,000 | 2,200,000 |
//! | 10 us | 59,000 | 940,000 |
//! | 50 us | 17,500 | 280,000 |
//! | 90 us | 10,300 | 165,000 |
//!
//! **Long handlers.** One server with handlers of 110 microseconds serves about 120,000 requests a
//! second on 16 processors. The longest serial parts are parking, two locks of about 0.5
//! microseconds with the lines of the slot, and the poller of the kernel, 1 microsecond. Each can
//! serve at most about 1,000,000 requests a second, so each is in use for 12 % of the time. One
//! poller is enough.
//!
//! Handlers between about 10 and 100 microseconds are the worst case: on 16 processors one server
//! serves a tenth of what the processors could. More pollers inside a server would give what several
//! servers with `reuse_port` give already, so there is no setting for that.
