//! The run time of a handler, without the time lost to preemption.

use std::time::{Duration, Instant};

use crate::message::turn;
use crate::system::processor::Switches;

/// Measures one handler.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    begun: Instant,
    switches: Switches,
}

impl Stopwatch {
    pub(in crate::engine) fn start() -> Self {
        turn::forget();
        Self { begun: Instant::now(), switches: Switches::of_this_thread() }
    }

    /// Returns the time since the start. `None`: the thread was preempted and never blocked. If
    /// preempted handlers counted as slow on a busy machine, more threads would run and make the
    /// machine busier.
    pub(in crate::engine) fn time(&self) -> Option<Duration> {
        let time = self.begun.elapsed();
        if time < WORTH_A_LOOK {
            return Some(turn::counted(time));
        }
        let switches = Switches::of_this_thread();
        let was_held_up = switches.own == self.switches.own && switches.forced != self.switches.forced;
        (!was_held_up).then(|| turn::counted(time))
    }
}

/// The least time for which preemption is checked.
const WORTH_A_LOOK: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn time_spent_waiting_counts_and_time_without_a_processor_does_not() {
        let watch = Stopwatch::start();
        thread::sleep(WORTH_A_LOOK);
        assert!(watch.time().is_some_and(|time| time >= WORTH_A_LOOK));
        let mut held_up = Stopwatch::start();
        held_up.begun -= WORTH_A_LOOK;
        held_up.switches.forced -= 1;
        assert_eq!(held_up.time(), None);
        held_up.switches.own -= 1;
        assert!(held_up.time().is_some(), "it has waited as well");
    }
}
