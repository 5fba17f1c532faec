//! Where a streamed body writes to.

use std::fmt;
use std::io;
use std::time::Duration;

use http::HeaderMap;

/// Where a streamed body writes to.
///
/// `write` gathers, `flush` sends what was gathered. Once one of them has failed the client cannot get the rest: every other fails as
/// well, and the connection ends so that what has come of the answer does not pass for whole, whatever the body makes of the error.
pub struct BodyWriter<'a> {
    sink: &'a mut dyn Sink,
}

/// What stands behind a [`BodyWriter`].
pub(crate) trait Sink: io::Write {
    fn set_trailers(&mut self, fields: HeaderMap);
    fn is_shutting_down(&self) -> bool;
    /// As [`BodyWriter::stops_within`].
    fn stops_within(&self, time: Duration) -> bool;
}

impl<'a> BodyWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink }
    }

    /// Sets the fields that follow the content.
    ///
    /// They go out where the content goes in chunks and the client said `TE: trailers` (RFC 9110 §6.5.1); else they are dropped.
    /// Fields that may not stand there, such as `Content-Length`, are left out.
    pub fn trailers(&mut self, fields: HeaderMap) {
        self.sink.set_trailers(fields);
    }

    /// Whether the server has been told to stop: an endless stream should end now.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.sink.is_shutting_down()
    }

    /// Waits for `time`, or until the server is told to stop, whichever comes first; says whether it has been told.
    ///
    /// For streams that write from time to time: one that sleeps instead would hold up the stop. A client that leaves meanwhile is noticed
    /// at the next write. Without a server (`testing::call`) nothing is waited for, and it is as if a stop had been told: nobody else would
    /// ever end an endless stream.
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
