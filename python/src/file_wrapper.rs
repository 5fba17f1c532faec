//! `wsgi.file_wrapper`.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use drupe::wsgi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A file to be sent: `wsgi.file_wrapper(filelike, block_size=8192)`.
///
/// A file of the operating system, opened by `open(path, "rb")` or by
/// `tempfile.NamedTemporaryFile()`, is sent by `sendfile` from its position on. Any other object is
/// read in blocks.
#[pyclass(frozen, module = "drupe")]
pub(crate) struct FileWrapper {
    #[pyo3(get)]
    filelike: Py<PyAny>,
    #[pyo3(get)]
    block_size: i64,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, block_size = 8192))]
    fn new(filelike: Py<PyAny>, block_size: i64) -> Self {
        Self { filelike, block_size }
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.filelike.bind(py).call_method1(intern!(py, "read"), (self.block_size,))?;
        Ok(block.is_truthy()?.then_some(block))
    }

    /// True if `seek` can be used, so that middleware for ranges does not read up to the range.
    fn seekable(&self, py: Python<'_>) -> PyResult<bool> {
        let object = self.filelike.bind(py);
        match object.getattr_opt(intern!(py, "seekable"))? {
            Some(seekable) => seekable.call0()?.is_truthy(),
            None => object.hasattr(intern!(py, "seek")),
        }
    }

    /// Moves the position in the file, as `seek` of the file does.
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek<'py>(&self, py: Python<'py>, offset: i64, whence: i32) -> PyResult<Bound<'py, PyAny>> {
        self.filelike.bind(py).call_method1(intern!(py, "seek"), (offset, whence))
    }

    /// Returns the position in the file.
    fn tell<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.filelike.bind(py).call_method0(intern!(py, "tell"))
    }

    /// Closes the file, if it can be closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.filelike.bind(py).getattr_opt(intern!(py, "close"))? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}

impl FileWrapper {
    /// Returns the file for `sendfile`, at the position of the object; `None` if the object has to
    /// be read.
    pub(crate) fn file(&self, py: Python<'_>) -> Option<wsgi::FileWrapper> {
        let object = self.filelike.bind(py);
        let found = if is_temporary(object).ok()? { object.getattr(intern!(py, "file")).ok()? } else { object.clone() };
        if !is_plain(&found).ok()? {
            return None;
        }
        let position: u64 = found.call_method0(intern!(py, "tell")).ok()?.extract().ok()?;
        let number: u32 = found.call_method0(intern!(py, "fileno")).ok()?.extract().ok()?;
        // A description of its own: no position is shared, and the object may be closed.
        let mut file = File::open(format!("/proc/self/fd/{number}")).ok()?;
        file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        file.seek(SeekFrom::Start(position)).ok()?;
        Some(wsgi::FileWrapper::new(file))
    }
}

/// True if `object` reads the bytes of a file unchanged: exactly the classes that `open` returns.
fn is_plain(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let class = |cell: &'static PyOnceLock<Py<PyType>>, name| Ok::<_, PyErr>(cell.import(py, "io", name)?.clone());
    let raw = class(&RAW, "FileIO")?;
    if object.get_type().is(&raw) {
        return Ok(true);
    }
    if !object.get_type().is(&class(&BUFFERED, "BufferedReader")?) {
        return Ok(false);
    }
    Ok(object.getattr(intern!(py, "raw"))?.get_type().is(&raw))
}

/// True for the class of `tempfile.NamedTemporaryFile`, which reads its attribute `file` unchanged.
/// Any other object with such an attribute may read otherwise.
fn is_temporary(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.get_type().is(TEMPORARY.import(object.py(), "tempfile", "_TemporaryFileWrapper")?))
}

static RAW: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static BUFFERED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static TEMPORARY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
