//! The text of a line of the access log, in the Combined Log Format.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Version;

use crate::address::Peer;
use crate::message::access::AccessRecord;

/// Formats an exchange in the Combined Log Format, with the duration and the notes of layers.
pub(super) struct CombinedLine<'l> {
    pub(super) record: &'l AccessRecord,
    pub(super) user: Option<&'l str>,
    /// The request line as sent, if refused for a part of it.
    pub(super) sent: Option<&'l [u8]>,
    pub(super) referer: Option<&'l [u8]>,
    pub(super) user_agent: Option<&'l [u8]>,
}

impl Display for CombinedLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let record = self.record;
        match address(record.client.as_ref()) {
            Some(peer) => write!(f, "{peer} - ")?,
            None => f.write_str("- - ")?,
        }
        write!(f, "{} [{}] ", Word(self.user.unwrap_or_default()), common_date(SystemTime::now()))?;
        match (&record.method, &record.target, record.version) {
            _ if self.sent.is_some() => write!(f, "{} ", Quoted(self.sent.unwrap_or(b"-")))?,
            (Some(method), Some(target), Some(of)) => {
                let line = format!("{method} {target} HTTP/{}", version(of));
                write!(f, "{} ", Quoted(line.as_bytes()))?;
            }
            _ => f.write_str("\"-\" ")?,
        }
        match (record.status, record.bytes) {
            (Some(status), Some(bytes)) => write!(f, "{} {bytes}", status.as_str())?,
            _ => f.write_str("- -")?,
        }
        let referer = self.referer.unwrap_or(b"-");
        let user_agent = self.user_agent.unwrap_or(b"-");
        let (seconds, micros) = (record.duration.as_secs(), record.duration.subsec_micros());
        write!(f, " {} {} {seconds}.{micros:06}", Quoted(referer), Quoted(user_agent))?;
        if let Some(id) = &record.id {
            write!(f, " id={}", Quoted(id.as_str().as_bytes()))?;
        }
        if let Some(route) = &record.route {
            write!(f, " route={}", Quoted(route.as_str().as_bytes()))?;
        }
        Ok(())
    }
}

pub(super) fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "1.0" } else { "1.1" }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(IpAddr),
    Unix,
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix => f.write_str("unix:"),
        }
    }
}

pub(super) fn address(peer: Option<&Peer>) -> Option<Address> {
    Some(match peer? {
        Peer::Tcp(address) => Address::Tcp(address.ip()),
        Peer::Unix(_) => Address::Unix,
    })
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

/// Formats a column without quotation marks, and escapes also blanks; `-` if empty.
struct Word<'t>(&'t str);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in if self.0.is_empty() { "-" } else { self.0 }.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", byte as char)?,
                b'!'..=b'~' => write!(f, "{}", byte as char)?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
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
            assert_eq!(Quoted(bytes).to_string(), expected);
        }
    }

    #[test]
    fn user_is_one_column() {
        for (name, expected) in [("ann", "ann"), ("", "-"), ("a b\r\n\"\\ä", r#"a\x20b\x0d\x0a\"\\\xc3\xa4"#)] {
            assert_eq!(Word(name).to_string(), expected);
        }
    }

    #[test]
    fn the_date_is_the_common_logs() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_359_845);
        assert_eq!(common_date(time), "22/Nov/2026:15:04:05 +0000");
    }
}
