//! Waits for descriptors: one, or many under tokens.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::system::poll::wait_for_either;
pub(crate) use crate::system::poll::{Interest, pause, wait};
pub(crate) use crate::system::poller::{Alarm, Batch, NAME as POLLER, Poller};
use crate::system::waker::PollWaker;
pub(crate) use crate::system::waker::WAKE;

/// Wakes a thread that waits for a descriptor, without touching that descriptor.
#[derive(Debug)]
pub(crate) struct Bell(PollWaker);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(PollWaker::new()?))
    }

    /// Wakes every present and later [`Bell::wait`].
    pub(crate) fn ring(&self) -> io::Result<()> {
        self.0.wake()
    }

    /// Waits up to `timeout` (`None`: no limit) until `fd` may have input. Returns false once the
    /// bell has been rung.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<bool> {
        let ready = wait_for_either([self.0.as_fd(), fd], timeout)?;
        Ok(ready.is_none_or(|[is_rung, _]| !is_rung))
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn rung_bell_ends_every_wait() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let bell = Bell::new().unwrap();
        near.write_all(b"x").unwrap();
        let moment = Some(Duration::from_millis(1));
        assert!(bell.wait(far.as_fd(), None).unwrap() && bell.wait(near.as_fd(), moment).unwrap());
        bell.ring().unwrap();
        bell.ring().unwrap();
        assert!(!bell.wait(far.as_fd(), moment).unwrap() && !bell.wait(near.as_fd(), None).unwrap());
    }
}
