//! A connected socket: moves bytes, or waits until it could.
//!
//! Sockets stay in blocking mode with a short receive timeout and a send timeout, both set once. So a read that is known
//! to have something, and a write that finds room, are one system call each, and neither can wait for long whatever the
//! peer does. `try_read` and `try_write` do not wait at all. Longer waits are [`Stream::wait`]'s, and the caller keeps the
//! account of time.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::MsgFlags;
use socket2::SockRef;

use super::poll::{self, Interest};
use super::script::Script;
use super::tls::Tls;
use super::tls::secure::Secure;

/// One end of a connection. All methods take `&self`: reading and writing may go on at the same time.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection over a Unix socket.
    Unix(UnixStream),
    /// A conversation in memory, for tests and fuzzers.
    Script(Script),
    /// Another one, encrypted; see [`Secure`] for how it differs.
    Tls(Box<Secure>),
}

impl Stream {
    /// Takes over an accepted connection: `grace` bounds each read that waits. What bounds a write is the listener's.
    ///
    /// So is `TCP_NODELAY`.
    pub(crate) fn tcp(socket: TcpStream, grace: Duration) -> io::Result<Self> {
        socket.set_read_timeout(Some(grace))?;
        Ok(Self::Tcp(socket))
    }

    /// Takes over an accepted connection of a Unix socket, as [`tcp`](Self::tcp) does.
    pub(crate) fn unix(socket: UnixStream, grace: Duration) -> io::Result<Self> {
        socket.set_read_timeout(Some(grace))?;
        Ok(Self::Unix(socket))
    }

