//! The trailer section of a chunked body (RFC 9112 §7.1.2), and the fields forbidden in it.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        self, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_LOCATION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, CONTENT_TYPE,
        COOKIE, DATE, EXPECT, EXPIRES, HOST, LOCATION, MAX_FORWARDS, PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
        RANGE, RETRY_AFTER, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY, WARNING, WWW_AUTHENTICATE,
    },
};

use super::{
    error::ProtocolError,
    grammar::{TEXT, TOKEN},
    head::held_by,
};

/// Collects the trailer section byte by byte, and reads the section at its end.
#[derive(Debug)]
pub(crate) struct Trailers {
    /// The raw section, bounded by the initial `room`. Allocated with the first line.
    text: Vec<u8>,
    /// Bytes still allowed.
    room: usize,
    /// Field lines still allowed.
    lines: usize,
    next: Next,
    fields: HeaderMap,
}

/// The syntax element of the next byte.
#[derive(Clone, Copy, Debug)]
enum Next {
    Line,
    Field,
    LineLf,
    LastLf,
}

impl Trailers {
    pub(crate) fn new(bytes: usize, lines: usize) -> Self {
        Self { text: Vec::new(), room: bytes, lines, next: Next::Line, fields: HeaderMap::new() }
    }

    /// Takes one byte; returns true after the last byte of the section.
    ///
    /// # Errors
    /// `TrailersTooLarge` (431), `TrailerForbidden` and every error of field lines (400).
    pub(crate) fn push(&mut self, byte: u8) -> Result<bool, ProtocolError> {
        self.next = match (self.next, byte) {
            (Next::Line, b'\r') => Next::LastLf,
            (Next::LastLf, b'\n') => {
                self.read()?;
                return Ok(true);
            }
            (Next::Line, b' ' | b'\t') => return Err(ProtocolError::Folded),
            (Next::LineLf, b'\n') => Next::Line,
            (Next::Field, b'\r') => Next::LineLf,
            (Next::LineLf | Next::LastLf, _) | (_, b'\n') => return Err(ProtocolError::LineEnd),
            (Next::Line | Next::Field, _) if !TEXT.has(byte) => return Err(ProtocolError::Control),
            (Next::Line, _) => {
                self.lines = self.lines.checked_sub(1).ok_or(ProtocolError::TrailersTooLarge)?;
                Next::Field
            }
            (Next::Field, _) => Next::Field,
        };
        if !matches!(self.next, Next::LastLf) {
            self.room = self.room.checked_sub(1).ok_or(ProtocolError::TrailersTooLarge)?;
            self.text.push(byte);
        }
        Ok(false)
    }

    /// True if there are no fields, or none left.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The approximate memory, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.text.capacity() + held_by(&self.fields)
    }

    /// Takes the fields; later calls return an empty map.
    pub(crate) fn take(&mut self) -> HeaderMap {
        core::mem::take(&mut self.fields)
    }

    fn read(&mut self) -> Result<(), ProtocolError> {
        let text = Bytes::from(core::mem::take(&mut self.text));
        for line in text.split(|byte| *byte == b'\n') {
            // Each line ends in CRLF; the piece after the last LF is empty.
            let Some(line) = line.strip_suffix(b"\r") else { continue };
            let (name, value) = split_line(line)?;
            if is_forbidden(&name) {
                return Err(ProtocolError::TrailerForbidden);
            }
            let value = HeaderValue::from_maybe_shared(text.slice_ref(value)).map_err(|_| ProtocolError::FieldValue)?;
            self.fields.try_append(name, value).map_err(|_| ProtocolError::TrailersTooLarge)?;
        }
        Ok(())
    }
}

/// Splits `field-line = field-name ":" OWS field-value OWS` (RFC 9112 §5).
fn split_line(line: &[u8]) -> Result<(HeaderName, &[u8]), ProtocolError> {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let value = line.get(name.len()..).and_then(|rest| rest.strip_prefix(b":")).ok_or(ProtocolError::FieldName)?;
    if name.is_empty() || !TOKEN.spans(name) {
        return Err(ProtocolError::FieldName);
    }
    Ok((HeaderName::from_bytes(name).map_err(|_| ProtocolError::FieldName)?, value.trim_ascii()))
}

/// True if a field must come before the content (RFC 9110 §6.5.1): framing, routing,
/// authentication, request modifiers, response control, processing of the content, connection
/// options. Fields that only describe the content, such as digests and its language, may follow.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name) || FORBIDDEN_STARTS.iter().any(|start| name.as_str().starts_with(start))
}

