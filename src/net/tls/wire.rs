//! The socket below TLS: reads and writes that never wait.

use std::io::{self, IoSlice, Read, Write};

use crate::net::stream::Stream;

/// A stream whose socket is not blocking, as `Read` and `Write`.
pub(super) struct Wire<'a> {
    stream: &'a Stream,
    /// Whether a read got less than it had room for, or nothing: what comes later will be reported.
    pub(super) is_drained: bool,
}

impl<'a> Wire<'a> {
    pub(super) fn new(stream: &'a Stream) -> Self {
        Self { stream, is_drained: false }
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.stream.read(buffer);
        self.is_drained = !matches!(result, Ok(count) if count == buffer.len());
        result
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
