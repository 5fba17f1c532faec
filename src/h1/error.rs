//! The reasons to refuse a request, with the status and the RFC section of each.

use std::fmt;

use http::StatusCode;

/// The reason for refusing a request. Never echoes bytes of the peer, except the one of
/// `TargetByte`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ProtocolError {
    /// More than 16 empty lines before the request line (400).
    EmptyLines,
    /// CR without LF, or LF without CR (400).
    LineEnd,
    /// NUL or another control character in the head or the trailers (400).
    Control,
    /// A request line of other than three parts with one blank between them (400).
    RequestLine,
    /// A method that is no token or has a lower-case letter (400).
    Method,
    /// A method of more than 32 bytes (501).
    MethodTooLong,
    /// A request target in none of the four forms (400).
    Target,
    /// A byte that may not be in a path or query (400). Shown as a character if it is printable
    /// ASCII, else in hexadecimal digits only.
    TargetByte(u8),
    /// A percent sign without two hexadecimal digits in a path (400).
    TargetEscape,
    /// A request target over the limit (414).
    TargetTooLong,
    /// A protocol other than `HTTP/` (400).
    Protocol,
    /// A version not of the form number `.` number (400).
    VersionText,
    /// A version of another major version than HTTP/1, or with more digits than two (505).
    Version,
    /// CONNECT (405).
    Connect,
    /// A target of CONNECT other than host and port (400).
    Authority,
    /// A line that continues the previous line (400).
    Folded,
    /// A field name that is no token, a blank before the colon, or no colon (400).
    FieldName,
    /// A field value with a forbidden byte (400).
    FieldValue,
    /// More head bytes than the limit. `status` is 431, or 413 if configured as in CherryPy.
    HeadTooLarge {
        /// The status from the limits.
        status: StatusCode,
    },
    /// More field lines than the limit. `status` as above.
    TooManyFields {
        /// The status from the limits.
        status: StatusCode,
    },
    /// No Host in HTTP/1.1 (400).
    HostMissing,
    /// More than one Host (400).
    HostRepeated,
    /// A Host other than `uri-host [":" port]` (400).
    Host,
    /// An ambiguous or malformed description of the client by a trusted proxy (400).
    Forwarded,
    /// A Content-Length with anything but digits (400).
    Length,
    /// More than one Content-Length, equal or not (400).
    LengthRepeated,
    /// Content-Length and Transfer-Encoding together (400).
    Ambiguous,
    /// Transfer-Encoding in HTTP/1.0 (400).
    CodingVersion,
    /// A transfer coding before the final `chunked` (501).
    Coding,
    /// Transfer codings without a final `chunked`, or with two (400).
    CodingEnd,
    /// An expectation other than `100-continue` (417).
    Expectation,
    /// More content than the limit (413).
    ContentTooLarge,
    /// A chunk size with anything but hexadecimal digits (400).
    ChunkSize,
    /// A malformed chunk extension (400).
    ChunkExtension,
    /// More bytes of chunk extensions than the limit (413).
    ExtensionsTooLarge,
    /// A chunk or a chunk-size line that does not end in CRLF (400).
    ChunkEnd,
    /// More trailer bytes or fields than the limit (431).
    TrailersTooLarge,
    /// A field not allowed in trailers (400).
    TrailerForbidden,
    /// Content that is not UTF-8 although the handler asks for text (400).
    NotText,
    /// The peer closed in the middle of a message (400).
    Truncated,
    /// Plain HTTP instead of TLS (400).
    NotTls,
    /// A deadline for the head or the content passed (408).
    Timeout,
    /// Invalid framing fields from the handler (500); the text gives the reason.
    HandlerFraming(&'static str),
}

