//! Counters: each worker counts for itself, a snapshot adds up.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::h1::error::Error;

/// A number that one thread adds to and any thread reads: a plain load and store, no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds; only ever called by the thread that owns the counter.
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker has done.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests whose handler ran.
    pub(crate) requests: Counter,
    /// Of those, how many were answered; not those whose answer broke off.
    pub(crate) answered: Counter,
    /// Requests that were answered by the server itself: malformed, too large, too late.
    pub(crate) refused: Counter,
    /// Connections that did not begin with a sound PROXY header, where they have to.
    pub(crate) proxy_refused: Counter,
    /// Requests whose client was late, with its head, with content, or in taking its answer.
    pub(crate) timed_out: Counter,
    /// TLS handshakes that came to nothing.
    pub(crate) handshakes_failed: Counter,
    /// Handlers that panicked.
    pub(crate) panics: Counter,
    /// Bytes as on the wire.
    pub(crate) bytes_read: Counter,
    pub(crate) bytes_written: Counter,
}

impl Counters {
    /// Counts a request that the server answers by itself.
    pub(crate) fn count_refused(&self, error: Error) {
        self.refused.add(1);
        self.count_late(error);
    }

    /// Counts a request that went wrong if it was for being late.
    pub(crate) fn count_late(&self, error: Error) {
        if error == Error::Timeout {
            self.timed_out.add(1);
        }
    }

    /// Adds what `other` counted; for a worker that ends.
    pub(crate) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.all().into_iter().zip(other.all()) {
            mine.add(theirs.get());
        }
    }

    fn all(&self) -> [&Counter; 9] {
        [
            &self.requests,
            &self.answered,
            &self.refused,
            &self.proxy_refused,
            &self.timed_out,
            &self.handshakes_failed,
            &self.panics,
            &self.bytes_read,
            &self.bytes_written,
        ]
    }
}
