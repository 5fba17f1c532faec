//! The writer of a streamed body.

use std::fmt;
use std::io;
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

/// The output behind a [`BodyWriter`].
pub(crate) trait Sink: io::Write {
    fn set_trailers(&mut self, fields: HeaderMap);
    fn is_shutting_down(&self) -> bool;
    /// See [`BodyWriter::stops_within`].
    fn stops_within(&self, time: Duration) -> bool;
}

impl<'a> BodyWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink }
    }

    /// Sets the trailer fields.
    ///
    /// Trailers are sent if the content is chunked and the client sent `TE: trailers` (RFC 9110
    /// §6.5.1), else dropped. Fields not allowed in trailers, such as `Content-Length`, are left
    /// out.
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
    /// (`testing::call`) the method returns true at once, because nothing else would end an endless
    /// stream.
    #[must_use]
    pub fn stops_within(&self, time: Duration) -> bool {
        self.sink.stops_within(time)
    }
}

impl io::Write for BodyWriter<'_> {
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

/// A sink in memory.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) content: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
}

impl io::Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Gathered {
    fn set_trailers(&mut self, fields: HeaderMap) {
        self.trailers = Some(fields);
    }

    fn is_shutting_down(&self) -> bool {
        false
    }

    fn stops_within(&self, _time: Duration) -> bool {
        true
    }
}
