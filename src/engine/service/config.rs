//! The config in force, which may be replaced while the server runs.
//!
//! Whoever works keeps the one it knows and looks, before each connection it serves, whether that is still the one: a load of a number
//! that hardly ever changes. So a step of a connection goes by one config from its beginning to its end.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;

/// Where the config in force is kept.
#[derive(Debug)]
pub(crate) struct SharedConfig {
    /// How often it has been replaced.
    edition: AtomicU64,
    /// The lock is held only to clone or to replace it.
    current: Mutex<Arc<Config>>,
}

/// A config as somebody knows it.
#[derive(Clone, Debug)]
pub(crate) struct ConfigView {
    edition: u64,
    config: Arc<Config>,
}

impl SharedConfig {
    pub(crate) fn new(config: Config) -> Self {
        Self { edition: AtomicU64::new(0), current: Mutex::new(Arc::new(config)) }
    }

    /// The config in force now.
    pub(crate) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The config in force now, for somebody who goes on with it and will look again.
    pub(crate) fn know(&self) -> ConfigView {
        // Read first: if it is replaced in between, the next look finds out.
        let edition = self.edition.load(Ordering::Acquire);
        ConfigView { edition, config: self.get() }
    }

    /// Puts `config` in force for whoever looks from now on.
    pub(crate) fn replace(&self, config: Config) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.edition.fetch_add(1, Ordering::Release);
    }
}

impl ConfigView {
    /// Looks whether it is still in force, and takes the one that is.
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

    fn config(seconds: u64) -> Config {
        let settings = Settings { header_timeout: Some(Duration::from_secs(seconds)), ..Settings::default() };
        Config::resolve(&settings).unwrap()
    }

    #[test]
    fn what_is_known_stays_until_it_is_looked_at_again() {
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
