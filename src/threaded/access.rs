//! The access log: one line for each exchange, in the Combined Log Format and the time it took.
//!
//! The lines are records of level `Info` under the target `drupe::access`; nothing is formatted unless somebody listens.

use std::fmt::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, StatusCode, Version};

use crate::address::Peer;
use crate::h1::head::RequestHead;

/// A line that is being made, if somebody listens.
#[derive(Debug)]
pub(super) struct Line(Option<Begun>);

#[derive(Debug)]
struct Begun {
    /// Everything that the request says, before a handler could change it.
    request: String,
    referer_and_agent: String,
    peer: String,
    at: Instant,
}

impl Line {
    /// Notes what a request asks.
    pub(super) fn begin(peer: Option<&Peer>, head: &RequestHead) -> Self {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Self(None);
        }
        let version = if head.version == Version::HTTP_10 { "1.0" } else { "1.1" };
        let text = format!("{} {} HTTP/{version}", head.method, head.target);
        let field = |name: HeaderName| head.fields.get(name).map_or(&b"-"[..], |value| value.as_bytes());
        Self(Some(Begun {
            request: quoted(text.as_bytes()),
            referer_and_agent: format!("{} {}", quoted(field(REFERER)), quoted(field(USER_AGENT))),
            peer: shown(peer),
            at: Instant::now(),
        }))
    }

    /// A line for what is refused before there is a request to speak of.
    pub(super) fn refused(peer: Option<&Peer>) -> Self {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Self(None);
        }
        let nothing = || quoted(b"-");
        Self(Some(Begun {
            request: nothing(),
            referer_and_agent: format!("{} {}", nothing(), nothing()),
            peer: shown(peer),
            at: Instant::now(),
        }))
    }

    /// Writes it. `answer`: the status and the bytes of content, unless the answer broke off.
    pub(super) fn end(self, answer: Option<(StatusCode, u64)>) {
        let Some(begun) = self.0 else { return };
        let (status, bytes) = match answer {
            Some((status, bytes)) => (status.as_str().to_owned(), bytes.to_string()),
            None => ("-".to_owned(), "-".to_owned()),
        };
        log::info!(
            target: TARGET,
            "{} - - [{}] {} {status} {bytes} {} {:.6}",
            begun.peer,
            common_date(SystemTime::now()),
            begun.request,
            begun.referer_and_agent,
            begun.at.elapsed().as_secs_f64(),
        );
    }
}

fn shown(peer: Option<&Peer>) -> String {
    match peer {
        Some(Peer::Tcp(address)) => address.ip().to_string(),
        None => "-".to_owned(),
    }
}

/// Puts quotation marks around bytes of the peer, and makes what could forge a line or move a terminal visible.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b' '..=b'~' => text.push(byte as char),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

/// `22/Nov/2026:15:04:05 +0000`, by way of the HTTP date, which has the same parts in another order.
fn common_date(time: SystemTime) -> String {
    let text = httpdate::fmt_http_date(time.max(UNIX_EPOCH));
    // `Sun, 22 Nov 2026 15:04:05 GMT`
    let mut parts = text.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

const TARGET: &str = "drupe::access";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_of_the_peer_can_forge_a_line() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1"[..], r#""GET / HTTP/1.1""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\r\nb\x1b[31m\xff", r#""a\x0d\x0ab\x1b[31m\xff""#),
        ] {
            assert_eq!(quoted(bytes), expected);
        }
    }

    #[test]
    fn the_date_is_the_common_logs() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_359_845);
        assert_eq!(common_date(time), "22/Nov/2026:15:04:05 +0000");
    }
}
