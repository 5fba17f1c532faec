//! Blocking reads and writes of an upgraded connection.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use crate::message::upgrade::Socket;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

impl Socket for Stream {
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        patiently(timeout, &|left| self.wait(Interest::Read, left).map(drop), &mut || self.read(buffer))
    }

    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize> {
        let wait = |left| self.wait(Interest::Write, left).map(drop);
        let written = patiently(timeout, &wait, &mut || self.write(&[IoSlice::new(bytes)]))?;
        // Bytes taken count as written, even if TLS still holds them. The next write or flush
        // reports an error.
        match Socket::flush(self, timeout) {
            Err(error) if error.kind() != io::ErrorKind::TimedOut => Err(error),
            _ => Ok(written),
        }
    }

    fn flush(&self, timeout: Option<Duration>) -> io::Result<()> {
        let wait = |left| self.wait(Interest::Write, left).map(drop);
        patiently(timeout, &wait, &mut || self.flush().map(|()| 0)).map(drop)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr()
    }
}

/// Retries `attempt` until it succeeds or `timeout` is over. `wait` waits at most the given time
/// between attempts.
pub(in crate::engine) fn patiently(
    timeout: Option<Duration>,
    wait: &dyn Fn(Duration) -> io::Result<()>,
    attempt: &mut dyn FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    // A deadline beyond the clock's range is no deadline.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        match attempt() {
            Err(error) if would_wait(&error) => {}
            done => return done,
        }
        let left = deadline.map_or(LONGEST_WAIT, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        wait(left)?;
    }
}

/// The longest single wait without a timeout.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
