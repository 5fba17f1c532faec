//! Finds the end of a request head and reads the head.
//!
//! [`Scan`] looks at each byte once, so a head that trickles in costs no more than a head in one
//! piece. The scan also refuses bare LF and more than a few empty lines, both accepted by `httparse`,
//! and reports folded lines as such. [`parse`] then reads the whole head.

use core::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header::HOST};
use httparse::{Header, Status};

use super::{error::ProtocolError, grammar, target};

/// The limits of a request head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// The most bytes of the start line and the header section together, the closing empty line
    /// included.
    pub(crate) max_request_header_size: usize,
    /// The most bytes of the request target (414); at most 65,534, the limit of `http`.
    pub(crate) max_request_target_size: usize,
    /// The most field lines (431); at most 1024.
    pub(crate) max_request_header_fields: usize,
    /// The status for a head over `max_request_header_size` or `max_request_header_fields`: 431, or 413 as in CherryPy.
    pub(crate) header_overflow_status: StatusCode,
    /// CONNECT is accepted, instead of 405.
    pub(crate) accept_connect: bool,
}

/// A resumable search for the end of the head; looks at each byte once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    /// Bytes looked at; at most the length of the input.
    seen: usize,
    /// The offset of the message, behind the empty lines.
    begin: usize,
    /// The offset of the current part of the request line.
    part: usize,
    /// Field lines begun.
    fields: usize,
    next: Next,
}

/// A parsed and validated request head.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    /// Origin-form (path and query), `*`, or, for CONNECT, the authority. An absolute-form target is reduced to its path and
    /// query, and its authority becomes the value of Host (RFC 9112 §3.2.2).
    pub(crate) target: Uri,
    /// HTTP/1.0 or HTTP/1.1.
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    /// The length of the head in bytes. The target and the values are slices of the head and keep
    /// all of its memory.
    pub(crate) length: usize,
}

/// The syntax element of the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Message,
    EmptyLf,
    Method,
    Target,
    Version,
    LineLf,
    Line,
    Field,
    LastLf,
    Nothing,
}

impl Scan {
    /// Scans the new part of `unread`; returns the length of the head once the head is complete.
    ///
    /// `unread` starts at the first byte of the message and only grows between calls. The length
    /// includes the last CRLF and leading empty lines. The outcome depends on the bytes alone,
    /// never on how they were cut.
    ///
    /// # Errors
    /// Bare LF, bare CR, NUL, folded lines, a request line of too few or too many parts (400), and
    /// anything over a limit (414, 501, `overflow`), each as soon as the error is certain.
    pub(crate) fn advance(&mut self, unread: &[u8], limits: &HeadLimits) -> Result<Option<usize>, ProtocolError> {
        loop {
            let bound = self.begin.saturating_add(limits.max_request_header_size);
            let window = unread.get(..bound).unwrap_or(unread);
            let moved = match self.next {
                Next::Message => self.message(window)?,
                Next::Method | Next::Target | Next::Version => self.request_line(window, limits)?,
                Next::Line => self.line(window, limits)?,
                Next::Field => self.field(window)?,
                Next::EmptyLf => self.lf(window, Next::Message)?,
                Next::LineLf => self.lf(window, Next::Line)?,
                Next::LastLf => self.lf(window, Next::Nothing)?,
                Next::Nothing => return Ok(Some(self.seen)),
            };
            if !moved {
                return if self.seen < bound {
                    Ok(None)
                } else {
                    Err(ProtocolError::HeadTooLarge { status: limits.header_overflow_status })
                };
            }
        }
    }

