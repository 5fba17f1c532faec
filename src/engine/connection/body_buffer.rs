//! Buffers content before the handler runs, so that a slow client costs no thread.
//!
//! Up to `body_buffer_size` bytes are buffered. Then the handler runs, reads the buffer first, and
//! waits for the rest itself. Memory is taken for received content only, never for announced
//! content.
//!
//! `100 Continue` is sent before the wait, after the gathered answers, or by the handler's first
//! read if `body_buffer_size` is 0.

use std::io;
use std::mem;
use std::time::Instant;

use http::Method;

use super::access_log::Line;
use super::body::{DIRECT, Reception};
use super::exchange::Pending;
use super::linger::RefusedRequest;
use super::phase::{Next, Reading, Step};
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::wire::input::{InputBuffer, Received};
use crate::engine::wire::pace::Pace;
use crate::h1::decode::Decoder;
use crate::h1::encode;
use crate::h1::error::ProtocolError;
use crate::h1::exchange::Exchange;
use crate::h1::head::{RequestHead, Scan};
use crate::net::poll::Interest;
use crate::net::stream::Stream;

/// A request whose content is being received.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) head: RequestHead,
    pub(super) exchange: Exchange,
    pub(super) reception: Reception,
    pub(super) line: Line,
    /// The start of the present wait.
    pub(super) since: Option<Instant>,
    /// Bytes moved below TLS at the last check; `None` without TLS.
    below: Option<u64>,
}

impl ClientConnection {
    /// Serves a request, at once if no content is to be waited for.
    pub(super) fn begin(
        &mut self,
        head: RequestHead,
        exchange: Exchange,
        decoder: Option<Box<Decoder>>,
        line: Line,
        context: &mut WorkerContext,
    ) -> Next {
        let config = &context.config;
        let reception = decoder.map(|decoder| {
            let pace = Pace::new(config.body_timeout, config.minimum_rate);
            Reception::new(decoder, pace, exchange.wants_continue())
        });
        match reception {
            Some(mut reception) if config.body_buffer_size > 0 && !reception.is_within(&self.input) => {
                // A client that has begun to send its content does not wait (RFC 9110 §10.1.1).
                if mem::take(&mut reception.wants_continue) && self.input.is_empty() {
                    encode::interim_continue(&mut context.gathered);
                }
                let below = self.stream.moved_below(Interest::Read);
                Next::Content(Box::new(Gathering { head, exchange, reception, line, since: None, below }))
            }
            reception => self.admit(Pending { head, exchange, reception, line }, context),
        }
    }

