//! The access log: one record for each exchange.
//!
//! The text is a line in the Combined Log Format and the duration. Over a Unix socket the address
//! is `unix:`, and the third column is the user found by `peercreds`: the name if
//! `peercreds_resolve` finds one, else the number. The same data are key-values for other formats:
//! `peer`, `user`, `method`, `target`, `version`, `status`, `bytes`, `referer`, `user_agent` (as
//! sent, not escaped, at most 4 KiB each) and `seconds`. Absent values are null.
//!
//! Records have level `Info` and target `drupe::access`. No record is made unless the logger
//! enables the level, and the line is formatted only if the logger writes it.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, Method, StatusCode, Version};

use crate::address::{Credentials, Peer};
use crate::h1::head::RequestHead;

/// A record being made, if the log is enabled.
#[derive(Debug)]
pub(super) struct Line {
    record: Option<Box<Begun>>,
    /// The start of the request, if the statistics want one.
    pub(super) begun: Option<Instant>,
}

#[derive(Debug)]
struct Begun {
    /// The request as received, before a handler can change it; `None` if refused unparsed.
    asked: Option<Asked>,
    peer: Option<Address>,
    /// The user of a Unix socket: the name, or the number if there is none.
    user: Option<String>,
    /// The credentials of a user whose name is still to be looked up.
    nameless: Option<Credentials>,
    at: Instant,
}

/// The logged parts of a request, copied, because the record may outlive the request's head.
#[derive(Debug)]
struct Asked {
    method: Method,
    target: String,
    version: &'static str,
    referer: Option<Box<[u8]>>,
    user_agent: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Tcp(IpAddr),
    Unix,
}

impl Line {
    /// Begins the record of a request.
    pub(super) fn begin(peer: Option<&Peer>, head: &RequestHead, begun: Option<Instant>) -> Self {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Self { record: None, begun };
        }
        let asked = Asked::of(head);
        let at = begun.unwrap_or_else(Instant::now);
        let nameless = match peer {
            Some(Peer::Unix(Some(who))) => Some(*who),
            _ => None,
        };
        let record = Begun { asked: Some(asked), peer: address(peer), user: user(peer, |_| None), nameless, at };
        Self { record: Some(Box::new(record)), begun }
    }

    /// Begins the record of input refused before parsing.
    pub(super) fn refused(peer: Option<&Peer>) -> Self {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Self { record: None, begun: None };
        }
        // No lookup of the name: other work may wait for this thread.
        let user = user(peer, |_| None);
        let record = Begun { asked: None, peer: address(peer), user, nameless: None, at: Instant::now() };
        Self { record: Some(Box::new(record)), begun: None }
    }

    /// Looks up the user's name. A lookup may be slow, so the thread must be a worker.
    pub(super) fn name_user(&mut self) {
        let Some(record) = &mut self.record else { return };
        if let Some(name) = record.nameless.take().as_ref().and_then(name) {
            record.user = Some(name);
        }
    }

    /// Returns the approximate bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let Some(asked) = self.record.as_ref().and_then(|record| record.asked.as_ref()) else { return 0 };
        let fields = [&asked.referer, &asked.user_agent].into_iter().flatten();
        asked.target.capacity() + fields.map(|field| field.len()).sum::<usize>()
    }

    /// Writes the record. `answer` is the status and the bytes of content, `None` if broken off.
    pub(super) fn end(self, answer: Option<(StatusCode, u64)>) {
        let Some(begun) = self.record else { return };
        let seconds = begun.at.elapsed().as_secs_f64();
        let asked = begun.asked.as_ref();
        log::info!(
            target: TARGET,
            peer = begun.peer.map(|peer| peer.to_string()).as_deref(),
            user = begun.user.as_deref(),
            method = asked.map(|asked| asked.method.as_str()),
            target = asked.map(|asked| asked.target.as_str()),
            version = asked.map(|asked| asked.version),
            status = answer.map(|(status, _)| status.as_u16()),
            bytes = answer.map(|(_, bytes)| bytes),
            referer = lossy(asked.and_then(|asked| asked.referer.as_deref())).as_deref(),
            user_agent = lossy(asked.and_then(|asked| asked.user_agent.as_deref())).as_deref(),
            seconds = seconds;
            "{}",
            Combined { begun: &begun, answer, seconds, now: SystemTime::now() }
        );
    }
}

