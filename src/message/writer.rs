//! The writer of a streamed body, and filters in front of it.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use http::HeaderMap;

/// The writer of a streamed body.
///
/// `write` buffers, `flush` sends the buffer. After one call has failed, all later calls fail and
/// the connection is cut, even if the body ignores the error, so that the client does not take a
/// truncated response for a complete one.
pub struct BodyWriter<'a> {
    sink: &'a mut dyn Sink,
}

/// A change of content on its way to the client: compression, a count, a digest.
///
/// [`Body::through`](crate::Body::through) and [`BodyWriter::through`] put a filter between the
/// producer of content and the connection. A filter sees every byte once and in order, in pieces
/// of any length. An error of a method is returned to the producer and cuts the connection.
///
/// A closure `FnMut(&[u8], &mut BodyWriter<'_>) -> io::Result<()>` is a filter that holds nothing
/// back.
///
/// ```
/// use std::io::{self, Write};
/// use drupe::layers::BodyFilter;
/// use drupe::{Body, BodyWriter};
///
/// /// Numbers the lines.
/// struct Numbered { line: Vec<u8>, count: usize }
///
/// impl BodyFilter for Numbered {
///     fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
///         for piece in content.split_inclusive(|byte| *byte == b'\n') {
///             self.line.extend_from_slice(piece);
///             if self.line.ends_with(b"\n") {
///                 self.finish(output)?;
///             }
///         }
///         Ok(())
///     }
///
///     // A part of a line stays here when the producer flushes; the end of the content ends the line.
///     fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
///         if !self.line.is_empty() {
///             self.count += 1;
///             write!(output, "{} ", self.count)?;
///             output.write_all(&std::mem::take(&mut self.line))?;
///         }
///         Ok(())
///     }
/// }
///
/// let body = Body::from("a\nb\nc").through(Numbered { line: Vec::new(), count: 0 });
/// # assert_eq!(body.into_string().unwrap(), "1 a\n2 b\n3 c");
/// ```
pub trait BodyFilter {
    /// Takes all of `content`, and writes the changed content to `output`.
    ///
    /// # Errors
    /// Errors of `output`, and of the content.
    fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()>;

    /// Writes the content held back, because the producer flushes. `output` is flushed afterwards.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    fn flush(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        let _ = output;
        Ok(())
    }

    /// Writes the end, after the last `write`. Not called if the content is incomplete.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        let _ = output;
        Ok(())
    }
}

impl<F> BodyFilter for F
where
    F: FnMut(&[u8], &mut BodyWriter<'_>) -> io::Result<()>,
{
    fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
        self(content, output)
    }
}

/// The output behind a [`BodyWriter`].
pub(crate) trait Sink: Write {
    fn set_trailers(&mut self, fields: HeaderMap);
    fn is_shutting_down(&self) -> bool;
    /// See [`BodyWriter::stops_within`].
    fn stops_within(&self, time: Duration) -> bool;
    /// Makes later writes fail, and the content count as incomplete.
    fn abandon(&mut self);
}

