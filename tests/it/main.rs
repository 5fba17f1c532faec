//! The server from outside: one binary, modules by subject.
//!
//! Everything goes over real sockets on port 0. Tests wait on conditions; what they assert is behaviour and counts, not speed.
#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]

// What they share: a raw client that trusts nothing.
mod client;

// What they share: a process of one's own.
mod process;

// What they share: a directory for sockets, and other users.
mod place;

// Raw bytes and what must come of them: tests/data over a socket.
mod cases;

// One connection: order, persistence, expectations, framing, content in and out.
mod exchange;

// The design and the README, held against the code.
mod architecture;
mod readme;

// What is refused for its size, exactly at the limit and one more.
mod limits;

// What is refused for its time.
mod deadlines;

// Workers: who is served when others are silent, block or panic.
mod pool;

// Start, stop, restart: from where, how often, and what is left.
mod lifecycle;

// Signals, and stops that are cut short.
#[cfg(feature = "signals")]
mod signals;

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

// Connections that leave HTTP.
mod upgrade;

// Every kind of body over the wire.
mod bodies;

// What an outside client makes of it.
mod curl;

// What is logged, and how much of it.
mod logging;

// Defects that were found once.
mod regression;
