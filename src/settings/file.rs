//! Settings from a TOML file.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Settings;
use super::layer::{LayerEntry, LayerPlace, SettingsLayer};
use super::source::read;
use super::value::FileValue;
use crate::error::{Error, Origin};

impl SettingsLayer {
    /// Reads a TOML file of at most 1 MiB, or a pipe, whose content must end within 5 s.
    ///
    /// The server's settings are called `server.socket_port` and so on, dotted or in a table
    /// `[server]`; a table `[global]` may enclose everything, as in CherryPy. All other keys belong
    /// to the program: see [`take`](Self::take).
    ///
    /// Values have TOML types: numbers for counts and measures, `true` and `false`, strings for the
    /// rest. Some settings accept further types:
    /// - sizes: strings (`"64K"`);
    /// - modes: octal numbers or strings (`0o660`, `"0660"`);
    /// - lists: arrays, or strings with commas;
    /// - the version of the gateway: an array (`[1, 0]`).
    ///
    /// An empty string unsets an optional setting; `-1` means no limit if the setting allows no
    /// limit.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a file that cannot be read, [`Error::Located`] with
    /// [`Error::Malformed`] for a file that is not TOML or has a setting twice.
    pub fn from_file(path: impl AsRef<Path>) -> Result<SettingsLayer, Error> {
        let path = path.as_ref();
        let content = read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        of(path, &content)
    }
}

impl Settings {
    /// Returns the settings of a file, and defaults for the rest; see [`SettingsLayer::from_file`] for the
    /// format.
    ///
    /// # Errors
    /// The errors of [`SettingsLayer::from_file`] and of [`Settings::merge`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        settings.merge_file(path)?;
        Ok(settings)
    }

    /// Sets the values of a file; see [`SettingsLayer::from_file`] for the format.
    ///
    /// # Errors
    /// The errors of [`SettingsLayer::from_file`] and of [`Settings::merge`].
    pub fn merge_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.merge(SettingsLayer::from_file(path)?)
    }
}

/// Parses the content of the file at `path`.
pub(super) fn of(path: &Path, content: &[u8]) -> Result<SettingsLayer, Error> {
    let line = |at: usize| 1 + content[..at.min(content.len())].iter().filter(|byte| **byte == b'\n').count();
    let origin = |at: usize| Origin::File { path: path.to_owned(), line: line(at) };
    let not_toml = |at: usize, reason: &str| Error::malformed(format!("not TOML: {reason}")).at(origin(at));
    let text = std::str::from_utf8(content).map_err(|error| not_toml(error.valid_up_to(), "not UTF-8"))?;
    let table = DeTable::parse(text).map_err(|error| {
        // The message may have several lines; the first is enough.
        let reason = error.message().lines().next().unwrap_or_default();
        not_toml(error.span().map_or(content.len(), |span| span.start), reason)
    })?;
    let mut found = Vec::new();
    flatten("", table.get_ref(), &mut found).map_err(|at| not_toml(at, "not a number"))?;
    // Sorts by position in the file, so that errors come in the same order.
    found.sort_by_key(|(_, span, _)| span.start);
    let (mut entries, mut lines) = (Vec::new(), HashMap::new());
    let (mut at, mut number) = (0, 1);
    for (key, span, value) in found {
        // From the previous key on, because a file may have many.
        number += content[at..span.start].iter().filter(|byte| **byte == b'\n').count();
        at = span.start;
        let origin = Origin::File { path: path.to_owned(), line: number };
        if let Some(first) = lines.insert(key.clone(), number) {
            let reason = format!("{} is set twice, first in line {first}", key.escape_debug());
            return Err(Error::malformed(reason).at(origin));
        }
        entries.push(LayerEntry { key, value, origin, is_of_service: false });
    }
    Ok(SettingsLayer::new(LayerPlace::File, entries))
}

/// Collects all values except tables, each with its dotted key and the position of the key.
///
/// # Errors
/// The errors of [`read_value`].
fn flatten(stem: &str, table: &DeTable<'_>, found: &mut Vec<(String, Range<usize>, FileValue)>) -> Result<(), usize> {
    for (key, value) in table {
        let span = key.span();
        let key = if stem.is_empty() { key.get_ref().to_string() } else { format!("{stem}.{}", key.get_ref()) };
        // CherryPy's name for the settings of no path.
        let key = match (key.as_str(), value.get_ref()) {
            ("global", DeValue::Table(_)) => String::new(),
            (key, _) => key.strip_prefix("global.").unwrap_or(key).to_owned(),
        };
        match value.get_ref() {
            DeValue::Table(table) if !table.is_empty() => flatten(&key, table, found)?,
            // An empty table is ignored if its name is that of a table of settings.
            DeValue::Table(_) if ["", "server"].contains(&key.as_str()) => {}
            _ => found.push((key, span, read_value(value)?)),
        }
    }
    Ok(())
}

