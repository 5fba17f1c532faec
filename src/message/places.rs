//! How many answers of a costly kind there are at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the places that are taken; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<AtomicUsize>);

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place(Places);

impl Places {
    /// Takes a place; `None` if `most` are taken.
    pub(crate) fn take(&self, most: usize) -> Option<Place> {
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_taken_than_allowed_at_a_time() {
        let places = Places::default();
        let first = places.take(2).unwrap();
        let second = places.clone().take(2);
        assert!(second.is_some() && places.take(2).is_none());
        drop(first);
        let third = places.take(2);
        assert!(third.is_some() && places.take(2).is_none());
        assert!(places.take(0).is_none());
    }
}
