//! Reopening of files while the server runs, such as log files: CherryPy's channel `graceful`.

use std::sync::Arc;

use crate::sync::{Mutex, catch};

/// The callbacks that reopen files.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>);

impl Listeners {
    pub(super) fn add(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        self.0.lock().push(listener);
    }

    #[cfg(feature = "signals")]
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Calls the listeners in order; a panic does not stop the others.
    pub(super) fn tell(&self) {
        let listeners = self.0.lock().clone();
        for listener in listeners {
            if catch(|| listener()).is_err() {
                log::error!("an on_graceful listener panicked; the other listeners still run");
            }
        }
    }
}
