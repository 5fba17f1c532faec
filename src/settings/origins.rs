//! Origins of the values of settings, for messages.

use std::path::Path;

use crate::error::Origin;

/// The origin of each setting that was read, and the value at that time, as text; `S` is the
/// settings.
///
/// A value that differs now has another origin: fields are public, and may be changed at any time.
/// Each entry has the function that shows the value. A program that reads no text therefore does
/// not carry the table of all settings.
#[derive(Clone, Debug)]
pub struct Origins<S>(Vec<Remembered<S>>);

#[derive(Clone, Debug)]
struct Remembered<S> {
    name: &'static str,
    shown: String,
    show: fn(&S) -> String,
    origin: Origin,
}

impl<S> Origins<S> {
    /// Remembers the origin of the setting called `name`, which `show` shows.
    pub(super) fn remember(&mut self, name: &'static str, shown: String, show: fn(&S) -> String, origin: Origin) {
        self.0.retain(|entry| entry.name != name);
        self.0.push(Remembered { name, shown, show, origin });
    }

    /// Returns the files that values came from.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|entry| match &entry.origin {
            Origin::File { path, .. } => Some(path.as_path()),
            _ => None,
        })
    }

    /// Returns the settings of files that have no origin in `later` and another value in `settings`: the
    /// name, the former origin, and the value as text.
    pub(super) fn vanished(&self, later: &Self, settings: &S) -> Vec<(&'static str, &Origin, String)> {
        let is_of_file = |entry: &&Remembered<S>| matches!(entry.origin, Origin::File { .. });
        let is_left = |entry: &&Remembered<S>| later.0.iter().any(|other| other.name == entry.name);
        let gone = self.0.iter().filter(is_of_file).filter(|entry| !is_left(entry));
        let shown = gone.map(|entry| (entry, (entry.show)(settings))).filter(|(entry, shown)| *shown != entry.shown);
        shown.map(|(entry, shown)| (entry.name, &entry.origin, shown)).collect()
    }

    /// Returns the origin of a setting that still has the value of that origin.
    pub(super) fn of(&self, name: &str, settings: &S) -> Option<&Origin> {
        let entry = self.0.iter().find(|entry| entry.name == name)?;
        ((entry.show)(settings) == entry.shown).then_some(&entry.origin)
    }
}

impl<S> Default for Origins<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S> PartialEq for Origins<S> {
    /// Returns true: the origin makes no difference between settings.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
