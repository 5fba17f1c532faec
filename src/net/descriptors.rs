//! The number of descriptors that this process may open.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

/// The current limit (`RLIMIT_NOFILE`); the POSIX minimum if unknown.
pub(crate) fn limit() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((20, 20));
    usize::try_from(soft).unwrap_or(usize::MAX)
}

/// True if the process (`EMFILE`) or the system (`ENFILE`) has no descriptor left.
pub(crate) fn are_lacking(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}
