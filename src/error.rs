//! Errors of a server as a whole.
//!
//! Errors of one request or connection are answered or logged instead, and the server goes on.

mod chain;
mod origin;

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::chain::Chain;
pub use self::origin::Origin;
#[cfg(feature = "process")]
use crate::bus;

/// The reason a server was not started, or could not go on.
///
/// The text names the affected item. The error of the operating system is the
/// [`source`](error::Error::source), so a report should print the whole chain. `Debug` does, in one
/// line, so that `fn main() -> Result<(), drupe::Error>` prints a sentence: `Error: cannot listen on
/// 127.0.0.1:80: Permission denied (os error 13)`.
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that cannot be used.
    #[non_exhaustive]
    Setting {
        /// The name of the setting.
        name: &'static str,
        /// The value, the problem and the valid values.
        reason: String,
    },
    /// Two settings have values that cannot be used together.
    #[non_exhaustive]
    Contradiction {
        /// The name of the setting to change.
        name: &'static str,
        /// The name of the other setting.
        with: &'static str,
        /// The conflict.
        reason: String,
    },
    /// A setting does not exist.
    #[non_exhaustive]
    UnknownSetting {
        /// The name as written.
        name: String,
        /// The most similar name, in the notation of its origin.
        nearest: Option<String>,
    },
    /// An error about a file, a variable or a flag: any of the above,
    /// [`Malformed`](Error::Malformed) or [`Unreadable`](Error::Unreadable).
    #[non_exhaustive]
    Located {
        /// The origin of the setting.
        origin: Origin,
        /// The error.
        error: Box<Error>,
    },
    /// A source of settings or the text of an address is malformed.
    #[non_exhaustive]
    Malformed {
        /// The problem: not TOML, the same setting twice, no address.
        reason: String,
    },
    /// A file of settings cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The reason, such as a missing file.
        source: io::Error,
    },
    /// A host to listen on has no address.
    #[non_exhaustive]
    Resolve {
        /// The host as set.
        host: String,
        /// The error of the resolver.
        source: io::Error,
    },
    /// The server cannot listen on an address.
    #[non_exhaustive]
    Bind {
        /// The address, as written by [`BindAddr`](crate::BindAddr).
        address: String,
        /// The reason, such as an address in use or a lack of privilege.
        source: io::Error,
    },
    /// A thread could not be started.
    #[non_exhaustive]
    Thread {
        /// The intended name of the thread.
        name: String,
        /// The reason, such as a limit of the system.
        source: io::Error,
    },
    /// The operating system refused another resource of the server.
    #[non_exhaustive]
    System {
        /// The resource: `epoll`, `eventfd`, `signals`.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The server could not start or go on serving; returned to all waiting callers.
    #[non_exhaustive]
    Serving {
        /// The reason, shared by all callers.
        source: Arc<dyn error::Error + Send + Sync>,
    },
    /// A bus (feature `process`) that drives the server could not be started, or could not go on; returned by
    /// [`quickstart`](crate::Server::quickstart).
    #[cfg(feature = "process")]
    #[non_exhaustive]
    Bus {
        /// The failed listeners, or a refusal because another thread is changing the bus.
        source: bus::BusError,
    },
    /// The server was stopped, or dropped, before a start, a restart or a wait for them was complete.
    Stopped,
}

impl Error {
    /// Creates an error that refuses the setting `name` for `reason`.
    pub(crate) fn setting(name: &'static str, reason: impl Into<String>) -> Error {
        Error::Setting { name, reason: reason.into() }
    }

    /// Creates an error that refuses the setting `name` because of `with`, for `reason`.
    pub(crate) fn contradiction(name: &'static str, with: &'static str, reason: impl Into<String>) -> Error {
        Error::Contradiction { name, with, reason: reason.into() }
    }

    /// Creates an error that refuses malformed settings for `reason`.
    pub(crate) fn malformed(reason: impl Into<String>) -> Error {
        Error::Malformed { reason: reason.into() }
    }

    /// Adds the origin of the setting.
    pub(crate) fn at(self, origin: Origin) -> Error {
        Error::Located { origin, error: Box::new(self) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { name, reason } | Error::Contradiction { name, reason, .. } => {
                write!(f, "setting {name}: {reason}")
            }
            Error::Malformed { reason } => f.write_str(reason),
            Error::Unreadable { path, .. } => write!(f, "cannot read settings from {}", path.display()),
            Error::Located { origin, error } => match &**error {
                Error::Setting { reason, .. } if origin.names_the_setting() => write!(f, "{origin}: {reason}"),
                Error::UnknownSetting { nearest, .. } if origin.names_the_setting() => {
                    write!(f, "unknown {origin}")?;
                    nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "; did you mean {nearest}?"))
                }
                error => write!(f, "{origin}: {error}"),
            },
            Error::UnknownSetting { name, nearest: None } => write!(f, "unknown setting {name:?}"),
            Error::UnknownSetting { name, nearest: Some(nearest) } => {
                write!(f, "unknown setting {name:?}; did you mean {nearest}?")
            }
            Error::Resolve { host, .. } => write!(f, "cannot find an address of host {host:?}"),
            Error::Bind { address, .. } => write!(f, "cannot listen on {address}"),
            Error::Thread { name, .. } => write!(f, "cannot start thread {name:?}"),
            Error::System { what, .. } => write!(f, "cannot set up {what}"),
            Error::Serving { .. } => f.write_str("serving failed"),
            #[cfg(feature = "process")]
            Error::Bus { .. } => f.write_str("the bus has failed"),
            Error::Stopped => f.write_str("server was stopped meanwhile"),
        }
    }
}

