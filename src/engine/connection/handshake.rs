//! The TLS handshake of a connection: a state like any other, which waits without a thread.
//!
//! It has one deadline, from the accept on. Where the server takes its turn only after that deadline, its client gets as much time
//! again for the answer. One that fails is an ordinary event: it is counted, it is a line in the log, and the client
//! is told as far as TLS has words for it. A client that speaks HTTP instead is told so in HTTP.

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
    /// What a connection over `stream` begins with.
    pub(super) fn first(stream: &Stream) -> Self {
        match stream.secure() {
            Some(_) => Self::Handshake(Interest::Read),
            None => Self::Head(Scan::default()),
        }
    }
}

impl ClientConnection {
    /// Begins what the connection is about, behind what a proxy has sent in clear.
    pub(super) fn begin_talk(&mut self) {
        self.phase = Phase::first(&self.stream);
        if let Some(secure) = self.stream.secure() {
            secure.begin_with(self.input.unread());
            self.input.clear();
        }
    }

    /// Goes on with the handshake as far as it gets.
    pub(super) fn shake_hands(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Step {
        let Some(secure) = self.stream.secure() else { return Step::Verdict(Verdict::Close) };
        // Whatever has come with its end will not be reported any more.
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
                // Not closed at once: the alert must not be lost to a reset.
                Step::Verdict(self.half_close(context))
            }
        }
    }

    /// Gives the client its time again if the server was late. Bytes of the client alone do not lead here, so a trickle gains
    /// nothing; a handshake has few turns of the server.
    fn restart_handshake(&mut self, context: &WorkerContext) {
        let now = Instant::now();
        if now >= self.deadline {
            self.deadline = now + context.config.handshake_timeout;
        }
    }

    /// Counts what has moved below TLS.
    pub(super) fn note_below(&mut self, context: &WorkerContext) {
        let Some(secure) = self.stream.secure() else { return };
        let now = [secure.moved(Interest::Read), secure.moved(Interest::Write)];
        let [read, written] = [now[0] - self.below[0], now[1] - self.below[1]];
        context.counters.tls_bytes_read.add(read);
        context.counters.tls_bytes_written.add(written);
        self.below = now;
    }

    /// Ends a handshake that has had its time. There is nothing that the client could be told.
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
