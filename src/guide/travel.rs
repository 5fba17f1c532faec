//! The path of a request: from the accept thread through parking, the reactor and a worker to the
//! answer, and through a stop.
//!
//! ```text
//!            new              readable, writable, due         request of a handler not known to be short
//!  accept ────────► parking ─────────────────────────► reactor ─────────────────► queue ────────► workers
//!  threads             ▲                                  │ short handlers                           │
//!                      │                                  ▼                                          ▼
//!                      └───────────────────────────────  answer ◄──────────────────────────────── handler
//! ```
//!
//! While handlers are long, idle workers wait for input themselves: a request then goes straight
//! from parking to a worker, without reactor and queue.
//!
//! # Threads
//!
//! For example, with the default settings and one listener, an idle server has one accept thread,
//! the workers `drupe-1` to `drupe-10` and the guard.
//!
//! | thread | number | task |
//! |---|---|---|
//! | `drupe-accept` | one for each listener | only accepts: no read, no handshake |
//! | `drupe-1`, `drupe-2`, ... | `thread_pool` to `thread_pool_max` | workers: run handlers; one of them may hold the reactor role |
//! | `drupe-guard` | one | runs no handlers; holds the reactor role whenever no worker does |
//! | `drupe-prompt` | none or one | runs [prompt](crate::Handler::prompt) handlers when no worker is free |
//! | `drupe-limits` | one, from the first [time limit](crate::Settings::request_timeout) of a handler on | answers 503 for handlers beyond their time limit |
//! | `drupe-upgrade` | one for each connection that has left HTTP by `upgrade` | runs the function given to [`upgrade`](crate::upgrade()) |
//! | `drupe-signals`, `drupe-exit` | under `quickstart` | carry out signals |
//!
//! # One connection
//!
//! A connection has one owner at any time: parking, the reactor, the queue, or a worker. The owner
//! moves the connection to the next owner and never shares it.
//!
//! 1. **Accepted.** The deadline for the first head, or for the TLS handshake, begins. The
//!    connection is parked until its first bytes arrive.
//! 2. **With the reactor.** The reactor reads the available bytes. If the head is incomplete, the
//!    reactor parks the connection again: a slow client costs microseconds for each piece, and no
//!    thread in between. PROXY headers and TLS handshakes are read in the same way. The server
//!    counts the memory of all these parts; above `max_parked_size`, a head of more than 8 KiB gets
//!    503.
//! 3. **The head is whole.** The server checks the framing once; ambiguous framing gets 400 and a
//!    close. Fields reserved for proxies are trusted or removed.
//! 4. **Content.** The server receives up to `body_buffer_size` bytes before the handler runs,
//!    again without a thread. If the client waits for `100 Continue`, the server sends it first.
//!    The handler reads the rest. With a `body_buffer_size` of 0 the handler reads all content, and
//!    its first read sends `100 Continue`.
//! 5. **Queued**, unless the handler is known to be short. At most `accepted_queue_size` requests
//!    wait in the queue, more beside the queue. Requests whose content has not come whole wait behind
//!    all others, and hold at most three quarters of `thread_pool_max` workers. After
//!    `accepted_queue_timeout` in the queue, a request gets 503 and `Retry-After: 1`.
//! 6. **The handler runs** on a worker, and may block. A panic costs this connection only (500 if
//!    nothing has been sent).
//! 7. **The answer.** The server sends text, bytes and files as far as the client reads, and parks
//!    the rest with the connection, `max_parked_size` bytes for all. A streamed answer
//!    ([`Body::stream`](crate::Body::stream), [`from_reader`](crate::Body::from_reader)) holds its
//!    worker until the end. Content of [`Body::channel`](crate::Body::channel) and of [event
//!    streams](crate::stream) is sent as it comes, and the connection is parked in between.
//! 8. **After it.** The server drops content unread by the handler, up to `max_drain_size` and for
//!    `linger_timeout`; with more content, the connection closes. If the next request has already
//!    come, it is served at once, a bounded number of times. The answers of short handlers are
//!    collected and sent together, but before a handler that may be slow. Then the connection is
//!    parked, idle, for `keep_alive_timeout`.
//! 9. **Closed.** After an error answer the server half-closes the connection, drops further input
//!    for `linger_timeout`, and then closes, so that the client can read the reason.
//!
//! # Which thread runs next
//!
//! The *reactor* is a role held by one thread at a time. The holder waits for all clients at once
//! and does all I/O that needs no handler. The holder also runs handlers known to be short, up to
//! some 100 microseconds by method and path: waking another thread would cost more. Every other
//! request goes to a worker at once.
//!
//! The *guard* prevents a handler from blocking the rest. If a handler suddenly takes longer than a
//! millisecond, the guard takes over the reactor role, and the handler continues as on any worker.
//! So I/O continues with every worker in a handler: the server accepts connections, reads heads,
//! sends slow answers, keeps deadlines, and answers waiting requests with 503 in time.
//!
//! While requests wait and no worker is idle, the server adds workers, up to `thread_pool_max`;
//! workers end after `thread_idle_timeout` without work. At the maximum, a warning names the
//! requests that hold the workers, once a second at most. The server then cuts the slowest clients
//! for which a worker has waited for a second or more, one for each waiting request. A client that
//! was sending content gets 408. An answer ends in the middle.
//!
//! A lone client that sends requests without a pause gets a dedicated worker, which waits
//! `keep_alive_grace` for the next request.
//!
//! # Time
//!
//! Until a connection leaves HTTP, each wait for the client has a deadline that no byte extends.
//! For content and answers, the deadline is a budget: waiting consumes `body_timeout` or
//! `write_timeout`, transferred bytes refill the budget at `minimum_rate`, and time with a busy
//! or stopped server costs the client nothing if bytes have come meanwhile. When a deadline
//! expires, the reactor reads once more, since data that arrived before the deadline counts as in
//! time. If nothing has arrived, half a head or content gets 408; a silent or idle connection, a
//! PROXY header or a handshake gets a plain close.
//!
//! # A stop
//!
//! 1. [`is_shutting_down`](crate::RequestExt::is_shutting_down) becomes true for handlers and
//!    writers, and answers contain `Connection: close`. Event streams end.
//! 2. The server closes the listeners, and the connections that have sent nothing. A request
//!    already received is answered. Clients refused just before may still read the reason, for the
//!    rest of `linger_timeout`.
//! 3. Requests in progress continue, for `shutdown_timeout` at most: handlers, incoming content,
//!    outgoing answers, and connections that have left HTTP. To say goodbye, the function of
//!    [`upgrade_parked`](crate::stream::upgrade_parked) is called once more, and a waiting read of
//!    [`upgrade`](crate::upgrade()) fails once with `TimedOut`.
//! 4. The server cuts the remaining connections, not their threads, since a thread cannot be ended
//!    from outside. A handler notices at its next read or write. If a handler only computes or
//!    sleeps, the server waits a moment longer, then abandons the thread with a line in the log.
//! 5. The server joins every thread that ends during the stop.
//!    [`Stopped`](crate::process::Stopped) has the number of finished requests, the number of cut
//!    connections, and the duration.
//!
//! To read on: `src/engine/mod.rs` has a table of the modules, and `src/engine/reactor/mod.rs`
//! explains the choice of the next thread.
