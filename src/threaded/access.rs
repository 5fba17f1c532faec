//! The access log: one line for each exchange, in the Combined Log Format and the time it took.
//!
//! Over a Unix socket the address is `unix:`, and the third column is the user whom `peercreds` found: the name where
//! `peercreds_resolve` finds one, else the number.
//!
//! The lines are records of level `Info` under the target `drupe::access`; nothing is formatted unless somebody listens.

use std::fmt::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, StatusCode, Version};

use crate::address::{Credentials, Peer};
use crate::h1::head::RequestHead;

/// A line that is being made, if somebody listens.
#[derive(Debug)]
pub(super) struct Line(Option<Box<Begun>>);

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
        Self(Some(Box::new(Begun {
            request: quoted(text.as_bytes()),
            referer_and_agent: format!("{} {}", quoted(field(REFERER)), quoted(field(USER_AGENT))),
            peer: shown(peer, user),
            at: Instant::now(),
        })))
    }

    /// A line for what is refused before there is a request to speak of.
    pub(super) fn refused(peer: Option<&Peer>) -> Self {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Self(None);
        }
        let nothing = || quoted(b"-");
        Self(Some(Box::new(Begun {
            request: nothing(),
            referer_and_agent: format!("{} {}", nothing(), nothing()),
            // Not by name: a thread that others wait for must not look one up.
            peer: shown(peer, |_| None),
            at: Instant::now(),
        })))
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
            "{} [{}] {} {status} {bytes} {} {:.6}",
            begun.peer,
            common_date(SystemTime::now()),
            begun.request,
            begun.referer_and_agent,
            begun.at.elapsed().as_secs_f64(),
        );
    }
}

/// The first three columns: the address, `-`, and who it is; over a Unix socket that is the user's name, or the number if there is none.
fn shown(peer: Option<&Peer>, name: impl Fn(&Credentials) -> Option<String>) -> String {
    match peer {
        Some(Peer::Tcp(address)) => format!("{} - -", address.ip()),
        Some(Peer::Unix(Some(who))) => match name(who) {
            Some(name) => format!("unix: - {name}"),
            None => format!("unix: - {}", who.uid),
        },
        Some(Peer::Unix(None)) => "unix: - -".to_owned(),
        None => "- - -".to_owned(),
    }
}

/// A user's name, if it can stand in a line as it is.
fn user(who: &Credentials) -> Option<String> {
    who.user().filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
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
    use crate::address::Names;

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
    fn the_first_columns_say_who_it_is() {
        static ODD: Names = Names {
            user: |uid| (uid < 9).then(|| ["alice", "", "a b", "a\nb", "é"][uid as usize % 5].to_owned()),
            group: |_| None,
            groups: |_, _| Vec::new(),
        };
        let over_unix = |uid, names| Some(Peer::Unix(Some(Credentials { pid: 7, uid, gid: 1, names })));
        for (peer, expected) in [
            (None, "- - -"),
            (Some(Peer::Tcp("[::1]:80".parse().unwrap())), "::1 - -"),
            (Some(Peer::Unix(None)), "unix: - -"),
            (over_unix(4_000_000_000, None), "unix: - 4000000000"),
            (over_unix(0, None), "unix: - 0"),
            (over_unix(0, Some(&ODD)), "unix: - alice"),
            (over_unix(1, Some(&ODD)), "unix: - 1"),
            (over_unix(2, Some(&ODD)), "unix: - 2"),
            (over_unix(3, Some(&ODD)), "unix: - 3"),
            (over_unix(4, Some(&ODD)), "unix: - 4"),
            (over_unix(9, Some(&ODD)), "unix: - 9"),
        ] {
            assert_eq!(shown(peer.as_ref(), user), expected);
        }
    }

    #[test]
    fn the_date_is_the_common_logs() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_359_845);
        assert_eq!(common_date(time), "22/Nov/2026:15:04:05 +0000");
    }
}
