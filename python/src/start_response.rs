//! `start_response`, and the `write` that it returns.

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use drupe::wsgi::{self, ApplicationError};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::input::locked;

/// Begins a response: `start_response(status, headers, exc_info=None)`.
#[pyclass(frozen, module = "drupe")]
pub(crate) struct StartResponse {
    start_response: wsgi::StartResponse,
    is_called: AtomicBool,
    /// The declared length; `NONE` without one.
    declared: AtomicU64,
}

/// Sends bytes of a response: `write(data)`.
#[pyclass(frozen, module = "drupe")]
pub(crate) struct Write {
    /// Locked only while detached, because the holder may wait for the client.
    write: Mutex<wsgi::Write>,
}

impl StartResponse {
    pub(crate) fn new(start_response: wsgi::StartResponse) -> Self {
        Self { start_response, is_called: AtomicBool::new(false), declared: AtomicU64::new(NONE) }
    }

    /// The declared length of the content.
    pub(crate) fn declared(&self) -> Option<u64> {
        Some(self.declared.load(Ordering::Relaxed)).filter(|length| *length != NONE)
    }

    /// Begins a plain 500 with `text` instead of the response. Returns false if the head was sent.
    pub(crate) fn refuse(&self, text: &str) -> bool {
        let length = text.len().to_string();
        let fields = [("Content-Type", "text/plain"), ("Content-Length", &length)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        self.begin(b"500 Internal Server Error", fields.into(), true).is_ok()
    }

    fn begin(&self, status: &[u8], fields: Vec<(String, Vec<u8>)>, is_again: bool) -> Result<Write, ApplicationError> {
        let length = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse().ok());
        let write = if is_again {
            self.start_response.restart(status, fields, HeadWasSent)?
        } else {
            self.start_response.start(status, fields)?
        };
        self.is_called.store(true, Ordering::Relaxed);
        self.declared.store(length.unwrap_or(NONE), Ordering::Relaxed);
        Ok(Write { write: Mutex::new(write) })
    }
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, exc_info = None))]
    fn __call__(
        &self,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyTuple>>,
    ) -> PyResult<Write> {
        if exc_info.is_none() && self.is_called.load(Ordering::Relaxed) {
            let text = "start_response was called a second time without exc_info";
            return Err(PyRuntimeError::new_err(text));
        }
        let status = latin1(status, "the status")?;
        let fields = fields(headers)?;
        match (self.begin(&status, fields, exc_info.is_some()), exc_info) {
            (Ok(write), _) => Ok(write),
            (Err(error), Some(exc_info)) if error.is::<HeadWasSent>() => Err(original(exc_info)?),
            (Err(error), _) => Err(PyValueError::new_err(error.to_string())),
        }
    }
}

#[pymethods]
impl Write {
    /// Sends `data` at once.
    #[pyo3(signature = (data, /))]
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        let bytes = data.as_bytes();
        Ok(py.detach(|| locked(&self.write).write_all(bytes))?)
    }
}

/// Returns the exception of `exc_info`, with its traceback.
fn original(exc_info: &Bound<'_, PyTuple>) -> PyResult<PyErr> {
    let (error, traceback) = (exc_info.get_item(1)?, exc_info.get_item(2)?);
    Ok(PyErr::from_value(error.call_method1("with_traceback", (traceback,))?))
}

/// Returns the names and values of header fields.
fn fields(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::with_capacity(headers.len().unwrap_or(0));
    for field in headers.try_iter()? {
        let field = field?;
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = match field.cast::<PyList>() {
            // Not by the letter of PEP 3333, but other servers take lists.
            Ok(list) => list.to_tuple().extract()?,
            Err(_) => field.extract()?,
        };
        let name = String::from_utf8(latin1(&name, "a field name")?)
            .map_err(|_| PyValueError::new_err("a field name has characters beyond ASCII"))?;
        fields.push((name, latin1(&value, "a field value")?));
    }
    Ok(fields)
}

/// Encodes a `str` of an application in ISO-8859-1, as PEP 3333 demands.
fn latin1(text: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<u8>> {
    let Ok(text) = text.cast::<PyString>() else {
        let found = text.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{what} has to be a str, not {found}")));
    };
    let text = text.to_str()?;
    if text.is_ascii() {
        return Ok(text.as_bytes().to_vec());
    }
    let bytes: Result<_, _> = text.chars().map(|character| u8::try_from(u32::from(character))).collect();
    bytes.map_err(|_| PyValueError::new_err(format!("{what} has characters beyond ISO-8859-1")))
}

/// The reason of a restart that comes after the head.
#[derive(Debug)]
struct HeadWasSent;

impl Error for HeadWasSent {}

impl fmt::Display for HeadWasSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the head of the response was sent already")
    }
}

const NONE: u64 = u64::MAX;
