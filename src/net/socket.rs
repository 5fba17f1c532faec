//! A connected socket, without TLS: moves bytes, or waits for readiness.
//!
//! Sockets stay in blocking mode with a short receive timeout and a send timeout, both set once. So
//! a read with data ready, or a write with room, is one system call, and neither blocks for long.
//! `try_read` and `try_write` never block. The socket below TLS is in non-blocking mode instead.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::MsgFlags;
use socket2::SockRef;

use super::poll::{self, Interest};
use super::script::Script;
use crate::address::canonical;
use crate::system::send_file::send_file;
use crate::system::sockets::{NO_SIGNAL, retry};

/// One end of a connection. All methods take `&self`: reading and writing may overlap.
#[derive(Debug)]
pub(crate) enum PlainSocket {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection over a Unix socket.
    Unix(UnixStream),
    /// A connection in memory, for tests and fuzzers.
    Script(Script),
}

impl PlainSocket {
    /// Takes over an accepted connection: `grace` limits each blocking read.
    ///
    /// The listener sets the send timeout and `TCP_NODELAY`.
    pub(crate) fn tcp(socket: TcpStream, grace: Duration) -> io::Result<Self> {
        socket.set_read_timeout(Some(grace))?;
        Ok(Self::Tcp(socket))
    }

    /// Takes over an accepted connection of a Unix socket, like [`tcp`](Self::tcp).
    pub(crate) fn unix(socket: UnixStream, grace: Duration) -> io::Result<Self> {
        socket.set_read_timeout(Some(grace))?;
        Ok(Self::Unix(socket))
    }

    /// Reads available bytes; `WouldBlock` after the receive timeout, `Ok(0)` at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => retry(|| (&*socket).read(buffer)),
            Self::Unix(socket) => retry(|| (&*socket).read(buffer)),
            Self::Script(script) => Ok(script.read(buffer)),
        }
    }

    /// Reads without waiting; `WouldBlock` if no bytes are available.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let fd = match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
            Self::Script(script) => return Ok(script.read(buffer)),
        };
        retry(|| Ok(nix::sys::socket::recv(fd, buffer, MsgFlags::MSG_DONTWAIT)?))
    }

    /// Writes some of `parts`; `WouldBlock` if there was no room within the send timeout.
    ///
    /// Never raises `SIGPIPE`, even if the host program has enabled that signal.
    pub(super) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_with(parts, NO_SIGNAL)
    }

    /// Writes without waiting; `WouldBlock` if there is no room. Never raises `SIGPIPE`.
    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_with(parts, NO_SIGNAL | MsgFlags::MSG_DONTWAIT.bits())
    }

    fn write_with(&self, parts: &[IoSlice<'_>], flags: i32) -> io::Result<usize> {
        let socket = match self {
            Self::Tcp(socket) => SockRef::from(socket),
            Self::Unix(socket) => SockRef::from(socket),
            Self::Script(script) => return Ok(script.write(parts)),
        };
        match parts {
            [only] => retry(|| socket.send_with_flags(only, flags)),
            _ => retry(|| socket.send_vectored_with_flags(parts, flags)),
        }
    }

    /// Sends up to `count` bytes of `file` with `sendfile` and advances `offset`; `Ok(0)` at the
    /// end of the file.
    ///
    /// Never raises `SIGPIPE`, although `sendfile` has no flag for that.
    ///
    /// Fails with `Unsupported` or `InvalidInput` if this pair cannot use `sendfile`: the caller
    /// must read and write instead.
    pub(super) fn send_file(&self, file: &File, offset: &mut u64, count: usize) -> io::Result<usize> {
        let Some(socket) = self.fd() else { return Err(io::ErrorKind::Unsupported.into()) };
        let sent = send_file(socket, file, *offset, count)?;
        *offset += sent as u64;
        Ok(sent)
    }

    /// Waits up to `timeout` until a read or a write would not block; returns true if ready.
    pub(super) fn wait(&self, interest: Interest, timeout: Duration) -> io::Result<bool> {
        self.fd().map_or(Ok(true), |fd| poll::wait(fd, interest, Some(timeout)))
    }

    /// Sets the mode of the socket.
    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(nonblocking),
            Self::Unix(socket) => socket.set_nonblocking(nonblocking),
            Self::Script(_) => Ok(()),
        }
    }

    /// Ends one direction or both, and wakes the threads waiting there.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(how),
            Self::Unix(socket) => socket.shutdown(how),
            Self::Script(_) => Ok(()),
        }
    }

    /// Makes closing send a reset, so that the peer knows that the answer is incomplete. Has no
    /// effect on Unix sockets: only the framing shows the break there.
    pub(super) fn abort(&self) {
        if let Self::Tcp(socket) = self {
            if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
                log::debug!("cannot set SO_LINGER: {error}; a truncated answer may look complete to the client");
            }
        }
    }

    /// Makes closing send a normal end again: the answer is complete.
    pub(super) fn restore(&self) {
        if let Self::Tcp(socket) = self {
            if let Err(error) = SockRef::from(socket).set_linger(None) {
                log::debug!("cannot reset SO_LINGER: {error}; a complete answer may look truncated to the client");
            }
        }
    }

    /// True after [`abort`](Self::abort).
    pub(super) fn is_aborted(&self) -> bool {
        match self {
            Self::Tcp(socket) => matches!(SockRef::from(socket).linger(), Ok(Some(Duration::ZERO))),
            Self::Unix(_) | Self::Script(_) => false,
        }
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok().map(canonical),
            Self::Unix(_) | Self::Script(_) => None,
        }
    }

    /// The descriptor to poll; `None` for a script.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(socket) => Some(socket.as_fd()),
            Self::Unix(socket) => Some(socket.as_fd()),
            Self::Script(_) => None,
        }
    }
}

/// True if an error of a socket only means that the call would have had to wait longer.
pub(crate) fn would_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
