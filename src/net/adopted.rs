//! A listening socket opened by others: other processes, or the program itself, may listen on the
//! same socket and share its flags.
//!
//! `O_NONBLOCK` is a flag of the socket, not of the descriptor or of the call. If another process
//! takes a client first, `accept` must not block, because only a shutdown of the shared socket
//! could end the call. So the flag is set before each call, in case another owner has cleared the
//! flag. At the end the flag is cleared if this process has set it.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::SockRef;

use super::poll::Bell;

/// The state for waiting on such a socket and giving it back.
#[derive(Debug)]
pub(super) struct Adopted {
    bell: Bell,
    /// True if the flag was found cleared, and was set.
    was_blocking: AtomicBool,
}

impl Adopted {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { bell: Bell::new()?, was_blocking: AtomicBool::new(false) })
    }

    /// Waits for a connection at `socket` and makes the socket non-blocking. Returns false after
    /// [`close`](Self::close).
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

    /// Wakes the waiting thread; every later wait returns false.
    pub(super) fn close(&self) -> io::Result<()> {
        self.bell.ring()
    }

    /// Restores the flag of `socket`. Call only after the last accept.
    pub(super) fn give_back(&self, socket: BorrowedFd<'_>) {
        if !self.was_blocking.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = SockRef::from(&socket).set_nonblocking(false) {
            log::warn!("cannot restore blocking mode of a listening socket: {error}; the socket stays non-blocking");
        }
    }
}