impl ProtocolError {
    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::HeadTooLarge { status } | Self::TooManyFields { status } => status,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::Coding | Self::MethodTooLong => StatusCode::NOT_IMPLEMENTED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::ContentTooLarge | Self::ExtensionsTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TrailersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::HandlerFraming(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The RFC section of the broken rule, for the log: `RFC 9112 §6.3`.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Self::EmptyLines | Self::LineEnd => "RFC 9112 §2.2",
            Self::Protocol | Self::VersionText => "RFC 9112 §2.3",
            Self::RequestLine | Self::MethodTooLong | Self::TargetTooLong => "RFC 9112 §3",
            Self::Method => "RFC 9112 §3.1",
            Self::Target | Self::TargetByte(_) | Self::TargetEscape => "RFC 9112 §3.2",
            Self::HostMissing | Self::HostRepeated | Self::Host => "RFC 9112 §3.2",
            Self::Authority => "RFC 9112 §3.2.3",
            Self::FieldName => "RFC 9112 §5.1",
            Self::Folded => "RFC 9112 §5.2",
            Self::CodingVersion | Self::Coding => "RFC 9112 §6.1",
            Self::Ambiguous | Self::CodingEnd | Self::LengthRepeated => "RFC 9112 §6.3",
            Self::ChunkSize | Self::ChunkEnd => "RFC 9112 §7.1",
            Self::ChunkExtension | Self::ExtensionsTooLarge => "RFC 9112 §7.1.1",
            Self::Truncated => "RFC 9112 §8",
            Self::NotTls => "RFC 9110 §4.2.2",
            Self::Version => "RFC 9110 §15.6.6",
            Self::Control | Self::FieldValue => "RFC 9110 §5.5",
            Self::TrailerForbidden => "RFC 9110 §6.5.1",
            Self::Length | Self::HandlerFraming(_) => "RFC 9110 §8.6",
            Self::Connect => "RFC 9110 §9.3.6",
            Self::Expectation => "RFC 9110 §10.1.1",
            Self::Timeout => "RFC 9110 §15.5.9",
            Self::ContentTooLarge => "RFC 9110 §15.5.14",
            Self::HeadTooLarge { .. } | Self::TooManyFields { .. } | Self::TrailersTooLarge => "RFC 6585 §5",
            Self::Forwarded => "RFC 7239 §4",
            Self::NotText => "RFC 3629 §3",
        }
    }

    /// The reason for people.
    fn text(self) -> &'static str {
        match self {
            Self::EmptyLines => "more than 16 empty lines before the request line",
            Self::LineEnd => "a line that does not end in CR LF",
            Self::Control => "a control character",
            Self::RequestLine => "a request line that is not method, target and version with one blank between",
            Self::Method => "a method that is not an upper-case token",
            Self::MethodTooLong => "a method of more than 32 bytes",
            Self::Target => "a malformed request target (it must start with a slash or be an http URI)",
            Self::TargetByte(_) => "a character that may not be in a request target",
            Self::TargetEscape => "an incomplete percent escape in a request target",
            Self::TargetTooLong => "a request target over the limit",
            Self::Protocol => "a protocol other than HTTP",
            Self::VersionText => "a malformed protocol version",
            Self::Version => "a protocol version other than HTTP/1.0 to HTTP/1.9",
            Self::Connect => "CONNECT is not supported",
            Self::Authority => "a target of CONNECT that is not a host and a port",
            Self::Folded => "a folded field line",
            Self::FieldName => "a malformed field name",
            Self::FieldValue => "a malformed field value",
            Self::HeadTooLarge { .. } => "a request head over the limit",
            Self::TooManyFields { .. } => "more field lines than the limit",
            Self::HostMissing => "no Host field",
            Self::HostRepeated => "more than one Host field",
            Self::Host => "a malformed Host field",
            Self::Forwarded => "what a trusted proxy says of the client is malformed",
            Self::Length => "a malformed Content-Length field",
            Self::LengthRepeated => "more than one Content-Length field",
            Self::Ambiguous => "both Content-Length and Transfer-Encoding",
            Self::CodingVersion => "Transfer-Encoding in HTTP/1.0",
            Self::Coding => "a transfer coding other than chunked",
            Self::CodingEnd => "transfer codings that do not end in one chunked",
            Self::Expectation => "an expectation other than 100-continue",
            Self::ContentTooLarge => "content over the limit",
            Self::ChunkSize => "a malformed chunk size",
            Self::ChunkExtension => "a malformed chunk extension",
            Self::ExtensionsTooLarge => "chunk extensions over the limit",
            Self::ChunkEnd => "a chunk that does not end in CR LF",
            Self::TrailersTooLarge => "a trailer section over the limit",
            Self::TrailerForbidden => "a field that is forbidden in trailers",
            Self::NotText => "text that is not UTF-8",
            Self::Truncated => "a message that ends before its end",
            Self::NotTls => "plain HTTP on a port that speaks TLS: https would do",
            Self::Timeout => "a message that did not arrive in time",
            Self::HandlerFraming(why) => why,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        match *self {
            Self::TargetByte(byte) if byte.is_ascii_graphic() => {
                write!(f, ": `{}` (percent-encoded: %{byte:02X})", char::from(byte))
            }
            Self::TargetByte(byte) => write!(f, ": 0x{byte:02X} (percent-encoded: %{byte:02X})"),
            _ => Ok(()),
        }
    }
}

