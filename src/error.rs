//! What can go wrong with a server as a whole.
//!
//! Not for what goes wrong with one request or one connection: that is answered or logged, and the server goes on.

use std::error;
use std::fmt;
use std::io;

/// Why a server was not started, or could not go on.
///
/// The text names the thing concerned; what the operating system said about it is the
/// [`source`](error::Error::source), so a report should print the whole chain.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that cannot be used.
    Setting {
        /// The name of the setting.
        name: &'static str,
        /// The value, what is wrong with it and what would do.
        reason: String,
    },
    /// A setting was named that does not exist.
    UnknownSetting {
        /// The name as it was written.
        name: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A host to listen on has no address.
    Resolve {
        /// The host as it was set.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// An address cannot be listened on.
    Bind {
        /// The address, as [`BindAddr`](crate::BindAddr) writes it.
        address: String,
        /// The reason, such as an address in use or a lack of privilege.
        source: io::Error,
    },
    /// A thread could not be started.
    Thread {
        /// The name the thread was to have.
        name: String,
        /// The reason, such as a limit of the system.
        source: io::Error,
    },
    /// The operating system refused something else that the server needs.
    System {
        /// What was asked for: `epoll`, `eventfd`, `signals`.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The server was told to stop before its start was complete.
    Stopped,
}

impl Error {
    /// Refuses the setting `name` for `reason`.
    pub(crate) fn setting(name: &'static str, reason: impl Into<String>) -> Error {
        Error::Setting { name, reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { name, reason } => write!(f, "setting {name}: {reason}"),
            Error::UnknownSetting { name, nearest: None } => write!(f, "unknown setting {name:?}"),
            Error::UnknownSetting { name, nearest: Some(nearest) } => {
                write!(f, "unknown setting {name:?}; did you mean {nearest}?")
            }
            Error::Resolve { host, .. } => write!(f, "cannot find an address of host {host:?}"),
            Error::Bind { address, .. } => write!(f, "cannot listen on {address}"),
            Error::Thread { name, .. } => write!(f, "cannot start thread {name:?}"),
            Error::System { what, .. } => write!(f, "cannot set up {what}"),
            Error::Stopped => f.write_str("server was stopped while it started"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Resolve { source, .. }
            | Error::Bind { source, .. }
            | Error::Thread { source, .. }
            | Error::System { source, .. } => Some(source),
            Error::Setting { .. } | Error::UnknownSetting { .. } | Error::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn check(error: Error, text: &str, has_source: bool) {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.source().is_some(), has_source, "{text}");
    }

    fn denied() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn text_names_the_thing_and_the_source_keeps_the_cause() {
        let name = || "socket_prt".to_owned();
        check(Error::setting("thread_pool", "0 is out of range"), "setting thread_pool: 0 is out of range", false);
        check(Error::UnknownSetting { name: name(), nearest: None }, "unknown setting \"socket_prt\"", false);
        check(
            Error::UnknownSetting { name: name(), nearest: Some("socket_port") },
            "unknown setting \"socket_prt\"; did you mean socket_port?",
            false,
        );
        check(
            Error::Resolve { host: "nowhere".to_owned(), source: denied() },
            "cannot find an address of host \"nowhere\"",
            true,
        );
        check(Error::Bind { address: "[::1]:80".to_owned(), source: denied() }, "cannot listen on [::1]:80", true);
        check(
            Error::Thread { name: "drupe accept".to_owned(), source: denied() },
            "cannot start thread \"drupe accept\"",
            true,
        );
        check(Error::System { what: "epoll", source: denied() }, "cannot set up epoll", true);
        check(Error::Stopped, "server was stopped while it started", false);
    }

    #[test]
    fn an_error_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
    }
}
