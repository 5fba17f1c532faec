//! The TLS handshake of a connection: a phase that waits without a thread.
//!
//! The handshake has one deadline, counted from the accept. If the server sends only after the
//! deadline, the client gets the same time again for the answer. A failed handshake is an ordinary
//! event, counted and logged, and the client gets an alert if TLS has one. A client of plain HTTP
//! is answered in HTTP.

use super::client::Client;
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::net::poll::Interest;
use crate::net::tls::secure;

/// The progress of a handshake.
pub(super) enum Shaken {
    Done,
    /// The handshake waits for the client. True if the server has sent something now.
    Waits(Interest, bool),
    /// The handshake goes on, but others wait for the thread.
    Again,
    /// The client speaks plain HTTP.
    Plain,
    /// The handshake has failed. An alert may be on the way.
    Failed,
    /// The connection has no TLS.
    Missing,
}

/// Advances the handshake as far as possible.
pub(super) fn advance(transport: &mut Transport, client: &Client, context: &WorkerContext) -> Shaken {
    let Some(secure) = transport.stream.secure() else { return Shaken::Missing };
    let step = secure.handshake();
    // Input behind the end of the handshake will not be reported again.
    transport.is_drained = matches!(step, secure::Handshake::Read);
    match step {
        secure::Handshake::Done => Shaken::Done,
        secure::Handshake::Read => Shaken::Waits(Interest::Read, transport.has_spoken()),
        secure::Handshake::Write => Shaken::Waits(Interest::Write, false),
        secure::Handshake::Again => Shaken::Again,
        secure::Handshake::Plain => Shaken::Plain,
        secure::Handshake::Failed(reason) => {
            note_failure(client, &reason, context);
            Shaken::Failed
        }
    }
}

/// Counts and logs a failed handshake.
pub(super) fn note_failure(client: &Client, reason: &str, context: &WorkerContext) {
    context.counters.handshakes_failed.add(1);
    log::debug!("TLS handshake with {client} failed: {reason}; connection closed");
}
