//! Times what a worker does, while that is wanted, and reads the clock as seldom as that can be done.
//!
//! A reading costs 40 to 70 ns where the processor is a virtual one, a hundredth of a small request. So what was received together begins
//! together, and the end of one request is the beginning of the next that the worker turns to without waiting in between.
//!
//! **Measured**, two processors shared with the client, processor time of the server for a thousand small requests in milliseconds:
//!
//! | | 8 connections | 64 |
//! |---|---|---|
//! | off | 7.58 | 7.10 |
//! | on | 7.62, by pairs of runs 0.5 % more | 7.10, 0.1 % more |
//!
//! Two readings for each request were 2.5 % more at 8 connections (6.31, 6.47, in a quieter hour). Beside what it was before there was any of
//! this, four rounds in turn, medians: 7.19 and 7.20 then, 7.82 and 7.25 off, 7.25 and 6.96 on. Single runs of the same program differ by
//! 15 % there, so no more can be said than that it does not show.

use std::time::Instant;

use super::counters::Counters;

/// A worker's stop watch.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Since when it works on requests without a pause.
    working: Option<Instant>,
    /// When what it has at hand was received, once that was asked for.
    received: Option<Instant>,
    /// The last reading, for as long as it passes for now.
    last: Option<Instant>,
    /// When the requests began whose answers are made.
    made: Vec<Instant>,
    /// Whether anything has been settled since the worker turned to its connection.
    has_settled: bool,
}

impl Meter {
    /// Enters that the worker turns to another connection.
    pub(in crate::engine) fn turn(&mut self) {
        self.received = None;
        self.has_settled = false;
    }

    /// Enters that more has been received, and whether that was waited for.
    pub(in crate::engine) fn receive(&mut self, has_waited: bool) {
        self.received = None;
        if has_waited {
            self.last = None;
        }
    }

    /// Enters that the worker is about to wait.
    pub(in crate::engine) fn rest(&mut self) {
        self.last = None;
    }

    /// Enters that a request is at hand, and says when it began; `None`: nobody wants to know.
    pub(in crate::engine) fn begin(&mut self, is_wanted: bool) -> Option<Instant> {
        if !is_wanted {
            return None;
        }
        // From here on it is no longer now.
        let last = self.last.take();
        let begun = *self.received.get_or_insert_with(|| last.unwrap_or_else(Instant::now));
        self.working.get_or_insert(last.map_or(begun, |last| last.max(begun)));
        Some(begun)
    }

    /// Enters that work goes on which has been begun before.
    pub(in crate::engine) fn resume(&mut self, is_wanted: bool) {
        if is_wanted && self.working.is_none() {
            self.working = Some(self.last.take().unwrap_or_else(Instant::now));
        }
    }

    /// Enters that a request's answer is made, or has broken off; `begun` is what [`begin`](Self::begin) said.
    pub(in crate::engine) fn made(&mut self, begun: Option<Instant>) {
        self.made.extend(begun);
    }

    /// Enters that everything made is out, or left for later.
    pub(in crate::engine) fn settle(&mut self, counters: &Counters) {
        let since = self.working.take().or(self.made.first().copied());
        let Some(since) = since else { return };
        let now = Instant::now();
        counters.count_work(now - since);
        self.made.drain(..).for_each(|begun| counters.count_time(now - begun));
        self.last = Some(now);
        self.has_settled = true;
    }

    /// As [`settle`](Self::settle), when the worker is done with its connection for now.
    pub(in crate::engine) fn leave(&mut self, counters: &Counters) {
        self.settle(counters);
        if !self.has_settled {
            // What has been done took its time, a handshake perhaps.
            self.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_is_made_is_counted_and_only_once() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let first = meter.begin(true);
        meter.receive(false);
        let second = meter.begin(true);
        meter.made(first);
        meter.leave(&counters);
        assert_eq!(counters.latency().count(), 1);
        let worked = counters.work_time();
        assert!(worked >= counters.latency().sum());
        meter.leave(&counters);
        assert_eq!((counters.latency().count(), counters.work_time()), (1, worked), "nobody worked in between");
        // It was waited for without a worker, and is over now.
        meter.turn();
        meter.rest();
        meter.resume(true);
        meter.made(second);
        meter.leave(&counters);
        assert_eq!(counters.latency().count(), 2);
        assert!(counters.latency().sum() > counters.work_time(), "the wait is the request's and not the worker's");
    }

    #[test]
    fn what_came_together_begins_together_and_what_follows_at_once_where_the_last_ended() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let first = meter.begin(true);
        assert_eq!(meter.begin(true), first);
        meter.made(first);
        meter.settle(&counters);
        let settled = meter.last.unwrap();
        // Of what came with it the worker only works from now on.
        assert_eq!((meter.begin(true), meter.working), (first, Some(settled)));
        meter.leave(&counters);
        let settled = meter.last;
        meter.turn();
        assert_eq!(meter.begin(true), settled);
        // That handler has run: what is received now begins now.
        meter.receive(false);
        assert!(meter.begin(true) > settled);
        meter.leave(&counters);
        for wait in [|meter: &mut Meter| meter.rest(), |meter: &mut Meter| meter.receive(true)] {
            let settled = meter.last;
            meter.turn();
            wait(&mut meter);
            assert!(meter.begin(true) > settled);
            meter.leave(&counters);
        }
        // Whatever else it was that it did, it was no request, and took its time.
        meter.turn();
        meter.leave(&counters);
        assert_eq!(meter.last, None);
    }

    #[test]
    fn without_being_wanted_it_reads_no_clock() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let begun = meter.begin(false);
        meter.resume(false);
        meter.made(begun);
        assert!(begun.is_none() && meter.working.is_none() && meter.made.is_empty());
        meter.leave(&counters);
        assert_eq!((counters.work_time(), meter.last), (Duration::ZERO, None));
    }
}