    /// True if any byte of a message has been seen. Leading empty lines are not part of the
    /// message.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.next, Next::Message | Next::EmptyLf)
    }

    /// Skips up to 16 empty lines before the request line (RFC 9112 §2.2) and refuses more.
    ///
    /// Some clients send one or two behind the content of a POST.
    fn message(&mut self, window: &[u8]) -> Result<bool, ProtocolError> {
        // Only empty lines come before a message.
        self.begin = self.seen;
        match window.get(self.seen) {
            None => return Ok(false),
            Some(b'\r') if self.seen < EMPTY_LINES * CRLF.len() => return Ok(self.accept(Next::EmptyLf)),
            Some(b'\r') => return Err(ProtocolError::EmptyLines),
            Some(_) => {}
        }
        self.part = self.seen;
        self.next = Next::Method;
        Ok(true)
    }

    fn request_line(&mut self, window: &[u8], limits: &HeadLimits) -> Result<bool, ProtocolError> {
        let stop = self.run(window, b'!');
        let length = self.seen.saturating_sub(self.part);
        match self.next {
            Next::Method if length > METHOD_BYTES => return Err(self.long_method(window)),
            Next::Target if length > limits.max_request_target_size.min(TARGET_BYTES) => {
                return Err(ProtocolError::TargetTooLong);
            }
            Next::Version if length > VERSION_BYTES => return Err(ProtocolError::VersionText),
            _ => {}
        }
        let next = match (stop, self.next) {
            (None, _) => return Ok(false),
            (Some(b'\n'), _) => return Err(ProtocolError::LineEnd),
            (Some(b' ' | b'\r'), _) if length == 0 => return Err(ProtocolError::RequestLine),
            (Some(b' '), Next::Method) => Next::Target,
            (Some(b' '), Next::Target) => Next::Version,
            (Some(b'\r'), Next::Version) => Next::LineLf,
            (Some(b' ' | b'\r'), _) => return Err(ProtocolError::RequestLine),
            (Some(_), _) => return Err(ProtocolError::Control),
        };
        self.accept(next);
        self.part = self.seen;
        Ok(true)
    }

    /// The error for a word longer than any method: `MethodTooLong` if its first bytes are valid in
    /// a method, else `Method`.
    #[cold]
    fn long_method(&self, window: &[u8]) -> ProtocolError {
        let word = window.get(self.part..).unwrap_or_default();
        let is_method = grammar::METHOD.spans(word.get(..=METHOD_BYTES).unwrap_or(word));
        if is_method { ProtocolError::MethodTooLong } else { ProtocolError::Method }
    }

    fn line(&mut self, window: &[u8], limits: &HeadLimits) -> Result<bool, ProtocolError> {
        match window.get(self.seen) {
            None => return Ok(false),
            Some(b'\r') => return Ok(self.accept(Next::LastLf)),
            Some(b' ' | b'\t') => return Err(ProtocolError::Folded),
            Some(_) => {}
        }
        if self.fields >= limits.max_request_header_fields {
            return Err(ProtocolError::TooManyFields { status: limits.header_overflow_status });
        }
        self.fields = self.fields.saturating_add(1);
        self.next = Next::Field;
        Ok(true)
    }

    fn field(&mut self, window: &[u8]) -> Result<bool, ProtocolError> {
        match self.run(window, b' ') {
            None => Ok(false),
            Some(b'\t') => Ok(self.accept(Next::Field)),
            Some(b'\r') => Ok(self.accept(Next::LineLf)),
            Some(b'\n') => Err(ProtocolError::LineEnd),
            Some(_) => Err(ProtocolError::Control),
        }
    }

    fn lf(&mut self, window: &[u8], next: Next) -> Result<bool, ProtocolError> {
        match window.get(self.seen) {
            None => Ok(false),
            Some(b'\n') => Ok(self.accept(next)),
            Some(_) => Err(ProtocolError::LineEnd),
        }
    }

    /// Skips bytes not below `least` and returns the byte after them.
    fn run(&mut self, window: &[u8], least: u8) -> Option<u8> {
        let rest = window.get(self.seen..)?;
        let run = grammar::run_of(rest, least);
        self.seen = self.seen.saturating_add(run);
        rest.get(run).copied()
    }

    fn accept(&mut self, next: Next) -> bool {
        self.seen = self.seen.saturating_add(1);
        self.next = next;
        true
    }
}

