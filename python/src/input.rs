//! `wsgi.input`: the content of a request as a file object.

use std::io::{self, BufRead, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use drupe::request::ContentError;
use drupe::wsgi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::content_errors;

/// The content of a request, as a binary file object for reading.
///
/// Reading ends with the content, however the content is framed. The thread is detached from the
/// interpreter while it waits for the client.
#[pyclass(frozen, module = "drupe")]
pub(crate) struct Input {
    /// Locked only while detached, because the holder may wait for the client.
    input: Mutex<wsgi::Input>,
    /// The first failure that is the client's fault.
    failure: Mutex<Option<ContentError>>,
}

impl Input {
    pub(crate) fn new(input: wsgi::Input) -> Self {
        Self { input: Mutex::new(input), failure: Mutex::default() }
    }

    /// Takes the failure of an earlier read, for the answer.
    pub(crate) fn take_failure(&self) -> Option<ContentError> {
        locked(&self.failure).take()
    }

    /// Reads by `read` while detached.
    fn detached<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&mut wsgi::Input) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| read(&mut locked(&self.input))).map_err(|error| {
            let (raised, failure) = content_errors::raised(error);
            if let Some(failure) = failure {
                locked(&self.failure).get_or_insert(failure);
            }
            raised
        })
    }

    fn line(&self, py: Python<'_>, most: Option<u64>) -> PyResult<Vec<u8>> {
        self.detached(py, |input| {
            let mut line = Vec::new();
            match most {
                Some(most) => input.take(most).read_until(b'\n', &mut line)?,
                None => input.read_until(b'\n', &mut line)?,
            };
            Ok(line)
        })
    }
}

#[pymethods]
impl Input {
    /// Reads `size` bytes, or fewer at the end; all that is left if `size` is negative or `None`.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let content = self.detached(py, |input| {
            let mut content = Vec::new();
            match bound(size) {
                Some(most) => input.take(most).read_to_end(&mut content)?,
                None => input.read_to_end(&mut content)?,
            };
            Ok(content)
        })?;
        Ok(PyBytes::new(py, &content))
    }

    /// Reads a line with its end; at most `size` bytes, unless negative or `None`.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.line(py, bound(size)).map(|line| PyBytes::new(py, &line))
    }

    /// Reads lines up to the end, or until they have `hint` bytes together.
    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<i64>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let most = bound(hint).filter(|most| *most > 0).unwrap_or(u64::MAX);
        let (mut lines, mut length) = (Vec::new(), 0);
        while length < most {
            let line = self.line(py, None)?;
            if line.is_empty() {
                break;
            }
            length += line.len() as u64;
            lines.push(PyBytes::new(py, &line));
        }
        Ok(lines)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.line(py, None)?;
        Ok((!line.is_empty()).then(|| PyBytes::new(py, &line)))
    }

    /// Returns the trailer fields as lines with their ends, after the end of the content; once.
    fn read_trailer_lines<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let fields = self.detached(py, |input| Ok(input.trailers().unwrap_or_default()))?;
        let line = |(name, value): (&drupe::http::HeaderName, &drupe::http::HeaderValue)| {
            PyBytes::new(py, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat())
        };
        Ok(fields.iter().map(line).collect())
    }
}

/// Returns the size as a bound; `None` without one.
fn bound(size: Option<i64>) -> Option<u64> {
    size.and_then(|size| u64::try_from(size).ok())
}

/// Locks `mutex`. A panic of an earlier holder leaves bytes unread, nothing else.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
