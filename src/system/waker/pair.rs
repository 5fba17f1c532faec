//! Wakes a thread that waits for descriptors, by a pair of sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// A descriptor that any thread makes readable, until cleared.
#[derive(Debug)]
pub(crate) struct PollWaker {
    /// Readable if a byte was written to `near`.
    far: UnixStream,
    near: UnixStream,
}

impl PollWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let (far, near) = UnixStream::pair()?;
        far.set_nonblocking(true)?;
        near.set_nonblocking(true)?;
        Ok(Self { far, near })
    }

    /// Makes the descriptor readable.
    pub(crate) fn wake(&self) -> io::Result<()> {
        loop {
            match (&self.near).write(&[1]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The buffer is full of wake-ups.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                done => return done.map(drop),
            }
        }
    }

    /// Makes the descriptor unreadable.
    pub(crate) fn clear(&self) -> io::Result<()> {
        let mut bytes = [0; 256];
        loop {
            match (&self.far).read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Ok(count) if count < bytes.len() => return Ok(()),
                done => drop(done?),
            }
        }
    }
}

impl AsFd for PollWaker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.far.as_fd()
    }
}
