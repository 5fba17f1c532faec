//! Time limits on a slow peer.

use std::mem;
use std::time::Duration;

/// A time budget: waits spend an allowance, and bytes that move refill the allowance.
///
/// A peer slower than `rate` bytes a second runs out of time even at an even pace; a peer at or
/// above `rate` never does. Only waits are charged, so a busy server costs the peer nothing.
#[derive(Debug)]
pub(crate) struct Pace {
    allowance: Duration,
    /// Bytes a second; `None`: any byte refills the allowance.
    rate: Option<u64>,
    /// At most a second more than `allowance`.
    spent: Duration,
    /// The time waited and the bytes moved since the last measurement of the rate.
    waited: Duration,
    moved: u64,
    /// The last measured rate, in bytes a second.
    seen: Option<u64>,
}

impl Pace {
    pub(crate) fn new(allowance: Duration, rate: Option<u64>) -> Self {
        Self { allowance, rate, spent: Duration::ZERO, waited: Duration::ZERO, moved: 0, seen: None }
    }

    /// Returns the longest next wait; `None` if the allowance is spent.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.allowance.checked_sub(self.spent).filter(|left| !left.is_zero())
    }

    /// Charges a wait. A wait far too long, because the process was stopped, costs at most the
    /// allowance and a second, so input received meanwhile soon refills the allowance.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time).min(self.allowance.saturating_add(LOOK));
        self.waited = self.waited.saturating_add(time);
        if self.waited >= LOOK {
            let millis = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
            self.seen = Some(self.moved.saturating_mul(1000) / millis);
            (self.waited, self.moved) = (Duration::ZERO, 0);
        }
    }

    /// Counts bytes that moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes as u64);
        if self.spent.is_zero() {
            return;
        }
        let earned = match self.rate {
            Some(rate) => Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate.max(1)),
            None => Duration::MAX,
        };
        self.spent = self.spent.saturating_sub(earned);
    }

    /// Counts the bytes from `before` to `now`, both totals, and sets `before` to `now`.
    pub(crate) fn moved_to(&mut self, now: u64, before: &mut u64) {
        let more = now.saturating_sub(mem::replace(before, now));
        self.moved(usize::try_from(more).unwrap_or(usize::MAX));
    }

    /// Returns the recent rate in bytes a second of waiting; `None` in the first second of waiting.
    ///
    /// The slowest peers give way when workers are wanted.
    pub(crate) fn rate(&self) -> Option<u64> {
        // The bytes moved since the last measurement may already be more.
        self.seen.map(|seen| seen.max(self.moved / LOOK.as_secs()))
    }
}

/// The time waited between two measurements of the rate.
const LOOK: Duration = Duration::from_secs(1);

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
    fn the_rate_is_that_of_the_last_second_of_waiting() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.waited(SECOND / 2);
        assert_eq!(pace.rate(), None, "not for long enough");
        pace.moved(300);
        pace.waited(SECOND / 2);
        assert_eq!(pace.rate(), Some(300));
        pace.moved(1 << 20);
        pace.waited(2 * SECOND);
        assert_eq!(pace.rate(), Some(1 << 19));
        pace.waited(SECOND);
        assert_eq!(pace.rate(), Some(0), "what was before does not count");
    }

    #[test]
    fn a_peer_that_gets_going_is_not_slow_any_more() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.waited(2 * SECOND);
        pace.moved(1);
        assert_eq!(pace.rate(), Some(1), "a byte is no speed");
        // From here on waits are short, so the next measurement is far away.
        pace.moved(1 << 20);
        pace.waited(SECOND / 1000);
        assert!(pace.rate() > Some(1 << 20), "a megabyte in a millisecond");
    }

    #[test]
    fn credit_does_not_pile_up() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.moved(1 << 30);
        pace.waited(10 * SECOND);
        assert_eq!(pace.left(), None);
    }

    #[test]
    fn a_wait_far_beyond_the_allowance_costs_a_second_more_than_the_allowance() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.waited(3600 * SECOND);
        assert_eq!(pace.left(), None);
        pace.moved(100);
        assert_eq!(pace.left(), None);
        pace.moved(50);
        assert_eq!(pace.left(), Some(SECOND / 2));
    }

    #[test]
    fn without_a_rate_any_byte_is_progress() {
        let mut pace = Pace::new(10 * SECOND, None);
        pace.waited(9 * SECOND);
        pace.moved(1);
        assert_eq!(pace.left(), Some(10 * SECOND));
    }
}
