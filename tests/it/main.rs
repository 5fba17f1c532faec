//! Tests of the server from outside: one binary, one module per subject.
//!
//! Everything goes over real sockets on port 0. Tests wait on conditions, and assert behaviour and
//! counts, not speed.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]
#![expect(clippy::print_stdout, reason = "a failed test prints its findings")]

// Shared: a strict client over plain sockets.
mod client;

// Shared: the same client over TLS, and certificates.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod secure;

// Shared: many slow clients in one thread.
mod crowd;

// Shared: a door at which handlers wait.
mod door;

// Shared: a process for one test, a server in another process, and the figures of a process.
mod figures;
mod process;
mod service;

// Shared: a directory for sockets, and other users.
mod place;

// The cases of tests/data over a socket.
mod cases;

// The cases themselves: number, rules, origins.
mod corpus;

// One connection: order, persistence, expectations, framing, content in and out.
mod exchange;

// The ends of answers and connections in rare orders of events.
mod endings;

// Advisories, the design and the README, compared with the code.
mod advisories;
mod architecture;
mod readme;

// The fuzz targets, compared with their tables.
mod fuzzing;

// The crates underneath: licences and versions.
mod licences;

// Answers of the server itself, shaped by the program.
mod shaped;

// Limits of sizes: the limit itself passes, one more is refused.
mod limits;

// The order of eviction for a new connection.
mod evicted;

// Time limits, also while workers or the queue are busy.
mod deadlines;
mod late;

// Bodies fed by senders, without a thread, and event streams.
mod channel;
mod events;

// Upgraded connections without a thread.
mod sessions;

// Random schedules of streams, and what their callbacks, clients and settings may do.
mod stream_storm;
mod streams;

// Clients that are slow to send or to read.
mod parked;

// Memory of partial requests.
mod incoming;

// The pool, beside silent clients and handlers that block or panic.
mod pool;

// The pool when all workers are taken.
mod silent;

// Time limits of handlers.
#[cfg(feature = "router")]
mod overtime;

// The scheduler: handlers in parallel, input and output beside handlers that block.
mod schedule;

// Large answers to clients that read without pause.
mod large;

// Ten thousand clients that do nothing.
mod idle;

// Five hundred clients that trickle.
mod slow;

// Causes of outages in other servers.
mod deaths;

// Refusals by the system: descriptors, threads, memory; clocks that jump.
mod faults;

// Networks that lose, delay and cut; clients that are killed or stopped.
mod killed;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod killed_tls;
mod network;

// A stop under a mixed load.
mod stop;

// Starts and reloads without descriptors.
#[cfg(feature = "cli")]
mod exhausted;

// Random clients and random settings.
mod storm;

// Settings that change while the server runs.
mod reload;

// Start, stop, restart, without leaks.
mod lifecycle;

// Signals, and stops that are cut short.
#[cfg(all(feature = "process", feature = "signals"))]
mod driven;
#[cfg(feature = "signals")]
mod signals;

// The bus; servers of the embedder; restarts.
#[cfg(feature = "process")]
mod bus;
#[cfg(feature = "process")]
mod instance;
#[cfg(feature = "process")]
mod restart;

// Addresses and ports.
mod listening;

// Listening sockets of the program's own.
mod given;

// The same over Unix sockets, and their files.
mod unix;

// Credentials of Unix clients.
mod identity;

// Several listeners, and inherited sockets.
#[cfg(feature = "systemd")]
mod inherited;

// Notifications to systemd.
mod notify;

// TLS: handshakes, facts for handlers, hostile clients, changing certificates, other programs.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_files;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_hostile;
#[cfg(feature = "cli")]
mod tls_material;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_outside;

// Behind proxies: raw bytes, and HAProxy, nginx, httpd and Caddy themselves.
mod frontends;
mod proxied;

// The guide and its files for operators.
#[cfg(feature = "cli")]
mod deploy;
mod guide;

// Upgraded connections.
mod upgrade;

// The programs of `examples/`.
mod examples;

// Handlers as users write them.
#[cfg(all(feature = "forms", feature = "json"))]
mod handlers;

// The layers of the crate, over sockets.
#[cfg(feature = "layers")]
mod layers;
// Routes: methods, limits, mounts.
#[cfg(all(feature = "router", feature = "files", feature = "wsgi"))]
mod routes;

// Memory counted by the server, compared with the system's count.
mod held;

// Every kind of body over the wire, and bodies through the filters of layers.
mod bodies;
mod layered;

// Files without a known length, and files that change while they are sent.
#[cfg(all(feature = "files", feature = "compression", any(feature = "tls", feature = "tls-aws-lc")))]
mod changing;

// Compressed responses.
#[cfg(feature = "compression")]
mod compressed;

// curl as the client.
mod curl;

// Uploads: wrong forms, and forms of curl, requests and Chromium.
#[cfg(feature = "multipart")]
mod multipart;

// slowhttptest as the attacker.
#[cfg(feature = "cli")]
mod slowhttptest;

// A mixed load for any time.
mod soak;

// WSGI-style applications, and CGI programs.
#[cfg(feature = "wsgi")]
mod wsgi;

// `write` of applications.
#[cfg(all(feature = "statistics", feature = "wsgi"))]
mod write;

// Environ keys: behind proxies, over TLS, over Unix sockets.
#[cfg(feature = "wsgi")]
mod environ;

// The environ, compared with cheroot's.
#[cfg(feature = "wsgi")]
mod cheroot;

// The cases, sent to other servers.
mod differences;

// The program: flags, the environment, files, logs.
#[cfg(feature = "cli")]
mod program;
#[cfg(feature = "cli")]
mod site;

// The program as users of other file servers type it.
#[cfg(feature = "cli")]
mod habits;

// The first lines of the program: what is served at which addresses.
#[cfg(feature = "cli")]
mod announced;

// The health check of containers.
#[cfg(feature = "cli")]
mod health;

// Starts of the program that fail: ports in use, folders, values.
#[cfg(feature = "cli")]
mod refused;

// The manual page and the completions of the program, in their own programs.
#[cfg(feature = "cli")]
mod generated;

// Every attribute of CherryPy's adapter, with its tests.
mod seed;
// The program as a daemon.
#[cfg(feature = "cli")]
mod daemon;
// Statistics, also in a browser.
#[cfg(feature = "statistics")]
mod browser;
// A listing of files in the same browser.
#[cfg(all(feature = "files", feature = "statistics"))]
mod listed;
#[cfg(feature = "router")]
mod routed;
mod statistics;
#[cfg(feature = "statistics")]
mod statistics_page;

// The log.
mod logging;

// Surroundings of the process: signals, pipes, closed descriptors.
#[cfg(feature = "signals")]
mod host;

// Fixed defects.
mod regression;
