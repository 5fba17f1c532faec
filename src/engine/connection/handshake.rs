//! The TLS handshake of a connection: a phase that waits without a thread.
//!
//! The handshake has one deadline, counted from the accept. If the server sends only after the
//! deadline, the client gets the same time again for the answer. A failed handshake is an ordinary
//! event, counted and logged, and the client gets an alert if TLS has one. A client of plain HTTP
//! is answered in HTTP.

use std::time::Instant;

use super::phase::{Reading, Step};
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::h1::error::ProtocolError;
use crate::h1::head::Scan;
use crate::net::poll::Interest;
use crate::net::stream::Stream;
use crate::net::tls::secure::Handshake;

impl Phase {
    /// Returns the first phase of a connection over `stream`.
    pub(super) fn first(stream: &Stream) -> Self {
        match stream.secure() {
            Some(_) => Self::Handshake(Interest::Read),
            None => Self::Head(Scan::default()),
        }
    }
}

impl ClientConnection {
    /// Begins TLS or HTTP, after any PROXY header in clear.
    pub(super) fn begin_talk(&mut self) {
        self.phase = Phase::first(&self.stream);
        if let Some(secure) = self.stream.secure() {
            secure.begin_with(self.input.unread());
            self.input.clear();
        }
    }

    /// Advances the handshake as far as possible.
    pub(super) fn shake_hands(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Step {
        let Some(secure) = self.stream.secure() else { return Step::Verdict(Verdict::Close) };
        // Input behind the end of the handshake will not be reported again.
        self.is_drained = false;
        let stepped = secure.handshake();
        let has_spoken = secure.moved(Interest::Write) > self.below[1];
        match stepped {
            Handshake::Done => {
                self.phase = Phase::Head(Scan::default());
                self.deadline = Instant::now() + context.config.header_timeout;
                *reading = Reading::Possible;
                Step::On
            }
            Handshake::Read => {
                self.phase = Phase::Handshake(Interest::Read);
                if has_spoken {
                    self.restart_handshake(context);
                }
                self.is_drained = true;
                Step::Verdict(Verdict::Park)
            }
            Handshake::Write => {
                self.phase = Phase::Handshake(Interest::Write);
                Step::Verdict(Verdict::Park)
            }
            Handshake::Again => Step::Verdict(Verdict::Again),
            Handshake::Plain => Step::Verdict(self.refuse(ProtocolError::NotTls, context)),
            Handshake::Failed(reason) => {
                self.note_failed_handshake(&reason, context);
                // Not closed at once: a reset would destroy the alert.
                Step::Verdict(self.half_close(context))
            }
        }
    }

    /// Renews the deadline if the server was late. Only output of the server renews the deadline, a
    /// few times in a handshake, so a trickle from the client gains nothing.
    fn restart_handshake(&mut self, context: &WorkerContext) {
        let now = Instant::now();
        if now >= self.deadline {
            self.deadline = now + context.config.handshake_timeout;
        }
    }

    /// Counts the bytes moved below TLS.
    pub(super) fn note_below(&mut self, context: &WorkerContext) {
        let Some(secure) = self.stream.secure() else { return };
        let now = [secure.moved(Interest::Read), secure.moved(Interest::Write)];
        let [read, written] = [now[0] - self.below[0], now[1] - self.below[1]];
        context.counters.tls_bytes_read.add(read);
        context.counters.tls_bytes_written.add(written);
        self.below = now;
    }

    /// Ends a handshake whose time is over. No message to the client is possible.
    pub(super) fn give_up_handshake(&self, context: &WorkerContext) -> Verdict {
        context.counters.count_late(Late::Handshake);
        self.note_failed_handshake("it takes too long", context);
        Verdict::Close
    }

    fn note_failed_handshake(&self, reason: &str, context: &WorkerContext) {
        context.counters.handshakes_failed.add(1);
        match &self.peer {
            Some(peer) => log::debug!("no TLS with {peer}: {reason}"),
            None => log::debug!("no TLS: {reason}"),
        }
    }
}
