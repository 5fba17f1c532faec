//! The processor use of the calling thread.

use nix::sys::resource::Usage;

/// Returns the resources used by the calling thread; `None` if unknown.
#[cfg(not(target_os = "macos"))]
pub(crate) fn of_this_thread() -> Option<Usage> {
    nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).ok()
}

/// Returns `None`: the system counts for the process only.
#[cfg(target_os = "macos")]
pub(crate) fn of_this_thread() -> Option<Usage> {
    None
}
