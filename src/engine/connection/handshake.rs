//! The TLS handshake of a connection: a phase that waits without a thread.
//!
//! The handshake has one deadline, counted from the accept. If the server sends only after the
//! deadline, the client gets the same time again for the answer. A failed handshake is an ordinary
//! event, counted and logged, and the client gets an alert if TLS has one. A client of plain HTTP
//! is answered in HTTP.

use std::time::Instant;

use super::client::Client;
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::service::notices::Notice;
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
        secure::Handshake::Plain => {
            context.service.notices.log(
                Notice::PlainHttp,
                Instant::now(),
                format_args!("plain HTTP from {client} on a TLS port; answering 400"),
            );
            Shaken::Plain
        }
        secure::Handshake::Failed(reason) => fail(Notice::FailedHandshake, client, &reason, context),
        secure::Handshake::Broken(reason) => fail(Notice::BrokenHandshake, client, &reason, context),
        secure::Handshake::Refused { certificate: None, reason } => {
            fail(Notice::MissingCertificate, client, &reason, context)
        }
        secure::Handshake::Refused { certificate: Some(certificate), reason } => {
            let subject = shown(&certificate.subject.to_string());
            let reason = format!("the client certificate of {subject} {}", shown(&reason));
            fail(Notice::RefusedCertificate, client, &reason, context)
        }
    }
}

fn fail(notice: Notice, client: &Client, reason: &str, context: &WorkerContext) -> Shaken {
    note_failure(notice, client, reason, context);
    Shaken::Failed
}

/// Counts and logs a handshake beyond its time limit.
pub(super) fn note_timeout(client: &Client, context: &WorkerContext) {
    context.counters.count_late(Late::Handshake);
    note_failure(Notice::BrokenHandshake, client, "handshake_timeout exceeded", context);
}

/// Counts a handshake beyond its time limit whose client has sent nothing.
pub(super) fn count_timeout(context: &WorkerContext) {
    context.counters.count_late(Late::Handshake);
    context.counters.handshakes_failed.add(1);
}

/// Counts and logs a failed handshake.
fn note_failure(notice: Notice, client: &Client, reason: &str, context: &WorkerContext) {
    context.counters.handshakes_failed.add(1);
    context.service.notices.log(
        notice,
        Instant::now(),
        format_args!("TLS handshake with {client} failed: {reason}; connection closed"),
    );
}

/// Makes a text with parts of a client's certificate fit for a log line: short, and without
/// characters that a terminal does not show.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.len() > LONGEST {
            shown.push_str("...");
            break;
        }
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    if shown.is_empty() { "an empty name".to_owned() } else { shown }
}

/// The most bytes of a text from a certificate, about.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_certificate_is_short_and_visible() {
        assert_eq!(shown("CN=Zo\u{eb} \"x\" \\0A"), "CN=Zo\u{eb} \"x\" \\0A");
        assert_eq!(shown("a\u{202e}b\n\u{1b}"), "a\\u{202e}b\\n\\u{1b}");
        assert_eq!(shown(""), "an empty name");
        assert!(shown(&"\u{202e}".repeat(100_000)).len() < 300);
    }
}