/// Reads the head found by [`Scan`], reusing the memory of the empty map `fields`.
///
/// Values and target are slices of `head`, not copies.
///
/// # Errors
/// Every rule of RFC 9112 §2 to §5 not covered by the scan (400, 405, 414, 431, 505).
pub(crate) fn parse(head: Bytes, limits: &HeadLimits, mut fields: HeaderMap) -> Result<RequestHead, ProtocolError> {
    let text = without_empty_lines(&head);
    let mut near = [const { MaybeUninit::<Header<'_>>::uninit() }; ORDINARY_FIELDS];
    let mut far = Vec::new();
    let mut room = near.as_mut_slice();
    if limits.max_request_header_fields > ORDINARY_FIELDS {
        far.resize(limits.max_request_header_fields.min(MOST_FIELDS), MaybeUninit::uninit());
        room = far.as_mut_slice();
    }
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(text, room) {
        Ok(Status::Complete(length)) if length == text.len() => {}
        Ok(_) => return Err(ProtocolError::LineEnd),
        Err(httparse::Error::Version) => match as_http_11(&head, text) {
            Some(head) => return parse(head, limits, fields),
            None => return Err(request_line_refusal(text)),
        },
        Err(error) => return Err(refusal(error, text, limits)),
    }
    let (Some(method), Some(path), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(ProtocolError::RequestLine);
    };
    if !grammar::METHOD.spans(method.as_bytes()) {
        // Methods are case-sensitive (RFC 9110 §9.1); an application behind us might take `get` for
        // GET.
        return Err(ProtocolError::Method);
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| ProtocolError::Method)?;
    let target = target::read(&head, &method, path, limits.accept_connect)?;
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };

    let too_large = ProtocolError::TooManyFields { status: limits.header_overflow_status };
    fields.try_reserve(request.headers.len()).map_err(|_| too_large)?;
    for line in request.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| ProtocolError::FieldName)?;
        let value =
            HeaderValue::from_maybe_shared(head.slice_ref(line.value)).map_err(|_| ProtocolError::FieldValue)?;
        fields.try_append(name, value).map_err(|_| too_large)?;
    }
    check_host(&fields, version)?;
    if let Some(authority) = target.authority {
        let value = HeaderValue::from_maybe_shared(authority).map_err(|_| ProtocolError::Target)?;
        fields.try_insert(HOST, value).map_err(|_| too_large)?;
    }
    Ok(RequestHead { method, target: target.uri, version, fields, length: head.len() })
}

impl RequestHead {
    /// The approximate memory of the head, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.length + held_by(&self.fields)
    }
}

/// The approximate memory of a map without its values, in bytes.
pub(super) fn held_by(fields: &HeaderMap) -> usize {
    const EACH: usize = 112;
    const REPEATED: usize = 80;
    fields.capacity() * EACH + (fields.len() - fields.keys_len()) * REPEATED
}

/// Reads the request line of a head that is refused; `None` unless the line is complete, sound and
/// within `limits`.
#[cold]
pub(crate) fn sound_line(text: &[u8], limits: &HeadLimits) -> Option<(Method, Uri, Version)> {
    let text = without_empty_lines(text);
    let end = text.windows(2).position(|pair| pair == b"\r\n")?;
    let alone = [text.get(..end)?, b"\r\nHost: a\r\n\r\n"].concat();
    Scan::default().advance(&alone, limits).ok()?;
    let head = parse(alone.into(), limits, HeaderMap::new()).ok()?;
    Some((head.method, head.target, head.version))
}

/// True if a head, even a malformed one, has the method HEAD: its refusal has no content (RFC 9110
/// §9.3.2).
pub(crate) fn is_of_head(text: &[u8]) -> bool {
    without_empty_lines(text).starts_with(b"HEAD ")
}

