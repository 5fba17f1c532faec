//! The raw stream of a connection that has left HTTP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::shutdown;

/// A connected socket, lent by `engine`. Every method may be called from several threads.
pub(crate) trait Socket: Send + Sync + fmt::Debug {
    /// Waits until the socket is readable, at most for `timeout`, and reads; `Ok(0)` is the end.
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Like [`read`](Self::read), but fails with `TimedOut` once the server is shutting down,
    /// instead of waiting.
    fn read_until_stop(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until the socket is writable, at most for `timeout`, and writes.
    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until all written bytes are sent, at most for `timeout`.
    fn flush(&self, timeout: Option<Duration>) -> io::Result<()>;
    /// Shuts down one direction or both.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// The local address.
    fn local_addr(&self) -> Option<SocketAddr>;
}

/// The raw stream of a connection after an upgrade.
///
/// Reads and writes block, without a timeout by default. Dropping the last handle closes the
/// connection.
///
/// When the server is told to stop, a waiting read, or else the next read that would have to wait,
/// fails with [`ErrorKind::TimedOut`](io::ErrorKind::TimedOut), once for each handle.
/// [`is_shutting_down`](Self::is_shutting_down) distinguishes this from a timeout. The stream stays
/// usable: `serve` can read on, and can send a closing message. The kind is not `Interrupted`,
/// because `read_exact`, `read_until` and others retry after `Interrupted`.
#[derive(Debug)]
pub struct Upgraded {
    socket: Arc<dyn Socket>,
    shutdown: Arc<shutdown::Shutdown>,
    /// True once a read has failed because of the shutdown.
    has_told: bool,
    /// The unread bytes received with the request.
    received: Bytes,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Upgraded {
    pub(crate) fn new(socket: Arc<dyn Socket>, received: Bytes, shutdown: Arc<shutdown::Shutdown>) -> Self {
        Self { socket, shutdown, has_told: false, received, read_timeout: None, write_timeout: None }
    }

    /// Sets the timeout of a read; `None` waits for ever. A read beyond it fails with `TimedOut`.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Sets the timeout of a write; `None` waits for ever. A write beyond it fails with `TimedOut`.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// Another handle for writing, so that one thread can read while another writes. Bytes buffered
    /// by this handle cannot be read from the new one.
    #[must_use]
    pub fn writer(&self) -> Self {
        Self {
            received: Bytes::new(),
            socket: Arc::clone(&self.socket),
            shutdown: Arc::clone(&self.shutdown),
            has_told: false,
            ..*self
        }
    }

    /// True if the server is shutting down. The connection is closed `shutdown_timeout` after the
    /// stop.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    /// Waits for `time` or until the server is told to stop, whichever comes first. Returns true if
    /// the server is shutting down.
    #[must_use]
    pub fn stops_within(&self, time: Duration) -> bool {
        self.shutdown.wait(time)
    }

    /// Shuts down one direction or both, and wakes threads waiting there.
    ///
    /// # Errors
    /// Those of the socket: `NotConnected` if the client has disconnected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }
}

impl Read for Upgraded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            if self.has_told {
                return self.socket.read(buffer, self.read_timeout);
            }
            let read = self.socket.read_until_stop(buffer, self.read_timeout);
            let is_late = matches!(&read, Err(error) if error.kind() == io::ErrorKind::TimedOut);
            self.has_told = is_late && self.is_shutting_down();
            return read;
        }
        let length = buffer.len().min(self.received.len());
        self.received.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes, self.write_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush(self.write_timeout)
    }
}
