//! The iterable that an application returns.

use drupe::bytes::Bytes;
use drupe::wsgi::{ApplicationError, Chunks, Content, FileWrapper};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator, PyList, PyTuple};

use crate::application::RequestState;
use crate::refusals;
use crate::start_response::StartResponse;
use crate::turns::attached;

/// The blocks of an iterable. The first block is there before the response begins.
pub(crate) struct PyChunks {
    /// The first block, until it is asked for.
    first: Option<Bytes>,
    /// True if the first block is all of the content. All further calls come after it is sent.
    is_whole: bool,
    /// The iterable, until it is closed.
    open: Option<OpenIterable>,
    /// True after the last block.
    is_over: bool,
    /// The failure of a close before the call of `close`.
    failure: Option<ApplicationError>,
}

/// An iterable, and the objects that only its failures need. All are dropped by an attached thread.
struct OpenIterable {
    iterable: Py<PyAny>,
    iterator: Option<Py<PyIterator>>,
    request: RequestState,
}

impl PyChunks {
    /// Begins to iterate over `iterable`, and returns its blocks as content. A first block longer than
    /// declared becomes a 500.
    ///
    /// # Errors
    /// An exception of the iterable, which is then closed.
    pub(crate) fn begun(
        py: Python<'_>,
        iterable: Bound<'_, PyAny>,
        request: RequestState,
        start_response: &StartResponse,
    ) -> Result<Content, ApplicationError> {
        let open = Some(OpenIterable { iterable: iterable.clone().unbind(), iterator: None, request });
        let mut chunks = Self { first: None, is_whole: false, open, is_over: false, failure: None };
        if let Err(failure) = chunks.pull_first(&iterable, start_response) {
            // The first failure is the one to answer with; both are reported.
            chunks.shut(py).unwrap_or_default();
            return Err(failure);
        }
        chunks.refuse_surplus(py, start_response);
        let length = chunks.first.as_ref().map_or(0, |first| first.len() as u64);
        chunks.is_whole = start_response.declared() == Some(length);
        if chunks.is_over && is_plain(&iterable) && (chunks.is_whole || start_response.declared().is_none()) {
            // There is nothing to close, and no further visit to the interpreter is needed.
            return Ok(chunks.first.unwrap_or_default().into());
        }
        // Content without a byte is complete only when its head goes out, after the end of the blocks.
        chunks.is_whole &= length > 0;
        Ok(Content::chunks(chunks))
    }

    /// Takes the first block. Only a list, a tuple or a length tells the end in the same visit to the
    /// interpreter: any other iterable may have further work to do, which must not delay the block.
    fn pull_first(
        &mut self,
        iterable: &Bound<'_, PyAny>,
        start_response: &StartResponse,
    ) -> Result<(), ApplicationError> {
        let py = iterable.py();
        self.first = self.pull(py)?;
        // Most objects without a length come with a declared one, and asking those is slow.
        if self.first.is_some() && (start_response.declared().is_none() || is_plain(iterable)) {
            self.is_over = iterable.len().is_ok_and(|blocks| blocks == 1);
        }
        Ok(())
    }

    /// Replaces the response by a 500 if its first block is longer than declared.
    fn refuse_surplus(&mut self, py: Python<'_>, start_response: &StartResponse) {
        let (Some(first), Some(declared), Some(open)) = (&self.first, start_response.declared(), &self.open) else {
            return;
        };
        let length = first.len() as u64;
        if length > declared && start_response.refuse(refusals::SURPLUS) {
            open.request.note_surplus(py, length, declared);
            self.first = Some(refusals::SURPLUS.into());
            self.is_over = true;
        }
    }

    /// Returns the next block; `None` is the end.
    fn pull(&mut self, py: Python<'_>) -> Result<Option<Bytes>, ApplicationError> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let block = open.next(py).map_err(|error| open.request.failed(py, error))?;
        self.is_over |= block.is_none();
        Ok(block)
    }

    /// Calls `close` of the iterable, if there is one; at most once.
    fn shut(&mut self, py: Python<'_>) -> Result<(), ApplicationError> {
        self.open.take().map_or(Ok(()), |open| open.shut(py))
    }
}

impl OpenIterable {
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Bytes>> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterable.bind(py).try_iter()?.unbind(),
        };
        let iterator = self.iterator.insert(iterator);
        let block = iterator.bind(py).clone().next().transpose();
        self.request.generation.check(py, &block)?;
        let Some(block) = block? else { return Ok(None) };
        match block.cast::<PyBytes>() {
            Ok(bytes) => Ok(Some(block_of(bytes))),
            Err(_) => {
                let found = block.get_type().name()?;
                Err(PyTypeError::new_err(format!("an application has to yield bytes, not {found}")))
            }
        }
    }

    /// Closes the iterable, and reports a failure.
    fn shut(self, py: Python<'_>) -> Result<(), ApplicationError> {
        self.close(py).map_err(|error| self.request.failed(py, error))
    }

    /// Calls `close`, if there is one.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.iterable.bind(py).getattr_opt(intern!(py, "close"))? {
            Some(close) => {
                let closed = close.call0();
                self.request.generation.check(py, &closed)?;
                closed.map(drop)
            }
            None => Ok(()),
        }
    }
}

/// Returns `file` as content; `wrapper` is closed after the content is sent.
pub(crate) fn file_content(file: FileWrapper, wrapper: Py<PyAny>, request: RequestState) -> Content {
    let open = OpenIterable { iterable: wrapper, iterator: None, request };
    Content::from(file).keeping(ClosedOnDrop(Some(open)))
}

/// An iterable that is closed on drop.
struct ClosedOnDrop(Option<OpenIterable>);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        attached(|py| {
            if let Some(Err(failure)) = self.0.take().map(|open| open.shut(py)) {
                log::error!("closing a file of an application failed: {failure}");
            }
        });
    }
}

/// Returns the bytes of a block. A large block is not copied: the object lives until the last byte is
/// sent, or a little longer, because only an attached thread can drop it.
fn block_of(block: &Bound<'_, PyBytes>) -> Bytes {
    match block.as_bytes() {
        bytes if bytes.len() < LARGE => Bytes::copy_from_slice(bytes),
        _ => Bytes::from_owner(PyBackedBytes::from(block.clone())),
    }
}

/// True for exactly a list or a tuple, which run no code of the application.
fn is_plain(iterable: &Bound<'_, PyAny>) -> bool {
    iterable.is_exact_instance_of::<PyList>() || iterable.is_exact_instance_of::<PyTuple>()
}

impl Chunks for PyChunks {
    fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
        if let Some(block) = self.first.take() {
            return Some(Ok(block));
        }
        if self.is_over {
            return None;
        }
        let pulled = attached(|py| {
            let block = self.pull(py);
            if self.is_over && self.is_whole {
                // Now rather than in a further visit to the interpreter.
                self.failure = self.shut(py).err();
            }
            block
        });
        pulled.unwrap_or_else(|| Err("the interpreter has ended".into())).transpose()
    }

    fn has_ended(&self) -> bool {
        self.is_over && self.first.is_none()
    }

    fn close(&mut self) -> Result<(), ApplicationError> {
        if self.open.is_none() {
            return self.failure.take().map_or(Ok(()), Err);
        }
        attached(|py| self.shut(py)).unwrap_or(Ok(()))
    }
}

/// The size of blocks from which a copy costs more than a shared object.
const LARGE: usize = 16 * 1024;