    /// Buffers received content, and serves the request once complete or the buffer is full.
    pub(super) fn gather(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Step {
        let Phase::Content(gathering) = &mut self.phase else { return Step::On };
        let most = context.config.body_buffer_size;
        match gathering.take_in(&mut self.input, most) {
            // Memory is short: the handler runs, and this worker waits for the content.
            Ok(false) if gathering.is_in_excess(context) => {}
            // The last read filled its buffer. More input is there, received straight into `ahead`.
            Ok(false) if *reading == Reading::Possible && gathering.is_plain(most) => {
                match gathering.receive(&self.stream, most) {
                    Ok(received) if received.count > 0 => {
                        context.counters.bytes_read.add(received.count as u64);
                        self.is_drained = received.is_all;
                        *reading = Reading::after(self.is_drained);
                        return Step::On;
                    }
                    // The next ordinary read meets the same condition.
                    Ok(_) | Err(_) => return Step::Starved,
                }
            }
            Ok(false) => return Step::Starved,
            Ok(true) => {}
            Err(error) => return Step::Verdict(self.refuse_present(error, context)),
        }
        let Some(gathering) = self.take_gathering() else { return Step::On };
        let Gathering { head, exchange, reception, line, .. } = *gathering;
        let next = self.admit(Pending { head, exchange, reception: Some(reception), line }, context);
        *reading = Reading::after(self.is_drained);
        self.settle(next, context)
    }

    /// Begins to wait for more content, or refuses the request if the client's time is spent.
    pub(super) fn await_content(&mut self, context: &mut WorkerContext) -> Verdict {
        let Phase::Content(gathering) = &mut self.phase else { return Verdict::Park };
        if let (Some(before), Some(now)) = (&mut gathering.below, self.stream.moved_below(Interest::Read)) {
            gathering.reception.pace.moved_to(now, before);
        }
        match gathering.reception.pace.left() {
            Some(left) => {
                let now = Instant::now();
                gathering.since = Some(now);
                self.deadline = now + left;
                Verdict::Park
            }
            None => self.refuse_present(ProtocolError::Timeout, context),
        }
    }

    /// Refuses the request being received.
    pub(super) fn refuse_present(&mut self, error: ProtocolError, context: &mut WorkerContext) -> Verdict {
        match self.take_gathering() {
            Some(gathering) => {
                context.counters.count_content(error);
                context.counters.content_read.add(gathering.reception.decoder.produced());
                let is_head = gathering.head.method == Method::HEAD;
                self.refuse_as(gathering.line, RefusedRequest { error, is_head }, context)
            }
            None => {
                if error == ProtocolError::Timeout {
                    context.counters.count_late(Late::Head);
                }
                self.refuse(error, context)
            }
        }
    }

    fn take_gathering(&mut self) -> Option<Box<Gathering>> {
        match mem::replace(&mut self.phase, Phase::Head(Scan::default())) {
            Phase::Content(gathering) => Some(gathering),
            other => {
                self.phase = other;
                None
            }
        }
    }
}

impl Gathering {
    /// Restarts the wait. The time until now was spent on sending, perhaps of `100 Continue`.
    pub(super) fn restart_wait(&mut self) {
        self.since = None;
    }

    /// True if the next bytes are plain content, and enough for a direct read.
    fn is_plain(&self, most: usize) -> bool {
        let room = most.saturating_sub(self.reception.ahead.len());
        self.reception.decoder.plain().min(room as u64) >= DIRECT as u64
    }

    /// Receives content straight into `ahead`.
    fn receive(&mut self, stream: &Stream, most: usize) -> io::Result<Received> {
        let Reception { decoder, ahead, pace, .. } = &mut self.reception;
        let begin = ahead.len();
        let room = usize::try_from(decoder.plain()).unwrap_or(usize::MAX).min(most - begin).min(PIECE);
        make_room(ahead, begin + room, most);
        let read = stream.try_read(&mut ahead[begin..]);
        let count = *read.as_ref().unwrap_or(&0);
        ahead.truncate(begin + count);
        decoder.pass(count);
        if self.below.is_none() {
            pace.moved(count);
        }
        read.map(|count| Received::of(stream, count, room))
    }

    /// Decodes content from `input`, up to `most` bytes in all. Returns true if the handler may
    /// run.
    fn take_in(&mut self, input: &mut InputBuffer, most: usize) -> Result<bool, ProtocolError> {
        let Self { reception: Reception { decoder, ahead, pace, .. }, since, below, .. } = self;
        if let Some(since) = since.take() {
            pace.waited(since.elapsed());
        }
        while !decoder.is_ended() && ahead.len() < most {
            let begin = ahead.len();
            let end = most.min(begin + input.unread().len());
            make_room(ahead, end, most);
            let step = decoder.decode(input.unread(), &mut ahead[begin..])?;
            ahead.truncate(begin + step.produced);
            if step.consumed == 0 {
                return Ok(false);
            }
            input.consume(step.consumed);
            if below.is_none() {
                pace.moved(step.consumed);
            }
        }
        Ok(true)
    }
}

/// Sets the length of `ahead` to `end`, at most `most`.
fn make_room(ahead: &mut Vec<u8>, end: usize, most: usize) {
    if ahead.capacity() < end {
        // Doubled, up to the limit, so that a trickle does not reallocate for each byte.
        ahead.reserve_exact((2 * end).min(most) - ahead.len());
    }
    ahead.resize(end, 0);
}

/// The most bytes received directly at a time. Room is zeroed before each read.
const PIECE: usize = 64 * 1024;
