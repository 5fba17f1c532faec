//! A limit on the number of concurrent costly responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A counter of the permits in use, shared by all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permits(Arc<AtomicUsize>);

/// A permit in use, released on drop.
#[derive(Debug)]
pub(crate) struct Permit(Permits);

impl Permits {
    /// Takes a permit; `None` if `most` are in use.
    pub(crate) fn take(&self, most: usize) -> Option<Permit> {
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Permit(self.clone()))
    }

    /// The number of permits in use.
    pub(crate) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_never_exceed_the_limit() {
        let permits = Permits::default();
        let first = permits.take(2).unwrap();
        let second = permits.clone().take(2);
        assert!(second.is_some() && permits.take(2).is_none());
        drop(first);
        let third = permits.take(2);
        assert!(third.is_some() && permits.take(2).is_none());
        assert!(permits.take(0).is_none());
    }
}
