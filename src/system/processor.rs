//! The processor use of threads.

use std::time::Duration;

use nix::sys::resource::Usage;
use nix::time::{ClockId, clock_gettime};

/// Returns the processor time of the calling thread; zero if unknown.
pub(crate) fn time_of_this_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// The context switches of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switches {
    /// Voluntary: the thread waited.
    pub(crate) own: i64,
    /// Involuntary: the system preempted the thread.
    pub(crate) forced: i64,
}

impl Switches {
    /// Returns the switches of the calling thread; zero if unknown.
    pub(crate) fn of_this_thread() -> Self {
        usage_of_this_thread().map_or(Self { own: 0, forced: 0 }, |usage| Self {
            own: usage.voluntary_context_switches(),
            forced: usage.involuntary_context_switches(),
        })
    }
}

/// Returns the resources used by the calling thread; `None` if unknown.
#[cfg(not(target_os = "macos"))]
fn usage_of_this_thread() -> Option<Usage> {
    nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).ok()
}

/// Returns `None`: the system counts for the process only.
#[cfg(target_os = "macos")]
fn usage_of_this_thread() -> Option<Usage> {
    None
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn sleep_counts_as_voluntary_switch_and_work_does_not() {
        let before = Switches::of_this_thread();
        let used = time_of_this_thread();
        while time_of_this_thread() - used < Duration::from_millis(1) {}
        assert_eq!(Switches::of_this_thread().own, before.own);
        thread::sleep(Duration::from_millis(1));
        assert!(Switches::of_this_thread().own > before.own);
    }
}
