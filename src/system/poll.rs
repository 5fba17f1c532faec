//! Waits for one descriptor with `poll`.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

/// The event to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Input, or the end of the stream.
    Read,
    /// Room to write.
    Write,
}

/// Waits up to `timeout` (`None`: no limit) until `fd` is ready; returns true if `fd` is ready.
#[inline(never)]
pub(crate) fn wait(fd: BorrowedFd<'_>, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
    let flags = match interest {
        Interest::Read => PollFlags::POLLIN,
        Interest::Write => PollFlags::POLLOUT,
    };
    match nix::poll::poll(&mut [PollFd::new(fd, flags)], poll_timeout(timeout)) {
        Ok(ready) => Ok(ready > 0),
        // The caller keeps track of the time and waits again.
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits up to `timeout` (`None`: no limit) until one of two descriptors has input, or an error.
/// Returns the readiness of each; `None` after a signal.
pub(crate) fn wait_for_either(fds: [BorrowedFd<'_>; 2], timeout: Option<Duration>) -> io::Result<Option<[bool; 2]>> {
    let mut both = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    match nix::poll::poll(&mut both, poll_timeout(timeout)) {
        Ok(_) => Ok(Some(both.map(|each| each.any().unwrap_or(true)))),
        Err(Errno::EINTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps for up to `time`. For retries of calls without a deadline and without a wake-up.
pub(crate) fn pause(time: Duration) {
    // A signal may end the sleep early; the callers count their attempts.
    let _ = nix::poll::poll(&mut [], poll_timeout(Some(time)));
}

fn poll_timeout(limit: Option<Duration>) -> PollTimeout {
    limit.map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(millis_up(limit)).unwrap_or(PollTimeout::MAX))
}

/// Converts to whole milliseconds, rounded up: a wait must not end before its deadline and start
/// again.
pub(crate) fn millis_up(limit: Duration) -> i32 {
    let millis = limit.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn one_descriptor_can_be_waited_for() {
        let (mut near, far) = UnixStream::pair().unwrap();
        assert!(!wait(far.as_fd(), Interest::Read, Some(Duration::ZERO)).unwrap());
        assert!(wait(far.as_fd(), Interest::Write, Some(Duration::ZERO)).unwrap());
        near.write_all(b"x").unwrap();
        assert!(wait(far.as_fd(), Interest::Read, None).unwrap());
    }

    #[test]
    fn a_part_of_a_millisecond_is_waited_for_whole() {
        assert_eq!(millis_up(Duration::from_nanos(1)), 1);
        assert_eq!(millis_up(Duration::ZERO), 0);
        assert_eq!(millis_up(Duration::MAX), i32::MAX);
    }
}