/// Converts a value, in its original notation.
///
/// # Errors
/// The position of a malformed number: the parser accepts any text that begins like a number,
/// without a check of the rest.
fn read_value(value: &Spanned<DeValue<'_>>) -> Result<FileValue, usize> {
    let is_sound = match value.get_ref() {
        DeValue::Integer(number) => {
            let digits = number.as_str().strip_prefix(['+', '-']).unwrap_or(number.as_str());
            digits.chars().all(|digit| digit.is_digit(number.radix()))
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().is_ok(),
        _ => true,
    };
    if !is_sound {
        return Err(value.span().start);
    }
    Ok(match value.get_ref() {
        DeValue::String(text) => FileValue::Text(text.to_string()),
        DeValue::Integer(number) => FileValue::Integer { digits: number.as_str().to_owned(), radix: number.radix() },
        DeValue::Float(number) => {
            FileValue::Float(number.as_str().strip_prefix('+').unwrap_or(number.as_str()).to_owned())
        }
        DeValue::Boolean(value) => FileValue::Bool(*value),
        DeValue::Array(parts) => FileValue::List(parts.iter().map(read_value).collect::<Result<_, _>>()?),
        DeValue::Datetime(_) => FileValue::Other("a date or a time"),
        DeValue::Table(_) => FileValue::Table,
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;
    use crate::address::BindAddr;

    fn merged(text: impl AsRef<[u8]>) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        settings.merge(of(Path::new("a.toml"), text.as_ref())?).map(|()| settings)
    }

    #[test]
    fn each_spelling_of_a_key_is_read() {
        for text in [
            "[global]\nserver.socket_port = 80",
            "[global]\n\"server.socket_port\" = 80",
            "[global]\n'server.socket_port' = 80",
            "[global.server]\nsocket_port = 80",
            "[server]\nsocket_port = 80",
            "[server]\n\"socket_port\" = 80",
            "server.socket_port = 80",
            "\"server.socket_port\" = 80",
            "server = { socket_port = 80 }",
            "global.server.socket_port = 80",
            "\"global\".\"server.socket_port\" = 80",
        ] {
            assert_eq!(merged(text).unwrap().socket_port, 80, "{text}");
        }
        for text in ["", "# nothing", "\n\n", "[global]", "[server]", "[global]\n[server]", "\u{feff}"] {
            assert_eq!(merged(text).unwrap(), Settings::default(), "{text:?}");
        }
    }

    #[test]
    fn each_kind_of_value_is_read_and_remembers_its_line() {
        let settings = merged(
            r#"# CherryPy's way
[global]
server.socket_host = "::"
server.socket_port = 8_080
server.nodelay = false

[server]
socket_timeout = +2.5
header_timeout = 3
body_timeout = ""
max_request_body_size = -1
body_buffer_size = "64K"
socket_mode = 0o600
wsgi_version = ["u", 0]
listen = [
    "fd:3", # from systemd
    "unix:@name",
]
"#,
        )
        .unwrap();
        assert_eq!((settings.socket_host.as_str(), settings.socket_port, settings.nodelay), ("::", 8080, false));
        assert_eq!(settings.socket_timeout, Duration::from_millis(2500));
        assert_eq!((settings.header_timeout, settings.body_timeout), (Some(Duration::from_secs(3)), None));
        assert_eq!((settings.max_request_body_size, settings.body_buffer_size), (None, 64 << 10));
        assert_eq!((settings.socket_mode, settings.wsgi_version.clone()), (0o600, ("u".to_owned(), 0)));
        assert_eq!(settings.listen, [BindAddr::Inherited("3".to_owned()), BindAddr::Unix("\0name".into())]);
        for (name, line) in [("socket_host", 3), ("socket_port", 4), ("socket_timeout", 8), ("listen", 15)] {
            assert_eq!(settings.origin(name).to_string(), format!("a.toml:{line}"), "{name}");
        }
    }

    #[test]
    fn empty_table_is_accepted_under_a_known_name() {
        let merged = |text: &str| {
            let mut layer = of(Path::new("a.toml"), text.as_bytes())?;
            assert_eq!(layer.take("own.colour", "NAME")?, None);
            assert_eq!(layer.take("own.more.colour", "NAME")?, None);
            Settings::default().merge(layer)
        };
        for text in ["[own]", "[own]\n# colour = \"red\"\n[own.more]", "[global.own]", "own = {}"] {
            merged(text).expect(text);
        }
        for name in ["ow", "own.mo", "own.other", "own.colour.red", "\"own.\"", "elsewhere"] {
            merged(&format!("[{name}]")).expect_err(name);
        }
        merged("own = 1").expect_err("it is no table");
    }

    #[test]
    fn setting_errors_name_file_and_line() {
        for (text, expected) in [
            ("\n[server]\nsocket_port = \"80\"", "3: setting socket_port: \"80\" is a string; expected a whole number"),
            ("[server]\nsocket_port = 70000", "2: setting socket_port: \"70000\" is not a port from 0 to 65535"),
            (
                "[server]\nsocket_timeout = 1e3",
                "2: setting socket_timeout: \"1e3\" is not a number of seconds such as 10 or 0.25",
            ),
            ("[server]\nsocket_prt = 80", "2: unknown setting \"server.socket_prt\"; did you mean server.socket_port?"),
            ("[servr]\nsocket_port = 80", "2: unknown setting \"servr.socket_port\"; did you mean server.socket_port?"),
            ("socket_port = 80", "1: unknown setting \"socket_port\"; did you mean server.socket_port?"),
            ("[global]\nengine.autoreload.on = true", "2: unknown setting \"engine.autoreload.on\""),
            ("[\"/\"]\ntools.staticdir.on = true", "2: unknown setting \"/.tools.staticdir.on\""),
            ("[elsewhere]", "1: unknown setting \"elsewhere\""),
            ("server = 80", "1: unknown setting \"server\""),
            ("global = 80", "1: unknown setting \"global\""),
            (
                "[server.socket_port]\nx = 80",
                "2: unknown setting \"server.socket_port.x\"; did you mean server.socket_port?",
            ),
            ("server.software = 1979-05-27", "1: setting software: the value is a date or a time; expected a string"),
            ("server.software = {}", "1: setting software: the value is a table; expected a string"),
            (
                "server.ssl_private_key_password = 1234",
                "1: setting ssl_private_key_password: the value is not a string",
            ),
            ("server.instance = 1", "1: setting instance: cannot be written as text, only set by a program"),
            (
                "[server]\nsocket_port = 80\n\n[global]\nserver.socket_port = 81",
                "5: server.socket_port is set twice, first in line 2",
            ),
            // Two values are wrong: the error is about the first.
            ("server.zzz = 1\nserver.aaa = 1", "1: unknown setting \"server.zzz\""),
        ] {
            assert_eq!(merged(text).unwrap_err().to_string(), format!("a.toml:{expected}"), "{text}");
        }
    }

    /// With more work per key for each key before, this would take minutes.
    #[test]
    fn file_of_many_keys_is_read_once() {
        let keys: String = (0..60_000).map(|number| format!("\nk{number} = 1")).collect();
        let layer = of(Path::new("a.toml"), format!("[own]{keys}").as_bytes()).unwrap();
        let shown = Settings::default().merge(layer).unwrap_err().to_string();
        assert_eq!(shown, "a.toml:2: unknown setting \"own.k0\"");
        let twice = format!("[own]{keys}\n[global.own]\nk59999 = 1");
        let shown = of(Path::new("a.toml"), twice.as_bytes()).unwrap_err().to_string();
        assert_eq!(shown, "a.toml:60003: own.k59999 is set twice, first in line 60001");
    }

    #[test]
    fn toml_errors_name_file_and_line() {
        for (text, line) in [
            (&b"[server\nsocket_port = 80"[..], 1),
            (b"[server]\nsocket_port: 80", 2),
            (b"[server]\nsocket_port = 80\nsocket_port = 81", 3),
            (b"[server]\nsocket_mode = 0660", 2),
            (b"[server]\n\n\nsoftware = \"\xff\"", 4),
            (b"{\"server\": {}}", 1),
            (b"\x7fELF\0\0", 1),
            (b"\n\nx", 3),
            // Texts that begin like a number.
            (b"\nserver.socket_port = 1_000:'>\0\0:1\"\n", 2),
            (b"server.ssl_ciphers = [\n1_0x]", 2),
            (b"server.socket_timeout = 1_0.5\x01", 1),
            (b"server.socket_timeout = 1.5.5", 1),
            (b"server.socket_mode = 0o68", 1),
        ] {
            let shown = merged(text).unwrap_err().to_string();
            assert!(shown.starts_with(&format!("a.toml:{line}: not TOML: ")), "{shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
        let deep = format!("server.software = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(merged(deep).unwrap_err().to_string().starts_with("a.toml:1: not TOML: "));
    }

    #[test]
    fn unreadable_file_is_named() {
        let refused = |path: &str| match Settings::from_file(path).unwrap_err() {
            Error::Unreadable { path, source } => (path, source.kind()),
            other => panic!("{other}"),
        };
        assert_eq!(refused("/no/such.toml"), ("/no/such.toml".into(), io::ErrorKind::NotFound));
        assert_eq!(refused("/"), ("/".into(), io::ErrorKind::IsADirectory));
        assert_eq!(refused("/dev/zero"), ("/dev/zero".into(), io::ErrorKind::FileTooLarge));
    }
}
