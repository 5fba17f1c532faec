//! How many look at a stream of events: each holds a worker for as long as it looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts those who look.
#[derive(Clone, Debug, Default)]
pub(super) struct Viewers(Arc<AtomicUsize>);

/// One of them; dropping it takes it off the count.
#[derive(Debug)]
pub(super) struct Viewer(Viewers);

impl Viewers {
    /// Lets one more look; `None` if `most` do already.
    pub(super) fn enter(&self, most: usize) -> Option<Viewer> {
        let more = |count: usize| (count < most).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Viewer(self.clone()))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_allowed_at_a_time() {
        let viewers = Viewers::default();
        let first = viewers.enter(2).unwrap();
        let second = viewers.enter(2);
        assert!(second.is_some() && viewers.enter(2).is_none());
        drop(first);
        let third = viewers.enter(2);
        assert!(third.is_some() && viewers.enter(2).is_none());
        assert!(viewers.enter(0).is_none());
    }
}
