//! How many descriptors the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: the soft limit that systems set, often 1024, is for programs that use `select`.
///
/// What cannot be raised stays as it is; the server goes by what there is.
pub(super) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        log::warn!("cannot raise the limit of descriptors (RLIMIT_NOFILE): {error}; it stays as it is");
    }
}
