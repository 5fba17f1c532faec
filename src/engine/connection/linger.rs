//! Early ends of a connection: a final answer, a half-close, and a wait while input is dropped.
//!
//! Closing at once would make the kernel reset the connection if the client is still sending, and a
//! reset destroys data not yet read by the client (RFC 9112 §9.6). With the wait, a client in the
//! middle of a large upload reads the whole `413`. The wait costs no thread: reported input is
//! dropped, for at most `max_linger_size` bytes and `linger_timeout`.

use std::mem;
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::{Method, StatusCode};

use super::access_log::Line;
use super::phase::{Next, Step};
use super::sending::Then;
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::h1::encode;
use crate::h1::error::ProtocolError;
use crate::h1::head::{self, Scan};

/// The error of a request, and whether the method is `HEAD`.
pub(super) struct RefusedRequest {
    pub(super) error: ProtocolError,
    pub(super) is_head: bool,
}

impl ClientConnection {
    /// Answers unread input with a client error, and lingers so that the client can read it.
    pub(super) fn refuse(&mut self, error: ProtocolError, context: &mut WorkerContext) -> Verdict {
        let is_head = head::is_of_head(self.input.unread());
        self.refuse_as(Line::refused(self.peer.as_ref()), RefusedRequest { error, is_head }, context)
    }

    /// Refuses as [`refuse`](Self::refuse) does, with a given log record.
    pub(super) fn refuse_as(&mut self, line: Line, refused: RefusedRequest, context: &mut WorkerContext) -> Verdict {
        let RefusedRequest { error, is_head } = refused;
        context.counters.refused.add(1);
        context.counters.count_answer(error.status());
        match &self.peer {
            Some(peer) => log::debug!("refused {peer}: {error} ({})", error.section()),
            None => log::debug!("refused: {error} ({})", error.section()),
        }
        self.answer_refusal(error, is_head, context);
        line.end(Some((error.status(), 0)));
        self.begin_linger(context)
    }

    /// Gathers the answer to an error.
    pub(super) fn answer_refusal(&self, error: ProtocolError, is_head: bool, context: &mut WorkerContext) {
        let config = &context.config;
        let stamp = context.clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
        let (version, reason) = (config.protocol_version, error.to_string());
        let length = encode::refusal(&mut context.gathered, version, error.status(), &reason, None, is_head, &stamp);
        context.counters.content_written.add(length);
    }

    /// Answers 503 for lack of capacity, and lingers. Before a TLS handshake nothing can be sent.
    pub(crate) fn turn_away(&mut self, context: &mut WorkerContext) -> Verdict {
        context.service.turned_away.fetch_add(1, Ordering::Relaxed);
        if self.stream.secure().is_some() && matches!(self.phase, Phase::Proxy | Phase::Handshake(_)) {
            return Verdict::Close;
        }
        let (line, is_head) = match mem::replace(&mut self.phase, Phase::Head(Scan::default())) {
            Phase::Ready(pending) => (pending.line, pending.head.method == Method::HEAD),
            _ => (Line::refused(self.peer.as_ref()), head::is_of_head(self.input.unread())),
        };
        let config = &context.config;
        let stamp = context.clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
        let (status, version) = (StatusCode::SERVICE_UNAVAILABLE, config.protocol_version);
        let reason = "the server is busy";
        let length =
            encode::refusal(&mut context.gathered, version, status, reason, Some(RETRY_AFTER_SECS), is_head, &stamp);
        context.counters.content_written.add(length);
        context.counters.count_answer(status);
        line.end(Some((status, 0)));
        self.begin_linger(context)
    }

    /// Sends the gathered output, half-closes, and waits for the client to close.
    pub(super) fn begin_linger(&mut self, context: &mut WorkerContext) -> Verdict {
        // The received input is ignored.
        self.input.clear();
        self.flush_then(Then::Linger, context)
    }

    /// Half-closes once all is sent.
    pub(super) fn half_close(&mut self, context: &WorkerContext) -> Verdict {
        if self.has_ended || self.stream.shutdown(Shutdown::Write).is_err() {
            return Verdict::Close;
        }
        self.input.clear();
        let config = &context.config;
        self.phase = Phase::Linger { left: config.max_linger_size };
        self.deadline = Instant::now() + config.linger_timeout;
        // Input in the socket must be dropped before more is reported.
        if self.is_drained { Verdict::Park } else { Verdict::Again }
    }

    /// True if a stop leaves the connection time to end. Closing now, while the client may still be
    /// sending, would cause a reset.
    pub(in crate::engine) fn is_to_end_well(&self) -> bool {
        self.is_under_way() || matches!(self.phase, Phase::Linger { .. } | Phase::Drain { .. })
    }

    /// Drops received content. Too much or malformed content ends the connection.
    pub(super) fn drain(&mut self, context: &mut WorkerContext) -> Step {
        let Phase::Drain { decoder, left } = &mut self.phase else { return Step::On };
        let mut hole = [0; 4096];
        while !decoder.is_ended() {
            match decoder.decode(self.input.unread(), &mut hole) {
                Ok(step) if step.consumed > 0 => {
                    self.input.consume(step.consumed);
                    context.counters.content_read.add(step.produced as u64);
                    *left = left.saturating_sub(step.consumed as u64);
                }
                Ok(_) if *left > 0 => return Step::Starved,
                Ok(_) | Err(_) => return Step::Verdict(self.begin_linger(context)),
            }
            if *left == 0 && !decoder.is_ended() {
                return Step::Verdict(self.begin_linger(context));
            }
        }
        self.settle(Next::Head, context)
    }

    /// Drops received input.
    pub(super) fn linger(&mut self) -> Step {
        let Phase::Linger { left } = &mut self.phase else { return Step::On };
        *left = left.saturating_sub(self.input.unread().len() as u64);
        self.input.clear();
        if *left == 0 { Step::Verdict(Verdict::Close) } else { Step::Starved }
    }
}

/// The `Retry-After` seconds for a client turned away.
const RETRY_AFTER_SECS: u64 = 1;
