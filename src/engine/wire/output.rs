//! Writing to a client: gathered, and never for longer than the client may take.
//!
//! What is at hand as a whole, such as bytes and files, may be left for later where the client is slow to take it: then it waits with
//! the connection and costs no thread. What is made or read while it is sent is waited for here.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::pace::Pace;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Counter;
use crate::engine::service::preemption::{Preemption, Waiting};
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

/// The way out of one connection while a worker serves it.
pub(crate) struct Output<'a> {
    stream: &'a Stream,
    /// What is gathered: heads, small content, answers to pipelined requests.
    pub(crate) gathered: &'a mut Vec<u8>,
    pub(crate) pace: Pace,
    /// Counts the bytes that the stream has taken.
    written: &'a Counter,
    preemption: &'a Arc<Preemption>,
    /// There once the client has been waited for.
    waiting: Option<Waiting>,
    /// Whether what the client is slow to take may be left for later.
    leaves: bool,
    /// How much had moved below TLS when that was last looked at; `None` without TLS.
    below: Option<u64>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(stream: &'a Stream, pace: Pace, context: &'a mut WorkerContext) -> Self {
        let WorkerContext { gathered, counters, service, .. } = context;
        Self::over(stream, pace, gathered, &counters.bytes_written, &service.preemption)
    }

    /// The way out where there is no context.
    pub(crate) fn over(
        stream: &'a Stream,
        pace: Pace,
        gathered: &'a mut Vec<u8>,
        written: &'a Counter,
        preemption: &'a Arc<Preemption>,
    ) -> Self {
        let below = stream.moved_below(Interest::Write);
        Self { stream, gathered, pace, written, preemption, waiting: None, leaves: false, below }
    }

    /// Leaves for later, from now on, what the client is slow to take.
    pub(crate) fn leaving(mut self) -> Self {
        self.leaves = true;
        self
    }

    /// Whether anything may be left for later.
    pub(crate) fn may_leave(&self) -> bool {
        self.leaves
    }

    /// Sends what is gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.send(&[])
    }

    /// Sends what is gathered and then `content`, in one system call if the kernel takes all of it.
    pub(crate) fn send(&mut self, mut content: &[u8]) -> io::Result<()> {
        self.push(&mut content, false).map(drop)
    }

    /// Sends what is gathered; false if some of it is left for later.
    pub(crate) fn flush_some(&mut self) -> io::Result<bool> {
        self.push(&mut &[][..], self.leaves)
    }

    /// Sends what is gathered and, where that has to be sent, the end of our side; false if some of it is left for later.
    pub(crate) fn finish_some(&mut self) -> io::Result<bool> {
        if !self.flush_some()? {
            return Ok(false);
        }
        self.stream.finish();
        self.flush_some()
    }

    /// Sends what is gathered and then `content`, which it shortens; false if some of either is left for later.
    pub(crate) fn send_some(&mut self, content: &mut Bytes) -> io::Result<bool> {
        let mut rest = &content[..];
        let is_all = self.push(&mut rest, self.leaves)?;
        let sent = content.len() - rest.len();
        content.advance(sent);
        Ok(is_all)
    }

    /// Sends what is gathered, then what there is of `range` in `file` by the kernel, and takes that off the range.
    pub(crate) fn send_file(&mut self, file: &File, range: &mut Range<u64>) -> io::Result<Passed> {
        if !self.flush_some()? {
            return Ok(Passed::Some);
        }
        if !self.leaves {
            return self.pass_file(file, range);
        }
        // `sendfile` has no flag for it.
        self.stream.set_nonblocking(true)?;
        let passed = self.pass_file(file, range);
        self.stream.set_nonblocking(false)?;
        passed
    }

    fn pass_file(&mut self, file: &File, range: &mut Range<u64>) -> io::Result<Passed> {
        let mut slices = 0;
        while !range.is_empty() {
            self.check()?;
            // A slice at a time, so that the account of time is kept and a stop is noticed.
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
                    // It was the file that was slow, or the client is quick: there may be room, and nobody would report it.
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

    /// Sends what is gathered and then `content`; false, with `content` what is left of it, if `leaves` and the client takes no more.
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
        // After a failure what was in it is of no use to anybody.
        let kept = if pushed.is_ok() { first.len() } else { 0 };
        let used = gathered.len() - kept;
        // The memory is used again.
        *self.gathered = gathered;
        self.gathered.drain(..used);
        pushed
    }

    /// Writes until all is out (true) or the client takes no more for now.
    ///
    /// A call that `leaves` the rest for later waits for no room; any other waits up to [`PATIENCE`].
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
                        // There is no more room, or the kernel has waited for it as long as it was told to.
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

    /// Has what was written go out, which needs doing with TLS; false if the client takes no more for now.
    fn push_out(&mut self, leaves: bool) -> io::Result<bool> {
        let flushed = if leaves { self.stream.try_flush() } else { self.stream.flush() };
        self.moved(0);
        match flushed {
            Err(error) if would_wait(&error) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Has the connection end with a reset when it is closed.
    pub(crate) fn abort(&self) {
        self.stream.abort();
    }

    /// Has the connection end in order again.
    pub(crate) fn restore(&self) {
        self.stream.restore();
    }

    /// Enters that `count` bytes were taken, and what has moved. With TLS they are taken before they have moved.
    fn moved(&mut self, count: usize) {
        self.written.add(count as u64);
        match (&mut self.below, self.stream.moved_below(Interest::Write)) {
            (Some(before), Some(now)) => self.pace.moved_to(now, before),
            _ => self.pace.moved(count),
        }
    }

    /// Fails where a stop has cut the connection. Its socket does not say so: an end of our side would look like that of the answer.
    fn check(&self) -> io::Result<()> {
        if self.preemption.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// The client does not read: waits for it, as long as it may keep us waiting.
    fn wait(&mut self) -> io::Result<()> {
        self.check()?;
        let Some(left) = self.pace.left() else { return Err(io::ErrorKind::TimedOut.into()) };
        let waiting = self.waiting.get_or_insert_with(|| Waiting::new(self.preemption));
        if waiting.gives_way(self.pace.rate()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let begun = Instant::now();
        // Linux reports room only when there is a slot of it; less is found by trying again.
        self.stream.wait(Interest::Write, left.min(LOOK))?;
        // At least a moment is entered, so that a wait that ends at once without room cannot go on for ever.
        self.pace.waited(begun.elapsed().max(MOMENT));
        Ok(())
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// All of the range is out.
    All,
    /// The client takes no more for now; the rest is left for later.
    Some,
    /// The client may take more, but others have their turn first.
    Share,
    /// The file ended before its range did.
    Ended,
    /// The kernel does not join the two: read and write instead.
    Unsupported,
}

/// How long a write that a worker waits for may take before the worker looks whether it still may.
pub(crate) const PATIENCE: Duration = Duration::from_millis(10);
/// How much of a file one system call sends at the most.
const FILE_SLICE: usize = 1 << 20;
/// How many slices of a file go out before others have their turn.
const SHARE: u32 = 16;
/// How long a worker waits for room before it looks whether it still may.
const LOOK: Duration = Duration::from_millis(100);
/// How long to wait at a time.
pub(in crate::engine) const RETRY: Duration = Duration::from_millis(250);
/// What a wait counts at the least.
pub(in crate::engine) const MOMENT: Duration = Duration::from_micros(100);
