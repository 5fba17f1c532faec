//! Statistics of a server: as numbers, as JSON, for Prometheus, and as a web page.
//!
//! [`Server::statistics`](crate::Server::statistics) returns the numbers. The page, JSON and
//! Prometheus' format need the feature `statistics`:
//!
#![cfg_attr(feature = "statistics", doc = "```no_run")]
#![cfg_attr(not(feature = "statistics"), doc = "```ignore")]
//! use drupe::{Server, handler, statistics};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(handler(|_| "hello\n"));
//!     server.settings.statistics = true;
//!     // Then look at http://127.0.0.1:8080/statistics/ from this machine.
//!     server.mount_statistics(statistics::Page::at("/statistics"));
//!     server.quickstart()
//! }
//! ```
//!
//! **Always counted**, at the cost of one addition by the worker: everything except the figures
//! below. A request with a route also costs a lookup of the pattern.
//!
//! **Measured only if enabled**, because the clock must be read: [`latency`](Statistics::latency),
//! also in total per route, and [`work_time`](Statistics::work_time), also per worker. The setting
//! [`Settings::statistics`](crate::Settings::statistics) enables these measurements, and
//! [`ServerHandle::pause_statistics`](crate::ServerHandle::pause_statistics) pauses them.
//!
//! **Each worker has separate counters**, updated by plain loads and stores; the reader adds up the
//! counters. No request takes a lock or a locked instruction for statistics, unless the pattern of
//! its route has no row yet. While requests are in progress, one figure can be slightly ahead of
//! another. Once all requests are complete, the figures agree. The counts of a worker that has
//! ended are kept.
//!
//! **All counters begin at zero** when a server starts. After a stop, the figures are kept until
//! the next start.
//!
//! Requests to a `Page` are counted like any other requests.

#[cfg(feature = "statistics")]
mod access;
mod answers;
#[cfg(feature = "statistics")]
mod document;
#[cfg(feature = "statistics")]
mod json;
mod latency;
#[cfg(feature = "statistics")]
mod page;
#[cfg(feature = "statistics")]
mod prometheus;
#[cfg(feature = "statistics")]
mod report;
mod route;

use std::time::Duration;

pub use self::answers::Answers;
pub use self::latency::Latency;
pub(crate) use self::latency::{PLACES, place};
#[cfg(feature = "statistics")]
pub use self::page::Page;
#[cfg(feature = "statistics")]
pub(crate) use self::page::{StatisticsSource, not_found};
pub use self::route::RouteStatistics;
use crate::address::{BindAddr, Peer};

/// The statistics of a server at one moment.
///
/// Each number counts from the start of the server, except for those marked "Current". Sizes are in
/// bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Current: true if the clock is read for [`latency`](Self::latency) and
    /// [`work_time`](Self::work_time).
    pub enabled: bool,
    /// Current: all listening addresses; empty unless the server runs.
    pub listening: Vec<BindAddr>,
    /// The time since the start.
    pub run_time: Duration,

    /// Accepted connections.
    pub accepts: u64,
    /// System errors while accepting, such as a lack of descriptors, or a client that has already
    /// left.
    pub socket_errors: u64,
    /// Connections and upgrades rejected for lack of capacity:
    ///
    /// * connections answered with 503, or closed before a TLS handshake, because of a full queue,
    ///   too many connections, or no memory for a large head;
    /// * upgrades beyond `max_upgraded`, answered with 503;
    /// * connections ended because a client kept sending without reading its answer, and no memory
    ///   was left.
    pub turned_away: u64,
    /// Connections closed for lack of a valid PROXY protocol header in time from a trusted proxy
    /// (`proxy_protocol`).
    pub proxy_refused: u64,
    /// TLS handshakes that failed or timed out. A client speaking plain HTTP is counted in
    /// `refused`.
    pub handshakes_failed: u64,
    /// Current: open connections in any state, including upgraded ones.
    pub connections: usize,
    /// Current: connections waiting for a worker.
    pub queue: usize,
    /// Current: the longest wait of these connections so far.
    pub queue_wait: Duration,
    /// Requests answered with 503 because no worker was free for
    /// [`accepted_queue_timeout`](crate::Settings::accepted_queue_timeout), or because the queue was
    /// full; also counted in `turned_away`.
    pub unserved: u64,
    /// Current: connections waiting for the client, without a worker.
    pub parked: usize,
    /// Current: bytes of memory held by answers that wait for a client, as counted for
    /// [`max_parked_size`](crate::Settings::max_parked_size).
    pub parked_answer_bytes: u64,
    /// Current: bytes of memory held by incomplete requests, counted in the same way.
    pub parked_request_bytes: u64,
    /// Current: connections that have left HTTP, on a thread of their own or
    /// [without](crate::stream::upgrade_parked).
    pub upgraded: usize,

    /// Requests passed to a handler.
    pub requests: u64,
    /// Requests refused by the server: malformed, too large, or too late.
    pub refused: u64,
    /// Requests counted in both `requests` and `refused`: after the call of a handler, the content
    /// or the answer turned out to be invalid.
    pub overruled: u64,
    /// Requests passed to a handler and answered completely.
    pub answered: u64,
    /// Requests passed to a handler whose answer broke off, because the client left or was late,
    /// because producing the answer failed half-way, or because a stop cut the connection.
    pub broken_off: u64,
    /// Requests whose handler exceeded its time limit
    /// ([`request_timeout`](crate::Settings::request_timeout)). The answer is counted in `answers`
    /// when the handler has returned.
    pub overrun: u64,
    /// Panics of handlers and bodies.
    pub panics: u64,
    /// Requests timed out while receiving the head or content, or while sending the answer.
    pub timed_out: u64,
    /// Timeouts, by cause.
    pub timeouts: Timeouts,
    /// Complete final answers, by the class of the status: answers of handlers, answers of the
    /// server, and the 503 answers of `turned_away`.
    pub answers: Answers,

    /// Bytes received, as on the wire or, with TLS, after decryption. Excludes connections upgraded
    /// by [`upgrade`](crate::upgrade()).
    pub bytes_read: u64,
    /// Bytes sent, as on the wire or, with TLS, before encryption, with the same exception.
    pub bytes_written: u64,
    /// Bytes of request content received, without transfer coding, of requests passed to a handler.
    pub content_read: u64,
    /// Bytes of answer content, without transfer coding, of complete answers.
    pub content_written: u64,
    /// Encrypted bytes received, TLS handshakes included; 0 without TLS.
    pub tls_bytes_read: u64,
    /// Encrypted bytes sent, TLS handshakes included; 0 without TLS.
    pub tls_bytes_written: u64,

    /// Current: workers.
    pub threads: usize,
    /// Current: workers whose handler has exceeded its time limit and not returned.
    pub threads_lost: usize,
    /// Current: idle workers.
    pub threads_idle: usize,
    /// The time all workers spent on requests, if measured; see [`Worker::work_time`].
    pub work_time: Duration,
    /// The duration of requests, if measured.
    pub latency: Latency,
    /// The routes with requests, in the order of their patterns; empty without a router.
    ///
    /// The route of a request is the [`MatchedRoute`](crate::exchange::MatchedRoute) set by a router
    /// or the program. Requests without a route are in no row: paths without a route, requests
    /// refused before the handler, the statistics page.
    ///
    /// At most 256 patterns have a row, until the next start. The last row is named `others`, and
    /// counts:
    ///
    /// * all further patterns;
    /// * empty patterns, patterns above 256 bytes, and patterns with control characters.
    pub routes: Vec<RouteStatistics>,
    /// The current workers by number, then a row named `others` for ended workers and the thread
    /// that answers 503. The rows add up to the figures above.
    pub workers: Vec<Worker>,
}