impl fmt::Debug for Error {
    /// Writes the text and the texts of all causes, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Chain(self))
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Resolve { source, .. }
            | Error::Bind { source, .. }
            | Error::Thread { source, .. }
            | Error::Unreadable { source, .. }
            | Error::System { source, .. } => Some(source),
            Error::Located { error, .. } => error.source(),
            // The error itself, not its `Arc`, so that a caller can downcast.
            Error::Serving { source } => Some(&**source),
            #[cfg(feature = "process")]
            Error::Bus { source } => Some(source),
            Error::Setting { .. }
            | Error::Contradiction { .. }
            | Error::UnknownSetting { .. }
            | Error::Malformed { .. }
            | Error::Stopped => None,
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
    fn error_text_names_the_object_and_source_keeps_the_cause() {
        let name = || "socket_prt".to_owned();
        check(Error::setting("thread_pool", "0 is out of range"), "setting thread_pool: 0 is out of range", false);
        check(Error::UnknownSetting { name: name(), nearest: None }, "unknown setting \"socket_prt\"", false);
        check(
            Error::UnknownSetting { name: name(), nearest: Some("socket_port".to_owned()) },
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
        #[cfg(feature = "process")]
        check(Error::Bus { source: bus::BusError::Exited }, "the bus has failed", true);
        check(Error::Stopped, "server was stopped meanwhile", false);
    }

    #[test]
    fn error_about_a_written_setting_names_the_origin_once() {
        let file = || Origin::File { path: "a/drupe.toml".into(), line: 3 };
        let variable = || Origin::Environment { variable: "DRUPE_THREAD_POOL".to_owned() };
        let flag = || Origin::Flag { flag: "--thread-pool".to_owned() };
        let wrong = || Error::setting("thread_pool", "0 is out of range");
        check(wrong().at(file()), "a/drupe.toml:3: setting thread_pool: 0 is out of range", false);
        check(wrong().at(variable()), "environment variable DRUPE_THREAD_POOL: 0 is out of range", false);
        check(wrong().at(flag()), "option --thread-pool: 0 is out of range", false);

        let unknown = |nearest: Option<&str>| Error::UnknownSetting {
            name: "server.thread_pol".to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        let text = "a/drupe.toml:3: unknown setting \"server.thread_pol\"; did you mean server.thread_pool?";
        check(unknown(Some("server.thread_pool")).at(file()), text, false);
        check(unknown(None).at(variable()), "unknown environment variable DRUPE_THREAD_POOL", false);
        check(unknown(Some("--x")).at(flag()), "unknown option --thread-pool; did you mean --x?", false);

        // The origin may belong to the other setting, so the text names the first.
        let both = Error::contradiction("thread_pool_max", "thread_pool", "5 is below thread_pool, which is 10");
        let text = "option --thread-pool: setting thread_pool_max: 5 is below thread_pool, which is 10";
        check(both.at(flag()), text, false);

        check(Error::malformed("not TOML").at(file()), "a/drupe.toml:3: not TOML", false);
        let path = || "a/drupe.toml".into();
        check(Error::Unreadable { path: path(), source: denied() }, "cannot read settings from a/drupe.toml", true);
        check(
            Error::Unreadable { path: path(), source: denied() }.at(flag()),
            "option --thread-pool: cannot read settings from a/drupe.toml",
            true,
        );
        assert_eq!([Origin::Default, Origin::Program].map(|origin| origin.to_string()), ["default", "program"]);
    }

    #[test]
    fn debug_text_of_an_error_is_a_sentence_with_its_causes() {
        let bind = || Error::Bind { address: "[::1]:80".to_owned(), source: denied() };
        let text = "cannot listen on [::1]:80: permission denied";
        assert_eq!(format!("{:?}", bind()), text);
        let serving = Error::Serving { source: Arc::new(bind()) };
        assert_eq!(format!("{serving:?}"), format!("serving failed: {text}"));
        assert_eq!(format!("{:?}", Error::Stopped), Error::Stopped.to_string());
    }

    #[test]
    fn cause_of_a_failed_server_can_be_downcast() {
        let serving = Error::Serving { source: Arc::new(Error::Stopped) };
        let cause = serving.source().unwrap().downcast_ref::<Error>();
        assert!(matches!(cause, Some(Error::Stopped)));
    }

    #[test]
    fn an_error_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
    }
}
