//! Counters: one set for each worker, added up by a snapshot.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;

use super::counter::{ClassCounters, Counter, nanos};
use super::route_counters::RouteCounters;
use crate::h1::error::ProtocolError;
use crate::statistics::{Answers, Latency, PLACES, Timeouts, Worker, place};

/// The counts of one worker. [`Statistics`](crate::statistics::Statistics) describes each.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) answered: Counter,
    pub(crate) broken_off: Counter,
    pub(crate) refused: Counter,
    pub(crate) overruled: Counter,
    pub(crate) proxy_refused: Counter,
    pub(crate) handshakes_failed: Counter,
    pub(crate) panics: Counter,
    pub(crate) bytes_read: Counter,
    pub(crate) bytes_written: Counter,
    pub(crate) content_read: Counter,
    pub(crate) content_written: Counter,
    pub(crate) tls_bytes_read: Counter,
    pub(crate) tls_bytes_written: Counter,
    /// Nanoseconds spent on requests, if measured.
    work: Counter,
    /// By [`Late`].
    late: [Counter; Late::KINDS],
    answers: ClassCounters,
    pub(crate) routes: RouteCounters,
    /// The times of requests, present after the first measurement.
    times: OnceLock<Times>,
}

/// The kinds of missed deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Handshake,
    Proxy,
    Head,
    Body,
    Write,
    Idle,
    Linger,
}

/// The times of requests.
#[derive(Debug)]
struct Times {
    counts: Box<[Counter]>,
    nanos: Counter,
    longest: Counter,
}

impl Late {
    const KINDS: usize = 7;
}

impl Counters {
    /// Counts a missed deadline.
    pub(crate) fn count_late(&self, late: Late) {
        self.late[late as usize].add(1);
    }

    /// Counts a content error, if a timeout.
    pub(crate) fn count_content(&self, error: ProtocolError) {
        if error == ProtocolError::Timeout {
            self.count_late(Late::Body);
        }
    }

    /// Counts an answer by its status.
    pub(crate) fn count_answer(&self, status: StatusCode) {
        self.answers.count(status);
    }

    /// Counts time spent on requests.
    pub(super) fn count_work(&self, time: Duration) {
        self.work.add(nanos(time));
    }

    /// Counts a request of duration `time`.
    pub(super) fn count_time(&self, time: Duration) {
        let (times, nanos) = (self.times.get_or_init(Times::default), nanos(time));
        times.counts[place(nanos)].add(1);
        times.nanos.add(nanos);
        times.longest.raise(nanos);
    }

    /// Adds the counts of `other`.
    pub(crate) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.all().zip(other.all()) {
            mine.add(theirs.get());
        }
        self.routes.absorb(&other.routes);
        let Some(theirs) = other.times.get() else { return };
        let mine = self.times.get_or_init(Times::default);
        for (mine, theirs) in mine.counts.iter().zip(&theirs.counts) {
            mine.add(theirs.get());
        }
        mine.nanos.add(theirs.nanos.get());
        mine.longest.raise(theirs.longest.get());
    }

    /// The number of requests, each counted once.
    pub(crate) fn exchanges(&self) -> u64 {
        self.requests.get() + self.refused.get().saturating_sub(self.overruled.get())
    }

    pub(crate) fn work_time(&self) -> Duration {
        Duration::from_nanos(self.work.get())
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        let count = |late: Late| self.late[late as usize].get();
        Timeouts {
            handshake: count(Late::Handshake),
            proxy: count(Late::Proxy),
            head: count(Late::Head),
            body: count(Late::Body),
            write: count(Late::Write),
            idle: count(Late::Idle),
            linger: count(Late::Linger),
        }
    }

    pub(crate) fn answers(&self) -> Answers {
        self.answers.answers()
    }

    pub(crate) fn latency(&self) -> Latency {
        let of = |times: &Times| {
            let counts = times.counts.iter().map(Counter::get).collect();
            Latency::new(counts, times.nanos.get(), times.longest.get())
        };
        self.times.get().map_or_else(Latency::default, of)
    }

    /// Returns the statistics row of a worker called `name`.
    pub(crate) fn row(&self, name: String, is_busy: bool) -> Worker {
        Worker {
            name,
            exchanges: self.exchanges(),
            bytes_read: self.bytes_read.get(),
            bytes_written: self.bytes_written.get(),
            work_time: self.work_time(),
            is_busy,
            serving: None,
        }
    }

    /// Returns all sums except `routes` and `times`.
    fn all(&self) -> impl Iterator<Item = &Counter> {
        let single = [
            &self.requests,
            &self.answered,
            &self.broken_off,
            &self.refused,
            &self.overruled,
            &self.proxy_refused,
            &self.handshakes_failed,
            &self.panics,
            &self.bytes_read,
            &self.bytes_written,
            &self.content_read,
            &self.content_written,
            &self.tls_bytes_read,
            &self.tls_bytes_written,
            &self.work,
        ];
        single.into_iter().chain(&self.late).chain(self.answers.all())
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            counts: std::iter::repeat_with(Counter::default).take(PLACES).collect(),
            nanos: Counter::default(),
            longest: Counter::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absorbed_counters_keep_the_totals() {
        let (sum, one) = (Counters::default(), Counters::default());
        for (number, counter) in (1..).zip(one.all()) {
            counter.add(number);
        }
        one.count_time(Duration::from_micros(5));
        one.count_time(Duration::from_millis(5));
        sum.absorb(&one);
        sum.absorb(&one);
        for (counter, other) in sum.all().zip(one.all()) {
            assert_eq!(counter.get(), 2 * other.get());
        }
        let latency = sum.latency();
        assert_eq!((latency.count(), latency.sum()), (4, Duration::from_micros(10_010)));
        assert_eq!(latency.longest(), Duration::from_millis(5));
        let buckets: Vec<(u128, u64)> = latency.buckets().map(|(bound, count)| (bound.as_micros(), count)).collect();
        assert_eq!(buckets, [(5, 2), (5000, 2)]);
    }

    #[test]
    fn statuses_have_their_class_and_times_their_kind() {
        let counters = Counters::default();
        for status in [101, 200, 204, 302, 400, 431, 499, 500, 503, 999] {
            counters.count_answer(StatusCode::from_u16(status).unwrap());
        }
        let Answers { informational, success, redirection, client_error, server_error } = counters.answers();
        assert_eq!([informational, success, redirection, client_error, server_error], [1, 2, 1, 3, 3]);
        let kinds = [Late::Handshake, Late::Proxy, Late::Head, Late::Body, Late::Write, Late::Idle, Late::Linger];
        assert_eq!(kinds.len(), Late::KINDS);
        for (times, late) in (1..).zip(kinds) {
            (0..times).for_each(|_| counters.count_late(late));
        }
        counters.count_content(ProtocolError::Truncated);
        counters.count_content(ProtocolError::Timeout);
        let Timeouts { handshake, proxy, head, body, write, idle, linger } = counters.timeouts();
        assert_eq!([handshake, proxy, head, body, write, idle, linger], [1, 2, 3, 5, 5, 6, 7]);
    }

    #[test]
    fn unmeasured_times_take_no_memory() {
        let (sum, one) = (Counters::default(), Counters::default());
        one.requests.add(1);
        sum.absorb(&one);
        assert!(sum.times.get().is_none() && sum.latency() == Latency::default());
    }
}