impl Statistics {
    /// The number of requests, each counted once: passed to a handler, or refused earlier.
    ///
    /// Clients count the same number of answers once no request is
    /// [in progress](Self::in_progress), apart from answers that [broke off](Self::broken_off).
    /// Connections [turned away](Self::turned_away) before a complete request are not counted.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.requests + self.refused.saturating_sub(self.overruled)
    }

    /// Current: requests passed to a handler whose answer is neither complete nor broken off.
    #[must_use]
    pub fn in_progress(&self) -> u64 {
        self.requests.saturating_sub(self.answered + self.broken_off)
    }
}

/// Timeouts, by the awaited event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// TLS handshakes (`handshake_timeout`); also counted in `handshakes_failed`.
    pub handshake: u64,
    /// PROXY protocol headers (`header_timeout`, with TLS `handshake_timeout`); also counted in
    /// `proxy_refused`.
    pub proxy: u64,
    /// Request heads (`header_timeout`), answered with 408 if a part of the head has come.
    pub head: u64,
    /// Content of requests (`body_timeout`, `minimum_rate`), answered with 408 unless already
    /// answered.
    pub body: u64,
    /// Clients that did not read the answer (`write_timeout`, `minimum_rate`).
    pub write: u64,
    /// Idle connections between two requests (`keep_alive_timeout`); not an error.
    pub idle: u64,
    /// Connections after the last answer, or whose unread content was being dropped
    /// (`linger_timeout`).
    pub linger: u64,
}

impl Timeouts {
    #[cfg(feature = "statistics")]
    fn by_name(&self) -> [(&'static str, u64); 7] {
        [
            ("handshake", self.handshake),
            ("proxy", self.proxy),
            ("head", self.head),
            ("body", self.body),
            ("write", self.write),
            ("idle", self.idle),
            ("linger", self.linger),
        ]
    }
}

/// The statistics of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worker {
    /// The name of the thread.
    pub name: String,
    /// Requests, each counted once; see [`Statistics::exchanges`].
    pub exchanges: u64,
    /// As [`Statistics::bytes_read`].
    pub bytes_read: u64,
    /// As [`Statistics::bytes_written`].
    pub bytes_written: u64,
    /// The time spent on requests, if measured: from a complete head, through the handler, to the
    /// end of the answer. Waiting for a client without a thread is excluded.
    pub work_time: Duration,
    /// Current: true if the worker serves a connection.
    pub is_busy: bool,
    /// Current: the request being served; `None` if there is none.
    pub serving: Option<Serving>,
}

/// A request being served by a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serving {
    /// The method.
    pub method: String,
    /// The request target as sent by the client.
    pub target: String,
    /// The client, as far as known.
    pub peer: Option<Peer>,
    /// True if the handler has returned, and the answer is being sent: a stream of events, or a
    /// client that reads slowly.
    pub is_answering: bool,
    /// The time spent by the worker so far, including earlier requests that arrived in the same
    /// read.
    pub time: Duration,
}
