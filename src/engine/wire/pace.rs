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
    /// `spent` before a wait that ended late because the process was stopped or busy, until bytes
    /// move.
    before: Option<Duration>,
}

impl Pace {
    pub(crate) fn new(allowance: Duration, rate: Option<u64>) -> Self {
        Self { allowance, rate, spent: Duration::ZERO, waited: Duration::ZERO, moved: 0, seen: None, before: None }
    }

    /// Returns the longest next wait; `None` if the allowance is spent.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.allowance.checked_sub(self.spent).filter(|left| !left.is_zero())
    }

    /// Charges a wait. A wait much longer than the time left means that the process was stopped or
    /// busy, and costs nothing if bytes have moved meanwhile. Its length is no measure of the rate.
    pub(crate) fn waited(&mut self, time: Duration) {
        let before = self.spent;
        self.spent = self.spent.saturating_add(time).min(self.allowance.saturating_add(LOOK));
        let longest = self.allowance.saturating_sub(before).saturating_add(LATE);
        if time > longest {
            self.before.get_or_insert(before);
            return;
        }
        self.waited = self.waited.saturating_add(time);
        if self.waited >= LOOK {
            let millis = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
            self.seen = Some(self.moved.saturating_mul(1000) / millis);
            (self.waited, self.moved) = (Duration::ZERO, 0);
        }
    }

    /// Takes back the charge of a wait that ended late because the process was stopped or busy. For
    /// a peer whose bytes have moved, and are counted elsewhere.
    pub(crate) fn pardon(&mut self) {
        self.spent = self.before.take().unwrap_or(self.spent);
    }

    /// Counts bytes that moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.pardon();
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
/// The longest delay of a running process in noticing the end of a wait.
const LATE: Duration = Duration::from_millis(100);

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
                // In short steps: a wait that ends late would not be charged.
                (0..20).for_each(|_| pace.waited(SECOND / 20));
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
    fn a_wait_during_which_the_process_was_stopped_is_charged_only_if_no_byte_has_come() {
        for long in [11, 3600] {
            let mut pace = Pace::new(10 * SECOND, Some(100));
            pace.waited(4 * SECOND);
            pace.waited(long * SECOND);
            assert_eq!(pace.left(), None, "no byte has come");
            // The read that finds bytes takes its time too.
            pace.waited(SECOND / 1000);
            pace.moved(1000);
            assert_eq!(pace.left(), Some(10 * SECOND));
            assert_eq!(pace.rate(), Some(1000), "a stop is no measure of the rate");
        }
    }

    #[test]
    fn bytes_at_the_last_moment_do_not_pay_for_the_wait() {
        let mut pace = Pace::new(10 * SECOND, Some(100));
        pace.waited(10 * SECOND + SECOND / 100);
        pace.moved(1);
        assert_eq!(pace.left(), None);
    }

    #[test]
    fn no_bytes_are_no_progress() {
        let mut pace = Pace::new(10 * SECOND, None);
        pace.waited(9 * SECOND);
        let mut total = 7;
        pace.moved_to(7, &mut total);
        assert_eq!(pace.left(), Some(SECOND));
    }

    #[test]
    fn without_a_rate_any_byte_is_progress() {
        let mut pace = Pace::new(10 * SECOND, None);
        pace.waited(9 * SECOND);
        pace.moved(1);
        assert_eq!(pace.left(), Some(10 * SECOND));
    }
}
