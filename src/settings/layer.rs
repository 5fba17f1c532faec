//! Settings from one source, merged over those from other sources.

use super::Settings;
use super::nearest::nearest;
use super::table::{OBJECTS, row};
use super::value::{FileValue, NOT_UTF8};
use crate::error::{Error, Origin};

/// All settings of one source: a file, or the environment.
///
/// A program with settings of its own in that source calls [`take`](Self::take) for them, and then
/// [`Settings::merge`] for the server's. A setting that is not taken is refused, so that a misspelt
/// name is not ignored.
///
/// ```
/// use drupe::Settings;
/// use drupe::settings::SettingsLayer;
///
/// # fn main() -> Result<(), drupe::Error> {
/// let mut layer = SettingsLayer::from_environment("MYAPP_")?; // or SettingsLayer::from_file, with the feature `config`
/// let colour = layer.take("colour", "NAME")?.map_or("red".to_owned(), |(text, _)| text);
/// let mut settings = Settings::default();
/// settings.merge(layer)?;
/// # assert_eq!((colour.as_str(), settings.socket_port), ("red", 8080));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SettingsLayer {
    place: LayerPlace,
    entries: Vec<LayerEntry>,
    /// The requested keys, as candidates for suggestions.
    asked: Vec<String>,
}

/// One setting, with its origin.
#[derive(Clone, Debug)]
pub(super) struct LayerEntry {
    /// In a file `server.socket_port`, in the environment `socket_port`.
    pub(super) key: String,
    pub(super) value: FileValue,
    pub(super) origin: Origin,
    /// True for a variable about another service: no setting, and not unknown either.
    pub(super) is_of_service: bool,
}

/// The kind of source, which determines the spelling of names.
#[derive(Clone, Debug)]
pub(super) enum LayerPlace {
    File,
    Environment { prefix: String },
}

impl SettingsLayer {
    pub(super) fn new(place: LayerPlace, entries: Vec<LayerEntry>) -> SettingsLayer {
        SettingsLayer { place, entries, asked: Vec::new() }
    }

    /// Removes and returns the value of one of the program's own settings, as text, with its
    /// origin.
    ///
    /// `key` is a dotted name in a file (`myapp.colour`); in the environment the part after the
    /// prefix, in lower case (`colour`). `unit` determines the accepted types of values in a file;
    /// see [`Row::unit`](super::Row::unit).
    ///
    /// # Errors
    /// [`Error::Located`] with [`Error::Malformed`] for a value of another type.
    pub fn take(&mut self, key: &str, unit: &str) -> Result<Option<(String, Origin)>, Error> {
        self.asked.push(key.to_owned());
        // An empty table is ignored if `key` may be in the table.
        self.entries.retain(|entry| entry.value != FileValue::Table || !is_within(key, &entry.key));
        let Some(at) = self.entries.iter().position(|entry| entry.key == key) else { return Ok(None) };
        let LayerEntry { value, origin, .. } = self.entries.remove(at);
        match value.text_for(unit) {
            Ok(text) => Ok(Some((text, origin))),
            // A variable has one name.
            Err(_) if value == FileValue::NotUtf8 => Err(Error::malformed(NOT_UTF8.to_owned()).at(origin)),
            Err(reason) => Err(Error::malformed(format!("{key}: {reason}")).at(origin)),
        }
    }

    /// Removes the entries that set nothing, and returns an error for each, to be reported as
    /// warnings. Call this after [`take`](Self::take): any other program may set a variable, so a
    /// start should not fail because of one.
    ///
    /// An entry sets nothing if no setting has its name, or if only a program can set the setting.
    /// In the environment, so does a port of the form `tcp://10.0.0.1:80`: Kubernetes sets such
    /// variables for a service with a similar name.
    pub fn take_unknown(&mut self) -> Vec<Error> {
        let (mut errors, mut known) = (Vec::new(), Vec::new());
        for entry in std::mem::take(&mut self.entries) {
            match self.fault(&entry) {
                Some(error) => errors.push(error.at(entry.origin)),
                None => known.push(entry),
            }
        }
        self.entries = known;
        errors
    }

    /// Returns the reason why `entry` sets nothing, if so.
    fn fault(&self, entry: &LayerEntry) -> Option<Error> {
        if entry.is_of_service {
            return None;
        }
        match self.setting(&entry.key).filter(|name| row(name).is_some()) {
            None => {
                let nearest = self.nearest(&entry.key);
                Some(Error::UnknownSetting { name: entry.key.clone(), nearest })
            }
            Some(name) => match (&self.place, &entry.value) {
                (LayerPlace::Environment { .. }, FileValue::Plain(text))
                    if name.ends_with("_port") && text.contains("://") =>
                {
                    Some(Error::setting("socket_port", format!("{text:?} is the address of a service")))
                }
                _ => None,
            },
        }
    }

    fn apply(&self, entry: &LayerEntry, settings: &mut Settings) -> Result<(), Error> {
        let located = |error: Error| error.at(entry.origin.clone());
        let Some(name) = self.setting(&entry.key).filter(|name| row(name).is_some() || OBJECTS.contains(name)) else {
            return Err(located(Error::UnknownSetting { name: entry.key.clone(), nearest: self.nearest(&entry.key) }));
        };
        let Some(row) = row(name) else { return settings.set_from(name, "", entry.origin.clone()) };
        let text = entry.value.text_for(row.unit()).map_err(|reason| located(Error::setting(row.name(), reason)))?;
        settings.set_from(name, &text, entry.origin.clone())
    }

