//! How a request travels: the accept thread, the queue, workers, parking, the watch, and what becomes of all of them at a stop.
//!
//! ```text
//! listener ─► accept ─► queue ─► worker ─► proxy header · handshake · head · content · handler · answer
//!                         ▲         ▲                        │
//!                         │         └── leader: what is ready ◄── parking ◄── nothing to read, or no room to write
//!                         └── last looks ◄── watch: deadlines, handlers that block, who waits too long
//! ```
//!
//! # Threads
//!
//! | thread | how many | what it does |
//! |---|---|---|
//! | `drupe-accept` | one a listener | accepts, and nothing else: no read, no handshake |
//! | `drupe-1`, `drupe-2`, ... | `thread_pool` to `thread_pool_max` | everything that has to do with bytes of a client |
//! | `drupe-watch` | one | keeps the time, for all connections, and tells those it turns away; sleeps while nothing is due and nobody works |
//! | `drupe-upgrade` | one a connection that has left HTTP | what was given to [`upgrade`](crate::upgrade()) |
//! | `drupe-signals`, `drupe-exit` | under `quickstart` | what signals ask for |
//!
//! # One connection
//!
//! A connection has one owner at any time, and where it is says what it waits for: in the queue for a worker, with a worker, or parked
//! for its client. It is moved from one to the next and never shared.
//!
//! 1. **Accepted.** The time for its first head begins, or for its TLS handshake. It goes into the queue.
//! 2. **Queued.** At most `accepted_queue_size` connections wait. One that finds no room waits beside the queue, in order, for
//!    `accepted_queue_timeout`, and is then told 503 with `Retry-After: 1`, or, before a TLS handshake, closed. The accept thread never waits for any of this.
//! 3. **With a worker.** It reads what there is. If that is not a whole head, the connection is parked: a client that trickles costs
//!    microseconds of a worker for each piece, and no thread in between. The same holds for a PROXY header and for TLS. What all of them hold
//!    is counted; above `max_parked_size` a head of more than 8 KiB is not waited for, and its client told 503.
//! 4. **The head is whole.** Its framing is judged, once; what is ambiguous is answered with 400 and closed. Fields that a proxy should have
//!    set are believed or removed.
//! 5. **Content.** Up to `body_buffer_size` bytes are received before the handler runs, again without a thread while they are waited for.
//!    A client that waits for `100 Continue` is sent it first. What is more is read by the handler. With a `body_buffer_size` of 0 the
//!    handler reads all of it, and its first read sends `100 Continue`.
//! 6. **The handler runs**, on that worker, and may block. A panic in it costs this connection (500 if nothing has been sent) and nothing else.
//! 7. **The answer.** Text, bytes and files are sent as far as the client takes them; the rest is parked with the connection, `max_parked_size`
//!    bytes for all. An answer that is made while it is sent ([`Body::stream`](crate::Body::stream),
//!    [`from_reader`](crate::Body::from_reader)) holds its worker until the end.
//! 8. **After it.** Content that the handler has not read is dropped, up to `max_drain_size` and for `linger_timeout`; with more the connection closes. Bytes of a next
//!    request that are there already are served at once, a fair number of times; then others have their turn. Else it is parked, idle,
//!    for `keep_alive_timeout`.
//! 9. **Closed.** After an answer to an error the server ends its side only, drops what still comes for `linger_timeout`, and then closes, so
//!    that the client can read why.
//!
//! # Who works
//!
//! One idle worker, the leader, waits at the poller itself and serves what it finds, up to 64 ready connections at a time. The others
//! sleep, and nobody is woken for work that somebody who is awake reaches in microseconds. This is why a busy server costs few context
//! switches. A lone client that keeps asking is given a worker of its own, which waits `keep_alive_grace` for the next request.
//!
//! A handler that blocks must not hold up the rest. While anybody works, the watch looks once a millisecond. A worker that is still at the
//! same request is not counted on any more: somebody else leads, sleeping workers are called, and if there are none, new ones are added,
//! up to `thread_pool_max`. They leave again after `thread_idle_timeout`. So the number of threads follows the number of handlers that
//! block. At the maximum, connections wait in the queue, and the slowest of the clients that a worker has waited for, a second or more,
//! give way, one for each connection that waits: content ends with 408, an answer in the middle.
//!
//! # Time
//!
//! Each wait for a client, until it has left HTTP, has a deadline that no byte moves. For content and answers it is an account: waiting is paid out of
//! `body_timeout` or `write_timeout`, what moves pays back at `minimum_rate`, and time in which the server was busy costs the client nothing.
//! When a deadline is over a worker looks once more, since what has come and nobody had time to look at has come in time; then it is 408
//! for a head or content, and a plain close for an idle connection, a PROXY header or a handshake.
//!
//! # A stop
//!
//! 1. [`is_shutting_down`](crate::RequestExt::is_shutting_down) becomes true for handlers and writers, and answers say `Connection: close`.
//! 2. The listeners are closed, idle connections too, and those in the middle of a head.
//!    Clients that have just been refused may still read why, for what is left of `linger_timeout`.
//! 3. Requests under way go on, for `shutdown_timeout` at the most: handlers, content that is still received, answers still taken, and
//!    connections that have left HTTP, whose waiting reads fail once with `TimedOut` so that they can say goodbye.
//! 4. What is left is cut: its connection, not its thread, since a thread cannot be ended from outside. A handler that reads or writes notices;
//!    one that only computes or sleeps is waited for a moment longer and then left alone, with a line in the log.
//! 5. Every thread that has ended is joined. [`Stopped`](crate::process::Stopped) says how many requests were finished, how many connections cut, and
//!    how long it took.
//!
//! Where to read on: `src/engine/mod.rs` has a table of the rooms, `src/engine/reactor/mod.rs` the page that tells which thread runs next.
