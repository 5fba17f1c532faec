//! A door at which handlers wait until the test opens it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::client::PATIENCE;

/// Closed at first; an opened door stays open.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<(Mutex<bool>, Condvar, AtomicUsize)>);

impl Door {
    /// Waits until the door opens. A failed test releases the waiting handlers.
    pub(crate) fn pass(&self) {
        let (is_open, opened, waiting) = &*self.0;
        waiting.fetch_add(1, Ordering::SeqCst);
        let wait = opened.wait_timeout_while(is_open.lock().unwrap(), 2 * PATIENCE, |is_open| !*is_open);
        drop(wait.unwrap());
        waiting.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// The number of waiting handlers.
    pub(crate) fn waiting(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}
