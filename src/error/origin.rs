//! The origin of a setting.

use std::fmt;
use std::path::PathBuf;

/// The source of the value of a setting.
///
/// The text begins a message: `drupe.toml:3`, `environment variable DRUPE_SOCKET_PORT`, `option
/// --socket-port`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Not set: the default of [`Settings::default`](crate::Settings::default).
    Default,
    /// Set by the program, without a recorded origin.
    Program,
    /// A file.
    File {
        /// The path as given.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The environment.
    Environment {
        /// The full name of the variable.
        variable: String,
    },
    /// The command line.
    Flag {
        /// The option as written there, such as `--socket-port`.
        flag: String,
    },
}

impl Origin {
    /// True if the text of the origin already names the setting.
    pub(super) fn names_the_setting(&self) -> bool {
        matches!(self, Origin::Environment { .. } | Origin::Flag { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Program => f.write_str("program"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment { variable } => write!(f, "environment variable {variable}"),
            Origin::Flag { flag } => write!(f, "option {flag}"),
        }
    }
}
