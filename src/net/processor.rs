//! What threads take of the processors.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Returns the processor time that the calling thread has used; zero if the system does not tell.
pub(crate) fn time_of_this_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
