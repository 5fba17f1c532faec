//! Forks in a handler: the child has the connection of its parent, and must not answer.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

/// The number of forks between the first process and this one; the calling thread is in both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(crate) fn now() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Ends the process if it was forked since `self`, while Python code ran with this `result`.
    pub(crate) fn check<T>(self, py: Python<'_>, result: &PyResult<T>) -> PyResult<()> {
        if self == Self::now() {
            return Ok(());
        }
        let error = result.as_ref().err().map(|error| error.value(py));
        py.import("drupe._process")?.call_method1("end_child", (error,)).map(drop)
    }
}

/// Notes a fork, in the child.
#[pyfunction]
pub(crate) fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

static FORKS: AtomicU64 = AtomicU64::new(0);
