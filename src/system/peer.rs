//! The identity of a client over a Unix socket.

use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};

/// The process, user and group of a client at its connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerIds {
    /// 0 if unknown.
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

#[cfg(target_os = "linux")]
pub(crate) fn of(socket: &UnixStream) -> nix::Result<PeerIds> {
    let found = getsockopt(socket, sockopt::PeerCredentials)?;
    // Never negative; 0 is a process in another PID namespace.
    Ok(PeerIds { pid: u32::try_from(found.pid()).unwrap_or(0), uid: found.uid(), gid: found.gid() })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of(socket: &UnixStream) -> nix::Result<PeerIds> {
    let found = getsockopt(socket, sockopt::LocalPeerCred)?;
    // The first group is the effective one.
    let gid = found.groups().first().copied().ok_or(nix::errno::Errno::EINVAL)?;
    Ok(PeerIds { pid: process(socket), uid: found.uid(), gid })
}

#[cfg(target_os = "macos")]
fn process(socket: &UnixStream) -> u32 {
    getsockopt(socket, sockopt::LocalPeerPid).ok().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)
}

/// The kernel of FreeBSD knows the process, `nix` does not return it.
#[cfg(target_os = "freebsd")]
fn process(_socket: &UnixStream) -> u32 {
    0
}

/// The socket option with the credentials, for errors.
pub(crate) const OPTION: &str = if cfg!(target_os = "linux") { "SO_PEERCRED" } else { "LOCAL_PEERCRED" };
