//! The order of idle and silent parked connections: two lists linked through the slots, with every
//! operation in constant time.

/// Slots ordered by the time they became idle, or silent.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// Indexed by slot, at twelve bytes each.
    links: Vec<Link>,
    lists: [List; 2],
}

/// The list of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// No byte has been received yet.
    Silent,
    /// Between two requests.
    Idle,
}

/// The ends of a list.
#[derive(Debug)]
struct List {
    oldest: u32,
    newest: u32,
    count: usize,
}

/// The neighbours of a slot, and the list of the slot.
#[derive(Clone, Copy, Debug)]
struct Link {
    older: u32,
    newer: u32,
    rank: Option<Rank>,
}

impl Idle {
    /// Adds a slot as the newest of a list. The slot must be in no list.
    pub(super) fn push(&mut self, rank: Rank, place: u32) {
        let at = place as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, Link { older: NONE, newer: NONE, rank: None });
        }
        let newest = self.lists[rank as usize].newest;
        self.links[at] = Link { older: NONE, newer: NONE, rank: Some(rank) };
        self.join(rank, newest, place);
        self.join(rank, place, NONE);
        self.lists[rank as usize].count += 1;
    }

    /// Removes a slot from its list, if any.
    pub(super) fn remove(&mut self, place: u32) {
        let Some(link) = self.links.get_mut(place as usize) else { return };
        let Some(rank) = link.rank.take() else { return };
        let Link { older, newer, .. } = *link;
        self.join(rank, older, newer);
        self.lists[rank as usize].count -= 1;
    }

    /// The slot longest in a list.
    pub(super) fn oldest(&self, rank: Rank) -> Option<u32> {
        Some(self.lists[rank as usize].oldest).filter(|place| *place != NONE)
    }

    pub(super) fn len(&self, rank: Rank) -> usize {
        self.lists[rank as usize].count
    }

    /// Makes two slots neighbours. Beside [`NONE`], the other slot is an end of the list.
    fn join(&mut self, rank: Rank, older: u32, newer: u32) {
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => self.lists[rank as usize].oldest = newer,
        }
        match self.links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => self.lists[rank as usize].newest = older,
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self { oldest: NONE, newest: NONE, count: 0 }
    }
}

/// No slot.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn idle_list_orders_like_a_plain_list() {
        let (mut idle, mut plain) = (Idle::default(), VecDeque::new());
        // A small deterministic generator: every run is the same.
        let mut seed = 7_u32;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = seed >> 27;
            if seed & 0x10 == 0 {
                idle.remove(place);
                plain.retain(|other| *other != place);
            } else if !plain.contains(&place) {
                idle.push(Rank::Idle, place);
                plain.push_back(place);
            }
            assert_eq!((idle.oldest(Rank::Idle), idle.len(Rank::Idle)), (plain.front().copied(), plain.len()));
        }
        while let Some(place) = plain.pop_front() {
            assert_eq!(idle.oldest(Rank::Idle), Some(place));
            idle.remove(place);
        }
        assert_eq!((idle.oldest(Rank::Idle), idle.len(Rank::Idle)), (None, 0));
    }
}