impl<'a> BodyWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink }
    }

    /// Sets the trailer fields.
    ///
    /// Trailers are sent if the content is chunked and the client sent `TE: trailers` (RFC 9110
    /// §6.5.1), else dropped. Fields not allowed in trailers, such as `Content-Length`, are left
    /// out, and a warning in the log names them.
    pub fn trailers(&mut self, fields: HeaderMap) {
        self.sink.set_trailers(fields);
    }

    /// True if the server is shutting down; an endless stream should then end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.sink.is_shutting_down()
    }

    /// Waits for `time` or until the server is told to stop, whichever comes first. Returns true if
    /// the server is shutting down.
    ///
    /// This is for streams that write from time to time; sleeping instead would delay the shutdown.
    /// A client disconnecting during the wait is noticed at the next write. Without a server
    /// ([`Body::into_vec`](crate::Body::into_vec)) both methods return true at once, because nothing
    /// else would end an endless stream.
    #[must_use]
    pub fn stops_within(&self, time: Duration) -> bool {
        self.sink.stops_within(time)
    }

    /// Runs `produce` with a writer whose content goes through `filter` to this writer.
    ///
    /// A flush of `produce` flushes the filter and the connection. Trailers, the shutdown and the
    /// departure of the client reach `produce` unchanged. The filter is finished after `produce`.
    ///
    /// ```
    /// use std::io::Write;
    /// use drupe::{Body, BodyWriter};
    ///
    /// let body = Body::stream(|writer| {
    ///     let upper = |content: &[u8], output: &mut BodyWriter<'_>| output.write_all(&content.to_ascii_uppercase());
    ///     writer.write_all(b"from ")?;
    ///     writer.through(upper, |filtered| filtered.write_all(b"drupe"))
    /// });
    /// # assert_eq!(body.into_string().unwrap(), "from DRUPE");
    /// ```
    ///
    /// # Errors
    /// Errors of `produce`, `filter` and this writer. The connection is then cut, even if the caller
    /// ignores the error.
    pub fn through(
        &mut self,
        mut filter: impl BodyFilter,
        produce: impl FnOnce(&mut BodyWriter<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.through_any(&mut filter, produce)
    }

    /// As [`through`](Self::through).
    pub(super) fn through_any(
        &mut self,
        filter: &mut dyn BodyFilter,
        produce: impl FnOnce(&mut BodyWriter<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut filtered = Filtered { sink: &mut *self.sink, filter, failed: None };
        let done = produce(&mut BodyWriter::new(&mut filtered)).and_then(|()| filtered.finish());
        if done.is_err() {
            self.sink.abandon();
        }
        done
    }
}

/// Runs `produce` with a writer whose content goes through all `filters` to `sink`.
pub(crate) fn through_all(
    sink: &mut dyn Sink,
    filters: &mut [Box<dyn BodyFilter + Send>],
    produce: &mut dyn FnMut(&mut BodyWriter<'_>) -> io::Result<()>,
) -> io::Result<()> {
    match filters.split_last_mut() {
        None => produce(&mut BodyWriter::new(sink)),
        Some((last, before)) => {
            let mut filtered = Filtered { sink, filter: &mut **last, failed: None };
            through_all(&mut filtered, before, produce)
        }
    }
}

/// Ends the content of all `filters`: each one writes its end through those after it.
pub(crate) fn finish_all(sink: &mut dyn Sink, filters: &mut [Box<dyn BodyFilter + Send>]) -> io::Result<()> {
    for at in 0..filters.len() {
        let (before, after) = filters.split_at_mut(at + 1);
        through_all(sink, after, &mut |writer| before[at].finish(writer))?;
    }
    Ok(())
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").finish_non_exhaustive()
    }
}

/// A sink in front of another, with a filter between them.
struct Filtered<'a> {
    sink: &'a mut dyn Sink,
    filter: &'a mut dyn BodyFilter,
    /// The error after which content is missing.
    failed: Option<io::ErrorKind>,
}

impl Filtered<'_> {
    fn pass(
        &mut self,
        step: impl FnOnce(&mut dyn BodyFilter, &mut BodyWriter<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.failed {
            Some(kind) => Err(kind.into()),
            None => {
                step(self.filter, &mut BodyWriter::new(self.sink)).inspect_err(|error| self.failed = Some(error.kind()))
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.pass(|filter, output| filter.finish(output))
    }
}

impl Write for Filtered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(|filter, output| filter.write(bytes, output))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(|filter, output| {
            filter.flush(output)?;
            output.flush()
        })
    }
}

impl Sink for Filtered<'_> {
    fn set_trailers(&mut self, fields: HeaderMap) {
        self.sink.set_trailers(fields);
    }

    fn is_shutting_down(&self) -> bool {
        self.sink.is_shutting_down()
    }

    fn stops_within(&self, time: Duration) -> bool {
        self.sink.stops_within(time)
    }

    fn abandon(&mut self) {
        self.failed.get_or_insert(io::ErrorKind::Other);
        self.sink.abandon();
    }
}

/// A sink in memory, up to [`GATHERED_MOST`].
#[derive(Default)]
pub(super) struct Gathered {
    content: Vec<u8>,
    is_abandoned: bool,
}

impl Gathered {
    /// Returns the content.
    ///
    /// # Errors
    /// The content is incomplete.
    pub(super) fn into_vec(self) -> io::Result<Vec<u8>> {
        if self.is_abandoned { Err(incomplete()) } else { Ok(self.content) }
    }
}

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_abandoned {
            return Err(incomplete());
        }
        if bytes.len() > GATHERED_MOST - self.content.len() {
            self.is_abandoned = true;
            return Err(too_large());
        }
        self.content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Gathered {
    fn set_trailers(&mut self, _fields: HeaderMap) {}

    fn is_shutting_down(&self) -> bool {
        true
    }

    fn stops_within(&self, _time: Duration) -> bool {
        true
    }

    fn abandon(&mut self) {
        self.is_abandoned = true;
    }
}

/// The error of content that goes on after a failure was ignored.
pub(crate) fn incomplete() -> io::Error {
    io::Error::other("content is missing after an earlier failure")
}

pub(super) fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the body has more than 64 MiB; it is not gathered in memory")
}

/// The most bytes gathered of content whose length is unknown.
pub(super) const GATHERED_MOST: usize = 64 << 20;
