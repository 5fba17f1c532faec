//! The socket below TLS: reads and writes that never wait.

use std::io::{self, IoSlice, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::net::poll::Interest;
use crate::net::stream::Stream;

/// The connection below, and how much has moved over it. Its socket is not blocking.
#[derive(Debug)]
pub(super) struct Below {
    pub(super) stream: Stream,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Below {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, received: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// Bytes that the socket has given or taken so far.
    pub(super) fn moved(&self, way: Interest) -> u64 {
        match way {
            Interest::Read => self.received.load(Ordering::Relaxed),
            Interest::Write => self.sent.load(Ordering::Relaxed),
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    pub(super) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.stream.write(parts)?;
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What is below as `Read` and `Write`.
pub(super) struct Wire<'a> {
    below: &'a Below,
    /// Whether a read got less than it had room for, or nothing: what comes later will be reported.
    pub(super) is_drained: bool,
}

impl<'a> Wire<'a> {
    pub(super) fn new(below: &'a Below) -> Self {
        Self { below, is_drained: false }
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.below.read(buffer);
        self.is_drained = !matches!(result, Ok(count) if count == buffer.len());
        result
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.below.write(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.below.write(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
