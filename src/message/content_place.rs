//! The place in a request's content up to which the handler has read, byte by byte.
//!
//! An error of `serde_json::from_reader` names a place, but not the reader. If the place is the last
//! one read of the request's content, then the content is at fault, and not a file of the server.

use std::cell::Cell;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

thread_local! {
    /// The place of the last read of content on this thread, for the current request.
    static LAST: Cell<Option<Place>> = const { Cell::new(None) };
}

/// A line, from 1, and the number of bytes read of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: usize,
    column: usize,
    /// True once a read has found the end.
    is_end: bool,
}

/// Incoming content with the place up to which it was read.
pub(crate) struct PlacedContent<S: ?Sized> {
    source: Arc<S>,
    /// `None` once more than a byte was read at a time: a buffer hides the place.
    place: Option<Place>,
}

impl<S: ?Sized> PlacedContent<S> {
    pub(super) fn new(source: Arc<S>) -> Self {
        Self { source, place: Some(Place { line: 1, column: 0, is_end: false }) }
    }

    /// Reads decoded content with `read`; `Ok(0)` at the end.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        read: impl FnOnce(&S, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let got = read(&self.source, buffer)?;
        self.place = self.place.filter(|_| buffer.len() == 1).map(|place| match buffer.get(..got) {
            Some([]) | None => Place { is_end: true, ..place },
            Some([b'\n', ..]) => Place { line: place.line + 1, column: 0, ..place },
            Some(_) => Place { column: place.column + 1, ..place },
        });
        LAST.set(self.place);
        Ok(got)
    }
}

impl<S: ?Sized> Deref for PlacedContent<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.source
    }
}

/// Forgets the content read on this thread, because another request begins.
pub(crate) fn forget() {
    LAST.set(None);
}

/// True if the request's content was read byte by byte up to this place, and no further.
pub(super) fn is_last(line: usize, column: usize) -> bool {
    LAST.get().is_some_and(|last| (last.line, last.column) == (line, column))
}

/// True if the request's content was read byte by byte past this place, but not to its end.
pub(super) fn is_passed(line: usize, column: usize) -> bool {
    LAST.get().is_some_and(|last| !last.is_end && (last.line, last.column) >= (line, column))
}
