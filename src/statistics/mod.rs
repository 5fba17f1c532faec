//! What a server has done and is doing: as numbers, as JSON, for Prometheus, and as a page to look at.
//!
//! ```no_run
//! use drupe::{Request, Server, statistics};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(|_request: &mut Request| "hello\n");
//!     server.settings.statistics = true;
//!     // Then look at http://127.0.0.1:8080/statistics/ from this machine.
//!     server.mount_statistics(statistics::Page::at("/statistics"));
//!     server.quickstart()
//! }
//! ```
//!
//! **What is counted in any case**, and costs an addition by the worker that does it: everything but what stands below.
//!
//! **What is measured only while it is wanted**, because the clock has to be read for it:
//! [`latency`](Statistics::latency) and [`work_time`](Statistics::work_time), that of each worker too. That is so while
//! [`Settings::statistics`](crate::Settings::statistics) is on and nobody has paused it
//! ([`ServerHandle::pause_statistics`](crate::ServerHandle::pause_statistics)).
//!
//! **Each worker counts for itself**, with plain loads and stores; no lock and no locked instruction is on the way of a request. Whoever
//! looks adds up. So while requests are under way one figure can be a moment ahead of another; once they are over all agree. What a worker
//! that has ended has counted is kept.
//!
//! **All begin at zero** when a server starts, and stay as they are when it stops, until the next start.
//!
//! The requests by which somebody looks, those to a [`Page`], are requests like any other, and counted.

mod access;
mod document;
mod json;
mod latency;
mod page;
mod prometheus;
mod report;

use std::time::Duration;

pub use self::latency::Latency;
pub(crate) use self::latency::{PLACES, place};
pub use self::page::Page;
pub(crate) use self::page::{StatisticsSource, not_found};
use crate::address::BindAddr;

/// What a server has done and is doing, as of one moment.
///
/// Each number counts from the start, but for those that are said to be of the moment. Bytes are bytes, times are times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Of the moment: whether the clock is read for [`latency`](Self::latency) and [`work_time`](Self::work_time).
    pub enabled: bool,
    /// Of the moment: everything it listens on; empty unless it runs.
    pub listening: Vec<BindAddr>,
    /// Since the start.
    pub run_time: Duration,

    /// Connections that were accepted.
    pub accepts: u64,
    /// Errors of the system while accepting: no descriptors left, a client that had left before it was accepted.
    pub socket_errors: u64,
    /// Connections that found the queue full, or too many others, or no room for a large head, and were answered with 503, or, before a TLS
    /// handshake, closed; upgrades beyond `max_upgraded`, answered with 503; and those that ended because no room was left for what they sent
    /// while they took no answer.
    pub turned_away: u64,
    /// Connections that were closed because they did not begin with a sound header of the PROXY protocol, from a trusted proxy, in time
    /// (`proxy_protocol`).
    pub proxy_refused: u64,
    /// TLS handshakes that failed or did not come to their end in time. Who speaks plain HTTP instead is counted in `refused`.
    pub handshakes_failed: u64,
    /// Of the moment: connections that are open, wherever they are; those that were upgraded too.
    pub connections: usize,
    /// Of the moment: connections that wait for a worker.
    pub queue: usize,
    /// Of the moment: connections that wait for their client, without a worker.
    pub parked: usize,
    /// Of the moment: bytes of memory that answers hold while they wait for their clients, as
    /// [`max_parked_size`](crate::Settings::max_parked_size) counts them.
    pub parked_answer_bytes: u64,
    /// Of the moment: bytes of memory that requests hold while the rest of them is on its way, counted in the same way.
    pub parked_request_bytes: u64,
    /// Of the moment: connections that have left HTTP, each of which has a thread of its own.
    pub upgraded: usize,

    /// Requests that a handler was asked to answer.
    pub requests: u64,
    /// Requests that the server refused: malformed, too large, too late.
    pub refused: u64,
    /// Requests that are counted in both: a handler was asked, and what was wrong with the content, or with the handler's answer, came out
    /// then.
    pub overruled: u64,
    /// Of those that a handler was asked to answer: how many were answered; not those whose answer broke off.
    pub answered: u64,
    /// Of those that a handler was asked to answer: how many answers broke off, because the client left or was late, or because what made
    /// them failed half way.
    pub broken_off: u64,
    /// Handlers and bodies that panicked.
    pub panics: u64,
    /// Requests whose head or content did not come, or whose answer was not taken, in time.
    pub timed_out: u64,
    /// What did not come in time, by what was waited for.
    pub timeouts: Timeouts,
    /// Final answers, by the class of their status: those of handlers, those of the server itself, and the 503 of `turned_away`; not those
    /// that broke off.
    pub answers: Answers,

    /// Bytes received, as on the wire; with TLS those inside of it. Not those of upgraded connections.
    pub bytes_read: u64,
    /// Bytes sent, as on the wire; with TLS those inside of it. Not those of upgraded connections.
    pub bytes_written: u64,
    /// Bytes of content of requests, chunks and the like taken off: of those that a handler was asked to answer, as far as it was received.
    pub content_read: u64,
    /// Bytes of content of answers, chunks and the like taken off; not those of answers that broke off.
    pub content_written: u64,
    /// Bytes received of TLS itself, handshakes included; 0 without TLS.
    pub tls_bytes_read: u64,
    /// Bytes sent of TLS itself, handshakes included; 0 without TLS.
    pub tls_bytes_written: u64,

    /// Of the moment: workers.
    pub threads: usize,
    /// Of the moment: workers that serve nobody.
    pub threads_idle: usize,
    /// What all workers together have spent on requests, if that is measured; see [`Worker::work_time`].
    pub work_time: Duration,
    /// How long requests took, if that is measured.
    pub latency: Latency,
    /// The workers there are, by number, and then one row that has the name `others`: workers that have ended, and the thread that answers
    /// 503. The sums of the rows are the figures above.
    pub workers: Vec<Worker>,
}

