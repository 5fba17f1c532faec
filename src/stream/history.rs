//! The latest events of a broadcast, for clients that come back.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;

/// The latest events, bounded in number and bytes.
///
/// An id has two parts: a random number of the history, and the number of the event. So an id of an
/// earlier process, or of another machine, is told from an own id.
#[derive(Debug)]
pub(super) struct History {
    origin: u64,
    /// The number of the latest event. The first event has the number 1.
    latest: u64,
    /// The latest events, the oldest first.
    events: VecDeque<Bytes>,
    bytes: usize,
    most_events: usize,
    most_bytes: usize,
}

/// The events between two connections of a client.
#[derive(Debug)]
pub(super) struct Missed<'a> {
    history: &'a History,
    /// The index of the first event.
    from: usize,
    pub(super) gap: Option<Gap>,
}

/// Events that a client can no longer get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Events(u64),
    /// The id of the client is not of this history.
    Unknown,
}

impl History {
    pub(super) fn new(most_events: usize, most_bytes: usize) -> Self {
        // The standard library's only source of random numbers.
        let origin = RandomState::new().hash_one(0);
        Self { origin, latest: 0, events: VecDeque::new(), bytes: 0, most_events, most_bytes }
    }

    pub(super) fn limit(&mut self, events: usize, bytes: usize) {
        (self.most_events, self.most_bytes) = (events, bytes);
        self.trim();
    }

    /// Returns the number and the id of the next event.
    pub(super) fn next(&self) -> (u64, String) {
        let number = self.latest + 1;
        (number, self.id_of(number))
    }

    /// Returns the id of the latest event; of the number 0 before the first.
    pub(super) fn latest_id(&self) -> String {
        self.id_of(self.latest)
    }

    /// Adds the next event.
    pub(super) fn push(&mut self, event: Bytes) {
        self.latest += 1;
        self.bytes += event.len();
        self.events.push_back(event);
        self.trim();
    }

    /// Returns the events after that with `id`.
    pub(super) fn after(&self, id: &str) -> Missed<'_> {
        let oldest = self.latest - self.events.len() as u64 + 1;
        let Some(last) = self.number_of(id) else {
            return Missed { history: self, from: 0, gap: Some(Gap::Unknown) };
        };
        let first = last + 1;
        let lost = oldest.saturating_sub(first);
        let from = usize::try_from(first.saturating_sub(oldest)).unwrap_or(usize::MAX);
        Missed { history: self, from, gap: (lost > 0).then_some(Gap::Events(lost)) }
    }

    /// Returns the id after which the kept events follow: that of the last event no longer kept.
    pub(super) fn id_before_kept(&self) -> String {
        self.id_of(self.latest - self.events.len() as u64)
    }

    fn id_of(&self, number: u64) -> String {
        format!("{:016x}-{number}", self.origin)
    }

    /// Returns the number of an event with `id`, if the id is of this history.
    fn number_of(&self, id: &str) -> Option<u64> {
        let (origin, number) = id.split_once('-')?;
        let number = number.parse().ok().filter(|number| *number <= self.latest)?;
        (u64::from_str_radix(origin, 16) == Ok(self.origin)).then_some(number)
    }

    fn trim(&mut self) {
        while self.events.len() > self.most_events || self.bytes > self.most_bytes {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }
}

impl<'a> Missed<'a> {
    pub(super) fn events(&self) -> impl Iterator<Item = &'a Bytes> + use<'a> {
        self.history.events.iter().skip(self.from)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(lost) => write!(f, "{lost}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u64, most_events: usize, most_bytes: usize) -> History {
        let mut history = History::new(most_events, most_bytes);
        (1..=count).for_each(|number| history.push(number.to_string().into()));
        history
    }

    /// The gap and the events after `id`.
    fn after(history: &History, id: &str) -> String {
        let missed = history.after(id);
        let gap = missed.gap.map_or(String::new(), |gap| format!("({gap})"));
        missed.events().fold(gap, |text, event| text + " " + std::str::from_utf8(event).unwrap())
    }

    #[test]
    fn client_gets_the_events_after_its_last_and_knows_the_number_of_lost_ones() {
        for (count, most_events, last, expected) in [
            (0, 3, 0, ""),
            (2, 3, 0, " 1 2"),
            (2, 3, 1, " 2"),
            (2, 3, 2, ""),
            (5, 3, 5, ""),
            (5, 3, 2, " 3 4 5"),
            (5, 3, 1, "(1) 3 4 5"),
            (5, 3, 0, "(2) 3 4 5"),
            (5, 0, 5, ""),
            (5, 0, 4, "(1)"),
            (5, 3, 6, "(unknown) 3 4 5"),
        ] {
            let history = of(count, most_events, 1000);
            assert_eq!(after(&history, &history.id_of(last)), expected, "{last} of {count}, {most_events} kept");
        }
    }

    #[test]
    fn history_is_bounded_in_bytes_too() {
        let mut history = of(99, 1000, 7);
        assert_eq!(after(&history, &history.id_of(0)), "(96) 97 98 99");
        history.push(vec![b'x'; 8].into());
        assert_eq!((after(&history, &history.id_of(99)), history.bytes), ("(1)".to_owned(), 0));
        let mut history = of(9, 1000, 1000);
        history.limit(2, 1000);
        assert_eq!(after(&history, &history.id_of(6)), "(1) 8 9");
        history.limit(1000, 1);
        assert_eq!(after(&history, &history.id_of(8)), " 9");
    }

    #[test]
    fn id_of_another_history_is_unknown() {
        let (history, other) = (of(2, 9, 9), of(2, 9, 9));
        let long = "9".repeat(1000);
        for id in ["", "-", "1", "x-1", "-1", &other.id_of(1), &long, &(history.id_of(1) + "x"), "+1-1"] {
            assert_eq!(after(&history, id), "(unknown) 1 2", "{id}");
        }
        assert_eq!(history.next(), (3, history.id_of(3)));
        assert_eq!(history.latest_id(), history.id_of(2));
    }
}
