//! How many large listings are in memory at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places for large listings; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<AtomicUsize>);

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place(Places);

impl Places {
    /// Takes a place; `None` if all are taken.
    pub(super) fn take(&self) -> Option<Place> {
        let more = |taken: usize| (taken < MOST).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Of some 5 MB each.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_dropped() {
        let places = Places::default();
        let mut taken: Vec<Place> = (0..MOST).map(|_| places.take().expect("a free place")).collect();
        assert!(places.clone().take().is_none());
        taken.pop();
        assert!(places.take().is_some_and(|_last| places.take().is_none()));
    }
}