static FORBIDDEN: [HeaderName; 33] = [
    TRANSFER_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    CONTENT_DISPOSITION,
    CONTENT_SECURITY_POLICY,
    CONTENT_SECURITY_POLICY_REPORT_ONLY,
    // It names a resource, and caches act on it.
    CONTENT_LOCATION,
    HOST,
    CONNECTION,
    TE,
    TRAILER,
    UPGRADE,
    AUTHORIZATION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
    COOKIE,
    SET_COOKIE,
    CACHE_CONTROL,
    PRAGMA,
    EXPECT,
    MAX_FORWARDS,
    RANGE,
    AGE,
    DATE,
    EXPIRES,
    LOCATION,
    RETRY_AFTER,
    VARY,
    WARNING,
    header::FORWARDED,
];

/// `if-` covers the preconditions; `x-forwarded-` routing.
static FORBIDDEN_STARTS: [&str; 4] = ["if-", "x-forwarded-", "keep-alive", "proxy-"];

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 64;
    const LINES: usize = 3;

    fn check(text: &str, expected: Result<&[(&str, &str)], ProtocolError>) {
        let mut trailers = Trailers::new(ROOM, LINES);
        let mut ended = Ok(false);
        for (at, byte) in text.bytes().enumerate() {
            ended = trailers.push(byte);
            match ended {
                Ok(true) => assert_eq!(at + 1, text.len(), "{text:?} ends early"),
                Ok(false) => {}
                Err(_) => break,
            }
        }
        let fields = trailers.take();
        let found: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(ended.map(|_| found.as_slice()), expected, "{text:?}");
        assert!(trailers.take().is_empty());
    }

    #[test]
    fn fields_come_out_as_in_a_head() {
        check("\r\n", Ok(&[]));
        check("a: b\r\n\r\n", Ok(&[("a", "b")]));
        check("A:\t b c \r\nd:\r\n\r\n", Ok(&[("a", "b c"), ("d", "")]));
        check("a:1\r\na:2\r\n\r\n", Ok(&[("a", "1"), ("a", "2")]));
        check("digest: a=b:c\r\nx-content: 1\r\n\r\n", Ok(&[("digest", "a=b:c"), ("x-content", "1")]));
    }

    #[test]
    fn malformed_lines_are_refused() {
        check("a\r\n\r\n", Err(ProtocolError::FieldName));
        check(": b\r\n\r\n", Err(ProtocolError::FieldName));
        check("a : b\r\n\r\n", Err(ProtocolError::FieldName));
        check("a\t: b\r\n\r\n", Err(ProtocolError::FieldName));
        check("a(: b\r\n\r\n", Err(ProtocolError::FieldName));
        check("\u{e9}: b\r\n\r\n", Err(ProtocolError::FieldName));
        check(" a: b\r\n\r\n", Err(ProtocolError::Folded));
        check("a: b\r\n c\r\n\r\n", Err(ProtocolError::Folded));
        check("a: b\r\n\t\r\n\r\n", Err(ProtocolError::Folded));
        check("a: b\n\r\n", Err(ProtocolError::LineEnd));
        check("\n", Err(ProtocolError::LineEnd));
        check("\rx", Err(ProtocolError::LineEnd));
        check("a: b\rc\r\n\r\n", Err(ProtocolError::LineEnd));
        check("a: b\r\n\r\r\n", Err(ProtocolError::LineEnd));
        check("a: \0\r\n\r\n", Err(ProtocolError::Control));
        check("a: \u{7f}\r\n\r\n", Err(ProtocolError::Control));
        check("\u{b}: b\r\n\r\n", Err(ProtocolError::Control));
    }

    #[test]
    fn digests_and_the_language_of_the_content_pass() {
        for name in ["content-digest", "repr-digest", "content-md5", "content-language"] {
            check(&format!("{name}: 1\r\n\r\n"), Ok(&[(name, "1")]));
        }
    }

    #[test]
    fn framing_and_routing_fields_are_refused_in_trailers() {
        for name in [
            "Content-Length",
            "Transfer-Encoding",
            "Host",
            "Authorization",
            "Content-Type",
            "Content-Encoding",
            "Content-Range",
            "Content-Disposition",
            "Content-Location",
            "Trailer",
            "TE",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "Cookie",
            "Set-Cookie",
            "Expect",
            "Range",
            "If-Match",
            "If-None-Match",
            "Cache-Control",
            "Max-Forwards",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Date",
            "Vary",
            "X-Forwarded-For",
            "Forwarded",
        ] {
            check(&format!("{name}: 1\r\n\r\n"), Err(ProtocolError::TrailerForbidden));
        }
    }

    #[test]
    fn trailers_up_to_the_limits_pass() {
        let value = "v".repeat(ROOM - "a: \r\n".len());
        check(&format!("a: {value}\r\n\r\n"), Ok(&[("a", &value)]));
        check(&format!("a: v{value}\r\n\r\n"), Err(ProtocolError::TrailersTooLarge));
        check("a:1\r\nb:2\r\nc:3\r\n\r\n", Ok(&[("a", "1"), ("b", "2"), ("c", "3")]));
        check("a:1\r\nb:2\r\nc:3\r\nd:4\r\n\r\n", Err(ProtocolError::TrailersTooLarge));
    }
}
