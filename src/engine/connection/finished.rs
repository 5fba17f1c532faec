//! The end of an exchange: its answer is made, and perhaps not yet out; what becomes of the connection then.

use std::fmt;

use http::StatusCode;

use super::access_log::Line;
use super::phase::Next;
use super::sending::Then;
use super::{ClientConnection, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::h1::decode::Decoder;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::Upgrade;

impl ClientConnection {
    /// Says what follows an answer that is out or gathered.
    pub(super) fn conclude(&mut self, done: FinishedExchange, context: &mut WorkerContext) -> Next {
        let FinishedExchange { exchange, content, answer, line } = done;
        self.answered += 1;
        if !context.service.is_over() {
            context.counters.answered.add(1);
            context.counters.count_answer(answer.status);
            context.counters.content_written.add(answer.length);
        }
        context.meter.made(line.begun);
        if context.gathered.is_empty() {
            // It is out, and what comes next may take its time.
            context.meter.settle(&context.counters);
        }
        line.end(Some((answer.status, answer.length)));
        if let Unread::Elsewhere = content {
            // Somebody still reads it on another thread; what comes next on this connection cannot be told apart.
            return Next::Verdict(Verdict::Close);
        }
        if let Some(upgrade) = answer.upgrade {
            return Next::Verdict(Verdict::Upgrade(upgrade));
        }
        self.next(&exchange, content, context)
    }

    /// Says what follows an exchange that is over.
    fn next(&mut self, exchange: &Exchange, content: Unread, context: &mut WorkerContext) -> Next {
        if let Some(reason) = exchange.close_reason() {
            log::trace!("closing after this exchange: {reason:?}");
        }
        let is_expected =
            matches!(exchange.close_reason(), Some(CloseReason::ClientAsked | CloseReason::ClientVersion));
        match content {
            Unread::Nothing if exchange.is_persistent() => Next::Head,
            Unread::Here { decoder, failed: false } if exchange.is_persistent() => Next::Drain(decoder),
            // The client knew that this was the last; nothing lies unread that a close would answer with a reset.
            Unread::Nothing if is_expected && self.input.is_empty() => {
                Next::Verdict(self.flush_then(Then::Close, context))
            }
            _ => Next::Verdict(self.begin_linger(context)),
        }
    }
}

/// An exchange whose answer is made, and perhaps not yet out.
#[derive(Debug)]
pub(super) struct FinishedExchange {
    pub(super) exchange: Exchange,
    pub(super) content: Unread,
    pub(super) answer: Answer,
    pub(super) line: Line,
}

impl FinishedExchange {
    /// Enters that the answer has broken off.
    pub(super) fn break_off(self, context: &mut WorkerContext) {
        break_off(self.line, context);
    }

    /// Has its answer be the last, and keeps nothing of what its client has sent beyond it.
    pub(super) fn be_last(&mut self) {
        self.exchange.close(CloseReason::UnreadContent);
        if let Unread::Nothing | Unread::Here { .. } = self.content {
            self.content = Unread::Dropped;
        }
    }

    /// Whether its answer begins something else than HTTP.
    pub(super) fn is_upgrade(&self) -> bool {
        self.answer.upgrade.is_some()
    }

    /// How much memory it keeps, about, beside what is to be sent.
    pub(super) fn held(&self) -> usize {
        // What the closure owns beyond itself is the handler's.
        let upgrade = self.answer.upgrade.as_ref().map_or(0, |serve| size_of_val(&**serve));
        self.line.held() + self.unread() + upgrade
    }

    /// How much of that is for content that nobody has read.
    pub(super) fn unread(&self) -> usize {
        match &self.content {
            Unread::Here { decoder, .. } => decoder.held(),
            Unread::Nothing | Unread::Dropped | Unread::Elsewhere => 0,
        }
    }
}

/// What of a request's content nobody has read.
#[derive(Debug)]
pub(super) enum Unread {
    Nothing,
    /// It is on its way; `failed` if what came of it was wrong.
    Here {
        decoder: Box<Decoder>,
        failed: bool,
    },
    /// There was no room for it.
    Dropped,
    /// Somebody still reads it on another thread.
    Elsewhere,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Bytes of content.
    pub(super) length: u64,
    pub(super) upgrade: Option<Upgrade>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Enters that an answer has broken off.
pub(super) fn break_off(line: Line, context: &mut WorkerContext) {
    context.counters.broken_off.add(1);
    context.meter.made(line.begun);
    line.end(None);
}
