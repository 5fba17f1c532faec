//! The errors of reading the content or the query of a request.

use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;

use crate::h1::error::ProtocolError;

/// An error of reading content as bytes, text, JSON or a form, or of reading a query.
///
/// Returned from a handler by `?`, the error becomes a response with its [`status`](Self::status)
/// and its text; see [`Failure`](crate::Failure).
#[derive(Debug)]
pub struct ContentError {
    kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// 415: the `Content-Type` that was expected, and the one of the request.
    Type { expected: &'static str, found: Option<String> },
    /// 415: a charset that drupe does not decode.
    Charset(String),
    /// 400: content of the right type, but malformed. The place is in the text.
    Malformed { what: &'static str, reason: String },
    /// The content could not be read: 400, 408 or 413.
    Read(io::Error),
    /// 413: content over the default limit of the reader.
    TooLarge(io::Error),
    /// A mistake of the program: the content has been taken before.
    Taken,
}

impl ContentError {
    pub(super) fn wrong_type(expected: &'static str, found: Option<String>) -> Self {
        Kind::Type { expected, found }.into()
    }

    pub(super) fn charset(name: String) -> Self {
        Kind::Charset(name).into()
    }

    /// Shortens a long `reason`, which may quote the client: the place at its start and at its end
    /// stays.
    pub(crate) fn malformed(what: &'static str, reason: impl fmt::Display) -> Self {
        Kind::Malformed { what, reason: shortened(reason.to_string()) }.into()
    }

    pub(super) fn too_large(error: io::Error) -> Self {
        Kind::TooLarge(error).into()
    }

    pub(super) fn taken() -> Self {
        Kind::Taken.into()
    }

    /// The status for the client: `400` (malformed), `408` (late), `413` (too much) or `415` (wrong
    /// `Content-Type` or charset); `None` if the client is not at fault, as when the content has
    /// been taken before.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.kind.status()
    }
}

impl Kind {
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Type { .. } | Self::Charset(_) => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Malformed { .. } => Some(StatusCode::BAD_REQUEST),
            Self::Read(error) | Self::TooLarge(error) => refusal(error).map(ProtocolError::status),
            Self::Taken => None,
        }
    }
}

impl From<Kind> for ContentError {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Kind::Read(error).into()
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for ContentError {
    /// The cause. An error without a deeper cause returns its own kind, so that the status survives
    /// a box that hides the type of the outermost error.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Read(error) => Some(error),
            Kind::Taken => None,
            kind => Some(kind),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { expected, found: Some(found) } => {
                write!(f, "Content-Type is {}, but has to be {expected}", found.escape_debug())
            }
            Self::Type { expected, found: None } => write!(f, "Content-Type is missing, and has to be {expected}"),
            Self::Charset(name) => write!(f, "charset {} is not supported; send UTF-8", name.escape_debug()),
            Self::Malformed { what, reason } => write!(f, "{what} is malformed: {reason}"),
            Self::Read(error) => error.fmt(f),
            Self::TooLarge(_) => f.write_str("content of more than 2 MiB, the limit of text, JSON and forms"),
            Self::Taken => f.write_str("the content of the request was already taken by an earlier read"),
        }
    }
}

impl Error for Kind {}

/// Returns `text` without its middle if it has more than twice [`SHOWN`] characters.
fn shortened(text: String) -> String {
    let end = text.char_indices().nth(SHOWN).map(|(at, _)| at);
    let rest = text.char_indices().nth_back(SHOWN - 1).map(|(at, _)| at);
    match end.zip(rest) {
        Some((end, rest)) if end < rest => format!("{}...{}", &text[..end], &text[rest..]),
        _ => text,
    }
}

/// The characters that stay at each end of a long reason.
const SHOWN: usize = 150;

/// The reason for which content was refused, inside of an `io::Error`.
#[derive(Debug)]
pub(crate) struct RefusedContent(pub(crate) ProtocolError);

impl fmt::Display for RefusedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for RefusedContent {
    /// The reason again, for boxes as above.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Returns the client's error, if `error` wraps one.
pub(crate) fn refusal(error: &io::Error) -> Option<ProtocolError> {
    error.get_ref()?.downcast_ref::<RefusedContent>().map(|refused| refused.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reason_keeps_its_start_and_its_end() {
        let check = |reason: String, expected: &str| {
            assert_eq!(ContentError::malformed("JSON", reason).to_string(), format!("JSON is malformed: {expected}"));
        };
        for count in [0, 1, 149, 150, 300] {
            check("\u{e9}".repeat(count), &"\u{e9}".repeat(count));
        }
        let half = "\u{e9}".repeat(150);
        check("\u{e9}".repeat(301), &format!("{half}...{half}"));
        let text = format!("a{}z at line 1 column 2000000", "x".repeat(2_000_000));
        let shown = ContentError::malformed("JSON", text).to_string();
        assert!(shown.len() < 400 && shown.ends_with("z at line 1 column 2000000"), "{shown}");
    }
}
