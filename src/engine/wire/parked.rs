//! Reads and writes of an upgraded connection without a thread. None of them waits, and each leaves
//! a note for the server.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::message::parked::ParkedSocket;
use crate::net::stream::{Stream, would_wait};
use crate::sync::Mutex;

/// A socket, with notes about its use.
pub(in crate::engine) struct NotedSocket {
    stream: Arc<Stream>,
    notes: Mutex<Notes>,
}

/// The use of a socket in one call.
#[derive(Debug, Default)]
pub(in crate::engine) struct Notes {
    /// Bytes received with the request.
    received: Bytes,
    /// True if the last read may have left input, which the poller will not report.
    pub(in crate::engine) has_more: bool,
    /// True if the last write or flush found no room.
    pub(in crate::engine) is_refused: bool,
    /// True if the end of the client's input was read.
    pub(in crate::engine) has_ended: bool,
    /// Bytes read and written.
    read: u64,
    written: u64,
}

impl NotedSocket {
    pub(in crate::engine) fn new(stream: &Arc<Stream>) -> Arc<Self> {
        Arc::new(Self { stream: Arc::clone(stream), notes: Mutex::default() })
    }

    /// Takes bytes received with the request, to be read first.
    pub(in crate::engine) fn receive(&self, bytes: &[u8]) {
        self.notes.lock().received = Bytes::copy_from_slice(bytes);
    }

    /// Begins the notes of a call.
    pub(in crate::engine) fn begin(&self) {
        let mut notes = self.notes.lock();
        (notes.has_more, notes.is_refused, notes.read, notes.written) = (false, false, 0, 0);
    }

    /// Sends the bytes held by TLS, and returns the notes of the call.
    ///
    /// # Errors
    /// The connection is broken.
    pub(in crate::engine) fn end(&self) -> io::Result<Notes> {
        match ParkedSocket::flush(self) {
            Err(error) if !would_wait(&error) => return Err(error),
            _ => {}
        }
        let notes = self.notes.lock();
        Ok(Notes { received: Bytes::new(), ..*notes })
    }

    /// The bytes read and written since [`begin`](Self::begin).
    pub(in crate::engine) fn moved(&self) -> (u64, u64) {
        let notes = self.notes.lock();
        (notes.read, notes.written)
    }

    /// The bytes of memory held.
    pub(in crate::engine) fn held(&self) -> usize {
        self.notes.lock().received.len()
    }

    fn note_write(&self, written: io::Result<usize>) -> io::Result<usize> {
        let mut notes = self.notes.lock();
        match &written {
            Ok(count) => {
                notes.is_refused = false;
                notes.written += *count as u64;
            }
            Err(error) => notes.is_refused = would_wait(error),
        }
        written
    }
}

impl ParkedSocket for NotedSocket {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut notes = self.notes.lock();
        if notes.read >= SHARE {
            notes.has_more = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !notes.received.is_empty() {
            let count = buffer.len().min(notes.received.len());
            notes.received.copy_to_slice(&mut buffer[..count]);
            notes.has_more = true;
            return Ok(count);
        }
        drop(notes);
        let read = self.stream.try_read(buffer);
        let mut notes = self.notes.lock();
        notes.has_more = matches!(&read, Ok(count) if *count == buffer.len());
        notes.has_ended |= matches!(&read, Ok(0));
        notes.read += read.as_ref().map_or(0, |count| *count as u64);
        read
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.note_write(self.stream.try_write(&[IoSlice::new(bytes)]))
    }

    fn flush(&self) -> io::Result<()> {
        match self.stream.try_flush() {
            // Without TLS nothing is held, and a refused write still waits for room.
            Ok(()) => Ok(()),
            Err(error) => self.note_write(Err(error)).map(drop),
        }
    }
}

/// The bytes read in one call before other connections are served.
const SHARE: u64 = 256 * 1024;