impl Statistics {
    /// Requests, each counted once: those that a handler was asked to answer, and those that the server refused before.
    ///
    /// It is what clients count too: as many have had an answer, once nothing is [in progress](Self::in_progress), but for those whose
    /// answer [broke off](Self::broken_off). Whom the server [turned away](Self::turned_away) has not asked anything whole.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.requests + self.refused.saturating_sub(self.overruled)
    }

    /// Of the moment: requests that a handler was asked to answer and whose answer is neither made nor broken off.
    #[must_use]
    pub fn in_progress(&self) -> u64 {
        self.requests.saturating_sub(self.answered + self.broken_off)
    }
}

/// What did not come in time, by what was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// TLS handshakes (`handshake_timeout`); they are among `handshakes_failed` too.
    pub handshake: u64,
    /// Headers of the PROXY protocol (`header_timeout`, with TLS `handshake_timeout`); they are among `proxy_refused` too.
    pub proxy: u64,
    /// Request heads (`header_timeout`), answered with 408.
    pub head: u64,
    /// Content of requests (`body_timeout`, `minimum_rate`), answered with 408 where nothing else was.
    pub body: u64,
    /// Clients that did not take their answer (`write_timeout`, `minimum_rate`).
    pub write: u64,
    /// Connections between two requests (`keep_alive_timeout`): no error of anybody's.
    pub idle: u64,
    /// Connections that had had their last answer, or whose unread content was being dropped (`linger_timeout`).
    pub linger: u64,
}

impl Timeouts {
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

/// Answers by the class of their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers {
    /// 1xx: upgrades. `100 Continue` is no final answer, and not counted.
    pub informational: u64,
    /// 2xx.
    pub success: u64,
    /// 3xx.
    pub redirection: u64,
    /// 4xx.
    pub client_error: u64,
    /// 5xx, and above where a handler has chosen such a status.
    pub server_error: u64,
}

impl Answers {
    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.by_class().iter().map(|(_, count)| count).sum()
    }

    fn by_class(&self) -> [(&'static str, u64); 5] {
        [
            ("1xx", self.informational),
            ("2xx", self.success),
            ("3xx", self.redirection),
            ("4xx", self.client_error),
            ("5xx", self.server_error),
        ]
    }
}

/// What one worker has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worker {
    /// The name of its thread.
    pub name: String,
    /// Requests, each once; see [`Statistics::exchanges`].
    pub exchanges: u64,
    /// As [`Statistics::bytes_read`].
    pub bytes_read: u64,
    /// As [`Statistics::bytes_written`].
    pub bytes_written: u64,
    /// What it has spent on requests, if that is measured: from a whole head, over the handler, until the answer is out. Waiting for a
    /// client costs none where it costs no thread.
    pub work_time: Duration,
    /// Of the moment: whether it serves somebody.
    pub is_busy: bool,
    /// Of the moment: the request that it serves; `None` if it serves none.
    pub serving: Option<Serving>,
}

/// A request that a worker serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serving {
    /// The method.
    pub method: String,
    /// The request target, as its client sent it.
    pub target: String,
    /// For how long the worker has been at it, with those before it that came in one piece.
    pub time: Duration,
}
