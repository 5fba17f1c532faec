//! What can go wrong with a bus and what is plugged into it.

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::state::State;

/// Whatever a listener fails for.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why something was not done, or not all of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum BusError {
    /// It cannot be done in this state, or while another thread is in the middle of a change.
    Refused {
        /// What was asked for, such as `start`.
        wish: &'static str,
        /// What the bus was doing.
        state: State,
    },
    /// Listeners have failed; all the others have run.
    Failed(Failures),
    /// What was waited for did not come in time.
    TimedOut {
        /// What the bus was doing instead.
        state: State,
    },
    /// What was waited for will not come: the bus has exited.
    Exited,
    /// A PID file is another's.
    Held {
        /// The file.
        path: PathBuf,
        /// What is in it, cut short: the number of a process, as a rule.
        by: String,
    },
    /// A file cannot be used.
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A user or a group does not exist.
    Unknown {
        /// `user` or `group`.
        kind: &'static str,
        /// The name as it was given.
        name: String,
    },
    /// The operating system refused something, or did not do it.
    System {
        /// What was asked for.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

/// Who has failed at one message, and for what; never empty.
#[derive(Clone, Debug)]
pub struct Failures {
    pub(super) channel: String,
    pub(super) failed: Vec<(String, Arc<dyn error::Error + Send + Sync>)>,
}

impl Failures {
    /// The channel that the message was published on.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The names of the listeners, in the order they ran in, with the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &(dyn error::Error + Send + Sync + 'static))> {
        self.failed.iter().map(|(name, error)| (name.as_str(), &**error))
    }
}

impl fmt::Display for Failures {
    /// Writes each with its whole chain of causes, in one line.
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
            BusError::TimedOut { state } => write!(f, "waited in vain: the bus is {state}"),
            BusError::Exited => f.write_str("waited in vain: the bus has exited"),
            BusError::Held { path, by } => {
                write!(f, "PID file {} is held by another process, {by:?} says the file", path.display())
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
