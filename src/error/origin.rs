//! Where a setting was written down.

use std::fmt;
use std::path::PathBuf;

/// Where the value of a setting comes from.
///
/// Its text is what a message begins with: `drupe.toml:3`, `environment variable DRUPE_SOCKET_PORT`, `option --socket-port`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody: it is as [`Settings::default`](crate::Settings::default) has it.
    Default,
    /// The program itself, in a way that left no trace.
    Program,
    /// A file.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The environment.
    Environment {
        /// The whole name of the variable.
        variable: String,
    },
    /// The command line.
    Flag {
        /// The option as it is written there, such as `--socket-port`.
        flag: String,
    },
}

impl Origin {
    /// Whether its text says by itself which setting it is about.
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
