//! The settings in force, and the source of new ones, for reloads.

use std::error::Error;
use std::sync::Arc;

use crate::settings::Settings;
use crate::sync::{Mutex, MutexGuard};

/// The settings in force, and the source of new settings.
#[derive(Default)]
pub(super) struct Reloading {
    /// The settings in force; locked while new settings are put in force.
    in_force: Mutex<Settings>,
    source: Mutex<Option<Arc<Source>>>,
}

/// Reads settings.
type Source = dyn Fn() -> Result<Settings, Box<dyn Error + Send + Sync>> + Send + Sync;

impl Reloading {
    /// Sets the source of settings.
    pub(super) fn set_source(&self, source: Arc<Source>) {
        *self.source.lock() = Some(source);
    }

    /// Returns the source of settings, if set.
    pub(super) fn source(&self) -> Option<Arc<Source>> {
        self.source.lock().clone()
    }

    /// Locks the settings in force. To be locked before the server's life, as a reload does.
    pub(super) fn in_force(&self) -> MutexGuard<'_, Settings> {
        self.in_force.lock()
    }
}
