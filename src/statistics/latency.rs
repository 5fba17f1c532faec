//! The duration of requests: a histogram with finer buckets for shorter times.
//!
//! From 1 µs to 1000 s, each power of ten has 90 buckets of equal width: 1.0 to 1.1 µs, ... 9.9 to
//! 10 µs, 10 to 11 µs, and so on. Every figure is exact to two digits and at most a tenth too high.
//! A bound such as 2.5 ms is the end of a bucket. A bucket includes its upper bound and excludes
//! its lower bound.

use std::fmt;
use std::time::Duration;

/// The distribution of the duration of requests.
///
/// Empty unless [`statistics`](crate::Settings::statistics) is on, because the time is not measured
/// otherwise.
///
/// The time of a request begins when a worker starts to read the last part of the head. The time
/// ends when the kernel has the last byte of the answer, or when the answer breaks off. For a small
/// answer to a slow client, the time ends when the answer is set aside.
///
/// Included:
///
/// * receiving content, and the handler;
/// * waiting for a client that is slow to take a large answer;
/// * waiting for earlier requests of the same client.
///
/// Excluded:
///
/// * the wait for a worker;
/// * requests refused at once by the server;
/// * the time after the `101` of an upgrade.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// One counter for each of [`PLACES`], or none.
    counts: Vec<u64>,
    nanos: u64,
    longest: u64,
}

impl Latency {
    /// Creates a distribution from `counts` by bucket, their sum and the longest time in
    /// nanoseconds.
    pub(crate) fn new(counts: Vec<u64>, nanos: u64, longest: u64) -> Self {
        Self { counts, nanos, longest }
    }

    /// The number of measured requests.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The total time of all requests.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The longest time of a request.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// The time not exceeded by the given share of requests: `quantile(0.99)`. At most a tenth too
    /// high. `None` without requests.
    ///
    /// `share` is from 0 to 1; values outside are clamped.
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

    /// The number of requests that took at most `time`. Exact if `time` is the bound of a bucket,
    /// such as 1, 2.5 or 99 of any power of ten of a second from a microsecond on; otherwise
    /// possibly too low.
    #[must_use]
    pub fn at_most(&self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let within = |place: usize| bound(place).is_some_and(|bound| bound <= nanos);
        self.counts.iter().enumerate().take_while(|(place, _)| within(*place)).map(|(_, count)| count).sum()
    }

    /// The non-empty buckets in ascending order: upper bound and count. Beyond 1000 s, the bound is
    /// the longest time.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(place, count)| (Duration::from_nanos(bound(place).unwrap_or(self.longest)), *count))
    }

    /// The requests since `earlier`, from the same server: for figures of the last second or
    /// minute.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts: Vec<u64> =
            self.counts.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect();
        // The longest time of a part is unknown, but belongs to the last non-empty bucket.
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

/// The bucket of a time.
pub(crate) fn place(nanos: u64) -> usize {
    if nanos <= LEAST {
        return 0;
    }
    if nanos > MOST {
        return PLACES - 1;
    }
    // A bucket includes its upper bound.
    let below = nanos - 1;
    let power = below.ilog10();
    let place = 1 + EACH * u64::from(power - LEAST.ilog10()) + below / 10_u64.pow(power - 1) - 10;
    usize::try_from(place).unwrap_or(PLACES - 1)
}

/// The longest time of a bucket in nanoseconds; `None` for the last, unbounded bucket.
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

/// The number of buckets.
pub(crate) const PLACES: usize = 9 * 90 + 2;
/// The number of buckets per power of ten.
const EACH: u64 = 90;
/// The upper bound of the first bucket in nanoseconds: a microsecond.
const LEAST: u64 = 1_000;
/// The lower bound of the last bucket: nine powers of ten later.
const MOST: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// The distribution of times in nanoseconds.
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
    fn quantiles_are_at_most_a_tenth_too_high() {
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
        // Never longer than the longest time.
        assert_eq!(of(&[1_234_567]).quantile(0.5), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(of(&[]).quantile(0.5), None);
        assert_eq!(Latency::default().quantile(0.5), None);
    }

    #[test]
    fn bounds_are_inclusive() {
        let latency = of(&[500, 1_000, 1_001, 2_500_000, 2_500_001, MOST + 1]);
        for (nanos, count) in [(999, 0), (1_000, 2), (1_100, 3), (2_500_000, 4), (2_600_000, 5), (MOST, 5)] {
            assert_eq!(latency.at_most(Duration::from_nanos(nanos)), count, "{nanos}");
        }
        let buckets: Vec<(u128, u64)> = latency.buckets().map(|(bound, count)| (bound.as_nanos(), count)).collect();
        assert_eq!(buckets, [(1_000, 2), (1_100, 1), (2_500_000, 1), (2_600_000, 1), (u128::from(MOST) + 1, 1)]);
    }

    #[test]
    fn difference_has_the_requests_since() {
        let (before, after) = (of(&[5_000, 9_000_000]), of(&[5_000, 9_000_000, 7_000, 8_000]));
        let part = after.since(&before);
        assert_eq!((part.count(), part.sum()), (2, Duration::from_micros(15)));
        assert_eq!(part.quantile(0.5), Some(Duration::from_micros(7)));
        assert_eq!(part.quantile(1.0), Some(Duration::from_micros(8)));
        assert_eq!(after.since(&Latency::default()), after);
        assert_eq!(after.since(&after).quantile(0.5), None);
    }
}