/// The text of `Display`: each error is part of every program, and the names of the variants are not.
impl fmt::Debug for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_a_refusal_with_a_section_and_one_plain_line() {
        let all = [
            (ProtocolError::EmptyLines, 400),
            (ProtocolError::LineEnd, 400),
            (ProtocolError::Control, 400),
            (ProtocolError::RequestLine, 400),
            (ProtocolError::Method, 400),
            (ProtocolError::Target, 400),
            (ProtocolError::TargetByte(b'\n'), 400),
            (ProtocolError::TargetEscape, 400),
            (ProtocolError::Protocol, 400),
            (ProtocolError::VersionText, 400),
            (ProtocolError::Authority, 400),
            (ProtocolError::Folded, 400),
            (ProtocolError::FieldName, 400),
            (ProtocolError::FieldValue, 400),
            (ProtocolError::HostMissing, 400),
            (ProtocolError::HostRepeated, 400),
            (ProtocolError::Host, 400),
            (ProtocolError::Forwarded, 400),
            (ProtocolError::Length, 400),
            (ProtocolError::LengthRepeated, 400),
            (ProtocolError::Ambiguous, 400),
            (ProtocolError::CodingVersion, 400),
            (ProtocolError::ChunkSize, 400),
            (ProtocolError::ChunkExtension, 400),
            (ProtocolError::ChunkEnd, 400),
            (ProtocolError::TrailerForbidden, 400),
            (ProtocolError::CodingEnd, 400),
            (ProtocolError::NotText, 400),
            (ProtocolError::Truncated, 400),
            (ProtocolError::NotTls, 400),
            (ProtocolError::Connect, 405),
            (ProtocolError::Timeout, 408),
            (ProtocolError::ContentTooLarge, 413),
            (ProtocolError::ExtensionsTooLarge, 413),
            (ProtocolError::HeadTooLarge { status: StatusCode::PAYLOAD_TOO_LARGE }, 413),
            (ProtocolError::TargetTooLong, 414),
            (ProtocolError::Expectation, 417),
            (ProtocolError::TooManyFields { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE }, 431),
            (ProtocolError::TrailersTooLarge, 431),
            (ProtocolError::HandlerFraming("two lengths"), 500),
            (ProtocolError::Coding, 501),
            (ProtocolError::MethodTooLong, 501),
            (ProtocolError::Version, 505),
        ];
        for (error, status) in all {
            assert_eq!(error.status(), status, "{error}");
            assert!(error.section().starts_with("RFC "), "{error}");
            let text = error.to_string();
            assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn forbidden_byte_of_a_target_is_shown_as_printable_ascii_only() {
        for (byte, shown) in [
            (b'{', "`{` (percent-encoded: %7B)"),
            (b'"', "`\"` (percent-encoded: %22)"),
            (b' ', "0x20 (percent-encoded: %20)"),
            (b'\r', "0x0D (percent-encoded: %0D)"),
            (0x1b, "0x1B (percent-encoded: %1B)"),
            (0x7f, "0x7F (percent-encoded: %7F)"),
            (0xe9, "0xE9 (percent-encoded: %E9)"),
        ] {
            let error = ProtocolError::TargetByte(byte);
            let expected = format!("a character that may not be in a request target: {shown}");
            assert_eq!((error.to_string(), format!("{error:?}")), (expected.clone(), expected));
        }
    }
}
