//! How a conversation ends early: an answer of the server's own, our end of the stream, and patience with what still comes.
//!
//! Closing at once would make the kernel answer what the client is still sending with a reset, and a reset destroys what the client
//! has not read yet (RFC 9112 §9.6). So a client that is in the middle of a large upload reads the whole `413`. It costs no
//! thread: what comes is dropped as it is reported, `max_linger_size` bytes and `linger_timeout` at the most.

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

/// What was wrong with a request, and whether its answer has no content.
pub(super) struct RefusedRequest {
    pub(super) error: ProtocolError,
    pub(super) is_head: bool,
}

impl ClientConnection {
    /// Answers what stands unread with an error of the client's, and ends the conversation in a way that lets the client read it.
    pub(super) fn refuse(&mut self, error: ProtocolError, context: &mut WorkerContext) -> Verdict {
        let is_head = head::is_of_head(self.input.unread());
        self.refuse_as(Line::refused(self.peer.as_ref()), RefusedRequest { error, is_head }, context)
    }

    /// Answers so where there is more to be said of the request in the log.
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
        let (version, reason) = (config.protocol, error.to_string());
        let length = encode::refusal(&mut context.gathered, version, error.status(), &reason, None, is_head, &stamp);
        context.counters.content_written.add(length);
    }

    /// Tells a connection that there is no room for it, and waits for it to leave. Before a TLS handshake nothing can be told.
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
        let (status, version) = (StatusCode::SERVICE_UNAVAILABLE, config.protocol);
        let reason = "the server is busy";
        let length =
            encode::refusal(&mut context.gathered, version, status, reason, Some(RETRY_AFTER_SECS), is_head, &stamp);
        context.counters.content_written.add(length);
        context.counters.count_answer(status);
        line.end(Some((status, 0)));
        self.begin_linger(context)
    }

    /// Sends what is gathered, ends our side, and waits for the client to end its own.
    pub(super) fn begin_linger(&mut self, context: &mut WorkerContext) -> Verdict {
        // Nobody looks at what has come.
        self.input.clear();
        self.flush_then(Then::Linger, context)
    }

    /// Ends our side, now that all is sent.
    pub(super) fn half_close(&mut self, context: &WorkerContext) -> Verdict {
        if self.has_ended || self.stream.shutdown(Shutdown::Write).is_err() {
            return Verdict::Close;
        }
        self.input.clear();
        let config = &context.config;
        self.phase = Phase::Linger { left: config.linger_bytes };
        self.deadline = Instant::now() + config.linger_timeout;
        // What the socket holds has to be dropped before anything more is reported.
        if self.is_drained { Verdict::Park } else { Verdict::Again }
    }

    /// Whether a stop leaves it time, as it does for what is under way. To be closed now, while its client may still be sending, would be
    /// a reset like any other.
    pub(in crate::engine) fn is_to_end_well(&self) -> bool {
        self.is_under_way() || matches!(self.phase, Phase::Linger { .. } | Phase::Drain { .. })
    }

    /// Drops what there is of it; what is too much of it, or malformed, ends the connection.
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

    /// Drops what has come.
    pub(super) fn linger(&mut self) -> Step {
        let Phase::Linger { left } = &mut self.phase else { return Step::On };
        *left = left.saturating_sub(self.input.unread().len() as u64);
        self.input.clear();
        if *left == 0 { Step::Verdict(Verdict::Close) } else { Step::Starved }
    }
}

/// What a client that was turned away is told.
const RETRY_AFTER_SECS: u64 = 1;
