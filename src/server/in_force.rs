//! The settings in force, and the source of new ones, for reloads.

use std::error::Error;
use std::sync::Arc;

use crate::settings::Settings;
use crate::sync::{Mutex, MutexGuard};

/// The settings in force in a server of state `S`, and the source of new settings.
pub(super) struct Reloading<S> {
    /// The settings in force; locked while new settings are put in force.
    in_force: Mutex<Arc<Settings>>,
    source: Mutex<Option<Arc<Source<S>>>>,
}

/// Reads settings and puts them in force. Returns the names of settings that need a restart;
/// `None` unless the server runs. A program without a source does not carry the code of a reload.
pub(super) type Source<S> = dyn Fn(&S) -> Result<Kept, Box<dyn Error + Send + Sync>> + Send + Sync;

/// The names of settings that keep their values until a restart.
pub(super) type Kept = Option<Vec<&'static str>>;

impl<S> Default for Reloading<S> {
    fn default() -> Self {
        Self { in_force: Mutex::default(), source: Mutex::default() }
    }
}

impl<S> Reloading<S> {
    /// Sets the source of settings.
    pub(super) fn set_source(&self, source: Arc<Source<S>>) {
        *self.source.lock() = Some(source);
    }

    /// Returns the source of settings, if set.
    pub(super) fn source(&self) -> Option<Arc<Source<S>>> {
        self.source.lock().clone()
    }

    /// Locks the settings in force. To be locked before the server's life, as a reload does.
    pub(super) fn in_force(&self) -> MutexGuard<'_, Arc<Settings>> {
        self.in_force.lock()
    }
}
