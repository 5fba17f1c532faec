//! What tells whether handlers block, and so whether there are too few workers.
//!
//! What waits in the queue waits for nobody as long as a batch is served in a fraction of a millisecond: another worker would only take
//! processor time away from who serves it. If something has waited for [`LONG`], handlers take their time; and if those who work sleep
//! meanwhile, as the system sees it, they do not compute but wait, and more workers are what helps. On a machine that has no time to
//! run them they do not sleep, and more would help nobody.
//!
//! Once that is seen, everybody who is wanted is called at once for as long as more workers are in handlers than there are
//! processors.

use std::time::{Duration, Instant};

/// What has been seen so far.
pub(super) struct Shortage {
    processors: usize,
    /// When so many had been put into the queue.
    mark: (Instant, u64),
    /// Since when nobody leads.
    unled: Option<Instant>,
    /// How many looks in a row have seen no more at work than there are processors.
    calm: u32,
    is_eager: bool,
}

/// What is seen at one look.
pub(super) struct Sight {
    pub(super) now: Instant,
    /// How many have been taken from the queue since the start, and how many put in.
    pub(super) progress: (u64, u64),
    /// How many workers work.
    pub(super) working: usize,
    pub(super) is_led: bool,
}

impl Shortage {
    pub(super) fn new(processors: usize, now: Instant) -> Self {
        Self { processors, mark: (now, 0), unled: None, calm: 0, is_eager: false }
    }

    /// Looks; says whether something waits because handlers block. `sleep` says whether those who work sleep, which is asked rarely.
    pub(super) fn look(&mut self, sight: &Sight, sleep: impl FnOnce() -> bool) -> bool {
        let Sight { now, progress: (taken, put_in), working, is_led } = *sight;
        let (when, position) = self.mark;
        let waits = taken < position;
        if !waits {
            self.mark = (now, put_in);
        }
        self.unled = if is_led { None } else { self.unled.or(Some(now)) };
        let is_unled = self.unled.is_some_and(|since| now - since >= LONG);
        let blocks = ((waits && now - when >= LONG) || is_unled) && working > 0 && sleep();
        self.calm = if working > self.processors { 0 } else { self.calm.saturating_add(1) };
        self.is_eager = blocks || (self.is_eager && self.calm < CALM);
        blocks
    }

    /// Whether handlers block, as far as has been seen.
    pub(super) fn is_eager(&self) -> bool {
        self.is_eager
    }
}

/// What waits for longer does so because of handlers that take their time.
const LONG: Duration = Duration::from_millis(2);
/// After so many looks handlers do not block any more.
const CALM: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    #[test]
    fn what_moves_on_is_no_shortage_and_what_waits_for_sleepers_is() {
        let mut now = Instant::now();
        let mut shortage = Shortage::new(2, now);
        let mut look = |taken, put_in, working, sleep, is_led| {
            now += TICK;
            let sight = Sight { now, progress: (taken, put_in), working, is_led };
            (shortage.look(&sight, || sleep), shortage.is_eager())
        };
        for served in 0..100 {
            let seen = look(64 * served, 64 * served + 64, 1, true, true);
            assert_eq!(seen, (false, false), "a batch is served between two looks");
        }
        assert_eq!(look(6400, 6464, 2, true, true), (false, false));
        assert_eq!(look(6410, 6464, 2, true, true), (false, false), "not for long enough");
        assert_eq!(look(6420, 6470, 2, false, true), (false, false), "they compute");
        assert_eq!(look(6420, 6470, 2, true, true), (true, true));
        assert_eq!(look(6464, 6500, 9, true, true), (false, true), "those that waited have been taken");
        for _ in 0..CALM - 1 {
            assert_eq!(look(6500, 6500, 2, true, true), (false, true));
        }
        assert_eq!(look(6500, 6500, 2, true, true), (false, false), "handlers do not block any more");
        for expected in [false, false, true] {
            assert_eq!(look(6500, 6500, 2, true, false).0, expected, "nobody leads");
        }
        assert!(!look(6500, 6500, 0, true, false).0, "nobody works either");
    }
}
