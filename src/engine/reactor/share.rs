//! The processor time that a worker has at a stretch, before it lets others run.

use std::thread;
use std::time::{Duration, Instant};

use crate::net::processor;

/// The processor time that a worker has had since it last let others run.
///
/// A worker for which a request has always come already never sleeps, and keeps its processor for as long as the system lets it: some
/// milliseconds. Others, which lost theirs in the middle of a request, wait for that long, each for all others in turn.
#[derive(Debug)]
pub(super) struct Share {
    /// The time of the last look, and the processor time of the thread by the last yield.
    looked: Instant,
    used: Duration,
}

impl Share {
    pub(super) fn new() -> Self {
        Self { looked: Instant::now(), used: Duration::ZERO }
    }

    /// Lets others run if the worker has had its share by `now`; true if so.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        if now - self.looked < SHARE {
            return false;
        }
        self.looked = now;
        let used = processor::time_of_this_thread();
        let is_used_up = used - self.used >= SHARE;
        if is_used_up {
            self.used = used;
            thread::yield_now();
        }
        is_used_up
    }
}

/// What a worker has of a processor: one or two requests that need it.
const SHARE: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_ends_by_work_and_not_by_sleep() {
        let mut share = Share::new();
        assert!(!share.end(share.looked + SHARE / 2), "it is too early to look");
        share.end(share.looked + SHARE);
        let before = processor::time_of_this_thread();
        thread::sleep(Duration::from_millis(5));
        assert!(!share.end(share.looked + SHARE), "it slept");
        while processor::time_of_this_thread() - before < SHARE {}
        assert!(share.end(share.looked + SHARE), "it worked");
    }
}
