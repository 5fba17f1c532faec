//! The settings of the program beside its server, from the same sources (`[drupe]` in a file).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use drupe::settings::{Origin, SettingsLayer};
use drupe::statistics::Page;
use log::LevelFilter;

use super::access;
use super::failure::ProgramFailure;
use super::host_names;

/// The description of one setting.
pub(super) struct OwnRow {
    pub(super) name: &'static str,
    /// The unit, as in [`drupe::settings::Row::unit`].
    pub(super) unit: &'static str,
    pub(super) default: &'static str,
    pub(super) help: &'static str,
}

pub(super) const TABLE: &[OwnRow] = &[
    OwnRow { name: "directory", unit: "PATH", default: ".", help: "directory to serve, as DIR" },
    OwnRow { name: "dotfiles", unit: "BOOL", default: "false", help: "serve names that begin with a dot" },
    OwnRow {
        name: "listing",
        unit: "BOOL",
        default: "true",
        help: "list a directory without an index file instead of refusing it (403)",
    },
    OwnRow {
        name: "index",
        unit: "NAMES",
        default: "index.html",
        help: "index files of a directory, in order of preference; repeatable",
    },
    OwnRow {
        name: "extensions",
        unit: "NAMES",
        default: "",
        help: "extensions to try for paths without a file: with html, /about is about.html; repeatable",
    },
    OwnRow {
        name: "not_found",
        unit: "PATH",
        default: "",
        help: "file below DIR, such as 404.html, to send with the status 404 to clients that accept HTML",
    },
    OwnRow {
        name: "fallback",
        unit: "PATH",
        default: "",
        help: "file below DIR, such as index.html, to send for missing paths to clients that accept HTML",
    },
    OwnRow {
        name: "field",
        unit: "LINES",
        default: "",
        help: "response header to add, as 'PATTERN: NAME: VALUE', such as '/assets/*: Cache-Control: max-age=600'; repeatable",
    },
    OwnRow {
        name: "precompressed",
        unit: "BOOL",
        default: "false",
        help: "send FILE.br, FILE.zst or FILE.gz, if not older, in place of FILE",
    },
    OwnRow {
        name: "compress",
        unit: "BOOL",
        default: "false",
        help: "compress text for clients that accept gzip or deflate",
    },
    OwnRow {
        name: "content_type",
        unit: "LINES",
        default: "",
        help: "media type for an extension or a whole name, as EXT=TYPE, such as gmi=text/gemini; repeatable",
    },
    OwnRow {
        name: "link",
        unit: "LINES",
        default: "",
        help: "symbolic link in DIR allowed to point outside; its target is fixed at startup; repeatable",
    },
    OwnRow {
        name: "hide",
        unit: "NAMES",
        default: "",
        help: "patterns of names to hide (404), such as *.key or node_modules; repeatable",
    },
    OwnRow {
        name: "auth",
        unit: "LINES",
        default: "",
        help: "require a login, as NAME:PASSWORD; all users of the machine see the command line: prefer DRUPE_AUTH; repeatable",
    },
    OwnRow {
        name: "cors",
        unit: "ORIGINS",
        default: "",
        help: "let pages of these origins read the files, or of any origin if none is given; repeatable",
    },
    OwnRow {
        name: "host_name",
        unit: "NAMES",
        default: "",
        help: "names, beside localhost, to answer to on a loopback address (any other: 421); repeatable",
    },
    OwnRow {
        name: "quiet",
        unit: "BOOL",
        default: "false",
        help: "print addresses, warnings and errors only, not requests",
    },
    OwnRow {
        name: "log_level",
        unit: "NAME",
        default: "warning",
        help: "least severe messages to print: error, warning, info or debug; requests are not messages",
    },
    OwnRow {
        name: "access_log",
        unit: "PATH",
        default: "",
        help: "file for requests (- for standard output), instead of standard error; reopened at SIGUSR1 and SIGHUP",
    },
    OwnRow {
        name: "access_log_format",
        unit: "NAME",
        default: "combined",
        help: "format of the access log: common, combined or json",
    },
    OwnRow {
        name: "pid_file",
        unit: "PATH",
        default: "",
        help: "file for the process id, locked while the program runs",
    },
    OwnRow { name: "user", unit: "NAME", default: "", help: "user to switch to once the addresses are bound" },
    OwnRow { name: "group", unit: "NAME", default: "", help: "group to switch to, instead of the user's own" },
    OwnRow {
        name: "umask",
        unit: "MODE",
        default: "",
        help: "permission bits to clear in new files, in octal, such as 027",
    },
    OwnRow {
        name: "ssl_self_signed",
        unit: "BOOL",
        default: "false",
        help: "serve TLS with a key and certificate made for this run; for development",
    },
    OwnRow {
        name: "statistics_path",
        unit: "NAME",
        default: "/statistics",
        help: "path of the page that --statistics adds; empty: no page",
    },
    OwnRow {
        name: "statistics_access",
        unit: "NAME",
        default: "local",
        help: "clients allowed to see the page: local (this machine, Unix sockets) or all",
    },
];

