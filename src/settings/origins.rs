//! Origins of the values of settings, for messages.

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
