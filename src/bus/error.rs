//! Errors of a bus and of its plugins.

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::state::State;

/// Any error of a listener.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// The reason a request to a bus failed, completely or in part.
#[derive(Debug)]
#[non_exhaustive]
pub enum BusError {
    /// The request is not allowed in this state, or during a change by another thread.
    #[non_exhaustive]
    Refused {
        /// The request, such as `start`.
        wish: &'static str,
        /// The state of the bus.
        state: State,
    },
    /// Listeners have failed; all others have run.
    Failed(Failures),
    /// The awaited state was not reached in time.
    #[non_exhaustive]
    TimedOut {
        /// The state of the bus instead.
        state: State,
    },
    /// The awaited state cannot be reached: the bus has exited.
    Exited,
    /// Another process holds the PID file.
    #[non_exhaustive]
    Held {
        /// The path of the file.
        path: PathBuf,
        /// The content of the file, truncated; usually a PID.
        by: String,
    },
    /// A file cannot be used.
    #[non_exhaustive]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A user or a group does not exist.
    #[non_exhaustive]
    Unknown {
        /// `user` or `group`.
        kind: &'static str,
        /// The name as given.
        name: String,
    },
    /// The operating system refused an operation, or did not perform it.
    #[non_exhaustive]
    System {
        /// The operation.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

/// The listeners that failed at one message, with their errors; never empty.
#[derive(Clone, Debug)]
pub struct Failures {
    pub(super) channel: String,
    pub(super) failed: Vec<(String, Arc<dyn error::Error + Send + Sync>)>,
}

impl Failures {
    /// The channel of the message.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Iterates over the names and errors of the failed listeners, in the order of execution.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &(dyn error::Error + Send + Sync + 'static))> {
        self.failed.iter().map(|(name, error)| (name.as_str(), &**error))
    }
}

impl fmt::Display for Failures {
    /// Writes each failure with its chain of causes, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.channel)?;
        for (at, (name, error)) in self.failed.iter().enumerate() {
            write!(f, "{}{name}: {error}", if at > 0 { "; " } else { "" })?;
            let mut cause = error.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl error::Error for Failures {}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BusError::Refused { wish, state } => write!(f, "cannot {wish}: the bus is {state}"),
            BusError::Failed(failures) => failures.fmt(f),
            BusError::TimedOut { state } => write!(f, "timed out waiting for the bus, which is {state}"),
            BusError::Exited => f.write_str("the bus exited before it reached the awaited state"),
            BusError::Held { path, by } => {
                write!(f, "PID file {} is locked by another process; the file contains {by:?}", path.display())
            }
            BusError::File { path, .. } => write!(f, "cannot use {}", path.display()),
            BusError::Unknown { kind, name } => write!(f, "there is no {kind} {name:?}"),
            BusError::System { what, .. } => write!(f, "cannot {what}"),
        }
    }
}

impl error::Error for BusError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            BusError::File { source, .. } | BusError::System { source, .. } => Some(source),
            BusError::Refused { .. }
            | BusError::Failed(_)
            | BusError::TimedOut { .. }
            | BusError::Exited
            | BusError::Held { .. }
            | BusError::Unknown { .. } => None,
        }
    }
}

impl From<Failures> for BusError {
    fn from(failures: Failures) -> Self {
        BusError::Failed(failures)
    }
}
