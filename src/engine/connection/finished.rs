//! The end of an exchange, and the next step of the connection.

use std::fmt;

use http::StatusCode;

use super::access_log::Line;
use super::session::ParkedSession;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::input::InputBuffer;
use crate::h1::decode::Decoder;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::ServeUpgraded;

/// The step of the connection after an exchange.
pub(super) enum Ending {
    /// Read the next head.
    Head,
    /// Drop the rest of the content.
    Drain(Box<Decoder>),
    /// Send all, half-close, and wait for the client to close.
    Linger,
    /// Send all, and close.
    Finish,
    /// Leave HTTP.
    Upgrade(Departure),
}

/// The service of a connection that leaves HTTP.
pub(super) enum Departure {
    /// By a function on a thread.
    Thread(ServeUpgraded),
    /// By a function called for each event.
    Parked(Box<ParkedSession>),
}

/// An exchange whose answer is complete, but perhaps unsent.
#[derive(Debug)]
pub(super) struct FinishedExchange {
    pub(super) exchange: Exchange,
    pub(super) content: Unread,
    pub(super) answer: Answer,
    pub(super) line: Line,
    /// The name of the request in log lines, if the answer waits for the client.
    pub(super) name: Option<Box<str>>,
}

impl FinishedExchange {
    /// Counts and logs the answer, which is sent or gathered, and broken off if a stop has cut the
    /// connection before it could be sent. Returns the next step of the connection; `input` is the
    /// input behind the request.
    pub(super) fn conclude(self, input: &InputBuffer, context: &mut WorkerContext) -> Ending {
        if context.service.preemption.is_cut() && !context.gathered.is_empty() {
            // The answer came after the stop had cut the connection, and cannot be sent.
            break_off(self.line, None, context);
            return Ending::Finish;
        }
        let Self { exchange, content, answer, line, .. } = self;
        context.counters.answered.add(1);
        context.counters.count_answer(answer.status);
        if let Some(route) = line.route {
            context.counters.routes.count_answer(route, answer.status);
        }
        context.counters.content_written.add(answer.length);
        context.meter.made(line.begun, line.route);
        if context.gathered.is_empty() {
            // All output is sent, and the next step may take long.
            context.meter.settle(&context.counters);
        }
        line.end(answer.status, answer.length);
        if let Unread::Elsewhere = content {
            // Another thread still reads the content, so the next request cannot be found.
            return Ending::Finish;
        }
        if let Some(upgrade) = answer.upgrade {
            return Ending::Upgrade(upgrade);
        }
        let reason = exchange.close_reason();
        if let Some(reason) = reason {
            log::trace!("closing after this exchange: {reason:?}");
        }
        let is_expected = matches!(reason, Some(CloseReason::ClientAsked | CloseReason::ClientVersion));
        match content {
            Unread::Nothing if exchange.is_persistent() => Ending::Head,
            Unread::Here { decoder, failed: false } if exchange.is_persistent() => Ending::Drain(decoder),
            // The client expected the close, and a close with no unread input causes no reset.
            Unread::Nothing if is_expected && input.is_empty() => Ending::Finish,
            _ => Ending::Linger,
        }
    }

    /// Counts and logs the answer as broken off after `sent` bytes of content.
    pub(super) fn break_off(self, sent: u64, context: &mut WorkerContext) {
        break_off(self.line, Some((self.answer.status, sent)), context);
    }

    /// Logs the answer as broken off after `sent` bytes of content.
    pub(super) fn cut(self, sent: u64) {
        self.line.cut(Some((self.answer.status, sent)));
    }

    /// The bytes of content sent, of an answer whose `unsent` bytes are left.
    pub(super) fn sent(&self, unsent: u64) -> u64 {
        self.answer.length.saturating_sub(unsent)
    }

    /// Makes the answer the last, and drops any further input of the client.
    pub(super) fn be_last(&mut self) {
        self.exchange.close(CloseReason::UnreadContent);
        if let Unread::Nothing | Unread::Here { .. } = self.content {
            self.content = Unread::Dropped;
        }
    }

    /// True if the answer switches to another protocol.
    pub(super) fn is_upgrade(&self) -> bool {
        self.answer.upgrade.is_some()
    }

    /// Returns the approximate bytes of memory held, beside the unsent output and the name, which
    /// is short.
    pub(super) fn held(&self) -> usize {
        // Memory that the closure points to belongs to the handler.
        let upgrade = match &self.answer.upgrade {
            Some(Departure::Thread(serve)) => size_of_val(&**serve),
            Some(Departure::Parked(_)) | None => 0,
        };
        self.line.held() + self.unread() + upgrade
    }

    /// Returns the bytes of memory held for unread content.
    pub(super) fn unread(&self) -> usize {
        match &self.content {
            Unread::Here { decoder, .. } => decoder.held(),
            Unread::Nothing | Unread::Dropped | Unread::Elsewhere => 0,
        }
    }
}

/// The unread content of a request.
#[derive(Debug)]
pub(super) enum Unread {
    Nothing,
    /// The content is still to come; `failed` if a part was in error.
    Here {
        decoder: Box<Decoder>,
        failed: bool,
    },
    /// The content was dropped for lack of memory.
    Dropped,
    /// Another thread still reads the content.
    Elsewhere,
}

/// The facts of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Bytes of content.
    pub(super) length: u64,
    pub(super) upgrade: Option<Departure>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Counts and logs a broken-off answer: the status and the bytes of content that went out, if known.
pub(super) fn break_off(line: Line, answer: Option<(StatusCode, u64)>, context: &mut WorkerContext) {
    context.counters.broken_off.add(1);
    context.meter.made(line.begun, line.route);
    line.cut(answer);
}
