//! Times what a worker does, while that is wanted: twice a request the clock is read, once when its head is whole, and once when what was
//! gathered for it, and perhaps for others that came with it, is out.

use std::time::Instant;

use super::statistics::Counters;

/// A worker's stop watch.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Since when it works without a pause.
    working: Option<Instant>,
    /// When the requests began whose answers are made.
    made: Vec<Instant>,
}

impl Meter {
    /// Enters that a request begins, and says when; `None`: nobody wants to know.
    pub(super) fn begin(&mut self, is_wanted: bool) -> Option<Instant> {
        if !is_wanted {
            return None;
        }
        let now = Instant::now();
        self.working.get_or_insert(now);
        Some(now)
    }

    /// Enters that work goes on which has been begun before.
    pub(super) fn resume(&mut self, is_wanted: bool) {
        if is_wanted && self.working.is_none() {
            self.working = Some(Instant::now());
        }
    }

    /// Enters that a request's answer is made, or has broken off; `begun` is what [`begin`](Self::begin) said.
    pub(super) fn made(&mut self, begun: Option<Instant>) {
        self.made.extend(begun);
    }

    /// Enters that everything made is out, or left for later.
    pub(super) fn settle(&mut self, counters: &Counters) {
        let since = self.working.take().or(self.made.first().copied());
        let Some(since) = since else { return };
        let now = Instant::now();
        counters.count_work(now - since);
        self.made.drain(..).for_each(|begun| counters.count_time(now - begun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_is_counted_and_only_once() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        let (first, second) = (meter.begin(true), meter.begin(true));
        meter.made(first);
        meter.settle(&counters);
        assert_eq!(counters.latency().count(), 1);
        let worked = counters.work_time();
        assert!(worked >= counters.latency().sum());
        meter.settle(&counters);
        assert_eq!((counters.latency().count(), counters.work_time()), (1, worked), "nobody worked in between");
        // It was waited for without a worker, and is over now.
        meter.resume(true);
        meter.made(second);
        meter.settle(&counters);
        assert_eq!(counters.latency().count(), 2);
        assert!(counters.latency().sum() > counters.work_time(), "the wait is the request's and not the worker's");
    }

    #[test]
    fn without_being_wanted_it_reads_no_clock() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        let begun = meter.begin(false);
        meter.resume(false);
        meter.made(begun);
        assert!(begun.is_none() && meter.working.is_none() && meter.made.is_empty());
        meter.settle(&counters);
        assert_eq!(counters.work_time(), std::time::Duration::ZERO);
    }
}
