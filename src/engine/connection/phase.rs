//! The phases of a connection, and the outcomes of each step.

use std::time::Instant;

use super::body_buffer::Gathering;
use super::client::Client;
use super::finished::FinishedExchange;
use super::linger::{Drain, Linger};
use super::pending::Pending;
use super::sending::Sending;
use super::session::ParkedSession;
use super::streaming::Streaming;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::live::Live;
use crate::h1::head::Scan;
use crate::message::body::ServeUpgraded;
use crate::net::poll::Interest;

/// The event a connection waits for.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// A PROXY header, or the rest of one.
    Proxy,
    /// A TLS handshake, and the readiness needed.
    Handshake(Interest),
    /// A head, or the rest of one.
    Head(Scan),
    /// Content buffered before the handler runs.
    Content(Box<Gathering>),
    /// A thread to run the handler.
    Ready(Box<Pending>),
    /// No event: a worker conducts an exchange.
    #[default]
    Exchange,
    /// A client slow to read output, and the step after it.
    Send(Box<Sending>, Then),
    /// More content from a channel.
    Stream(Box<Streaming>),
    /// No event of HTTP: the connection has left HTTP, and its function waits for events.
    Session(Box<ParkedSession>),
    /// The rest of content left by the handler, before the next request.
    Drain(Drain),
    /// The client's close after the last answer.
    Linger(Linger),
}

/// The step after all output is sent.
#[derive(Debug)]
pub(super) enum Then {
    /// Concludes the exchange.
    Conclude(Box<FinishedExchange>),
    /// Resumes the earlier phase, with the earlier deadline.
    Resume(Box<Phase>, Instant),
    /// Half-closes and lingers.
    Linger,
    /// Closes the connection, as the client expects; lingers if the client has sent more.
    Finish,
    /// Closes the connection.
    Close,
}

/// The action for a connection unable to advance.
pub(crate) enum Verdict {
    /// Park until there is input, or room to write.
    Park,
    /// Requeue: the connection could go on, but has used up the steps.
    Again,
    /// Advance at the end of the round, to send the answer that was put off.
    Unsent,
    /// Queue the request for a worker.
    Work,
    /// Close.
    Close,
    /// Leave HTTP, for a function on a thread.
    Upgrade(ServeUpgraded),
}

/// The outcome of a step.
pub(super) enum Step {
    On,
    /// The phase needs input.
    Starved,
    Verdict(Verdict),
}

impl Phase {
    /// True if a head is awaited and no byte of it has been received.
    pub(super) fn is_unbegun_head(&self) -> bool {
        matches!(self, Self::Head(scan) if !scan.has_begun())
    }

    /// Counts and logs an answer whose content does not come to its end.
    pub(super) fn break_off(self, context: &mut WorkerContext) {
        self.break_off_with(0, context);
    }

    fn break_off_with(self, waiting: u64, context: &mut WorkerContext) {
        if let Self::Stream(streaming) = self {
            // Output that still waits is content, but for its framing.
            let sent = streaming.live.sent().saturating_sub(waiting);
            streaming.done.break_off(sent, context);
        }
    }

    /// Ends the record of an exchange that a stop or a departure of the client cuts.
    pub(super) fn end_record(self) {
        match self {
            Self::Stream(streaming) => {
                let sent = streaming.live.sent();
                streaming.done.cut(sent);
            }
            Self::Send(sending, Then::Conclude(done)) => {
                let sent = done.sent(sending.unsent());
                done.cut(sent);
            }
            Self::Send(_, Then::Resume(phase, _)) => phase.end_record(),
            Self::Content(gathering) => gathering.line.cut(None),
            Self::Ready(pending) => pending.line.cut(None),
            _ => {}
        }
    }

    /// Returns the bytes of memory held for an incomplete request.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Content(gathering) => gathering.held(),
            Self::Ready(pending) => pending.held(),
            Self::Drain(drain) => drain.held(),
            Self::Send(_, then) => then.held(),
            Self::Stream(streaming) => streaming.held(),
            Self::Session(session) => session.held(),
            Self::Proxy | Self::Handshake(_) | Self::Head(_) | Self::Exchange | Self::Linger(_) => 0,
        }
    }
}

impl Then {
    /// Returns the name of the request whose answer is being sent, for log lines.
    pub(super) fn name(&self, client: &Client) -> String {
        match self {
            Self::Conclude(done) if done.name.is_some() => done.name.as_deref().unwrap_or_default().to_owned(),
            _ => format!("earlier requests from {client}"),
        }
    }

    /// Returns the stream to be resumed, if so.
    pub(super) fn stream(&self) -> Option<&Live> {
        match self {
            Self::Resume(phase, _) => match &**phase {
                Phase::Stream(streaming) => Some(&streaming.live),
                _ => None,
            },
            _ => None,
        }
    }

    /// True if no output follows.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Linger | Self::Finish | Self::Close)
    }

    /// True if the output being sent may be the last of the connection.
    pub(super) fn may_be_last(&self) -> bool {
        match self {
            Self::Conclude(done) => !done.is_upgrade(),
            Self::Resume(phase, _) => !matches!(**phase, Phase::Stream(_) | Phase::Session(_)),
            Self::Linger | Self::Finish | Self::Close => true,
        }
    }

    /// Makes the output being sent the last of the connection.
    pub(super) fn be_last(&mut self) {
        match self {
            Self::Conclude(done) => done.be_last(),
            Self::Resume(phase, _) => {
                let phase = std::mem::replace(&mut **phase, Phase::Exchange);
                *self = Self::Linger;
                match phase {
                    Phase::Content(gathering) => gathering.line.cut(None),
                    Phase::Ready(pending) => pending.line.cut(None),
                    _ => {}
                }
            }
            Self::Linger | Self::Finish | Self::Close => {}
        }
    }

    /// Counts and logs the answer being sent as broken off, with `unsent` bytes of content left and
    /// `waiting` bytes of output gathered.
    pub(super) fn break_off(self, unsent: u64, waiting: u64, context: &mut WorkerContext) {
        match self {
            Self::Conclude(done) => {
                let sent = done.sent(unsent);
                done.break_off(sent, context);
            }
            Self::Resume(phase, _) => phase.break_off_with(waiting, context),
            Self::Linger | Self::Finish | Self::Close => {}
        }
    }

    /// Returns the bytes freed if the output being sent becomes the last.
    pub(super) fn spares(&self) -> usize {
        match self {
            Self::Conclude(done) => done.unread(),
            Self::Resume(phase, _) => phase.held(),
            Self::Linger | Self::Finish | Self::Close => 0,
        }
    }

    fn held(&self) -> usize {
        match self {
            Self::Conclude(done) => done.held(),
            Self::Resume(phase, _) => phase.held(),
            Self::Linger | Self::Finish | Self::Close => 0,
        }
    }
}
