//! The raw stream of a connection that has left HTTP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::shutdown;

/// A connected socket, lent by `engine`. Every method may be called from several threads.
pub(crate) trait Socket: Send + Sync {
    /// Waits until the socket is readable, at most for `timeout`, and reads; `Ok(0)` is the end.
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until the socket is writable, at most for `timeout`, and writes.
    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until all written bytes are sent, at most for `timeout`.
    fn flush(&self, timeout: Option<Duration>) -> io::Result<()>;
    /// Shuts down one direction or both.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// The local address.
    fn local_addr(&self) -> Option<SocketAddr>;
}

/// The socket of an upgraded connection.
pub(crate) trait RawSocket: Socket {
    /// Like [`read`](Socket::read), but fails with `TimedOut` once the server is shutting down,
    /// instead of waiting.
    fn read_until_stop(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// The descriptor to poll; below TLS if there is any.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

impl fmt::Debug for dyn RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawSocket")
    }
}

/// The result of [`Upgraded::wait_readable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// A read does not wait: there is data, or the end of the stream.
    Data,
    /// The server is shutting down.
    Stop,
    /// The time is over.
    Timeout,
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
/// [`wait_readable`](Self::wait_readable) waits without an error.
///
/// The descriptor ([`AsFd`]) is for polling beside other descriptors: the socket's, with TLS the one
/// that carries the records. It is not for reading, nor for changing its mode. Bytes may be in memory
/// already: before each poll, take them as long as `wait_readable` with a timeout of zero returns
/// [`Readiness::Data`].
#[derive(Debug)]
pub struct Upgraded {
    socket: Arc<dyn RawSocket>,
    shutdown: Arc<shutdown::Shutdown>,
    /// True once a read or a wait has reported the shutdown.
    has_told: bool,
    /// Unread bytes: received with the request, or by a wait.
    received: Bytes,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Upgraded {
    pub(crate) fn new(socket: Arc<dyn RawSocket>, received: Bytes, shutdown: Arc<shutdown::Shutdown>) -> Self {
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

    /// Waits until a read would not wait, until the server is told to stop, or for `timeout` (`None`:
    /// for ever), whichever comes first. A stop is reported once for each handle, here or by a read;
    /// later calls wait for data, such as the client's goodbye.
    ///
    /// With TLS, only whole records count as data.
    ///
    /// # Errors
    /// Those of a read, without `TimedOut`.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    /// use drupe::Upgraded;
    /// use drupe::exchange::Readiness;
    ///
    /// /// Echoes, sends a sign of life each 30 s of silence, and says goodbye at a stop.
    /// fn serve(mut stream: Upgraded) -> std::io::Result<()> {
    ///     let mut buffer = [0; 1024];
    ///     loop {
    ///         match stream.wait_readable(Some(Duration::from_secs(30)))? {
    ///             Readiness::Data => match stream.read(&mut buffer)? {
    ///                 0 => return Ok(()),
    ///                 length => stream.write_all(&buffer[..length])?,
    ///             },
    ///             Readiness::Timeout => stream.write_all(b"still here\n")?,
    ///             _ => return stream.write_all(b"goodbye\n"),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<Readiness> {
        if !self.has_told && self.is_shutting_down() {
            self.has_told = true;
            return Ok(Readiness::Stop);
        }
        if !self.received.is_empty() {
            return Ok(Readiness::Data);
        }
        let had_told = self.has_told;
        // Only a read shows that TLS has a whole record.
        let mut buffer = [0; WAIT_BUFFER];
        match self.read_socket(&mut buffer, timeout) {
            Ok(length) => {
                self.received = Bytes::copy_from_slice(&buffer[..length]);
                Ok(Readiness::Data)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Ok(if self.has_told && !had_told { Readiness::Stop } else { Readiness::Timeout })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads from the socket; a stop ends the wait of one read.
    fn read_socket(&mut self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        if self.has_told {
            return self.socket.read(buffer, timeout);
        }
        let read = self.socket.read_until_stop(buffer, timeout);
        let is_late = matches!(&read, Err(error) if error.kind() == io::ErrorKind::TimedOut);
        self.has_told = is_late && self.is_shutting_down();
        read
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
            return self.read_socket(buffer, self.read_timeout);
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

impl AsFd for Upgraded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.descriptor()
    }
}

/// The most bytes that one wait takes from the socket.
const WAIT_BUFFER: usize = 4096;
