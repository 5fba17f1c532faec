//! Which parked connections have been idle, or silent, for longest: a list through their places, every step of constant cost.

/// Places in the order in which they became idle.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// By place; `None` for one that is not in the list.
    links: Vec<Option<Link>>,
    ends: Link,
    count: usize,
}

/// The neighbours of a place, `None` at the ends; for the list itself its two ends.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    older: Option<u32>,
    newer: Option<u32>,
}

impl Idle {
    /// Adds a place as the newest. It must not be in the list.
    pub(super) fn push(&mut self, place: u32) {
        let at = place as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, None);
        }
        self.links[at] = Some(Link::default());
        self.join(self.ends.newer, Some(place));
        self.ends.newer = Some(place);
        self.count += 1;
    }

    /// Takes a place out, if it is in the list.
    pub(super) fn remove(&mut self, place: u32) {
        let Some(link) = self.links.get_mut(place as usize).and_then(Option::take) else { return };
        self.join(link.older, link.newer);
        self.count -= 1;
    }

    /// The one that has been in the list for longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.ends.older
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Makes two places neighbours; where there is none, the other is an end of the list.
    fn join(&mut self, older: Option<u32>, newer: Option<u32>) {
        match older {
            Some(older) => self.link(older, |link| link.newer = newer),
            None => self.ends.older = newer,
        }
        match newer {
            Some(newer) => self.link(newer, |link| link.older = older),
            None => self.ends.newer = older,
        }
    }

    fn link(&mut self, place: u32, change: impl FnOnce(&mut Link)) {
        if let Some(Some(link)) = self.links.get_mut(place as usize) {
            change(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn it_orders_as_a_plain_list_does() {
        let (mut idle, mut plain) = (Idle::default(), VecDeque::new());
        // A small generator of its own: every run is the same.
        let mut seed = 7_u32;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = seed >> 27;
            if seed & 0x10 == 0 {
                idle.remove(place);
                plain.retain(|other| *other != place);
            } else if !plain.contains(&place) {
                idle.push(place);
                plain.push_back(place);
            }
            assert_eq!((idle.oldest(), idle.len()), (plain.front().copied(), plain.len()));
        }
        while let Some(place) = plain.pop_front() {
            assert_eq!(idle.oldest(), Some(place));
            idle.remove(place);
        }
        assert_eq!((idle.oldest(), idle.len()), (None, 0));
    }
}
