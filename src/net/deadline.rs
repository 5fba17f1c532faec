//! Deadlines of many items, cheap to extend.
//!
//! A binary heap with stale entries: an item whose deadline is extended keeps its old entry, and
//! that entry is checked again when due. So a connection parked repeatedly, with a later deadline
//! each time, touches the heap once per deadline period instead of once per request.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Entries `(when, key)`, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl Deadlines {
    /// Adds an entry for `key`. Returns true if the entry is now the earliest, so the waiting
    /// thread must wake.
    pub(crate) fn add(&mut self, when: Instant, key: u64) -> bool {
        let is_earliest = self.earliest().is_none_or(|earliest| when < earliest);
        self.heap.push(Reverse((when, key)));
        is_earliest
    }

    /// The time of the earliest entry.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((when, _))| *when)
    }

    /// Drops every entry that is not needed.
    pub(crate) fn retain(&mut self, is_needed: impl Fn(Instant, u64) -> bool) {
        self.heap.retain(|Reverse((when, key))| is_needed(*when, *key));
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes the earliest entry if its time has come.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Instant, u64)> {
        if self.earliest()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn entries_come_due_in_order() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        assert!(deadlines.add(at(5), 5));
        assert!(!deadlines.add(at(9), 9));
        assert!(deadlines.add(at(1), 1));
        assert_eq!(deadlines.earliest(), Some(at(1)));
        assert_eq!(deadlines.take_due(at(0)), None);
        assert_eq!(deadlines.take_due(at(5)), Some((at(1), 1)));
        assert_eq!(deadlines.take_due(at(5)), Some((at(5), 5)));
        assert_eq!(deadlines.take_due(at(5)), None);
        deadlines.add(at(8), 8);
        deadlines.retain(|when, key| (when, key) == (at(9), 9));
        assert_eq!((deadlines.len(), deadlines.earliest()), (1, Some(at(9))));
    }
}