    /// Returns the name of the server's setting for `key`, if `key` has the form of one.
    fn setting<'k>(&self, key: &'k str) -> Option<&'k str> {
        match self.place {
            LayerPlace::File => key.strip_prefix("server."),
            LayerPlace::Environment { .. } => Some(key),
        }
    }

    /// Returns the known name most similar to `key`, in the spelling of this source.
    fn nearest(&self, key: &str) -> Option<String> {
        let own = self.asked.iter().cloned();
        match &self.place {
            LayerPlace::File => {
                let known: Vec<String> = names().map(|name| format!("server.{name}")).chain(own).collect();
                nearest(key, known.iter().map(String::as_str)).map(str::to_owned)
            }
            LayerPlace::Environment { prefix } => {
                let known: Vec<String> = names().map(str::to_owned).chain(own).collect();
                let name = key.strip_prefix(prefix.as_str()).unwrap_or(key).to_lowercase();
                let nearest = nearest(&name, known.iter().map(String::as_str))?;
                Some(format!("{prefix}{}", nearest.to_uppercase()))
            }
        }
    }
}

/// True if `key` is in the table called `table`, or in a table within it.
fn is_within(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

fn names() -> impl Iterator<Item = &'static str> {
    Settings::table().iter().map(super::Row::name)
}

impl Settings {
    /// Sets the values of `layer` and remembers the origin of each; other settings stay as they
    /// are.
    ///
    /// # Errors
    /// [`Error::Located`] for the first line or variable that is no setting, or has an unreadable
    /// value. Then no setting is changed. Ranges are checked when a server starts; the error of a
    /// range also has the origin.
    pub fn merge(&mut self, layer: SettingsLayer) -> Result<(), Error> {
        let mut merged = self.clone();
        let mut entries = layer.entries.iter().filter(|entry| !entry.is_of_service);
        entries.try_for_each(|entry| layer.apply(entry, &mut merged))?;
        *self = merged;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(place: LayerPlace, entries: &[(&str, &str)]) -> SettingsLayer {
        let entry = |(at, (key, text)): (usize, &(&str, &str))| LayerEntry {
            key: (*key).to_owned(),
            value: FileValue::Plain((*text).to_owned()),
            origin: Origin::File { path: "a.toml".into(), line: at + 1 },
            is_of_service: false,
        };
        SettingsLayer::new(place, entries.iter().enumerate().map(entry).collect())
    }

    #[test]
    fn later_layers_override_earlier_ones() {
        let mut settings = Settings::default();
        settings.merge(layer(LayerPlace::File, &[("server.socket_port", "80"), ("server.thread_pool", "3")])).unwrap();
        settings
            .merge(layer(
                LayerPlace::Environment { prefix: "X_".to_owned() },
                &[("nodelay", "off"), ("thread_pool", "4")],
            ))
            .unwrap();
        assert_eq!((settings.socket_port, settings.thread_pool, settings.nodelay), (80, 4, false));
        assert_eq!(settings.origin("thread_pool").to_string(), "a.toml:2");
        assert_eq!(settings.origin("socket_port").to_string(), "a.toml:1");
    }

    #[test]
    fn failed_merge_changes_nothing_and_names_the_origin() {
        for (place, key, text) in [
            (
                LayerPlace::File,
                "server.socket_prt",
                "unknown setting \"server.socket_prt\"; did you mean server.socket_port?",
            ),
            (LayerPlace::File, "socket_port", "unknown setting \"socket_port\"; did you mean server.socket_port?"),
            (LayerPlace::File, "myapp.color", "unknown setting \"myapp.color\"; did you mean myapp.colour?"),
            (LayerPlace::File, "engine.autoreload.on", "unknown setting \"engine.autoreload.on\""),
            (LayerPlace::File, "server.instance", "setting instance: cannot be written as text, only set by a program"),
            (
                LayerPlace::File,
                "server.nodelay",
                "setting nodelay: \"80\" is neither true (yes, on, 1) nor false (no, off, 0)",
            ),
            (
                LayerPlace::Environment { prefix: "X_".to_owned() },
                "socket_prt",
                "unknown setting \"socket_prt\"; did you mean X_SOCKET_PORT?",
            ),
        ] {
            let mut settings = Settings::default();
            let first = if matches!(place, LayerPlace::File) { "server.socket_port" } else { "socket_port" };
            let mut layer = layer(place, &[(first, "81"), (key, "80")]);
            assert_eq!(layer.take("myapp.colour", "NAME").unwrap(), None);
            assert_eq!(settings.merge(layer).unwrap_err().to_string(), format!("a.toml:2: {text}"));
            assert_eq!(settings, Settings::default());
        }
    }

    #[test]
    fn program_takes_its_own_keys_first() {
        let mut layer = layer(LayerPlace::File, &[("myapp.colour", "red"), ("server.socket_port", "80")]);
        let (text, origin) = layer.take("myapp.colour", "NAME").unwrap().unwrap();
        assert_eq!((text.as_str(), origin.to_string().as_str()), ("red", "a.toml:1"));
        assert_eq!(layer.take("myapp.colour", "NAME").unwrap(), None);
        let mut settings = Settings::default();
        settings.merge(layer).unwrap();
        assert_eq!(settings.socket_port, 80);
    }

    #[test]
    fn values_of_the_program_have_types() {
        let mut layer = layer(LayerPlace::File, &[]);
        let origin = Origin::File { path: "a.toml".into(), line: 7 };
        let (key, value) = ("myapp.colour".to_owned(), FileValue::Bool(true));
        layer.entries.push(LayerEntry { key, value, origin, is_of_service: false });
        let text = layer.take("myapp.colour", "NAME").unwrap_err().to_string();
        assert_eq!(text, "a.toml:7: myapp.colour: true is a boolean; expected a string");
    }
}
