//! The server from outside: one binary, modules by subject.
//!
//! Everything goes over real sockets on port 0. Tests wait on conditions; what they assert is behaviour and counts, not speed.
#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]
#![expect(clippy::print_stdout, reason = "a test that fails shows what it has seen")]

// What they share: a raw client that trusts nothing.
mod client;

// What they share: the same client over TLS, and certificates.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod secure;

// What they share: many slow clients in one thread.
mod crowd;

// What they share: a door that handlers wait at.
mod door;

// What they share: a process of one's own, a server in another, and what the system says of it.
mod figures;
mod process;
mod service;

// What they share: a directory for sockets, and other users.
mod place;

// Raw bytes and what must come of them: tests/data over a socket.
mod cases;

// The cases themselves: how many, by which rule, from whom.
mod corpus;

// One connection: order, persistence, expectations, framing, content in and out.
mod exchange;

// The design and the README, held against the code.
mod advisories;
mod architecture;
mod readme;

// The fuzzers, held against what is said of them.
mod fuzzing;

// What is refused for its size, exactly at the limit and one more.
mod limits;

// Which connection gives way for the next one.
mod evicted;

// What is refused for its time, and what is not although workers or the queue are busy.
mod deadlines;
mod late;

// Clients that are slow to send or to take.
mod parked;

// What has come of requests and cannot be used yet.
mod incoming;

// Workers: who is served when others are silent, block or panic.
mod pool;

// The scheduler: handlers in parallel, input and output beside handlers that block.
mod schedule;

// Large answers to clients that keep taking.
mod large;

// Ten thousand clients that do nothing.
mod idle;

// Five hundred clients that trickle.
mod slow;

// What other servers die of.
mod deaths;

// What the system refuses: descriptors, threads, memory; clocks that jump.
mod faults;

// Networks that lose, delay and cut; clients that are killed or stopped.
mod killed;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod killed_tls;
mod network;

// A stop with everything at once going on.
mod stop;

// Descriptors that are lacking for a start of any kind.
#[cfg(feature = "cli")]
mod exhausted;

// Random clients and random settings: what holds whatever happens.
mod storm;

// Settings that change meanwhile.
mod reload;

// Start, stop, restart: from where, how often, and what is left.
mod lifecycle;

// Signals, and stops that are cut short.
#[cfg(feature = "signals")]
mod driven;
#[cfg(feature = "signals")]
mod signals;

// What a process lives by; servers of others' making; restarts.
mod bus;
mod instance;
mod restart;

// Where it listens.
mod listening;

// The same over Unix sockets, and their files.
mod unix;

// Who is calling over them.
mod identity;

// Several listeners, and sockets that were open before.
#[cfg(feature = "systemd")]
mod inherited;

// What systemd is told.
mod notify;

// TLS: handshakes, what handlers see of it, slow and broken clients, certificates that change, other programs as the client.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_files;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_hostile;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls_outside;

// Behind proxies: what they say in bytes, and HAProxy and nginx themselves.
mod frontends;
mod proxied;

// The files that the guide gives to operators, and what it says of settings.
#[cfg(feature = "cli")]
mod deploy;
mod guide;

// Connections that leave HTTP.
mod upgrade;

// What the server says that it holds, beside what the system says.
mod held;

// Every kind of body over the wire.
mod bodies;

// What an outside client makes of it.
mod curl;

// What a program makes of it that is there to hold servers up.
#[cfg(feature = "cli")]
mod slowhttptest;

// Everybody at once, for as long as one likes.
mod soak;

// Applications behind the gateway, CGI programs among them.
mod wsgi;

// What they write before they return.
mod write;

// What they are told of who asks: behind proxies, over TLS, over Unix sockets.
mod environ;

// What they are told, beside what cheroot tells.
mod cheroot;

// The cases, beside what other servers make of them.
mod differences;

// The program: flags, the environment, files; its logs.
#[cfg(feature = "cli")]
mod program;

// Every attribute of CherryPy's adapter, and where it is shown to work.
mod seed;
// The program as a part of a system.
#[cfg(feature = "cli")]
mod daemon;
// What is counted, and how it is shown: to programs, and in a browser.
mod browser;
mod statistics;

// What is logged, and how much of it.
mod logging;

// Defects that were found once.
mod regression;
