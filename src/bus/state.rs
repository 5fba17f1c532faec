//! The states of a bus and the allowed transitions.

use std::fmt;

/// The state of a [`Bus`](super::Bus); CherryPy's states.
///
/// ```text
/// Stopped ──► Starting ──► Started ──► Stopping ──► Stopped ──► Exiting
///                └───── failed ──────────▲             ▲ Exiting may start again
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Nothing runs; the initial state.
    #[default]
    Stopped,
    /// Listeners of `start` are running.
    Starting,
    /// Everything runs.
    Started,
    /// Listeners of `stop` are running.
    Stopping,
    /// The bus has ended, and blocked threads return. The bus may be started again.
    Exiting,
}

impl State {
    /// True if a bus goes from this state to `next` in one step.
    #[must_use]
    pub fn may_become(self, next: State) -> bool {
        use State::{Exiting, Started, Starting, Stopped, Stopping};
        matches!(
            (self, next),
            (Stopped | Exiting, Starting)
                | (Starting, Started | Stopping)
                | (Started, Stopping)
                | (Stopping, Stopped)
                | (Stopped, Exiting)
        )
    }
}

impl fmt::Display for State {
    /// Writes the state in capitals, as CherryPy does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Stopped => "STOPPED",
            State::Starting => "STARTING",
            State::Started => "STARTED",
            State::Stopping => "STOPPING",
            State::Exiting => "EXITING",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_steps_of_twenty_five_are_legal() {
        let all = [State::Stopped, State::Starting, State::Started, State::Stopping, State::Exiting];
        let legal: Vec<String> = all
            .iter()
            .flat_map(|from| all.iter().filter(|to| from.may_become(**to)).map(move |to| format!("{from} {to}")))
            .collect();
        assert_eq!(
            legal,
            [
                "STOPPED STARTING",
                "STOPPED EXITING",
                "STARTING STARTED",
                "STARTING STOPPING",
                "STARTED STOPPING",
                "STOPPING STOPPED",
                "EXITING STARTING",
            ]
        );
    }
}
