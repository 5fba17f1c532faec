//! Answers to slow clients. The unsent rest waits with the parked connection and costs no thread.
//!
//! Linux reports a socket writable only once a third of the buffer is free, and a slow client takes
//! long to get there. Sending is therefore also retried at intervals: bytes taken since the last
//! attempt count for the client, and a client without progress times out.

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use super::transport::Transport;
use crate::engine::service::budget::{Reservation, Weight};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::wire::output::Output;
use crate::engine::wire::pace::Pace;
use crate::engine::wire::remainder::{Progress, Remainder};
use crate::net::stream::Stream;
use crate::sync::catch;

/// The unsent part of an answer.
#[derive(Debug)]
pub(super) struct Sending {
    /// Output sent before `rest`.
    gathered: Vec<u8>,
    pub(super) rest: Option<Remainder>,
    pace: Pace,
    /// The start of the wait.
    pub(super) since: Instant,
    /// Counts the memory held.
    pub(super) reservation: Reservation,
}

/// The outcome of an attempt to send.
pub(super) enum Attempt {
    /// All is sent.
    Whole,
    /// The client takes no more now. The next attempt is due after this time.
    Partly(Duration),
    /// The client takes more, but others wait for the thread.
    Share,
    /// The answer cannot be completed: this many bytes of a file are missing. The output gathered
    /// before the answer is still to be sent.
    Short(u64),
    /// The answer is broken off.
    Failed(io::Error),
}

impl Sending {
    /// Leaves the gathered output and `rest` for later. Returns the time until the next attempt.
    pub(super) fn begin(
        rest: Option<Remainder>,
        transport: &Transport,
        now: Instant,
        context: &mut WorkerContext,
    ) -> (Box<Self>, Duration) {
        let config = &context.config;
        let pace = Pace::new(config.write_timeout, config.minimum_rate);
        let patience = config.write_timeout.min(RETRY);
        // An exact copy: the worker keeps its buffer.
        let gathered = context.gathered.as_slice().to_vec();
        context.gathered.clear();
        let reservation = context.service.answer_memory.add(0, 0);
        let mut sending = Box::new(Self { gathered, rest, pace, since: now, reservation });
        sending.weigh(&transport.stream, context);
        (sending, patience)
    }

    /// Sends as much as the client takes now; `is_end` if no output follows.
    pub(super) fn attempt(&mut self, is_end: bool, transport: &Transport, context: &mut WorkerContext) -> Attempt {
        context.meter.resume(context.service.measures());
        self.pace.waited(self.since.elapsed());
        mem::swap(&mut context.gathered, &mut self.gathered);
        let pace = mem::replace(&mut self.pace, Pace::new(Duration::ZERO, None));
        let mut output = Output::new(&transport.stream, pace, context).leaving();
        let mut sent_rest = None;
        let sent = self.send(is_end, &mut output, &mut sent_rest);
        self.pace = output.pace;
        mem::swap(&mut context.gathered, &mut self.gathered);
        // The owner of the content is a handler's code.
        if catch(|| drop(sent_rest)).is_err() {
            log::error!("an owner of content panicked when dropped; the server goes on");
            context.counters.panics.add(1);
        }
        // Time spent on reading a file from storage is not charged to the client.
        self.since = Instant::now();
        match sent {
            Ok(Progress::Nothing) => Attempt::Whole,
            Ok(Progress::More) => match self.pace.left() {
                Some(left) => {
                    self.weigh(&transport.stream, context);
                    Attempt::Partly(left.min(RETRY))
                }
                None => {
                    context.counters.count_late(Late::Write);
                    let reason = "write_timeout or minimum_rate exceeded";
                    Attempt::Failed(io::Error::new(io::ErrorKind::TimedOut, reason))
                }
            },
            // The poller would not report room that was there all along.
            Ok(Progress::Share) => Attempt::Share,
            Ok(Progress::Missing(missing)) => {
                // Complete answers may precede the broken one, and are sent.
                self.rest = None;
                Attempt::Short(missing)
            }
            Err(error) => Attempt::Failed(error),
        }
    }

    /// The bytes of content not sent yet.
    pub(super) fn unsent(&self) -> u64 {
        self.rest.as_ref().map_or(0, Remainder::len)
    }

    /// The bytes gathered and not sent yet.
    pub(super) fn waiting(&self) -> u64 {
        self.gathered.len() as u64
    }

    /// Sends as much as the client takes. Gathered output, `rest`, or both may remain; a `rest` all
    /// of which is sent goes to `sent`.
    fn send(&mut self, is_end: bool, output: &mut Output<'_>, sent: &mut Option<Remainder>) -> io::Result<Progress> {
        if let Some(rest) = &mut self.rest {
            match rest.send(output)? {
                Progress::Nothing => *sent = self.rest.take(),
                left => return Ok(left),
            }
        }
        let is_out = if is_end { output.finish_some()? } else { output.flush_some()? };
        Ok(if is_out { Progress::Nothing } else { Progress::More })
    }

    /// Frees memory not needed during the wait, and counts the rest.
    fn weigh(&mut self, stream: &Stream, context: &WorkerContext) {
        if self.gathered.capacity() > 2 * self.gathered.len() {
            self.gathered.shrink_to_fit();
        }
        let mut weight = Weight::default();
        if let Some(rest) = &mut self.rest {
            rest.settle();
            weight = rest.kept();
        }
        let of_tls = if stream.secure().is_some() { KEPT_BY_TLS } else { 0 };
        weight.bytes += self.gathered.capacity() as u64 + of_tls;
        if weight != self.reservation.weight() {
            self.reservation = context.service.answer_memory.take(weight);
        }
    }
}

/// The most bytes of an answer held unsent by TLS. The exact number is unknown.
const KEPT_BY_TLS: u64 = 64 * 1024;
/// The interval between attempts to send to a slow client.
const RETRY: Duration = Duration::from_secs(1);