    /// Reads what is there; `WouldBlock` if nothing came within the receive timeout, `Ok(0)` at the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => retry(|| (&*socket).read(buffer)),
            Self::Unix(socket) => retry(|| (&*socket).read(buffer)),
            Self::Script(script) => Ok(script.read(buffer)),
            Self::Tls(secure) => secure.read(buffer),
        }
    }

    /// Reads what is there already; `WouldBlock` if nothing is.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let fd = match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
            Self::Script(script) => return Ok(script.read(buffer)),
            Self::Tls(secure) => return secure.try_read(buffer),
        };
        retry(|| Ok(nix::sys::socket::recv(fd, buffer, MsgFlags::MSG_DONTWAIT)?))
    }

    /// Writes some of `parts`; `WouldBlock` if there was no room within the send timeout.
    ///
    /// Never raises `SIGPIPE`, whatever the host program does with it.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tls(secure) => secure.write(parts),
            _ => self.write_with(parts, NO_SIGNAL),
        }
    }

    /// Writes what there is room for now; `WouldBlock` if there is none. Never raises `SIGPIPE` either.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tls(secure) => secure.try_write(parts),
            _ => self.write_with(parts, NO_SIGNAL | MsgFlags::MSG_DONTWAIT.bits()),
        }
    }

    /// Writes in clear.
    fn write_with(&self, parts: &[IoSlice<'_>], flags: i32) -> io::Result<usize> {
        let socket = match self {
            Self::Tcp(socket) => SockRef::from(socket),
            Self::Unix(socket) => SockRef::from(socket),
            Self::Script(script) => return Ok(script.write(parts)),
            Self::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        match parts {
            [only] => retry(|| socket.send_with_flags(only, flags)),
            _ => retry(|| socket.send_vectored_with_flags(parts, flags)),
        }
    }

    /// Sends what a write has taken and could not send at once, which only TLS does; `WouldBlock` if not all of it is out within the
    /// send timeout.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.secure().map_or(Ok(()), Secure::flush)
    }

    /// As [`flush`](Self::flush), without a wait for room.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        self.secure().map_or(Ok(()), Secure::try_flush)
    }

    /// Has the end of our side follow what was written, where that is something to be sent: with TLS.
    pub(crate) fn finish(&self) {
        if let Self::Tls(secure) = self {
            secure.finish();
        }
    }

    /// How many bytes have moved so far where that cannot be told from what is read and written: below TLS.
    pub(crate) fn moved_below(&self, way: Interest) -> Option<u64> {
        self.secure().map(|secure| secure.moved(way))
    }

    /// The TLS on it, if there is.
    pub(crate) fn secure(&self) -> Option<&Secure> {
        match self {
            Self::Tls(secure) => Some(secure),
            Self::Tcp(_) | Self::Unix(_) | Self::Script(_) => None,
        }
    }

    /// Has the kernel send up to `count` bytes of `file` from `offset`, which moves on; `Ok(0)` where the file ends.
    ///
    /// Unlike [`write`](Self::write) it cannot keep `SIGPIPE` away: a program that has undone what Rust's runtime does, which is to
    /// ignore it, is told so at `Body::from_file`.
    ///
    /// `Unsupported` or `InvalidInput` say that this pair cannot be joined so: read and write instead.
    pub(crate) fn send_file(&self, file: &File, offset: &mut u64, count: usize) -> io::Result<usize> {
        // What the kernel sends, nobody encrypts.
        let plain = self.fd().filter(|_| self.secure().is_none());
        let Some(socket) = plain else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut position = i64::try_from(*offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let sent = retry(|| Ok(nix::sys::sendfile::sendfile(socket, file, Some(&mut position), count)?))?;
        *offset += sent as u64;
        Ok(sent)
    }

    /// Has a handshake that has not begun go by `tls`.
    pub(crate) fn follow(&mut self, tls: &Arc<Tls>) {
        if let Self::Tls(secure) = self {
            secure.follow(tls);
        }
    }

    /// Whether a read would give something, or the end, though the socket has nothing.
    pub(crate) fn holds_input(&self) -> bool {
        self.secure().is_some_and(Secure::holds_input)
    }

    /// Waits until a read or a write would not, at the longest for `timeout`; says whether that is so.
    pub(crate) fn wait(&self, interest: Interest, timeout: Duration) -> io::Result<bool> {
        match self.fd() {
            Some(_) if interest == Interest::Read && self.holds_input() => Ok(true),
            Some(fd) => poll::wait(fd, interest, Some(timeout)),
            None => Ok(true),
        }
    }

    /// Sets the mode of the socket, for calls that have no flag for it. The socket below TLS never blocks.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(nonblocking),
            Self::Unix(socket) => socket.set_nonblocking(nonblocking),
            Self::Script(_) | Self::Tls(_) => Ok(()),
        }
    }

    /// Ends one direction or both, and wakes whoever waits there; that the peer was faster is no error.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(how),
            Self::Unix(socket) => socket.shutdown(how),
            Self::Script(_) => Ok(()),
            Self::Tls(secure) => secure.shutdown(how),
        }
    }

    /// Has the peer find a reset, not an end, when this is closed: what it has read is not all. Unix sockets know no such thing;
    /// there only the framing tells.
    pub(crate) fn abort(&self) {
        match self {
            Self::Tcp(socket) => {
                if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
                    log::debug!("a broken answer will look like a whole one: {error}");
                }
            }
            Self::Unix(_) | Self::Script(_) => {}
            Self::Tls(secure) => secure.abort(),
        }
    }

    /// Has the peer find an end again: what it has read is all.
    pub(crate) fn restore(&self) {
        match self {
            Self::Tcp(socket) => {
                if let Err(error) = SockRef::from(socket).set_linger(None) {
                    log::debug!("a whole answer will look like a broken one: {error}");
                }
            }
            Self::Unix(_) | Self::Script(_) => {}
            Self::Tls(secure) => secure.restore(),
        }
    }

    /// Ends it from elsewhere, and wakes whoever waits there. Where the end would look like that of an answer, only who reads is woken, and
    /// the peer finds a reset when this is closed.
    pub(crate) fn cut(&self) -> io::Result<()> {
        self.shutdown(if self.is_aborted() && self.secure().is_none() { Shutdown::Read } else { Shutdown::Both })
    }

    /// Whether it has been [aborted](Self::abort).
    pub(crate) fn is_aborted(&self) -> bool {
        match self {
            Self::Tcp(socket) => matches!(SockRef::from(socket).linger(), Ok(Some(Duration::ZERO))),
            Self::Unix(_) | Self::Script(_) => false,
            Self::Tls(secure) => secure.inner().is_aborted(),
        }
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) | Self::Script(_) => None,
            Self::Tls(secure) => secure.inner().local_addr(),
        }
    }

    /// What to watch; a script needs no watching.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(socket) => Some(socket.as_fd()),
            Self::Unix(socket) => Some(socket.as_fd()),
            Self::Script(_) => None,
            Self::Tls(secure) => secure.inner().fd(),
        }
    }
}

/// Whether an error of a socket only says that it would have had to wait longer.
pub(crate) fn would_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Does it again for as long as signals get in between.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// `MSG_NOSIGNAL`, the same on every architecture of Linux.
const NO_SIGNAL: i32 = 0x4000;
