//! Buffered output to a client, with a limit on the time the client may take.
//!
//! Complete content, such as bytes and files, may be left for later if the client is slow. The rest
//! then waits with the connection and costs no thread. For content produced or read while it is
//! sent, the worker waits here.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::pace::Pace;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counter::Counter;
use crate::engine::service::preemption::{Preemption, Waiting};
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

/// The output of one connection while a worker serves the connection.
pub(crate) struct Output<'a> {
    stream: &'a Stream,
    /// The buffer of gathered output: heads, small content, answers to pipelined requests.
    pub(crate) gathered: &'a mut Vec<u8>,
    pub(crate) pace: Pace,
    /// The bytes of content of the present answer that were sent or gathered.
    pub(crate) content: u64,
    /// Counts the bytes written to the stream.
    written: &'a Counter,
    preemption: &'a Arc<Preemption>,
    /// `Some` once the worker has waited for the client.
    waiting: Option<Waiting>,
    /// True if output may be left for later when the client is slow.
    leaves: bool,
    /// Bytes moved below TLS at the last check; `None` without TLS.
    below: Option<u64>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(stream: &'a Stream, pace: Pace, context: &'a mut WorkerContext) -> Self {
        let WorkerContext { gathered, counters, service, .. } = context;
        Self::over(stream, pace, gathered, &counters.bytes_written, &service.preemption)
    }

    /// Returns an output without a context.
    pub(crate) fn over(
        stream: &'a Stream,
        pace: Pace,
        gathered: &'a mut Vec<u8>,
        written: &'a Counter,
        preemption: &'a Arc<Preemption>,
    ) -> Self {
        let below = stream.moved_below(Interest::Write);
        Self { stream, gathered, pace, content: 0, written, preemption, waiting: None, leaves: false, below }
    }

    /// Leaves output for later, from now on, when the client is slow.
    pub(crate) fn leaving(mut self) -> Self {
        self.leaves = true;
        self
    }

    /// True if output may be left for later.
    pub(crate) fn may_leave(&self) -> bool {
        self.leaves
    }

    /// Sends the gathered output.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.send(&[])
    }

    /// Sends the gathered output and `content`, in one system call if the kernel takes all of it.
    pub(crate) fn send(&mut self, mut content: &[u8]) -> io::Result<()> {
        let length = content.len();
        let sent = self.push(&mut content, false);
        self.content += (length - content.len()) as u64;
        sent.map(drop)
    }

    /// Sends the gathered output. Returns false if some is left for later.
    pub(crate) fn flush_some(&mut self) -> io::Result<bool> {
        self.push(&mut &[][..], self.leaves)
    }

    /// Sends the gathered output and, with TLS, the end of the stream. Returns false if some is
    /// left for later.
    pub(crate) fn finish_some(&mut self) -> io::Result<bool> {
        if !self.flush_some()? {
            return Ok(false);
        }
        self.stream.finish();
        self.flush_some()
    }

    /// Sends the gathered output, then `content`, and removes the sent bytes from `content`.
    /// Returns false if some of either is left for later.
    pub(crate) fn send_some(&mut self, content: &mut Bytes) -> io::Result<bool> {
        let mut rest = &content[..];
        let is_all = self.push(&mut rest, self.leaves)?;
        let sent = content.len() - rest.len();
        content.advance(sent);
        Ok(is_all)
    }

    /// Sends the gathered output, then `range` of `file` by the kernel, and removes the sent bytes
    /// from `range`.
    pub(crate) fn send_file(&mut self, file: &File, range: &mut Range<u64>) -> io::Result<Passed> {
        if !self.flush_some()? {
            return Ok(Passed::Some);
        }
        if !self.leaves {
            return self.pass_file(file, range);
        }
        // `sendfile` has no flag for non-blocking mode.
        self.stream.set_nonblocking(true)?;
        let passed = self.pass_file(file, range);
        self.stream.set_nonblocking(false)?;
        passed
    }

    fn pass_file(&mut self, file: &File, range: &mut Range<u64>) -> io::Result<Passed> {
        let mut slices = 0;
        while !range.is_empty() {
            self.check()?;
            // One slice at a time, so that waits are counted and a stop is noticed.
            let slice = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(FILE_SLICE);
            let begun = Instant::now();
            match self.stream.send_file(file, &mut range.start, slice) {
                Ok(0) => return Ok(Passed::Ended),
                Ok(sent) => {
                    self.moved(sent);
                    slices += 1;
                    if !self.leaves || range.is_empty() {
                        continue;
                    }
                    if sent < slice {
                        return Ok(Passed::Some);
                    }
                    // The file was slow or the client is quick. There may be room, which the poller
                    // would not report.
                    if slices == SHARE || begun.elapsed() > PATIENCE {
                        return Ok(Passed::Share);
                    }
                }
                Err(error) if would_wait(&error) && self.leaves => return Ok(Passed::Some),
                Err(error) if would_wait(&error) => self.wait()?,
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                    return Ok(Passed::Unsupported);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Passed::All)
    }

    /// Sends the gathered output and `content`. Returns false, with the unsent rest in `content`,
    /// if `leaves` is set and the client takes no more.
    fn push(&mut self, content: &mut &[u8], leaves: bool) -> io::Result<bool> {
        self.check()?;
        let gathered = std::mem::take(self.gathered);
        let mut first = &gathered[..];
        let pushed = loop {
            match self.push_once(&mut first, content, leaves) {
                Ok(false) if leaves => break Ok(false),
                Ok(false) => {
                    if let Err(error) = self.wait() {
                        break Err(error);
                    }
                }
                done => break done,
            }
        };
        // After a failure the unsent output is useless.
        let kept = if pushed.is_ok() { first.len() } else { 0 };
        let used = gathered.len() - kept;
        // The buffer is reused.
        *self.gathered = gathered;
        self.gathered.drain(..used);
        pushed
    }

    /// Writes until all is sent (true) or the client takes no more for now (false).
    ///
    /// A call with `leaves` does not wait for room; any other waits up to [`PATIENCE`].
    fn push_once(&mut self, first: &mut &[u8], second: &mut &[u8], leaves: bool) -> io::Result<bool> {
        let write = if leaves { Stream::try_write } else { Stream::write };
        loop {
            let sent = match (first.is_empty(), second.is_empty()) {
                (true, true) => return self.push_out(leaves),
                (false, true) => write(self.stream, &[IoSlice::new(first)]),
                (true, false) => write(self.stream, &[IoSlice::new(second)]),
                (false, false) => write(self.stream, &[IoSlice::new(first), IoSlice::new(second)]),
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.moved(count);
                    let is_short = count < first.len() + second.len();
                    let of_first = count.min(first.len());
                    *first = &first[of_first..];
                    *second = &second[count - of_first..];
                    if is_short {
                        // There is no more room, or the send timeout is over.
                        return Ok(false);
                    }
                }
                Err(error) if would_wait(&error) => {
                    self.moved(0);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends records that TLS has buffered. Returns false if the client takes no more for now.
    fn push_out(&mut self, leaves: bool) -> io::Result<bool> {
        let flushed = if leaves { self.stream.try_flush() } else { self.stream.flush() };
        self.moved(0);
        match flushed {
            Err(error) if would_wait(&error) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Makes the close of the connection a reset.
    pub(crate) fn abort(&self) {
        self.stream.abort();
    }

    /// Makes the close of the connection orderly again.
    pub(crate) fn restore(&self) {
        self.stream.restore();
    }

    /// Counts `count` bytes written, and the progress of the client. TLS takes bytes before they
    /// are sent.
    fn moved(&mut self, count: usize) {
        self.written.add(count as u64);
        match (&mut self.below, self.stream.moved_below(Interest::Write)) {
            (Some(before), Some(now)) => self.pace.moved_to(now, before),
            _ => self.pace.moved(count),
        }
    }

    /// Fails if a stop has cut the connection. A stop does not shut the socket down, because the
    /// client could take the shutdown for the end of the answer.
    fn check(&self) -> io::Result<()> {
        if self.preemption.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// Waits for a client that does not read, within the client's time.
    fn wait(&mut self) -> io::Result<()> {
        self.check()?;
        let Some(left) = self.pace.left() else { return Err(io::ErrorKind::TimedOut.into()) };
        let waiting = self.waiting.get_or_insert_with(|| Waiting::new(self.preemption));
        if waiting.gives_way(self.pace.rate()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let begun = Instant::now();
        // Linux reports only a large part of the buffer as room; a retry finds less.
        self.stream.wait(Interest::Write, left.min(LOOK))?;
        // At least `MOMENT` is counted, or waits that end at once could go on for ever.
        self.pace.waited(begun.elapsed().max(MOMENT));
        Ok(())
    }
}

/// The outcome of sending a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// All of the range is sent.
    All,
    /// The client takes no more for now; the rest is left for later.
    Some,
    /// The client may take more, but other connections come first.
    Share,
    /// The file ended before its range did.
    Ended,
    /// The kernel cannot send this file to this socket: read and write instead.
    Unsupported,
}

/// The longest blocking write before the worker checks if it must give way.
pub(crate) const PATIENCE: Duration = Duration::from_millis(10);
/// The most bytes of a file in one system call.
const FILE_SLICE: usize = 1 << 20;
/// The number of slices of a file sent before other connections are served.
const SHARE: u32 = 16;
/// The longest wait for room before the worker checks if it must give way.
const LOOK: Duration = Duration::from_millis(100);
/// The longest single wait for a client.
pub(in crate::engine) const RETRY: Duration = Duration::from_millis(250);
/// The least time counted for a wait.
pub(in crate::engine) const MOMENT: Duration = Duration::from_micros(100);
