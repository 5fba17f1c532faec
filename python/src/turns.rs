//! The turns that threads take with the interpreter.

use std::time::Instant;

use drupe::exchange;
use pyo3::prelude::*;

/// Runs `work` attached to the interpreter. The server counts the wait as a wait for a turn.
/// `None`: the interpreter has ended.
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let begun = Instant::now();
    Python::try_attach(|py| {
        exchange::note_turn(begun.elapsed());
        work(py)
    })
}
