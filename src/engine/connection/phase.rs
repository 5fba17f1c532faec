//! The phases of a connection, and the outcomes of each step.

use std::sync::Arc;
use std::time::Duration;

use super::ClientConnection;
use super::body_buffer::Gathering;
use super::exchange::Pending;
use super::sending::Sending;
use crate::h1::decode::Decoder;
use crate::h1::head::Scan;
use crate::message::body::Upgrade;
use crate::net::poll::Interest;

/// The event a connection waits for.
#[derive(Debug)]
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
    /// A client slow to read the answer.
    Send(Box<Sending>),
    /// The rest of content left by the handler, at most `left` bytes, before the next request.
    Drain { decoder: Box<Decoder>, left: u64 },
    /// The client's close after the last answer, and at most `left` bytes before.
    Linger { left: u64 },
}

/// The action for a connection unable to advance.
pub(crate) enum Verdict {
    /// Park until there is input, or room to write.
    Park,
    /// Requeue: the connection could go on, but has used up the steps.
    Again,
    /// Queue the request for a worker.
    Work,
    /// Close.
    Close,
    /// Leave HTTP.
    Upgrade(Upgrade),
}

/// The result of an exchange.
pub(super) enum Next {
    /// Read the next head.
    Head,
    Content(Box<Gathering>),
    /// Wait for a thread to run the handler, with this verdict until then.
    Ready(Box<Pending>, Verdict),
    Drain(Box<Decoder>),
    Verdict(Verdict),
}

/// The state of the socket before a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Input was reported, or is so likely that a short wait pays.
    Expected,
    /// The last read may have left input. The poller will not report that input.
    Possible,
    /// The last read emptied the socket: new input will be reported.
    Reported,
}

impl Reading {
    pub(super) fn after(is_drained: bool) -> Self {
        if is_drained { Self::Reported } else { Self::Possible }
    }
}

/// The outcome of a step.
pub(super) enum Step {
    On,
    /// The phase needs input.
    Starved,
    Verdict(Verdict),
}

impl ClientConnection {
    /// True if no byte of a PROXY header, of a TLS handshake, or of a first head has come.
    pub(in crate::engine) fn is_silent(&self) -> bool {
        let has_begun = match &self.phase {
            Phase::Proxy => !self.input.is_empty(),
            Phase::Handshake(_) => self.stream.moved_below(Interest::Read).is_some_and(|bytes| bytes > 0),
            Phase::Head(scan) => scan.has_begun(),
            Phase::Content(_) | Phase::Ready(_) | Phase::Send(_) | Phase::Drain { .. } | Phase::Linger { .. } => true,
        };
        self.answered == 0 && !has_begun
    }

    /// True if the socket has input or the end of input to read.
    pub(in crate::engine) fn has_unread_input(&self) -> bool {
        matches!(self.stream.wait(Interest::Read, Duration::ZERO), Ok(true))
    }

    /// True if the connection waits for a head, or the rest of one, so another engine may take
    /// over.
    pub(in crate::engine) fn may_move(&self) -> bool {
        let waits = matches!(self.phase, Phase::Proxy | Phase::Handshake(_) | Phase::Head(_));
        // A body that still holds the stream may be watched elsewhere.
        waits && !self.has_ended && Arc::strong_count(&self.stream) == 1
    }
}
