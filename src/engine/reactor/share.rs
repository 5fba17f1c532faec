//! The processor time used by a worker at a stretch, before yielding.

use std::thread;
use std::time::{Duration, Instant};

use crate::system::processor;

/// The processor time used by a worker since the last yield.
///
/// A worker that always finds a request waiting never sleeps, and keeps the processor until
/// preempted by the system: some milliseconds. Threads preempted in the middle of a request wait
/// that long for each such worker in turn.
#[derive(Debug)]
pub(super) struct Share {
    /// The time of the last look, and the thread's processor time at the last yield.
    looked: Instant,
    used: Duration,
}

impl Share {
    pub(super) fn new() -> Self {
        Self { looked: Instant::now(), used: Duration::ZERO }
    }

    /// Yields if the worker has used up the processor time by `now`. Returns true if so.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        if now - self.looked < SHARE {
            return false;
        }
        self.looked = now;
        let used = processor::time_of_this_thread();
        let is_used_up = used.saturating_sub(self.used) >= SHARE;
        if is_used_up {
            self.used = used;
            thread::yield_now();
        }
        is_used_up
    }
}

/// The processor time between yields: one or two CPU-bound requests.
const SHARE: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_ends_by_work_and_not_by_sleep() {
        let mut share = Share::new();
        assert!(!share.end(share.looked + SHARE / 2), "it is too early to look");
        while !share.end(share.looked + SHARE) {}
        let before = processor::time_of_this_thread();
        thread::sleep(Duration::from_millis(5));
        assert!(!share.end(share.looked + SHARE), "it slept");
        while processor::time_of_this_thread() - before < SHARE {}
        assert!(share.end(share.looked + SHARE), "it worked");
    }
}
