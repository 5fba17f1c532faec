//! A counter of one thread, and counters of answers by the class of their status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

use crate::statistics::Answers;

/// A number written by one thread and read by any: a plain load and store, no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`; called only by the thread owning the counter.
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Raises the value to `other` if greater; called only by the owner, too.
    pub(super) fn raise(&self, other: u64) {
        self.0.store(self.get().max(other), Ordering::Relaxed);
    }
}

/// Answers, counted by the first digit of the status, less one.
#[derive(Debug, Default)]
pub(super) struct ClassCounters([Counter; 5]);

impl ClassCounters {
    /// Counts an answer with `status`.
    pub(super) fn count(&self, status: StatusCode) {
        // A handler can choose statuses above 599, but none below 100.
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        self.0[class - 1].add(1);
    }

    pub(super) fn answers(&self) -> Answers {
        let [informational, success, redirection, client_error, server_error] = self.0.each_ref().map(Counter::get);
        Answers { informational, success, redirection, client_error, server_error }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Counter> {
        self.0.iter()
    }
}

/// The nanoseconds of `time`.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
