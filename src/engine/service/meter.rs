//! The measurement of a worker's times, if wanted, with as few readings of the clock as possible.
//!
//! A reading costs 40 to 70 ns on a virtual processor, a hundredth of a small request. Requests
//! received together therefore begin together. The end of one request is also the beginning of the
//! next, if the worker does not wait in between.
//!
//! **Measured** on two processors shared with the client: processor time of the server for a
//! thousand small requests, in milliseconds:
//!
//! | | 8 connections | 64 |
//! |---|---|---|
//! | off | 7.58 | 7.10 |
//! | on | 7.62, by pairs of runs 0.5 % more | 7.10, 0.1 % more |
//!
//! Two readings for each request cost 2.5 % more at 8 connections (6.31, 6.47, in a quieter hour).
//! Against the server before any measurement, medians of four alternating rounds: 7.19 and 7.20
//! before, 7.82 and 7.25 off, 7.25 and 6.96 on. Single runs of the same program differ by 15 %
//! there, so the cost is within the noise.

use std::time::Instant;

use super::counters::Counters;
use super::routes::RouteNumber;

/// A worker's stopwatch.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The start of the present work on requests without a pause.
    working: Option<Instant>,
    /// The time at which the present input was received, once asked for.
    received: Option<Instant>,
    /// The last reading, while still usable as the present time.
    last: Option<Instant>,
    /// The start times and routes of the requests with a complete answer.
    made: Vec<(Instant, Option<RouteNumber>)>,
    /// True if anything was settled since the worker took up the connection.
    has_settled: bool,
}

impl Meter {
    /// Resets the meter for another connection.
    pub(in crate::engine) fn turn(&mut self) {
        self.received = None;
        self.has_settled = false;
    }

    /// Notes that more input was received; `has_waited` if the worker waited for the input.
    pub(in crate::engine) fn receive(&mut self, has_waited: bool) {
        self.received = None;
        if has_waited {
            self.last = None;
        }
    }

    /// Notes that the worker is about to wait.
    pub(in crate::engine) fn rest(&mut self) {
        self.last = None;
    }

    /// Notes the beginning of a request. Returns the start time; `None`: not wanted.
    pub(in crate::engine) fn begin(&mut self, is_wanted: bool) -> Option<Instant> {
        if !is_wanted {
            return None;
        }
        // From here on the last reading is outdated.
        let last = self.last.take();
        let begun = *self.received.get_or_insert_with(|| last.unwrap_or_else(Instant::now));
        self.working.get_or_insert(last.map_or(begun, |last| last.max(begun)));
        Some(begun)
    }

    /// Notes that work begun earlier goes on.
    pub(in crate::engine) fn resume(&mut self, is_wanted: bool) {
        if is_wanted && self.working.is_none() {
            self.working = Some(self.last.take().unwrap_or_else(Instant::now));
        }
    }

    /// Notes that the answer to a request of `route` is made, or has broken off; `begun` comes from
    /// [`begin`](Self::begin).
    pub(in crate::engine) fn made(&mut self, begun: Option<Instant>, route: Option<RouteNumber>) {
        self.made.extend(begun.map(|begun| (begun, route)));
    }

    /// Counts the times of all answers made, now sent or left for later.
    pub(in crate::engine) fn settle(&mut self, counters: &Counters) {
        let since = self.working.take().or(self.made.first().map(|(begun, _)| *begun));
        let Some(since) = since else { return };
        let now = Instant::now();
        counters.count_work(now - since);
        for (begun, route) in self.made.drain(..) {
            counters.count_time(now - begun);
            route.into_iter().for_each(|route| counters.routes.count_time(route, now - begun));
        }
        self.last = Some(now);
        self.has_settled = true;
    }

    /// Settles like [`settle`](Self::settle), when the worker is done with the connection for now.
    pub(in crate::engine) fn leave(&mut self, counters: &Counters) {
        self.settle(counters);
        if !self.has_settled {
            // Other work, such as a handshake, took time.
            self.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_answered_request_is_measured_once() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let first = meter.begin(true);
        meter.receive(false);
        let second = meter.begin(true);
        meter.made(first, None);
        meter.leave(&counters);
        assert_eq!(counters.latency().count(), 1);
        let worked = counters.work_time();
        assert!(worked >= counters.latency().sum());
        meter.leave(&counters);
        assert_eq!((counters.latency().count(), counters.work_time()), (1, worked), "nobody worked in between");
        // The second request was waiting without a worker, and is over now.
        meter.turn();
        meter.rest();
        meter.resume(true);
        meter.made(second, None);
        meter.leave(&counters);
        assert_eq!(counters.latency().count(), 2);
        assert!(counters.latency().sum() > counters.work_time(), "the wait is the request's and not the worker's");
    }

    #[test]
    fn pipelined_requests_share_a_start_or_start_at_the_previous_end() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let first = meter.begin(true);
        assert_eq!(meter.begin(true), first);
        meter.made(first, None);
        meter.settle(&counters);
        let settled = meter.last.unwrap();
        // The worker starts on the second request only now.
        assert_eq!((meter.begin(true), meter.working), (first, Some(settled)));
        meter.leave(&counters);
        let settled = meter.last;
        meter.turn();
        assert_eq!(meter.begin(true), settled);
        // The handler has run: input received now begins now.
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
        // Work without a request takes time, too.
        meter.turn();
        meter.leave(&counters);
        assert_eq!(meter.last, None);
    }

    #[test]
    fn meter_that_is_off_reads_no_clock() {
        let (mut meter, counters) = (Meter::default(), Counters::default());
        meter.turn();
        let begun = meter.begin(false);
        meter.resume(false);
        meter.made(begun, None);
        assert!(begun.is_none() && meter.working.is_none() && meter.made.is_empty());
        meter.leave(&counters);
        assert_eq!((counters.work_time(), meter.last), (Duration::ZERO, None));
    }
}
