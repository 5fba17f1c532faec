//! How a request travels: from the accept thread through parking, the reactor and a worker to its answer, and through a stop.
//!
//! ```text
//!            new              readable, writable, due         request of a handler not known to be short
//!  accept ────────► parking ─────────────────────────► reactor ─────────────────► queue ────────► workers
//!  threads             ▲                                  │ short handlers                           │
//!                      │                                  ▼                                          ▼
//!                      └───────────────────────────────  answer ◄──────────────────────────────── handler
//! ```
//!
//! # Threads
//!
//! | thread | how many | what it does |
//! |---|---|---|
//! | `drupe-accept` | one a listener | accepts, and nothing else: no read, no handshake |
//! | `drupe-1`, `drupe-2`, ... | `thread_pool` to `thread_pool_max` | workers: run handlers; one of them may hold the reactor role |
//! | `drupe-guard` | one | runs no handlers; holds the reactor role whenever no worker does |
//! | `drupe-upgrade` | one a connection that has left HTTP | runs the function given to [`upgrade`](crate::upgrade()) |
//! | `drupe-signals`, `drupe-exit` | under `quickstart` | do what signals ask for |
//!
//! # One connection
//!
//! A connection has one owner at any time: parking, the reactor, the queue, or a worker. It is moved from one to the next and never
//! shared.
//!
//! 1. **Accepted.** The time for its first head begins, or for its TLS handshake. It is parked until its first bytes come.
//! 2. **With the reactor.** The reactor reads what there is. If that is not a whole head, the connection is parked again: a client that
//!    trickles costs microseconds for each piece, and no thread in between. The same holds for a PROXY header and for TLS. The memory
//!    of all these parts is counted; above `max_parked_size` a head of more than 8 KiB is answered with 503.
//! 3. **The head is whole.** Its framing is judged, once; ambiguous framing is answered with 400 and closed. Fields that only a proxy
//!    should set are believed or removed.
//! 4. **Content.** Up to `body_buffer_size` bytes are received before the handler runs, again without a thread. A client that waits for
//!    `100 Continue` is sent it first. The handler reads the rest. With a `body_buffer_size` of 0 the handler reads all of it, and its
//!    first read sends `100 Continue`.
//! 5. **Queued**, unless the handler is known to be short. At most `accepted_queue_size` requests wait in the queue, more beside it. A
//!    request that has waited for `accepted_queue_timeout` is answered with 503 and `Retry-After: 1`.
//! 6. **The handler runs** on a worker, and may block. A panic in it costs this connection (500 if nothing has been sent) and nothing
//!    else.
//! 7. **The answer.** Text, bytes and files are sent as far as the client takes them; the rest is parked with the connection,
//!    `max_parked_size` bytes for all. An answer that is made while it is sent ([`Body::stream`](crate::Body::stream),
//!    [`from_reader`](crate::Body::from_reader)) holds its worker until the end.
//! 8. **After it.** Content that the handler has not read is dropped, up to `max_drain_size` and for `linger_timeout`; with more, the
//!    connection closes. A next request that is there already is served at once, a bounded number of times, and its answer waits for
//!    those of short handlers behind it, never for a slow one. Then the connection is parked, idle, for `keep_alive_timeout`.
//! 9. **Closed.** After an answer to an error the server ends its side only, drops what still comes for `linger_timeout`, and then
//!    closes, so that the client can read the reason.
//!
//! # Which thread runs next
//!
//! The *reactor* is a role that one thread holds at any time. Its holder waits for all clients at once and does all I/O that needs no
//! handler. It also runs handlers that are known to be short, up to some 100 microseconds by method and path: waking another thread
//! would cost more. Every other request goes to a worker at once.
//!
//! The *guard* keeps a handler from holding up the rest. A handler that suddenly takes longer than a millisecond loses the reactor role
//! to the guard and goes on as any worker's. So I/O goes on with every worker in a handler: connections are accepted, heads read, slow
//! answers sent, deadlines kept, and waiting requests answered with 503 in time.
//!
//! While requests wait and no worker sleeps, workers are added, up to `thread_pool_max`; they leave after `thread_idle_timeout`
//! without work. At the maximum a warning names the requests that hold the workers, once a second at most, and the slowest of the
//! clients that a worker has waited for, a second or more, give way, one for each request that waits: content ends with 408, an answer
//! in the middle.
//!
//! A lone client that asks without a pause is given a worker of its own, which waits `keep_alive_grace` for the next request.
//!
//! # Time
//!
//! Each wait for a client, until it has left HTTP, has a deadline that no byte moves. For content and answers it is an account: waiting is paid out of
//! `body_timeout` or `write_timeout`, what moves pays back at `minimum_rate`, and time in which the server was busy costs the client nothing.
//! When a deadline is over the reactor reads once more, since data that came before the deadline came in time; then it is 408
//! for a head or content, and a plain close for an idle connection, a PROXY header or a handshake.
//!
//! # A stop
//!
//! 1. [`is_shutting_down`](crate::RequestExt::is_shutting_down) becomes true for handlers and writers, and answers say `Connection: close`.
//! 2. The listeners are closed, and the connections that nothing has come from. A request that has come is answered.
//!    Clients that have just been refused may still read why, for what is left of `linger_timeout`.
//! 3. Requests under way go on, for `shutdown_timeout` at the most: handlers, content that is still received, answers still taken, and
//!    connections that have left HTTP, whose waiting reads fail once with `TimedOut` so that they can say goodbye.
//! 4. What is left is cut: its connection, not its thread, since a thread cannot be ended from outside. A handler that reads or writes notices;
//!    one that only computes or sleeps is waited for a moment longer and then left alone, with a line in the log.
//! 5. Every thread that has ended is joined. [`Stopped`](crate::process::Stopped) says how many requests were finished, how many connections cut, and
//!    how long it took.
//!
//! Where to read on: `src/engine/mod.rs` has a table of the rooms, `src/engine/reactor/mod.rs` the page that tells which thread runs next.
