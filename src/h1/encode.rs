//! Writes protocol bytes: heads, chunks, trailers, interim and server-made answers. No other module
//! does.
//!
//! A field cannot contain CR or LF: `http` refuses such names and values.

use std::time::{Duration, UNIX_EPOCH};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, DATE, SERVER, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use super::{
    exchange::{BodyFraming, Exchange, Policy},
    grammar, title_case, trailers,
};

/// The fields added by the server to every head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// IMF-fixdate, formatted once a second by the caller with [`date`].
    pub(crate) date: &'a [u8],
    /// The `Server` field, if configured.
    pub(crate) software: Option<&'a HeaderValue>,
    /// Seconds announced as `Keep-Alive: timeout=` to an HTTP/1.0 client that asked to keep the
    /// connection.
    pub(crate) keep_alive_secs: u64,
}

/// The status of an answer, with a reason phrase if not the registered one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerStatus<'r> {
    pub(crate) code: StatusCode,
    /// Checked by the caller: no control characters but tabs.
    pub(crate) reason: Option<&'r [u8]>,
}

impl From<StatusCode> for AnswerStatus<'_> {
    fn from(code: StatusCode) -> Self {
        Self { code, reason: None }
    }
}

/// Appends the head of an answer.
///
/// Content-Length or Transfer-Encoding follow `framing`, Connection follows `exchange`. Date and
/// Server are added unless `fields` has them. The handler's own framing fields, Keep-Alive and
/// `close` are replaced. The status line carries the policy's version.
pub(crate) fn head<'r>(
    out: &mut Vec<u8>,
    exchange: &Exchange,
    framing: BodyFraming,
    status: impl Into<AnswerStatus<'r>>,
    fields: &HeaderMap,
    stamp: &Stamp,
) {
    let whole = status.into();
    let status = whole.code;
    // At most one reallocation for ordinary heads.
    out.reserve(ORDINARY_HEAD.saturating_add(fields.len().saturating_mul(ORDINARY_LINE)));
    status_line(out, exchange.status_version(), whole);
    let is_title_case = exchange.is_title_case();
    let mut seen = Seen::default();
    for (name, value) in fields {
        if seen.passes(name, framing, status) {
            field(out, name, value, is_title_case);
        }
    }
    if !seen.date {
        line(out, b"Date", stamp.date);
    }
    if let (false, Some(software)) = (seen.server, stamp.software) {
        line(out, b"Server", software.as_bytes());
    }
    match framing {
        BodyFraming::Length { length, .. } => number_line(out, b"Content-Length", length),
        BodyFraming::Chunked { send: true } => line(out, b"Transfer-Encoding", b"chunked"),
        // Some clients wait for chunks after a HEAD, and the field may be left out (RFC 9110 §9.3.2).
        BodyFraming::Chunked { send: false } | BodyFraming::None | BodyFraming::Close { .. } => {}
    }
    connection(out, exchange, status, fields, &seen, stamp);
    out.extend_from_slice(CRLF);
}

/// Appends `HTTP/1.1 100 Continue` and its empty line.
pub(crate) fn interim_continue(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// The content of a server-made answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RefusalContent<'a> {
    /// A line of text.
    Reason(&'a str),
    /// Fields and content of the program. None of the fields is one that [`refusal`] adds.
    Shaped { fields: &'a HeaderMap, content: &'a [u8] },
}

/// Appends a whole server-made answer and returns its number of content bytes.
///
/// The answer has Date, Server, `Connection: close`, and content with its length (content not sent
/// for HEAD). A 405 has Allow; Retry-After is present if given.
pub(crate) fn refusal(
    out: &mut Vec<u8>,
    policy: Policy,
    status: StatusCode,
    content: RefusalContent<'_>,
    retry_after_secs: Option<u64>,
    is_head: bool,
    stamp: &Stamp,
) -> u64 {
    status_line(out, policy.version, status.into());
    line(out, b"Date", stamp.date);
    if let Some(software) = stamp.software {
        line(out, b"Server", software.as_bytes());
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        line(out, b"Allow", ALLOW);
    }
    if let Some(secs) = retry_after_secs {
        number_line(out, b"Retry-After", secs);
    }
    let (text, end): (&[u8], &[u8]) = match content {
        RefusalContent::Reason(reason) => {
            line(out, b"Content-Type", b"text/plain; charset=utf-8");
            (reason.as_bytes(), b"\n")
        }
        RefusalContent::Shaped { fields, content } => {
            fields.iter().for_each(|(name, value)| field(out, name, value, policy.is_title_case));
            (content, b"")
        }
    };
    let length = (text.len() as u64).saturating_add(end.len() as u64);
    number_line(out, b"Content-Length", length);
    line(out, b"Connection", b"close");
    out.extend_from_slice(CRLF);
    if is_head {
        return 0;
    }
    out.extend_from_slice(text);
    out.extend_from_slice(end);
    length
}

/// Appends the line of a chunk's size. Writes nothing for 0, because a size of 0 would end the
/// body.
pub(crate) fn chunk_head(out: &mut Vec<u8>, size: usize) {
    if size == 0 {
        return;
    }
    let mut digits = [0; 16];
    let mut rest = size as u64;
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        let nibble = (rest & 0xf) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
        start = at;
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
    out.extend_from_slice(CRLF);
}

/// Appends the end of a chunk.
pub(crate) fn chunk_end(out: &mut Vec<u8>) {
    out.extend_from_slice(CRLF);
}

/// Appends the last chunk and the trailer section without the forbidden fields (RFC 9110 §6.5.1).
/// Returns the names of the fields left out.
pub(crate) fn last_chunk(out: &mut Vec<u8>, fields: &HeaderMap, is_title_case: bool) -> Vec<HeaderName> {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in fields {
        if !trailers::is_forbidden(name) {
            field(out, name, value, is_title_case);
        }
    }
    out.extend_from_slice(CRLF);
    fields.keys().filter(|name| trailers::is_forbidden(name)).cloned().collect()
}

/// The IMF-fixdate of a second since the epoch; a time after the year 9999 gives the last second of
/// 9999.
pub(crate) fn date(unix_secs: u64) -> [u8; 29] {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(unix_secs.min(LAST_SECOND))).unwrap_or(UNIX_EPOCH);
    let text = httpdate::fmt_http_date(time);
    let mut date = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    if let Some(bytes) = text.as_bytes().first_chunk() {
        date = *bytes;
    }
    date
}

