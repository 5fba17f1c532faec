//! The limit of open descriptors of the process.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard limit. The usual soft limit, often 1024, is meant for programs
/// that use `select`.
///
/// If the limit cannot be raised, the server uses the current one.
pub(super) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        log::warn!("cannot raise the limit of descriptors (RLIMIT_NOFILE): {error}; the limit stays");
    }
}
