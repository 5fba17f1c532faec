//! The environ of a request as a `dict`.

use drupe::wsgi::{self, Value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::file_wrapper::FileWrapper;
use crate::input::Input;

/// The parts of an environ that do not change: the base, and the objects of usual keys.
pub(crate) struct EnvironBase {
    /// Copied for each request.
    base: Py<PyDict>,
    /// The usual keys, sorted. A client can choose further keys, which are not kept.
    keys: Vec<(&'static str, Py<PyString>)>,
    sys: Py<PyAny>,
}

impl EnvironBase {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let base = PyDict::new(py);
        base.set_item("wsgi.version", (1, 0))?;
        base.set_item("wsgi.multithread", true)?;
        base.set_item("wsgi.multiprocess", false)?;
        base.set_item("wsgi.run_once", false)?;
        base.set_item("wsgi.input_terminated", true)?;
        base.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
        let mut keys: Vec<_> = USUAL.iter().map(|key| (*key, PyString::intern(py, key).unbind())).collect();
        keys.sort_by_key(|(key, _)| *key);
        Ok(Self { base: base.unbind(), keys, sys: py.import("sys")?.into_any().unbind() })
    }

    /// Makes the environ of a request; `input` is its content.
    pub(crate) fn environ<'py>(
        &self,
        py: Python<'py>,
        environ: &wsgi::Environ,
        input: &Bound<'py, Input>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = self.base.bind(py).copy()?;
        // Both are sorted.
        let mut usual = self.keys.iter().peekable();
        for (key, value) in environ.iter() {
            match value {
                Value::Text(text) => {
                    while usual.next_if(|(usual, _)| *usual < key).is_some() {}
                    match usual.next_if(|(usual, _)| *usual == key) {
                        Some((_, key)) => dict.set_item(key, PyString::new(py, &text.text()))?,
                        None => dict.set_item(key, PyString::new(py, &text.text()))?,
                    }
                }
                Value::Version(name, number) if name != "1" => {
                    dict.set_item(intern!(py, "wsgi.version"), (name, number))?;
                }
                // In the base, or below.
                _ => {}
            }
        }
        dict.set_item(intern!(py, "wsgi.input"), input)?;
        dict.set_item(intern!(py, "wsgi.errors"), self.sys.bind(py).getattr(intern!(py, "stderr"))?)?;
        Ok(dict)
    }
}

/// The keys of drupe, and those of fields that most clients send.
const USUAL: [&str; 37] = [
    "ACTUAL_SERVER_PROTOCOL",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "HTTPS",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_FORWARDED",
    "HTTP_HOST",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_USER_AGENT",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "PATH_INFO",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "X_REMOTE_GID",
    "X_REMOTE_PID",
    "X_REMOTE_UID",
    "wsgi.url_scheme",
];
