//! The part of an exchange that a refusal is about.

use crate::h1::error::ProtocolError;

/// The part of an exchange that a [`Refusal`](super::refusal::Refusal) is about, for programs that
/// choose a text or a code of their own.
///
/// The statuses are in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// A line that does not end in CR LF (400).
    LineEnd,
    /// A request line of other than three parts, or too many empty lines before it (400).
    RequestLine,
    /// A method that is no upper-case token (400), or too long (501).
    Method,
    /// A malformed request target (400).
    Target,
    /// This byte in a request target, where it may not be (400). A `#` begins a fragment.
    TargetByte(u8),
    /// A request target over the limit (414).
    TargetTooLong,
    /// A protocol other than HTTP (400).
    Protocol,
    /// A malformed version (400), or one other than HTTP/1 (505).
    Version,
    /// CONNECT (405).
    Connect,
    /// A target of CONNECT other than host and port (400).
    Authority,
    /// A malformed or folded field line, or a control character in the head (400).
    Field,
    /// A head with more bytes or fields than the limits (431, or 413 if so configured).
    HeadTooLarge,
    /// A missing, repeated or malformed Host (400).
    Host,
    /// A malformed description of the client by a trusted proxy (400).
    Forwarded,
    /// A malformed Content-Length (400).
    Length,
    /// Ambiguous framing (400), or an unknown transfer coding (501).
    Framing,
    /// An expectation other than `100-continue` (417).
    Expectation,
    /// Content over the limit (413).
    ContentTooLarge,
    /// Malformed chunks or trailers (400, 413, 431), or text that is not UTF-8 (400).
    Content,
    /// The end of the connection in the middle of a message (400).
    Truncated,
    /// Plain HTTP on a port that speaks TLS (400).
    NotTls,
    /// A message that did not arrive in time (408).
    Late,
    /// A handler that has panicked, or whose response cannot be sent (500).
    Handler,
    /// Lack of room (503).
    Unavailable,
}

impl From<ProtocolError> for RefusalKind {
    fn from(error: ProtocolError) -> Self {
        use ProtocolError as Error;
        match error {
            Error::LineEnd => Self::LineEnd,
            Error::RequestLine | Error::EmptyLines => Self::RequestLine,
            Error::Method | Error::MethodTooLong => Self::Method,
            Error::Target | Error::TargetEscape => Self::Target,
            Error::TargetByte(byte) => Self::TargetByte(byte),
            Error::TargetTooLong => Self::TargetTooLong,
            Error::Protocol => Self::Protocol,
            Error::VersionText | Error::Version => Self::Version,
            Error::Connect => Self::Connect,
            Error::Authority => Self::Authority,
            Error::Control | Error::Folded | Error::FieldName | Error::FieldValue => Self::Field,
            Error::HeadTooLarge { .. } | Error::TooManyFields { .. } => Self::HeadTooLarge,
            Error::HostMissing | Error::HostRepeated | Error::Host => Self::Host,
            Error::Forwarded => Self::Forwarded,
            Error::Length => Self::Length,
            Error::LengthRepeated | Error::Ambiguous => Self::Framing,
            Error::CodingVersion | Error::Coding | Error::CodingEnd => Self::Framing,
            Error::Expectation => Self::Expectation,
            Error::ContentTooLarge => Self::ContentTooLarge,
            Error::ChunkSize | Error::ChunkExtension | Error::ExtensionsTooLarge => Self::Content,
            Error::ChunkEnd | Error::TrailersTooLarge | Error::TrailerForbidden | Error::NotText => Self::Content,
            Error::Truncated => Self::Truncated,
            Error::NotTls => Self::NotTls,
            Error::Timeout => Self::Late,
            Error::HandlerFraming(_) => Self::Handler,
        }
    }
}
