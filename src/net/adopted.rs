//! A listening socket that was inherited: others listen on it, now or later, and share its flags.
//!
//! Whether `accept` waits (`O_NONBLOCK`) is a flag of the socket, not of the descriptor or of the call. A client that another process is
//! faster to take must not have ours wait, because only a shutdown of the socket could end that. So the flag is set before each call, for
//! another owner may have cleared it, and cleared at the end if it was this process that has set it.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::SockRef;

use super::poll::Bell;

/// How an inherited socket is waited for, and given back.
#[derive(Debug)]
pub(super) struct Adopted {
    bell: Bell,
    /// True if the flag was found cleared, and set.
    was_blocking: AtomicBool,
}

impl Adopted {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { bell: Bell::new()?, was_blocking: AtomicBool::new(false) })
    }

    /// Waits until a connection may wait at `socket`, and sees to it that accepting it does not wait. Returns false once it is
    /// [closed](Self::close).
    pub(super) fn wait(&self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        if !self.bell.wait(socket, None)? {
            return Ok(false);
        }
        let socket = SockRef::from(&socket);
        if !socket.nonblocking()? {
            self.was_blocking.store(true, Ordering::Relaxed);
            socket.set_nonblocking(true)?;
        }
        Ok(true)
    }

    /// Wakes the thread that waits; no later wait finds a connection.
    pub(super) fn close(&self) -> io::Result<()> {
        self.bell.ring()
    }

    /// Leaves the flag of `socket` as it was found; to be called once no thread accepts any more.
    pub(super) fn give_back(&self, socket: BorrowedFd<'_>) {
        if !self.was_blocking.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = SockRef::from(&socket).set_nonblocking(false) {
            log::warn!("cannot restore the flags of an inherited socket: {error}");
        }
    }
}