/// The values set so far, with their origins. A missing setting has its default.
#[derive(Clone, Debug, Default)]
pub(super) struct Own(BTreeMap<&'static str, (OsString, Origin)>);

impl Own {
    /// Takes the program's settings out of `layer`, with names that begin with `stem`.
    pub(super) fn take(&mut self, layer: &mut SettingsLayer, stem: &str) -> Result<(), ProgramFailure> {
        for row in TABLE {
            if let Some((text, origin)) = layer.take(&format!("{stem}{}", row.name), row.unit)? {
                self.set(row, text.into(), origin)?;
            }
        }
        Ok(())
    }

    /// Sets the setting of `row`, if `value` is valid.
    pub(super) fn set(&mut self, row: &OwnRow, value: OsString, origin: Origin) -> Result<(), ProgramFailure> {
        let checked = match (row.name, value.to_str()) {
            ("directory", _) if value.is_empty() => Err("\"\" is not a directory".to_owned()),
            ("directory" | "access_log" | "pid_file", _) => Ok(value),
            ("auth", None) => Err("the value is not UTF-8".to_owned()),
            (_, None) => Err(format!("{value:?} is not UTF-8")),
            ("user" | "group", Some(_)) | ("umask", Some("")) => Ok(value),
            ("umask", Some(text)) => match umask(text) {
                Some(_) => Ok(value),
                None => Err(format!("{text:?} is not an octal mode such as 027")),
            },
            ("access_log_format", Some(text)) => match access::Form::of(text) {
                Some(_) => Ok(value),
                None => Err(format!("{text:?} is neither common nor combined nor json")),
            },
            ("log_level", Some(text)) => match level(text) {
                Some(_) => Ok(value),
                None => Err(format!("{text:?} is neither error nor warning nor info nor debug")),
            },
            // Checked where they are used: the text alone does not show a mistake.
            ("fallback" | "not_found", Some(_)) => Ok(value),
            ("index" | "extensions" | "field" | "content_type" | "link" | "hide" | "auth", Some(text)) => {
                Ok(self.with_earlier(row, text, &origin))
            }
            ("cors", Some(text)) => Ok(self.with_earlier(row, origins(text), &origin)),
            ("host_name", Some(text)) => match host_names::names(text).find(|name| !host_names::is_name(name)) {
                None => Ok(self.with_earlier(row, text, &origin)),
                Some(name) => Err(format!("{name:?} is not a host name without a port")),
            },
            ("statistics_path", Some(text)) => match is_path(text) {
                true => Ok(value),
                false => Err(format!(
                    "{text:?} is not a path below /, such as /statistics, without % ? # blanks and dot segments"
                )),
            },
            ("statistics_access", Some(text)) => match ["local", "all"].contains(&text) {
                true => Ok(value),
                false => Err(format!("{text:?} is neither local nor all")),
            },
            (_, Some(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok("true".into()),
                "false" | "no" | "off" | "0" => Ok("false".into()),
                _ => Err(format!("{text:?} is neither true (yes, on, 1) nor false (no, off, 0)")),
            },
        };
        match checked {
            Ok(value) => {
                self.0.insert(row.name, (value, origin));
                Ok(())
            }
            Err(reason) => Err(refused(row.name, &origin, &reason)),
        }
    }

    /// Returns the items of a list with those of `text`: flags add to flags, and replace all others.
    fn with_earlier(&self, row: &OwnRow, text: &str, origin: &Origin) -> OsString {
        match (self.0.get(row.name), origin) {
            (Some((before, Origin::Flag { .. })), Origin::Flag { .. }) => {
                format!("{}{}{text}", before.to_string_lossy(), separator(row.unit)).into()
            }
            _ => text.into(),
        }
    }

    /// Creates an error for the value of the setting `name`.
    pub(super) fn refuse(&self, name: &str, reason: &str) -> ProgramFailure {
        refused(name, &self.origin(name), reason)
    }

    /// True if the setting `name` is on.
    pub(super) fn is(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    /// The items of the list `name`, without empty ones.
    pub(super) fn items(&self, name: &str) -> impl Iterator<Item = &str> {
        let separator = TABLE.iter().find(|row| row.name == name).map_or('\n', |row| separator(row.unit));
        let items = self.value(name).to_str().unwrap_or_default().split(separator).map(str::trim);
        items.filter(|item| !item.is_empty())
    }

    pub(super) fn directory(&self) -> PathBuf {
        PathBuf::from(self.value("directory"))
    }

    /// The path and format of the access log; `None` if requests are printed.
    pub(super) fn access_log(&self) -> Option<(PathBuf, access::Form)> {
        let path = Some(self.value("access_log")).filter(|path| !path.is_empty())?;
        let form = self.value("access_log_format").to_str().and_then(access::Form::of)?;
        Some((PathBuf::from(path), form))
    }

    /// The least severe level of printed messages.
    pub(super) fn log_level(&self) -> LevelFilter {
        self.value("log_level").to_str().and_then(level).unwrap_or(LevelFilter::Warn)
    }

    /// The statistics page and its access rule; `None` if the page is off.
    pub(super) fn statistics(&self) -> Option<Page> {
        let path = self.value("statistics_path").to_str().filter(|path| !path.is_empty())?;
        let page = Page::at(path);
        Some(if self.value("statistics_access") == "all" { page.allow(|_| true) } else { page })
    }

    /// The value of the setting `name`.
    pub(super) fn value(&self, name: &str) -> &OsStr {
        let default = || TABLE.iter().find(|row| row.name == name).map_or("", |row| row.default);
        self.0.get(name).map_or_else(|| OsStr::new(default()), |(value, _)| value)
    }

    /// The names of the settings with another value in `other`.
    pub(super) fn changed(&self, other: &Own) -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|row| row.name).filter(|name| self.value(name) != other.value(name))
    }

    /// The origin of the value of the setting `name`.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.0.get(name).map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// The character between the items of a list with this unit.
fn separator(unit: &str) -> char {
    if matches!(unit, "NAMES" | "ORIGINS") { ',' } else { '\n' }
}

/// Returns a list of origins: `*` for a flag without a value.
fn origins(text: &str) -> &str {
    match text {
        "true" => "*",
        "false" => "",
        text => text,
    }
}

/// Creates an error with the reason and the origin.
fn refused(name: &str, origin: &Origin, reason: &str) -> ProgramFailure {
    ProgramFailure::Settings(match origin {
        Origin::File { .. } => format!("{origin}: setting drupe.{name}: {reason}"),
        Origin::Environment { .. } | Origin::Flag { .. } => format!("{origin}: {reason}"),
        _ => reason.to_owned(),
    })
}

/// True if statistics can be shown at `path`: the path has only one spelling, and does not hide the
/// directory.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"%?#\"<>\\^`{|}".contains(&byte);
    let is_below = path.starts_with('/') && !path.trim_matches('/').is_empty() && !path.contains("//");
    // Clients remove dot segments.
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    path.is_empty() || (is_below && !has_dots && path.bytes().all(is_plain))
}

/// Parses a log level.
fn level(text: &str) -> Option<LevelFilter> {
    Some(match text {
        "error" => LevelFilter::Error,
        "warning" => LevelFilter::Warn,
        "info" => LevelFilter::Info,
        "debug" => LevelFilter::Debug,
        _ => return None,
    })
}

/// Parses nine permission bits in octal digits.
pub(super) fn umask(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mask = u32::from_str_radix(digits, 8).ok()?;
    (mask <= 0o777 && !digits.starts_with('+')).then_some(mask)
}
