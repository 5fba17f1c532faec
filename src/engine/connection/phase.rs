//! The phases of a connection, and what each step of one leads to.

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

/// What a connection waits for.
#[derive(Debug)]
pub(super) enum Phase {
    /// A PROXY header, or the rest of it.
    Proxy,
    /// A TLS handshake, and what it waits for.
    Handshake(Interest),
    /// A head, or the rest of it.
    Head(Scan),
    /// Content that is received before the handler runs.
    Content(Box<Gathering>),
    /// A thread that may run its handler.
    Ready(Box<Pending>),
    /// A client that is slow to take its answer.
    Send(Box<Sending>),
    /// The rest of content that the handler did not want, `left` bytes at the most, to get at the next request.
    Drain { decoder: Box<Decoder>, left: u64 },
    /// The end of a client that has its last answer, `left` bytes at the most.
    Linger { left: u64 },
}

/// What is to be done with a connection that cannot go on by itself.
pub(crate) enum Verdict {
    /// It waits for input.
    Park,
    /// It could go on, but has had its share.
    Again,
    /// Its request waits for a worker.
    Work,
    /// It is over.
    Close,
    /// It leaves HTTP.
    Upgrade(Upgrade),
}

/// What an exchange leads to.
pub(super) enum Next {
    /// The next head.
    Head,
    Content(Box<Gathering>),
    /// A request that is at hand, and what is to be done with its connection until its handler runs.
    Ready(Box<Pending>, Verdict),
    Drain(Box<Decoder>),
    Verdict(Verdict),
}

/// What is known of the socket before a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Something has been reported, or is so likely to come that a short wait pays.
    Expected,
    /// The last read may have left something behind, which will not be reported.
    Possible,
    /// The last read left nothing: what comes will be reported.
    Reported,
}

impl Reading {
    pub(super) fn after(is_drained: bool) -> Self {
        if is_drained { Self::Reported } else { Self::Possible }
    }
}

/// How a phase got on.
pub(super) enum Step {
    On,
    /// It needs input.
    Starved,
    Verdict(Verdict),
}

impl ClientConnection {
    /// True if nothing has come of it at all: no byte of a PROXY header, of a TLS handshake, or of a first head.
    pub(in crate::engine) fn is_silent(&self) -> bool {
        let has_begun = match &self.phase {
            Phase::Proxy => !self.input.is_empty(),
            Phase::Handshake(_) => self.stream.moved_below(Interest::Read).is_some_and(|bytes| bytes > 0),
            Phase::Head(scan) => scan.has_begun(),
            Phase::Content(_) | Phase::Ready(_) | Phase::Send(_) | Phase::Drain { .. } | Phase::Linger { .. } => true,
        };
        self.answered == 0 && !has_begun
    }

    /// True if its socket has something to read, or its end: a request that has come is answered.
    pub(in crate::engine) fn has_unread_input(&self) -> bool {
        matches!(self.stream.wait(Interest::Read, Duration::ZERO), Ok(true))
    }

    /// Whether it waits for a request, or the rest of one's head, so that it does not matter who serves it.
    pub(in crate::engine) fn may_move(&self) -> bool {
        let waits = matches!(self.phase, Phase::Proxy | Phase::Handshake(_) | Phase::Head(_));
        // What a body still holds has another's watch on it.
        waits && !self.has_ended && Arc::strong_count(&self.stream) == 1
    }
}