/// The handler's fields seen so far.
#[derive(Debug, Default)]
struct Seen {
    date: bool,
    server: bool,
    connection: bool,
    upgrade: bool,
}

impl Seen {
    /// True if the handler's field goes out unchanged; records the fields needed later.
    fn passes(&mut self, name: &HeaderName, framing: BodyFraming, status: StatusCode) -> bool {
        let first = |seen: &mut bool| !core::mem::replace(seen, true);
        if *name == DATE {
            return first(&mut self.date);
        }
        if *name == SERVER {
            return first(&mut self.server);
        }
        if *name == CONNECTION {
            self.connection = true;
            return false;
        }
        if *name == UPGRADE {
            self.upgrade = true;
        }
        if *name == CONTENT_LENGTH {
            // A 304 may state the length of the content not sent (RFC 9110 §15.4.5); other lengths
            // follow `framing`.
            return status == StatusCode::NOT_MODIFIED;
        }
        if *name == TRAILER {
            return matches!(framing, BodyFraming::Chunked { .. });
        }
        *name != TRANSFER_ENCODING && name.as_str() != "keep-alive"
    }
}

/// Writes Connection: the handler's options, Upgrade if needed, and the persistence after this
/// exchange (RFC 9110 §7.6.1, RFC 9112 §9.3).
fn connection(
    out: &mut Vec<u8>,
    exchange: &Exchange,
    status: StatusCode,
    fields: &HeaderMap,
    seen: &Seen,
    stamp: &Stamp,
) {
    let keeps = exchange.is_persistent();
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    let says_close = !keeps && !switches && (exchange.persists_by_default() || exchange.asked_keep_alive());
    let says_keep_alive = keeps && exchange.asked_keep_alive();
    if !(says_close || says_keep_alive || seen.connection || seen.upgrade) {
        return;
    }
    let start = out.len();
    out.extend_from_slice(b"Connection");
    let mut mark: &[u8] = b": ";
    let mut option = |option: &[u8]| {
        out.extend_from_slice(mark);
        out.extend_from_slice(option);
        mark = b", ";
    };
    let mut has_upgrade = false;
    for member in grammar::members(fields, CONNECTION) {
        if is_ours(member) || !grammar::TOKEN.spans(member) {
            continue;
        }
        has_upgrade |= member.eq_ignore_ascii_case(b"upgrade");
        option(member);
    }
    if seen.upgrade && !has_upgrade {
        option(b"upgrade");
    }
    if says_close {
        option(b"close");
    }
    if says_keep_alive {
        option(if exchange.is_title_case() { b"Keep-Alive" } else { b"keep-alive" });
    }
    if mark == b": " {
        out.truncate(start);
        return;
    }
    out.extend_from_slice(CRLF);
    if says_keep_alive {
        out.extend_from_slice(b"Keep-Alive: timeout=");
        number(out, stamp.keep_alive_secs);
        out.extend_from_slice(CRLF);
    }
}

fn is_ours(member: &[u8]) -> bool {
    member.eq_ignore_ascii_case(b"close") || member.eq_ignore_ascii_case(b"keep-alive")
}

/// Writes `status-line = HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4).
fn status_line(out: &mut Vec<u8>, version: Version, status: AnswerStatus<'_>) {
    out.extend_from_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.code.as_str().as_bytes());
    out.push(b' ');
    let registered = || status.code.canonical_reason().unwrap_or_default().as_bytes();
    out.extend_from_slice(status.reason.unwrap_or_else(registered));
    out.extend_from_slice(CRLF);
}

/// Writes a field of the handler.
#[inline]
fn field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue, is_title_case: bool) {
    if is_title_case {
        title_case::write(out, name);
        line(out, b"", value.as_bytes());
    } else {
        line(out, name.as_str().as_bytes(), value.as_bytes());
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CRLF);
}

fn number_line(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    number(out, value);
    out.extend_from_slice(CRLF);
}

/// Writes decimal digits. Avoids `fmt`, because every answer goes through here.
fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let mut rest = value;
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        start = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

const CRLF: &[u8] = b"\r\n";
/// The methods that a handler may receive: all but CONNECT. Each handler decides which methods to
/// answer.
const ALLOW: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";
/// Bytes for the status line, Date, Server, framing and Connection.
const ORDINARY_HEAD: usize = 192;
const ORDINARY_LINE: usize = 48;
/// The last second that IMF-fixdate can express.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests;
