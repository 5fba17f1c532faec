//! The config in force, replaceable while the server runs.
//!
//! Each thread keeps a view, and checks before each connection that the view is current, by loading
//! a number that hardly ever changes. A step of a connection therefore uses one config throughout.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Config;
use crate::sync::Mutex;

/// The holder of the config in force.
#[derive(Debug)]
pub(crate) struct SharedConfig {
    /// The number of replacements.
    edition: AtomicU64,
    /// The lock is held only to clone or replace the config.
    current: Mutex<Arc<Config>>,
}

/// A thread's view of the config.
#[derive(Clone, Debug)]
pub(crate) struct ConfigView {
    edition: u64,
    config: Arc<Config>,
}

impl SharedConfig {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { edition: AtomicU64::new(0), current: Mutex::new(config) }
    }

    /// Returns the config in force now.
    pub(crate) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.current.lock())
    }

    /// Returns a view of the config in force now, to be renewed by `look`.
    pub(crate) fn know(&self) -> ConfigView {
        // Read first: the next look notices a replacement in between.
        let edition = self.edition.load(Ordering::Acquire);
        ConfigView { edition, config: self.get() }
    }

    /// Puts `config` in force for all later looks.
    pub(crate) fn replace(&self, config: Arc<Config>) {
        *self.current.lock() = config;
        self.edition.fetch_add(1, Ordering::Release);
    }
}

impl ConfigView {
    /// Renews the view if the config was replaced.
    pub(crate) fn look(&mut self, live: &SharedConfig) {
        if self.edition != live.edition.load(Ordering::Relaxed) {
            *self = live.know();
        }
    }
}

impl Deref for ConfigView {
    type Target = Arc<Config>;

    fn deref(&self) -> &Arc<Config> {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Settings;

    fn config(seconds: u64) -> Arc<Config> {
        let settings = Settings { header_timeout: Some(Duration::from_secs(seconds)), ..Settings::default() };
        Config::resolve(&settings).unwrap().into()
    }

    #[test]
    fn config_snapshot_stays_until_refreshed() {
        let live = SharedConfig::new(config(1));
        let mut known = live.know();
        live.replace(config(2));
        live.replace(config(3));
        assert_eq!((known.header_timeout.as_secs(), live.get().header_timeout.as_secs()), (1, 3));
        known.look(&live);
        assert_eq!(known.header_timeout.as_secs(), 3);
        let same = Arc::as_ptr(&known);
        known.look(&live);
        assert_eq!(Arc::as_ptr(&known), same);
    }
}
