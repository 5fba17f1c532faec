//! How long requests took: a histogram whose buckets are as fine as its numbers are small.
//!
//! From 1 µs to 1000 s each power of ten is cut into 90 buckets of equal width: 1.0 to 1.1 µs, ... 9.9 to 10 µs, 10 to 11 µs, and so on. So
//! every figure is exact to two digits, at most a tenth too high, and a bound such as 2.5 ms is the end of a bucket. A bucket has its upper
//! bound in it and not its lower one.

use std::fmt;
use std::time::Duration;

/// How long requests took, as a distribution.
///
/// Empty unless [`statistics`](crate::Settings::statistics) is on: the time is not looked at otherwise.
///
/// The time of a request runs from when a worker turns to it, to read the last of its head, until the last byte of its answer is with the
/// kernel, or the answer breaks off. In it are receiving content, the handler, waiting for a client that is slow to take a large answer, and
/// for requests that the same client has sent before. A small answer that its client is slow to take ends when it is set aside. Not in it
/// are the wait for a worker, requests that the server refused at once, and what follows the `101` of an upgrade.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// One for each of [`PLACES`], or none at all.
    counts: Vec<u64>,
    nanos: u64,
    longest: u64,
}

impl Latency {
    /// What was measured by others: `counts` by place, their sum and the longest in nanoseconds.
    pub(crate) fn new(counts: Vec<u64>, nanos: u64, longest: u64) -> Self {
        Self { counts, nanos, longest }
    }

    /// How many requests were measured.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What all of them took together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// What the longest took.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// The time that the given share of requests did not exceed, at most a tenth too high: `quantile(0.99)`. `None` without requests.
    ///
    /// `share` is from 0 to 1; what is beyond counts as the end it is beyond.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        #[expect(clippy::cast_precision_loss, reason = "2^53 requests are more than anybody counts")]
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to `count`")]
        let rank = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(bound(place).unwrap_or(u64::MAX).min(self.longest)))
    }

    /// How many took at most `time`: exact where that is the bound of a bucket, such as 1, 2.5 or 99 of any power of ten of a second from a
    /// microsecond on; else perhaps some too few.
    #[must_use]
    pub fn at_most(&self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let within = |place: usize| bound(place).is_some_and(|bound| bound <= nanos);
        self.counts.iter().enumerate().take_while(|(place, _)| within(*place)).map(|(_, count)| count).sum()
    }

    /// The buckets that are not empty, the shortest first: upper bound and count. Beyond 1000 s the bound is that of the longest.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(place, count)| (Duration::from_nanos(bound(place).unwrap_or(self.longest)), *count))
    }

    /// What was measured since `earlier`, which is of the same server: for the figures of the last second or minute.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts: Vec<u64> =
            self.counts.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect();
        // Nobody knows the longest of a part; it is in the last bucket that is not empty.
        let last = counts.iter().rposition(|count| *count > 0);
        let longest = last.map_or(0, |place| bound(place).unwrap_or(u64::MAX).min(self.longest));
        Self { counts, nanos: self.nanos.saturating_sub(earlier.nanos), longest }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Latency");
        shown.field("count", &self.count()).field("sum", &self.sum()).field("longest", &self.longest());
        shown.field("median", &self.quantile(0.5)).finish_non_exhaustive()
    }
}

/// The bucket that a time belongs to.
pub(crate) fn place(nanos: u64) -> usize {
    if nanos <= LEAST {
        return 0;
    }
    if nanos > MOST {
        return PLACES - 1;
    }
    // A bound is in the bucket below it.
    let below = nanos - 1;
    let power = below.ilog10();
    let place = 1 + EACH * u64::from(power - LEAST.ilog10()) + below / 10_u64.pow(power - 1) - 10;
    usize::try_from(place).unwrap_or(PLACES - 1)
}

/// The longest time of a bucket in nanoseconds; `None`: it has no end.
fn bound(place: usize) -> Option<u64> {
    let number = place as u64;
    match number {
        0 => Some(LEAST),
        _ if place >= PLACES - 1 => None,
        _ => {
            let (power, step) = ((number - 1) / EACH, (number - 1) % EACH + 11);
            Some(step * (LEAST / 10) * 10_u64.pow(u32::try_from(power).ok()?))
        }
    }
}

/// How many buckets there are.
pub(crate) const PLACES: usize = 9 * 90 + 2;
/// Buckets of a power of ten.
const EACH: u64 = 90;
/// Below this nothing is told apart: a microsecond.
const LEAST: u64 = 1_000;
/// Nor above this: nine powers of ten later.
const MOST: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of times in nanoseconds.
    fn of(times: &[u64]) -> Latency {
        let mut counts = vec![0; PLACES];
        times.iter().for_each(|nanos| counts[place(*nanos)] += 1);
        Latency::new(counts, times.iter().sum(), times.iter().copied().max().unwrap_or(0))
    }

    #[test]
    fn each_bucket_begins_where_the_one_before_ends() {
        for at in 0..PLACES - 1 {
            let bound = bound(at).unwrap();
            assert_eq!((place(bound), place(bound + 1)), (at, at + 1), "{bound}");
        }
        assert_eq!((bound(PLACES - 2), bound(PLACES - 1)), (Some(MOST), None));
        assert_eq!((place(0), place(u64::MAX)), (0, PLACES - 1));
    }

    #[test]
    fn what_is_told_is_at_most_a_tenth_too_high() {
        let mut nanos = 1_001;
        while nanos < MOST {
            let told = bound(place(nanos)).unwrap();
            assert!(told >= nanos && told * 10 <= nanos * 11, "{nanos} {told}");
            nanos += nanos / 7;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_list() {
        let times: Vec<u64> = (1..=1000).map(|number| number * 1_000_000).collect();
        let latency = of(&times);
        for (share, millis) in [(0.0, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1000), (7.0, 1000)] {
            assert_eq!(latency.quantile(share), Some(Duration::from_millis(millis)), "{share}");
        }
        assert_eq!(latency.count(), 1000);
        assert_eq!(latency.sum(), Duration::from_millis(500_500));
        // Never beyond what there was.
        assert_eq!(of(&[1_234_567]).quantile(0.5), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(of(&[]).quantile(0.5), None);
        assert_eq!(Latency::default().quantile(0.5), None);
    }

    #[test]
    fn bounds_are_counted_with_what_they_end() {
        let latency = of(&[500, 1_000, 1_001, 2_500_000, 2_500_001, MOST + 1]);
        for (nanos, count) in [(999, 0), (1_000, 2), (1_100, 3), (2_500_000, 4), (2_600_000, 5), (MOST, 5)] {
            assert_eq!(latency.at_most(Duration::from_nanos(nanos)), count, "{nanos}");
        }
        let buckets: Vec<(u128, u64)> = latency.buckets().map(|(bound, count)| (bound.as_nanos(), count)).collect();
        assert_eq!(buckets, [(1_000, 2), (1_100, 1), (2_500_000, 1), (2_600_000, 1), (u128::from(MOST) + 1, 1)]);
    }

    #[test]
    fn a_part_is_what_has_come_since() {
        let (before, after) = (of(&[5_000, 9_000_000]), of(&[5_000, 9_000_000, 7_000, 8_000]));
        let part = after.since(&before);
        assert_eq!((part.count(), part.sum()), (2, Duration::from_micros(15)));
        assert_eq!(part.quantile(0.5), Some(Duration::from_micros(7)));
        assert_eq!(part.quantile(1.0), Some(Duration::from_micros(8)));
        assert_eq!(after.since(&Latency::default()), after);
        assert_eq!(after.since(&after).quantile(0.5), None);
    }
}
