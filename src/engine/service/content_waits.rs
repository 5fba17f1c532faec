//! The bound on workers that wait for the content of requests.
//!
//! A quarter of the workers is left to requests that have come whole. Slow clients with content to
//! send, however many, therefore never hold all workers.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;
use crate::message::permits::{Permit, Permits};

/// The permits of handlers that may wait for content.
#[derive(Debug)]
pub(in crate::engine) struct ContentWaits {
    permits: Permits,
    most: AtomicUsize,
}

impl ContentWaits {
    pub(super) fn new(config: &Config) -> Self {
        Self { permits: Permits::default(), most: AtomicUsize::new(most(config)) }
    }

    /// Applies the limit of `config`.
    pub(super) fn bound(&self, config: &Config) {
        self.most.store(most(config), Ordering::Relaxed);
    }

    /// Takes a permit; `None` if too many are in use.
    pub(in crate::engine) fn take(&self) -> Option<Permit> {
        self.permits.take(self.most.load(Ordering::Relaxed))
    }

    /// The number of permits that may be taken now.
    pub(in crate::engine) fn free(&self) -> usize {
        self.most.load(Ordering::Relaxed).saturating_sub(self.permits.taken())
    }
}

/// Three quarters of `thread_pool_max`, rounded up.
fn most(config: &Config) -> usize {
    config.thread_pool_max.map_or(usize::MAX, |most| most - most / 4)
}
