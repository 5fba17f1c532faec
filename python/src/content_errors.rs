//! The exceptions of reading `wsgi.input`.

use std::io;

use drupe::request::ContentError;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::PyModule;

create_exception!(
    drupe,
    MaxSizeExceeded,
    PyOSError,
    "Content above the limit. The client gets a 413, or a 4xx of the application."
);
create_exception!(
    drupe,
    MalformedContent,
    PyOSError,
    "Malformed or incomplete content. The client gets a 400, or a 4xx of the application."
);
create_exception!(
    drupe,
    ContentTimeout,
    PyTimeoutError,
    "Content that came too late. The client gets a 408, or a 4xx of the application."
);

/// Adds the exceptions to `module`.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("MaxSizeExceeded", py.get_type::<MaxSizeExceeded>())?;
    module.add("MalformedContent", py.get_type::<MalformedContent>())?;
    module.add("ContentTimeout", py.get_type::<ContentTimeout>())
}

/// Returns the exception of a failed read, and the error to answer with if the application does not
/// catch the exception; `None` if the client is not at fault.
pub(crate) fn raised(error: io::Error) -> (PyErr, Option<ContentError>) {
    let kind = error.kind();
    let error = ContentError::from(error);
    let text = error.to_string();
    match error.status().map(|status| status.as_u16()) {
        Some(413) => (MaxSizeExceeded::new_err(text), Some(error)),
        Some(408) => (ContentTimeout::new_err(text), Some(error)),
        Some(_) => (MalformedContent::new_err(text), Some(error)),
        None => (io::Error::new(kind, text).into(), None),
    }
}

/// True if `error` is an exception of reading that a client has caused.
pub(crate) fn is_of_client(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<MaxSizeExceeded>(py)
        || error.is_instance_of::<MalformedContent>(py)
        || error.is_instance_of::<ContentTimeout>(py)
}
