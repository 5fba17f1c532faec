//! The reason for the end of the program, made from the errors of its parts.

use std::fmt::{self, Write};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use drupe::Error;
use drupe::process::BusError;
use nix::errno::Errno;

use super::holder;

/// The reason for the end of the program, in one sentence.
#[derive(Debug)]
pub(super) enum ProgramFailure {
    /// The arguments make no sense.
    Usage(String),
    /// A setting from any source is wrong.
    Settings(String),
    Serve(String),
}

impl ProgramFailure {
    pub(super) fn reason(&self) -> &str {
        let (Self::Usage(reason) | Self::Settings(reason) | Self::Serve(reason)) = self;
        reason
    }

    /// Returns the refusal of a setting as a failure to serve, if its `cause` may pass: then another
    /// start may succeed, and a supervisor has to see another exit code.
    pub(super) fn unless_passing(self, cause: &io::Error) -> Self {
        if is_passing(cause) { Self::Serve(self.reason().to_owned()) } else { self }
    }
}

impl From<lexopt::Error> for ProgramFailure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Error> for ProgramFailure {
    fn from(error: Error) -> Self {
        if let Error::Bus { source, .. } = &error {
            return of_bus(source);
        }
        let reason = chain(&error);
        if is_of_settings(&error) { Self::Settings(reason) } else { Self::Serve(reason) }
    }
}

/// The error of a bus that did not start because the access log cannot be opened.
#[derive(Debug)]
pub(super) struct AccessLogRefused(pub(super) ProgramFailure);

impl fmt::Display for AccessLogRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.reason())
    }
}

impl std::error::Error for AccessLogRefused {}

/// The message of an error, followed by those of its causes, and by the holder of a port in use.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut reason = error.to_string();
    let mut port = taken(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(reason, ": {error}");
        port = port.or_else(|| taken(error));
        cause = error.source();
    }
    if let Some(address) = port {
        let _ = write!(reason, "; {}", holder::describe(address));
    }
    reason
}

/// The TCP address that another process uses, if that is the error.
fn taken(error: &(dyn std::error::Error + 'static)) -> Option<SocketAddr> {
    match error.downcast_ref::<Error>()? {
        Error::Bind { address, source, .. } if source.kind() == ErrorKind::AddrInUse => address.parse().ok(),
        _ => None,
    }
}

/// True for a full disk, a lack of descriptors, memory or threads, and a fault of a device.
fn is_passing(error: &io::Error) -> bool {
    use Errno::{EAGAIN, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC};
    let faults = [ENOSPC, EDQUOT, EMFILE, ENFILE, EAGAIN, ENOMEM, EIO];
    error.raw_os_error().is_some_and(|code| faults.contains(&Errno::from_raw(code)))
}

fn is_of_settings(error: &Error) -> bool {
    matches!(
        error,
        Error::Setting { .. }
            | Error::Contradiction { .. }
            | Error::UnknownSetting { .. }
            | Error::Located { .. }
            | Error::Malformed { .. }
            | Error::Unreadable { .. }
    )
}

/// The reason why a bus did not start, from the errors of its listeners.
fn of_bus(error: &BusError) -> ProgramFailure {
    let BusError::Failed(failures) = error else { return ProgramFailure::Serve(chain(error)) };
    let reasons: Vec<String> = failures.iter().map(|(_, error)| chain(error)).collect();
    let is_of_settings = failures.iter().all(|(_, error)| {
        error.downcast_ref::<Error>().is_some_and(is_of_settings)
            || matches!(error.downcast_ref::<BusError>(), Some(BusError::Held { .. }))
            || matches!(error.downcast_ref(), Some(AccessLogRefused(ProgramFailure::Settings(_))))
    });
    let reason = reasons.join("; ");
    if is_of_settings { ProgramFailure::Settings(reason) } else { ProgramFailure::Serve(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_that_may_pass_is_no_fault_of_a_setting() {
        for (error, expected) in [
            (Errno::ENOSPC, true),
            (Errno::EDQUOT, true),
            (Errno::EMFILE, true),
            (Errno::EIO, true),
            (Errno::EACCES, false),
            (Errno::ENOENT, false),
            (Errno::EISDIR, false),
        ] {
            let refused = ProgramFailure::Settings("no file".to_owned()).unless_passing(&error.into());
            assert_eq!(
                (matches!(refused, ProgramFailure::Serve(_)), refused.reason()),
                (expected, "no file"),
                "{error}"
            );
        }
    }
}
