//! A rate limit for log messages, across all threads.

use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// Allows one message a second.
#[derive(Debug, Default)]
pub(in crate::engine) struct OnceASecond(Mutex<Option<Instant>>);

impl OnceASecond {
    /// True at first, then once a second at most.
    pub(in crate::engine) fn is_due(&self, now: Instant) -> bool {
        // Only an instant is copied under this lock, so poisoning is ignored.
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= SECOND);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_admits_the_first_and_then_one_a_second() {
        let (limit, start) = (OnceASecond::default(), Instant::now());
        let due = [0, 1, 999, 1000, 1001, 2500].map(|millis| limit.is_due(start + Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, false, true]);
        assert!(!limit.is_due(start), "another thread has read its clock before");
    }
}