impl Asked {
    fn of(head: &RequestHead) -> Self {
        let field = |name: HeaderName| {
            let value = head.fields.get(name)?.as_bytes();
            Some(Box::from(&value[..value.len().min(LONGEST)]))
        };
        Self {
            method: head.method.clone(),
            target: head.target.to_string(),
            version: if head.version == Version::HTTP_10 { "1.0" } else { "1.1" },
            referer: field(REFERER),
            user_agent: field(USER_AGENT),
        }
    }
}

/// Formats an exchange in the Combined Log Format, with the duration.
struct Combined<'l> {
    begun: &'l Begun,
    answer: Option<(StatusCode, u64)>,
    seconds: f64,
    now: SystemTime,
}

impl Display for Combined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.begun.peer {
            Some(peer) => write!(f, "{peer} - ")?,
            None => f.write_str("- - ")?,
        }
        write!(f, "{} [{}] ", self.begun.user.as_deref().unwrap_or("-"), common_date(self.now))?;
        let asked = self.begun.asked.as_ref();
        match asked {
            Some(asked) => {
                let line = format!("{} {} HTTP/{}", asked.method, asked.target, asked.version);
                write!(f, "{} ", Quoted(line.as_bytes()))?;
            }
            None => f.write_str("\"-\" ")?,
        }
        match self.answer {
            Some((status, bytes)) => write!(f, "{} {bytes}", status.as_str())?,
            None => f.write_str("- -")?,
        }
        let referer = asked.and_then(|asked| asked.referer.as_deref()).unwrap_or(b"-");
        let user_agent = asked.and_then(|asked| asked.user_agent.as_deref()).unwrap_or(b"-");
        write!(f, " {} {} {:.6}", Quoted(referer), Quoted(user_agent), self.seconds)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix => f.write_str("unix:"),
        }
    }
}

fn address(peer: Option<&Peer>) -> Option<Address> {
    Some(match peer? {
        Peer::Tcp(address) => Address::Tcp(address.ip()),
        Peer::Unix(_) => Address::Unix,
    })
}

fn user(peer: Option<&Peer>, name: impl Fn(&Credentials) -> Option<String>) -> Option<String> {
    match peer? {
        Peer::Unix(Some(who)) => Some(name(who).unwrap_or_else(|| who.uid.to_string())),
        _ => None,
    }
}

/// Returns a user's name if the name is safe in a log line.
fn name(who: &Credentials) -> Option<String> {
    who.user().filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Converts a field value to text, with replacement characters for invalid UTF-8.
fn lossy(value: Option<&[u8]>) -> Option<Cow<'_, str>> {
    value.map(String::from_utf8_lossy)
}

/// Formats the peer's bytes in quotation marks, and escapes bytes unsafe in a line or terminal.
struct Quoted<'b>(&'b [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for &byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", byte as char)?,
                b' '..=b'~' => write!(f, "{}", byte as char)?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Formats a date as `22/Nov/2026:15:04:05 +0000`, by reordering an HTTP date.
fn common_date(time: SystemTime) -> String {
    let text = httpdate::fmt_http_date(time.max(UNIX_EPOCH));
    // `Sun, 22 Nov 2026 15:04:05 GMT`
    let mut parts = text.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

const TARGET: &str = "drupe::access";
/// The most bytes kept of a field: more than browsers send.
const LONGEST: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::NameService;

    #[test]
    fn nothing_of_the_peer_can_forge_a_line() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1"[..], r#""GET / HTTP/1.1""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\r\nb\x1b[31m\xff", r#""a\x0d\x0ab\x1b[31m\xff""#),
        ] {
            assert_eq!(Quoted(bytes).to_string(), expected);
        }
    }

    #[test]
    fn kept_request_fields_are_truncated() {
        let fields = [(REFERER, "x".repeat(10_000)), (USER_AGENT, "y".repeat(10))];
        let fields = fields.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
        let (target, version) = ("/a".parse().unwrap(), Version::HTTP_11);
        let head = RequestHead { method: Method::GET, target, version, fields, length: 10_100 };
        let asked = Asked::of(&head);
        assert_eq!(asked.referer.as_deref(), Some("x".repeat(4096).as_bytes()));
        assert_eq!(asked.user_agent.as_deref(), Some(&b"yyyyyyyyyy"[..]));
    }

    #[test]
    fn first_columns_name_the_client() {
        static ODD: NameService = NameService {
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
            let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let peer = peer.as_ref();
            let columns = format!("{} - {}", shown(address(peer).map(|it| it.to_string())), shown(user(peer, name)));
            assert_eq!(columns, expected);
        }
    }

    #[test]
    fn the_date_is_the_common_logs() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_359_845);
        assert_eq!(common_date(time), "22/Nov/2026:15:04:05 +0000");
    }
}
