//! A value that outlives the sending of a response.

use std::fmt;
use std::sync::Arc;

use crate::sync::Mutex;

/// Keeps a value until the answer is sent, or as much of the answer as the client takes at once, or
/// until the answer is left to the end of the reactor's round. The drop of the value is the work of a
/// handler after its answer. The drop comes before the thread runs another handler.
///
/// A response carries the keeper in its extensions. Every clone keeps the same value, which is
/// dropped with the last clone at the latest.
#[derive(Clone)]
pub(crate) struct KeptUntilSent(Arc<Mutex<Option<Box<dyn Send>>>>);

impl KeptUntilSent {
    pub(crate) fn new(value: impl Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(value)))))
    }

    /// Drops the value now.
    pub(crate) fn release(&self) {
        let value = self.0.lock().take();
        // Not under the lock: code of the handler may run.
        drop(value);
    }
}

impl fmt::Debug for KeptUntilSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptUntilSent").finish_non_exhaustive()
    }
}
