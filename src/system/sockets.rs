//! Flags of sending; properties that an accepted socket has from its listener; kinds of sockets.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt};
use socket2::{Domain, Socket};

/// The flag of a send without `SIGPIPE`.
///
/// Linux: `MSG_NOSIGNAL`, the same on every architecture.
#[cfg(target_os = "linux")]
pub(crate) const NO_SIGNAL: i32 = 0x4000;
/// The flag of a send without `SIGPIPE`. macOS has none: see [`prepare`].
#[cfg(target_os = "macos")]
pub(crate) const NO_SIGNAL: i32 = 0;
/// The flag of a send without `SIGPIPE`.
#[cfg(target_os = "freebsd")]
pub(crate) const NO_SIGNAL: i32 = nix::sys::socket::MsgFlags::MSG_NOSIGNAL.bits();

/// True if a shutdown of a listening socket wakes the thread in `accept`, and an accepted socket
/// has the send timeout of its listener.
pub(crate) const LISTENERS_SHUT_DOWN: bool = cfg!(all(target_os = "linux", not(drupe_portable)));

/// Sets on an accepted socket the properties that other systems give by themselves.
#[cfg(not(target_os = "macos"))]
#[expect(clippy::unnecessary_wraps, reason = "macOS has calls that fail")]
pub(crate) fn prepare(_socket: &impl AsFd) -> io::Result<()> {
    Ok(())
}

/// Sets on an accepted socket the properties that other systems give by themselves: blocking mode,
/// whatever the mode of the listener, and no `SIGPIPE`.
#[cfg(target_os = "macos")]
pub(crate) fn prepare(socket: &impl AsFd) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    socket.set_nonblocking(false)?;
    socket.set_nosigpipe(true)
}

/// Returns the family of the addresses of `socket`.
pub(crate) fn domain(socket: &Socket) -> io::Result<Domain> {
    Ok(socket.local_addr()?.domain())
}

/// True if `socket` listens.
pub(crate) fn is_listening(socket: &impl AsFd) -> io::Result<bool> {
    Ok(getsockopt(socket, sockopt::AcceptConn)?)
}

/// Repeats a call interrupted by a signal.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
