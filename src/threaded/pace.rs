//! How long a peer may keep us waiting.

use std::time::Duration;

/// An account of time: waiting is paid out of an allowance, and bytes that move fill it up again.
///
/// A peer that trickles runs dry however evenly it trickles; one that moves at least `rate` bytes a second never does. Time in
/// which it was we who were busy costs the peer nothing, so only waits are entered.
#[derive(Debug)]
pub(crate) struct Pace {
    allowance: Duration,
    /// Bytes a second; `None`: any byte fills the account up.
    rate: Option<u64>,
    /// Never more than `allowance` matters.
    spent: Duration,
}

impl Pace {
    pub(crate) fn new(allowance: Duration, rate: Option<u64>) -> Self {
        Self { allowance, rate, spent: Duration::ZERO }
    }

    /// How long the next wait may last; `None` once nothing is left.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.allowance.checked_sub(self.spent).filter(|left| !left.is_zero())
    }

    /// Enters a wait.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
    }

    /// Enters bytes that moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        if self.spent.is_zero() {
            return;
        }
        let earned = match self.rate {
            Some(rate) => Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate.max(1)),
            None => Duration::MAX,
        };
        self.spent = self.spent.saturating_sub(earned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_trickle_runs_dry_and_a_steady_flow_does_not() {
        for (bytes_a_second, lasts) in [(1, 10), (50, 19), (100, 1000), (200, 1000)] {
            let mut pace = Pace::new(10 * SECOND, Some(100));
            let mut seconds = 0;
            while pace.left().is_some() && seconds < 1000 {
                pace.waited(SECOND);
                pace.moved(bytes_a_second);
                seconds += 1;
            }
            assert!(seconds >= lasts && seconds <= lasts + 1, "{bytes_a_second} bytes a second lasted {seconds} s");
        }
    }

    #[test]
    fn credit_does_not_pile_up() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.moved(1 << 30);
        pace.waited(10 * SECOND);
        assert_eq!(pace.left(), None);
    }

    #[test]
    fn without_a_rate_any_byte_will_do() {
        let mut pace = Pace::new(10 * SECOND, None);
        pace.waited(9 * SECOND);
        pace.moved(1);
        assert_eq!(pace.left(), Some(10 * SECOND));
    }
}
