//! What tells whether handlers block, and so whether there are too few workers.
//!
//! What waits in the queue waits for nobody as long as a batch is served in a fraction of a millisecond: another worker would only take
//! processor time away from who serves it. If it waits for [`LONG`], handlers take their time; if the processors are not busy
//! with this process meanwhile, they take it waiting, and more workers are what helps. Once that is seen, everybody who is wanted is called
//! at once for as long as more workers are in handlers than there are processors.

use std::time::{Duration, Instant};

use crate::net::processor;

/// What has been seen of the queue and the processors.
pub(super) struct Shortage {
    processors: usize,
    /// When so many had been put into the queue.
    mark: (Instant, u64),
    /// When so much processor time had been used.
    used: (Instant, Duration),
    is_full: bool,
    /// How many looks in a row have seen no more at work than there are processors.
    calm: u32,
    is_eager: bool,
}

impl Shortage {
    pub(super) fn new(processors: usize, now: Instant) -> Self {
        let used = (now, processor::time().unwrap_or_default());
        Self { processors, mark: (now, 0), used, is_full: false, calm: 0, is_eager: false }
    }

    /// Looks at the `progress` of the queue and how many are at work; says whether something has waited for long because handlers block.
    pub(super) fn look(&mut self, now: Instant, progress: (u64, u64), working: usize) -> bool {
        let (taken, put_in) = progress;
        let (when, position) = self.mark;
        let waits = taken < position;
        if !waits {
            self.mark = (now, put_in);
        }
        if now - self.used.0 >= SPAN {
            self.measure(now);
        }
        let blocks = waits && now - when >= LONG && !self.is_full;
        self.calm = if working > self.processors { 0 } else { self.calm.saturating_add(1) };
        self.is_eager = blocks || (self.is_eager && self.calm < CALM);
        blocks
    }

    /// Whether handlers block, as far as has been seen.
    pub(super) fn is_eager(&self) -> bool {
        self.is_eager
    }

    fn measure(&mut self, now: Instant) {
        let Some(used) = processor::time() else { return };
        let (when, before) = self.used;
        let most = (now - when) * u32::try_from(self.processors).unwrap_or(u32::MAX);
        self.is_full = used.saturating_sub(before) >= most * 9 / 10;
        self.used = (now, used);
    }
}

/// What waits for longer does so because of handlers that take their time.
const LONG: Duration = Duration::from_millis(2);
/// How long processor time is added up.
const SPAN: Duration = Duration::from_millis(10);
/// After so many looks handlers do not block any more.
const CALM: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    #[test]
    fn what_moves_on_is_no_shortage_and_what_waits_is() {
        let mut now = Instant::now();
        let mut shortage = Shortage::new(2, now);
        let mut look = |taken, put_in, working| {
            now += TICK;
            (shortage.look(now, (taken, put_in), working), shortage.is_eager())
        };
        for served in 0..100 {
            assert_eq!(look(64 * served, 64 * served + 64, 1), (false, false), "a batch is served between two looks");
        }
        assert_eq!(look(6400, 6464, 2), (false, false));
        assert_eq!(look(6410, 6464, 2), (false, false), "not for long enough");
        assert_eq!(look(6420, 6470, 2), (true, true));
        assert_eq!(look(6464, 6500, 9), (false, true), "those that waited have been taken");
        for _ in 0..CALM - 1 {
            assert_eq!(look(6500, 6500, 2), (false, true));
        }
        assert_eq!(look(6500, 6500, 2), (false, false), "handlers do not block any more");
    }
}
