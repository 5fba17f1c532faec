//! A stream as an upgraded connection uses it: reads and writes that wait.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use crate::message::upgrade::Socket;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

impl Socket for Stream {
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        patiently(self, Interest::Read, timeout, || self.read(buffer))
    }

    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize> {
        let written = patiently(self, Interest::Write, timeout, || self.write(&[IoSlice::new(bytes)]))?;
        // What has been taken counts as written, though it may not be out yet: whoever writes next, or flushes, hears of it.
        match Socket::flush(self, timeout) {
            Err(error) if error.kind() != io::ErrorKind::TimedOut => Err(error),
            _ => Ok(written),
        }
    }

    fn flush(&self, timeout: Option<Duration>) -> io::Result<()> {
        patiently(self, Interest::Write, timeout, || self.flush().map(|()| 0)).map(drop)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr()
    }
}

/// Tries until it works or `timeout` is over.
fn patiently(
    stream: &Stream,
    interest: Interest,
    timeout: Option<Duration>,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    // One beyond all clocks is none.
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
        stream.wait(interest, left)?;
    }
}

/// Without a time limit: asked again after so long, to no other end.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
