//! Settings from known places, and errors that name the place.

use std::io;
use std::path::Path;

use super::Settings;
use crate::error::{Error, Origin};

impl Settings {
    /// Sets a value like [`set`](Self::set), and remembers its `origin`.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set), as [`Error::Located`].
    pub fn set_from(&mut self, name: &str, value: &str, origin: Origin) -> Result<(), Error> {
        if let Err(error) = self.set(name, value) {
            return Err(error.at(origin));
        }
        if let Some(row) = super::table::row(name) {
            let show = row.shows();
            self.origins.remember(row.name(), show(self), show, origin);
        }
        Ok(())
    }

    /// Returns the origin of the value of the setting called `name`; for an unknown name,
    /// [`Origin::Default`].
    #[must_use]
    pub fn origin(&self, name: &str) -> Origin {
        match self.origins.of(name, self) {
            Some(origin) => origin.clone(),
            None if self.get(name) == Settings::default().get(name) => Origin::Default,
            None => Origin::Program,
        }
    }

    /// Adds the origin of the setting to an error about it, unless the program set the value.
    pub(crate) fn locate(&self, error: Error) -> Error {
        match error {
            Error::Setting { name, .. } => match self.written(name) {
                Some(origin) => error.at(origin),
                None => error,
            },
            Error::Contradiction { name, with, reason } => match (self.written(name), self.written(with)) {
                (Some(origin), Some(other)) => {
                    Error::contradiction(name, with, format!("{reason} ({other})")).at(origin)
                }
                (Some(origin), None) | (None, Some(origin)) => Error::contradiction(name, with, reason).at(origin),
                (None, None) => Error::contradiction(name, with, reason),
            },
            other => other,
        }
    }

    /// Returns an error for a file that gave settings `before`, still exists, and gives none now: an
    /// emptied file must not put all defaults in force.
    pub(crate) fn emptied_since(&self, before: &Settings) -> Option<Error> {
        let is_emptied = |path: &&Path| !self.origins.files().any(|other| other == *path) && path.exists();
        let path = before.origins.files().find(is_emptied)?.to_owned();
        let source = io::Error::other("no setting of the server is left in the file");
        Some(Error::Unreadable { path, source })
    }

    /// Returns a text for each setting that a file gave `before`, and that nothing gives now: a file cut
    /// in the middle can still be sound.
    pub(crate) fn vanished_since(&self, before: &Settings) -> Vec<(&'static str, String)> {
        let vanished = before.origins.vanished(&self.origins, self).into_iter();
        let text = |(name, origin, shown)| {
            (name, format!("setting {name}, set before in {origin}, is no longer set; the value is {shown:?} now"))
        };
        vanished.map(text).collect()
    }

    /// Returns the origin of a setting, if it was read from text.
    fn written(&self, name: &str) -> Option<Origin> {
        self.origins.of(name, self).filter(|origin| !matches!(origin, Origin::Default | Origin::Program)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: usize) -> Origin {
        Origin::File { path: "a.toml".into(), line }
    }

    #[test]
    fn a_value_is_that_of_its_origin_until_it_is_changed() {
        let mut settings = Settings::default();
        assert_eq!(settings.origin("socket_port"), Origin::Default);
        settings.set_from("socket_port", "80", line(3)).unwrap();
        settings.set_from("nodelay", "true", line(4)).unwrap();
        assert_eq!(settings.origin("socket_port"), line(3));
        assert_eq!(settings.origin("nodelay"), line(4), "though it is the default's");
        assert_eq!(settings.clone(), settings);
        settings.socket_port = 81;
        assert_eq!(settings.origin("socket_port"), Origin::Program);
        settings.set("thread_pool", "3").unwrap();
        assert_eq!(settings.origin("thread_pool"), Origin::Program);
        assert_eq!(settings.origin("no_such"), Origin::Default);
    }

    #[test]
    fn origin_does_not_affect_the_value() {
        let (mut one, mut other) = (Settings::default(), Settings::default());
        one.set_from("socket_port", "80", line(3)).unwrap();
        assert_ne!(one, other);
        other.socket_port = 80;
        assert_eq!(one, other);
    }

    #[test]
    fn refused_value_leaves_value_and_origin() {
        let mut settings = Settings::default();
        settings.set_from("socket_port", "80", line(3)).unwrap();
        let text = settings.set_from("socket_port", "x", line(5)).unwrap_err().to_string();
        assert_eq!(text, "a.toml:5: setting socket_port: \"x\" is not a port from 0 to 65535");
        assert_eq!((settings.socket_port, settings.origin("socket_port")), (80, line(3)));
    }

    #[test]
    fn errors_name_the_origins_of_their_settings() {
        let mut settings = Settings::default();
        let wrong = || Error::setting("thread_pool", "0 is out of range");
        let both = || Error::contradiction("thread_pool_max", "thread_pool", "5 is below thread_pool");
        let text = |settings: &Settings, error| settings.locate(error).to_string();
        assert_eq!(text(&settings, wrong()), "setting thread_pool: 0 is out of range");
        assert_eq!(text(&settings, both()), "setting thread_pool_max: 5 is below thread_pool");
        settings.set_from("thread_pool", "0", line(3)).unwrap();
        assert_eq!(text(&settings, wrong()), "a.toml:3: setting thread_pool: 0 is out of range");
        assert_eq!(text(&settings, both()), "a.toml:3: setting thread_pool_max: 5 is below thread_pool");
        settings.set_from("thread_pool_max", "5", line(4)).unwrap();
        assert_eq!(text(&settings, both()), "a.toml:4: setting thread_pool_max: 5 is below thread_pool (a.toml:3)");
        settings.thread_pool = 6;
        assert_eq!(text(&settings, both()), "a.toml:4: setting thread_pool_max: 5 is below thread_pool");
        assert_eq!(text(&settings, Error::Stopped), Error::Stopped.to_string());
    }

    #[test]
    fn vanished_setting_of_a_file_is_named_if_its_value_has_changed() {
        let (mut before, mut now) = (Settings::default(), Settings::default());
        before.set_from("thread_pool", "20", line(1)).unwrap();
        before.set_from("nodelay", "true", line(2)).unwrap();
        before.set_from("socket_port", "80", line(3)).unwrap();
        before.set_from("software", "mine", Origin::Flag { flag: "--software".to_owned() }).unwrap();
        now.set_from("socket_port", "81", line(1)).unwrap();
        let expected = "setting thread_pool, set before in a.toml:1, is no longer set; the value is \"10\" now";
        assert_eq!(now.vanished_since(&before), [("thread_pool", expected.to_owned())]);
        assert_eq!(before.vanished_since(&now), []);
    }
}
