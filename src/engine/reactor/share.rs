//! The processor time that a worker has at a stretch, before it lets others run.

use std::thread;
use std::time::{Duration, Instant};

use crate::net::processor;

/// The processor time that a worker has had since it last slept.
///
/// A worker for which a request has always come already never sleeps, and keeps its processor for as long as the system lets it: some
/// milliseconds. Others, which lost theirs in the middle of a request, wait for that long, each for all others in turn.
#[derive(Debug)]
pub(super) struct Share {
    since: Instant,
    /// The processor time of the thread by then.
    used: Duration,
}

impl Share {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), used: Duration::ZERO }
    }

    /// Notes how long the worker has waited for a request until `now`.
    pub(super) fn waited(&mut self, time: Duration, now: Instant) {
        if time >= ASLEEP {
            self.since = now;
        }
    }

    /// Lets others run if the worker has had its share by `now`, in which its handlers have not slept; true if so.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        let passed = now - self.since;
        if passed < SHARE {
            return false;
        }
        let used = processor::time_of_this_thread();
        let is_used_up = used - self.used > passed / 2;
        (self.since, self.used) = (now, used);
        if is_used_up {
            thread::yield_now();
        }
        is_used_up
    }
}

/// What a worker has of a processor: one or two requests that need it.
const SHARE: Duration = Duration::from_micros(200);
/// A wait of so long is a sleep.
const ASLEEP: Duration = Duration::from_micros(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_ends_by_work_and_not_by_sleep() {
        let mut share = Share::new();
        assert!(!share.end(share.since + SHARE / 2));
        share.end(Instant::now() + SHARE);
        let before = processor::time_of_this_thread();
        thread::sleep(Duration::from_millis(20));
        assert!(!share.end(Instant::now()), "it slept");
        while processor::time_of_this_thread() - before < Duration::from_millis(20) {}
        // The test may lose its processor meanwhile: what it has used counts against the time from here.
        let now = share.since + Duration::from_millis(20);
        assert!(share.end(now), "it worked");
        share.waited(ASLEEP, now + SHARE);
        assert!(!share.end(now + SHARE), "it has just slept");
    }
}