/// The rest of `text` behind its leading empty lines.
pub(super) fn without_empty_lines(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(CRLF) {
        rest = after;
    }
    rest
}

/// Checks for exactly one valid Host; HTTP/1.0 may omit Host (RFC 9112 §3.2).
fn check_host(fields: &HeaderMap, version: Version) -> Result<(), ProtocolError> {
    let mut hosts = fields.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(ProtocolError::HostMissing),
        (Some(_), Some(_)) => Err(ProtocolError::HostRepeated),
        (Some(host), None) if host.is_empty() || target::is_authority(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(ProtocolError::Host),
    }
}

/// Returns a copy of a head of HTTP/1.2 to 1.9 with HTTP/1.1 in the request line; `None` for any
/// other version.
///
/// A recipient treats a message of a higher minor version as one of the highest minor version that
/// the recipient knows (RFC 9110 §2.5). `httparse` knows HTTP/1.0 and HTTP/1.1 only.
#[cold]
fn as_http_11(head: &Bytes, text: &[u8]) -> Option<Bytes> {
    let line = text.split(|byte| *byte == b'\r').next()?;
    let (rest, minor) = line.split_last_chunk::<1>()?;
    if !rest.ends_with(b" HTTP/1.") || !matches!(minor, [b'2'..=b'9']) {
        return None;
    }
    let mut known = BytesMut::from(head.as_ref());
    *known.get_mut(head.len().checked_sub(text.len())?.checked_add(rest.len())?)? = b'1';
    Some(known.freeze())
}

/// Maps an error of `httparse` to ours, for the status and for the log.
#[cold]
fn refusal(error: httparse::Error, text: &[u8], limits: &HeadLimits) -> ProtocolError {
    match error {
        httparse::Error::TooManyHeaders => ProtocolError::TooManyFields { status: limits.header_overflow_status },
        httparse::Error::HeaderName => ProtocolError::FieldName,
        httparse::Error::HeaderValue => ProtocolError::FieldValue,
        _ => request_line_refusal(text),
    }
}

fn request_line_refusal(text: &[u8]) -> ProtocolError {
    let line = text.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    match (method, target.map(|target| grammar::QUERY.first_other(target)), version) {
        (Some(method), ..) if !grammar::METHOD.spans(method) => ProtocolError::Method,
        (_, Some(Some(forbidden)), _) => ProtocolError::TargetByte(forbidden),
        (_, _, Some(version)) if parts.next().is_none() => version_refusal(version),
        _ => ProtocolError::RequestLine,
    }
}

/// The error for a bad version: 505 for an unsupported version, 400 for anything else (RFC 9112
/// §2.3).
fn version_refusal(version: &[u8]) -> ProtocolError {
    let Some(numbers) = version.strip_prefix(b"HTTP/") else { return ProtocolError::Protocol };
    let mut numbers = numbers.split(|byte| *byte == b'.');
    let is_number = |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty() && grammar::DIGIT.spans(part));
    let is_version = is_number(numbers.next()) && is_number(numbers.next()) && numbers.next().is_none();
    if is_version { ProtocolError::Version } else { ProtocolError::VersionText }
}

const CRLF: &[u8] = b"\r\n";
/// The most empty lines before a request line.
const EMPTY_LINES: usize = 16;
/// Bytes of the longest accepted method. No registered method is longer than 17.
const METHOD_BYTES: usize = 32;
/// The most bytes of an `http::Uri`.
const TARGET_BYTES: usize = 65_534;
/// The most bytes of a version, enough for any version that deserves 505.
const VERSION_BYTES: usize = 32;
/// Field lines read without an allocation.
const ORDINARY_FIELDS: usize = 128;
/// The most that the setting allows.
const MOST_FIELDS: usize = 1024;

#[cfg(test)]
mod tests;
