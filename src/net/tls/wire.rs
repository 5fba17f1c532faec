//! The socket below TLS: reads and writes that never wait.

use std::io::{self, IoSlice, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::net::poll::Interest;
use crate::net::socket::PlainSocket;

/// The non-blocking connection below TLS, with counters of the bytes moved.
#[derive(Debug)]
pub(super) struct Below {
    pub(super) socket: PlainSocket,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Below {
    pub(super) fn new(socket: PlainSocket) -> Self {
        Self { socket, received: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// The number of bytes received from, or sent to, the socket so far.
    pub(super) fn moved(&self, way: Interest) -> u64 {
        match way {
            Interest::Read => self.received.load(Ordering::Relaxed),
            Interest::Write => self.sent.load(Ordering::Relaxed),
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    pub(super) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.socket.write(parts)?;
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The connection below as `Read` and `Write`.
pub(super) struct Wire<'a> {
    below: &'a Below,
    /// True if the last read did not fill its buffer: later input will be reported.
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
