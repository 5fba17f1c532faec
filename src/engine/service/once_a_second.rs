//! A rate limit for log messages, across all threads.

use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// Allows one message a second, and counts the others.
#[derive(Debug, Default)]
pub(in crate::engine) struct OnceASecond(Mutex<LastMessage>);

#[derive(Debug, Default)]
struct LastMessage {
    at: Option<Instant>,
    suppressed: u64,
}

impl OnceASecond {
    /// Returns the number of messages suppressed before this message; `None` if this message is
    /// suppressed.
    pub(in crate::engine) fn admit(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock();
        if last.at.is_some_and(|at| now.saturating_duration_since(at) < SECOND) {
            last.suppressed += 1;
            return None;
        }
        last.at = Some(now);
        Some(std::mem::take(&mut last.suppressed))
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_admits_the_first_and_then_one_a_second_with_the_number_of_the_others() {
        let (limit, start) = (OnceASecond::default(), Instant::now());
        let admitted = [0, 1, 999, 1000, 1001, 2500].map(|millis| limit.admit(start + Duration::from_millis(millis)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
        assert_eq!(limit.admit(start), None, "another thread has read its clock before");
    }
}
