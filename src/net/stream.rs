//! A connection as the engine sees it: a socket, or TLS over a socket.
//!
//! `read` and `write` wait for a moment at most, `try_read` and `try_write` not at all.
//! [`Stream::wait`] waits longer; the caller keeps track of the time.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::poll::Interest;
use super::socket::PlainSocket;
pub(crate) use super::socket::would_wait;
use super::tls::Tls;
use super::tls::secure::Secure;

/// One end of a connection. All methods take `&self`: reading and writing may overlap.
#[derive(Debug)]
pub(crate) enum Stream {
    /// An unencrypted connection.
    Plain(PlainSocket),
    /// An encrypted connection; see [`Secure`] for the differences.
    Tls(Box<Secure>),
}

impl Stream {
    /// Reads available bytes; `WouldBlock` after the receive timeout, `Ok(0)` at the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(secure) => secure.read(buffer),
        }
    }

    /// Reads without waiting; `WouldBlock` if no bytes are available.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_read(buffer),
            Self::Tls(secure) => secure.try_read(buffer),
        }
    }

    /// Writes some of `parts`; `WouldBlock` if there was no room within the send timeout.
    ///
    /// Never raises `SIGPIPE`, even if the host program has enabled that signal.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(parts),
            Self::Tls(secure) => secure.write(parts),
        }
    }

    /// Writes without waiting; `WouldBlock` if there is no room. Never raises `SIGPIPE`.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write(parts),
            Self::Tls(secure) => secure.try_write(parts),
        }
    }

    /// Sends the bytes buffered by earlier writes (TLS only); `WouldBlock` if some remain after the
    /// send timeout.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.secure().map_or(Ok(()), Secure::flush)
    }

    /// Flushes as [`flush`](Self::flush), without waiting for room.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        self.secure().map_or(Ok(()), Secure::try_flush)
    }

    /// Queues the end of our side after the written bytes (TLS only).
    pub(crate) fn finish(&self) {
        if let Self::Tls(secure) = self {
            secure.finish();
        }
    }

    /// The number of bytes moved below TLS so far; `None` without TLS.
    pub(crate) fn moved_below(&self, way: Interest) -> Option<u64> {
        self.secure().map(|secure| secure.moved(way))
    }

    /// The TLS layer, if any.
    pub(crate) fn secure(&self) -> Option<&Secure> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(secure) => Some(secure),
        }
    }

    /// The socket, which is below TLS if there is any.
    pub(crate) fn socket(&self) -> &PlainSocket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(secure) => secure.socket(),
        }
    }

    /// Sends a file as [`PlainSocket::send_file`] does; `Unsupported` with TLS, because the kernel
    /// sends without encryption.
    pub(crate) fn send_file(&self, file: &File, offset: &mut u64, count: usize) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.send_file(file, offset, count),
            Self::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Uses `tls` for a handshake not yet begun.
    pub(crate) fn follow(&mut self, tls: &Arc<Tls>) {
        if let Self::Tls(secure) = self {
            secure.follow(tls);
        }
    }

    /// True if a read would return bytes, or the end, even with an empty socket.
    pub(crate) fn holds_input(&self) -> bool {
        self.secure().is_some_and(Secure::holds_input)
    }

    /// True if bytes taken by a write cannot be sent now (TLS only).
    pub(crate) fn holds_output(&self) -> bool {
        self.secure().is_some_and(|secure| secure.try_flush().is_err())
    }

    /// Waits up to `timeout` until a read or a write would not block; returns true if ready.
    pub(crate) fn wait(&self, interest: Interest, timeout: Duration) -> io::Result<bool> {
        let is_ready = interest == Interest::Read && self.holds_input();
        if is_ready { Ok(true) } else { self.socket().wait(interest, timeout) }
    }

    /// Sets the mode of the socket, for calls without a flag for it. The socket below TLS never
    /// blocks.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.set_nonblocking(nonblocking),
            Self::Tls(_) => Ok(()),
        }
    }

    /// Ends one direction or both, and wakes the threads waiting there.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown(how),
            Self::Tls(secure) => secure.shutdown(how),
        }
    }

    /// Makes closing send a reset, so that the peer knows that the answer is incomplete. Has no
    /// effect on Unix sockets: only the framing shows the break there.
    pub(crate) fn abort(&self) {
        match self {
            Self::Plain(socket) => socket.abort(),
            Self::Tls(secure) => secure.abort(),
        }
    }

    /// Makes closing send a normal end again: the answer is complete.
    pub(crate) fn restore(&self) {
        match self {
            Self::Plain(socket) => socket.restore(),
            Self::Tls(secure) => secure.restore(),
        }
    }

    /// Ends the connection from another thread and wakes the threads waiting on it. If a normal end
    /// would make a broken answer look complete, only readers are woken, and closing sends a reset.
    pub(crate) fn cut(&self) -> io::Result<()> {
        self.shutdown(if self.is_aborted() && self.secure().is_none() { Shutdown::Read } else { Shutdown::Both })
    }

    /// True after [`abort`](Self::abort).
    pub(crate) fn is_aborted(&self) -> bool {
        self.socket().is_aborted()
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket().local_addr()
    }

    /// The descriptor to poll; `None` for a script.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket().fd()
    }
}

#[cfg(test)]
impl Stream {
    /// Takes over a TCP connection; see [`PlainSocket::tcp`].
    pub(crate) fn tcp(socket: std::net::TcpStream, grace: Duration) -> io::Result<Self> {
        PlainSocket::tcp(socket, grace).map(Self::Plain)
    }

    /// Takes over a connection of a Unix socket; see [`PlainSocket::unix`].
    pub(crate) fn unix(socket: std::os::unix::net::UnixStream, grace: Duration) -> io::Result<Self> {
        PlainSocket::unix(socket, grace).map(Self::Plain)
    }
}
