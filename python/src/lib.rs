//! The native half of the Python package `drupe`: WSGI applications on drupe's engine.
//!
//! The Python half, in `drupe/`, has the surface of cheroot's server. Here is the path of a
//! request:
//!
//! | file | content |
//! |---|---|
//! | `engine.rs` | the server as the Python half sees it: start, stop, settings, statistics |
//! | `application.rs` | the call of the application, and its failures |
//! | `environ.rs` | the environ as a `dict` |
//! | `input.rs`, `content_errors.rs` | `wsgi.input`, and the exceptions of reading it |
//! | `start_response.rs` | `start_response` and `write` |
//! | `chunks.rs`, `file_wrapper.rs` | the iterable of an application |
//! | `forks.rs` | the end of a child that was forked in a handler |
//! | `workers.rs` | the threads: attached to the interpreter for life, counted |
//! | `refusals.rs` | the texts of refused requests |
//! | `records.rs` | log records on their way to `logging` |
//!
//! A worker is attached to the interpreter while Python code runs, and detached in each wait. No
//! lock is held while a thread waits for the interpreter.

mod application;
mod chunks;
mod content_errors;
mod engine;
mod environ;
mod file_wrapper;
mod forks;
mod input;
mod records;
mod refusals;
mod start_response;
mod turns;
mod workers;

/// The native half of the package; private. Not tried without the interpreter's lock.
#[pyo3::pymodule(gil_used = true)]
mod _drupe {
    use pyo3::prelude::*;
    use pyo3::types::PyModule;

    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::file_wrapper::FileWrapper;
    #[pymodule_export]
    use crate::forks::note_fork;
    #[pymodule_export]
    use crate::input::Input;
    #[pymodule_export]
    use crate::records::{log_access, next_records, wake_records};
    #[pymodule_export]
    use crate::start_response::{StartResponse, Write};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::records::install();
        crate::content_errors::add_to(module)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
