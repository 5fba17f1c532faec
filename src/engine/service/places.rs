//! The bound of connections that have left HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of connections that have left HTTP, or are about to.
#[derive(Debug, Default)]
pub(in crate::engine) struct Places(Arc<AtomicUsize>);

/// One of them; dropping it gives it back.
pub(in crate::engine) struct Place(Arc<AtomicUsize>);

impl Places {
    /// Takes a place if there are fewer than `most` taken (`None`: no limit).
    pub(in crate::engine) fn take(&self, most: Option<usize>) -> Option<Place> {
        let place = Place(Arc::clone(&self.0));
        let taken = self.0.fetch_add(1, Ordering::SeqCst);
        most.is_none_or(|most| taken < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
