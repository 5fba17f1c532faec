//! Buckets of tokens, one for each of many owners, in a fixed amount of memory.
//!
//! A bucket is one number, the time at which it is full again: the generic cell rate algorithm
//! (ITU-T I.371, "virtual scheduling"). A full bucket is the same as none, so its place is free.
//!
//! The places are in sets of eight, as in the cache of a processor. A keyed hash of the owner
//! chooses the set, so a client cannot choose a set to fill. An owner that finds all places of its
//! set taken shares one more bucket of this set. No bucket is ever emptied or filled for another
//! owner.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use crate::sync::Mutex;

/// A rate of tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// The time between two new tokens.
    pub(super) interval: Duration,
    /// The tokens of a full bucket, at least 1.
    pub(super) burst: u32,
}

/// The buckets of all owners.
pub(super) struct Buckets<K> {
    rate: Rate,
    sets: Box<[Mutex<Set<K>>]>,
    keys: RandomState,
}

struct Set<K> {
    places: [Place<K>; PLACES],
    /// Shared by owners without a place.
    shared: Duration,
}

#[derive(Clone, Copy)]
struct Place<K> {
    owner: K,
    full_at: Duration,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// Makes full buckets with at least `places` places; `owner` is any owner.
    pub(super) fn new(rate: Rate, places: usize, owner: K) -> Self {
        let set = || Set { places: [Place { owner, full_at: Duration::ZERO }; PLACES], shared: Duration::ZERO };
        let number = places.div_ceil(PLACES).next_power_of_two();
        Self { rate, sets: (0..number).map(|_| Mutex::new(set())).collect(), keys: RandomState::new() }
    }

    /// Takes a token of `owner` at time `now`, which is counted from the start.
    ///
    /// # Errors
    /// The time until the next token. Nothing has been taken.
    pub(super) fn take(&self, owner: K, now: Duration) -> Result<(), Duration> {
        let hash = self.keys.hash_one(owner);
        let at = usize::try_from(hash & (self.sets.len() as u64 - 1)).unwrap_or_default();
        let mut set = self.sets[at].lock();
        self.rate.take(set.bucket(owner, now), now)
    }
}

impl<K: Copy + Eq> Set<K> {
    /// Returns the bucket of `owner`: its own, a free one, or the shared one.
    fn bucket(&mut self, owner: K, now: Duration) -> &mut Duration {
        let known = self.places.iter().position(|place| place.owner == owner && place.full_at > now);
        let at = known.or_else(|| self.places.iter().position(|place| place.full_at <= now));
        match at {
            Some(at) => {
                self.places[at].owner = owner;
                &mut self.places[at].full_at
            }
            None => &mut self.shared,
        }
    }
}

impl Rate {
    fn take(&self, full_at: &mut Duration, now: Duration) -> Result<(), Duration> {
        let after = (*full_at).max(now) + self.interval;
        // A bucket that would be full later than this has no token to give.
        let latest = now + self.interval * self.burst;
        if after > latest {
            return Err(after - latest);
        }
        *full_at = after;
        Ok(())
    }
}

/// The places of a set.
const PLACES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// Buckets of 3 tokens, with a new one each 100 ms.
    fn buckets(places: usize) -> Buckets<u32> {
        Buckets::new(Rate { interval: ms(100), burst: 3 }, places, 0)
    }

    #[test]
    fn bucket_gives_its_burst_and_then_its_rate() {
        let buckets = buckets(8);
        for (now, result) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(ms(100))),
            (1, Err(ms(99))),
            (99, Err(ms(1))),
            (100, Ok(())),
            (100, Err(ms(100))),
            (350, Ok(())),
            (350, Ok(())),
            (350, Err(ms(50))),
            (400, Ok(())),
            // No more than the burst is saved.
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Err(ms(100))),
        ] {
            assert_eq!(buckets.take(7, ms(now)), result, "{now}");
        }
    }

    #[test]
    fn burst_of_one_spaces_requests() {
        let buckets = Buckets::new(Rate { interval: ms(100), burst: 1 }, 8, 0);
        let results = [0, 99, 100, 199, 200].map(|now| buckets.take(1, ms(now)));
        assert_eq!(results, [Ok(()), Err(ms(1)), Ok(()), Err(ms(1)), Ok(())]);
    }

    #[test]
    fn time_that_goes_back_gives_no_token() {
        let buckets = buckets(8);
        for _ in 0..3 {
            buckets.take(1, ms(1000)).unwrap();
        }
        assert_eq!(buckets.take(1, ms(900)), Err(ms(200)));
    }

    #[test]
    fn owners_have_buckets_of_their_own() {
        let buckets = buckets(1024);
        for owner in 0..100 {
            assert_eq!((0..4).filter(|_| buckets.take(owner, ms(0)).is_ok()).count(), 3, "{owner}");
        }
    }

    #[test]
    fn flood_of_new_owners_leaves_a_known_one_its_limit() {
        let buckets = buckets(64);
        for _ in 0..3 {
            buckets.take(u32::MAX, ms(0)).unwrap();
        }
        let mut now = 0;
        for round in 0..50 {
            for owner in 0..1000 {
                let _ = buckets.take(round * 1000 + owner, ms(now));
            }
            assert!(buckets.take(u32::MAX, ms(now)).is_err(), "{now}");
            // The known owner uses each token, and gets no other.
            now += 100;
            assert_eq!(buckets.take(u32::MAX, ms(now)), Ok(()), "{now}");
        }
    }

    #[test]
    fn owners_without_a_place_share_a_bucket_and_memory_is_fixed() {
        let buckets = buckets(8);
        assert_eq!(buckets.sets.len(), 1);
        let taken =
            |owners: std::ops::Range<u32>, now| owners.filter(|owner| buckets.take(*owner, now).is_ok()).count();
        // Eight with a place, and three tokens for all others.
        assert_eq!(taken(0..10_000, ms(0)), 11);
        assert_eq!(taken(8..10_000, ms(0)), 0);
        assert_eq!(taken(0..8, ms(0)), 8);
        // All buckets but those of the eight are full at 200: a place becomes free only then.
        assert_eq!(taken(8..10_000, ms(100)), 1);
        assert_eq!(taken(20_000..20_100, ms(300)), 10);
    }

    #[test]
    fn places_are_rounded_up_and_small() {
        for (asked, sets) in [(1, 1), (8, 1), (9, 2), (100_000, 1 << 14), (1 << 17, 1 << 14)] {
            assert_eq!(buckets(asked).sets.len(), sets, "{asked}");
        }
        assert!(size_of::<Mutex<Set<u32>>>() <= PLACES * 32 + 32);
    }
}
