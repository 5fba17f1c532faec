//! What is known of a running server, and of one that has stopped.

use std::time::Duration;

/// What a server has done and is doing, as of one moment.
///
/// Each number counts from the start; `queue`, `parked` and `threads` are those of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Connections that were accepted.
    pub accepts: u64,
    /// Requests that a handler was asked to answer.
    pub requests: u64,
    /// Requests that the server refused: malformed, too large, too late.
    pub refused: u64,
    /// Connections that were closed because they did not begin with a sound header of the PROXY protocol, from a trusted proxy, in time
    /// (`proxy_protocol`).
    pub proxy_refused: u64,
    /// Requests whose head or content did not come, or whose answer was not taken, in time.
    pub timed_out: u64,
    /// TLS handshakes that failed or did not come to their end in time. Who speaks plain HTTP instead is counted in `refused`.
    pub handshakes_failed: u64,
    /// Connections that found the queue full and were answered with 503, or, where TLS is spoken, closed.
    pub turned_away: u64,
    /// Handlers and bodies that panicked.
    pub panics: u64,
    /// Bytes received, as on the wire; with TLS those inside of it.
    pub bytes_read: u64,
    /// Bytes sent, as on the wire; with TLS those inside of it.
    pub bytes_written: u64,
    /// Connections that wait for a worker.
    pub queue: usize,
    /// Connections that wait for their client, without a worker.
    pub parked: usize,
    /// Workers.
    pub threads: usize,
    /// Workers that serve nobody.
    pub threads_idle: usize,
    /// Since the start.
    pub run_time: Duration,
}

/// How a stop went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Requests that were under way and were answered.
    pub finished: usize,
    /// Connections that were in the middle of a request and had to be cut.
    pub cut: usize,
    /// How long it took.
    pub took: Duration,
}
