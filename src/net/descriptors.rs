//! How many descriptors this process may have open.

use nix::sys::resource::{Resource, getrlimit};

/// The limit that holds now (`RLIMIT_NOFILE`); what POSIX guarantees where the system does not say.
pub(crate) fn limit() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((20, 20));
    usize::try_from(soft).unwrap_or(usize::MAX)
}
