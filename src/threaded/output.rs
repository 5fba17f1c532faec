//! Writing to a client: gathered, and never for longer than the client may take.

use std::fs::File;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::statistics::Counters;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

/// The way out of one connection while a worker serves it.
pub(crate) struct Output<'a> {
    stream: &'a Stream,
    /// What is gathered: heads, small content, answers to pipelined requests.
    pub(crate) gathered: &'a mut Vec<u8>,
    pace: Pace,
    counters: &'a Counters,
}

impl<'a> Output<'a> {
    pub(crate) fn new(stream: &'a Stream, gathered: &'a mut Vec<u8>, pace: Pace, counters: &'a Counters) -> Self {
        Self { stream, gathered, pace, counters }
    }

    /// Sends what is gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.send(&[])
    }

    /// Sends what is gathered and then `content`, in one system call if the kernel takes all of it.
    pub(crate) fn send(&mut self, content: &[u8]) -> io::Result<()> {
        let gathered = std::mem::take(self.gathered);
        let sent = self.send_all(&gathered, content);
        // The memory is used again; after a failure what was in it is of no use to anybody.
        *self.gathered = gathered;
        self.gathered.clear();
        sent
    }

    fn send_all(&mut self, mut first: &[u8], mut second: &[u8]) -> io::Result<()> {
        loop {
            let sent = match (first.is_empty(), second.is_empty()) {
                (true, true) => return Ok(()),
                (false, true) => self.stream.write(&[IoSlice::new(first)]),
                (true, false) => self.stream.write(&[IoSlice::new(second)]),
                (false, false) => self.stream.write(&[IoSlice::new(first), IoSlice::new(second)]),
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.moved(count);
                    let of_first = count.min(first.len());
                    first = &first[of_first..];
                    second = &second[count - of_first..];
                }
                Err(error) if would_wait(&error) => self.wait()?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what is gathered, then `count` bytes of `file` from `offset` by the kernel.
    ///
    /// Returns how many bytes were left when the file ended or the kernel would not join the two.
    pub(crate) fn send_file(&mut self, file: &File, offset: &mut u64, mut count: u64) -> io::Result<u64> {
        self.flush()?;
        while count > 0 {
            // A slice at a time, so that the account of time is kept and a stop is noticed.
            let slice = usize::try_from(count).unwrap_or(usize::MAX).min(FILE_SLICE);
            match self.stream.send_file(file, offset, slice) {
                Ok(0) => break,
                Ok(sent) => {
                    self.moved(sent);
                    count -= sent as u64;
                }
                Err(error) if would_wait(&error) => self.wait()?,
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Has the connection end with a reset when it is closed.
    pub(crate) fn abort(&self) {
        self.stream.abort();
    }

    fn moved(&mut self, count: usize) {
        self.pace.moved(count);
        self.counters.bytes_written.add(count as u64);
    }

    /// The client does not read: waits for it, as long as it may keep us waiting.
    fn wait(&mut self) -> io::Result<()> {
        let Some(left) = self.pace.left() else { return Err(io::ErrorKind::TimedOut.into()) };
        let begun = Instant::now();
        // Linux reports room only when there is a lot of it; less is found by trying again.
        self.stream.wait(Interest::Write, left.min(RETRY))?;
        // At least a moment is entered, so that a wait that ends at once without room cannot go on for ever.
        self.pace.waited(begun.elapsed().max(MOMENT));
        Ok(())
    }
}

/// How much of a file one system call sends at the most.
const FILE_SLICE: usize = 1 << 20;
/// How long to wait for room at a time.
const RETRY: Duration = Duration::from_millis(500);
const MOMENT: Duration = Duration::from_micros(100);
