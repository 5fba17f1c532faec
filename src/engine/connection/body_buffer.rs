//! Buffers content before the handler runs, so that a slow client costs no thread.
//!
//! Up to `body_buffer_size` bytes are buffered. Then the handler runs, reads the buffer first, and
//! waits for the rest itself. Memory is taken for received content only, never for announced
//! content.
//!
//! `100 Continue` is sent before the wait, after the gathered answers, or by the handler's first
//! read if `body_buffer_size` is 0.

use std::io;
use std::time::{Duration, Instant};

use http::Method;

use super::access_log::Line;
use super::body::DIRECT;
use super::client::Client;
use super::partial;
use super::pending::Pending;
use super::reception::Reception;
use super::refusal::RefusedRequest;
use super::transport::{Reading, Transport};
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::input::{InputBuffer, Received};
use crate::h1::encode;
use crate::h1::error::ProtocolError;
use crate::h1::exchange::Exchange;
use crate::h1::head::RequestHead;
use crate::message::named::AskedRequest;
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

/// The progress of buffering content.
pub(super) enum Buffered {
    /// The handler may run.
    Enough,
    /// Content was received, and more may be there.
    Some,
    /// The client has to send more.
    Starved,
    /// The content is malformed or too large.
    Refused(ProtocolError),
}

impl Gathering {
    /// Begins to buffer the content of a request.
    pub(super) fn begin(
        head: RequestHead,
        exchange: Exchange,
        mut reception: Reception,
        line: Line,
        transport: &Transport,
        context: &mut WorkerContext,
    ) -> Self {
        // A client that has begun to send its content does not wait (RFC 9110 §10.1.1).
        if std::mem::take(&mut reception.wants_continue) && transport.input.is_empty() {
            encode::interim_continue(&mut context.gathered);
        }
        let below = transport.stream.moved_below(Interest::Read);
        Self { head, exchange, reception, line, since: None, below }
    }

    /// Buffers received content.
    pub(super) fn advance(
        &mut self,
        transport: &mut Transport,
        reading: &mut Reading,
        context: &WorkerContext,
    ) -> Buffered {
        let most = context.config.body_buffer_size;
        match self.take_in(&mut transport.input, most) {
            Err(error) => Buffered::Refused(error),
            Ok(true) => Buffered::Enough,
            // Memory is short: the handler runs, and this worker waits for the content.
            Ok(false) if partial::is_excess(self.held(), &context.service) => Buffered::Enough,
            // The last read filled its buffer. More input is there, received straight into `ahead`.
            Ok(false) if *reading == Reading::Possible && self.is_plain(most) => {
                match self.receive(&transport.stream, most) {
                    Ok(received) if received.count > 0 => {
                        context.counters.bytes_read.add(received.count as u64);
                        transport.is_drained = received.is_all;
                        *reading = Reading::after(received.is_all);
                        Buffered::Some
                    }
                    // The next ordinary read meets the same condition.
                    Ok(_) | Err(_) => Buffered::Starved,
                }
            }
            Ok(false) => Buffered::Starved,
        }
    }

    /// Begins to wait for more content. Returns the time left to the client; `None` if it is spent.
    pub(super) fn wait(&mut self, transport: &Transport, now: Instant) -> Option<Duration> {
        if let (Some(before), Some(moved)) = (&mut self.below, transport.stream.moved_below(Interest::Read)) {
            self.reception.pace.moved_to(moved, before);
        }
        let left = self.reception.pace.left()?;
        self.since = Some(now);
        Some(left)
    }

    /// Restarts the wait. The time until now was spent on sending, perhaps of `100 Continue`.
    pub(super) fn restart_wait(&mut self) {
        self.since = None;
    }

    /// Ends the buffering: the handler reads the rest.
    pub(super) fn end(self) -> Pending {
        let Self { head, exchange, reception, line, .. } = self;
        Pending { head, exchange, reception: Some(reception), line, permit: None }
    }

    /// Counts the content as refused. Returns the refusal of the request.
    pub(super) fn refuse(self, error: ProtocolError, client: &Client, context: &WorkerContext) -> RefusedRequest {
        context.counters.count_content(error);
        context.counters.content_read.add(self.reception.decoder.produced());
        let is_head = self.head.method == Method::HEAD;
        let asked = Some(Box::new(AskedRequest::refused(self.head, client.sender())));
        RefusedRequest { error, asked, is_head, line: self.line }
    }

    /// Returns the bytes of memory held.
    pub(super) fn held(&self) -> usize {
        self.head.held() + self.reception.held() + self.line.held()
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
        } else if count > 0 {
            pace.pardon();
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
            match below {
                None => pace.moved(step.consumed),
                // The next wait counts the bytes below TLS.
                Some(_) => pace.pardon(),
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
