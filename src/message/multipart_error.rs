//! The error of reading `multipart/form-data`. The type lives here, because the response of a
//! handler is made of it.

use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;

use super::content_error::refusal;
use crate::h1::error::ProtocolError;

/// The reason for which `multipart/form-data` cannot be read, with its place in the content.
///
/// Returned from a handler, the error is answered with its [`status`](Self::status) and its text.
/// [`Part`](crate::multipart::Part) as a reader wraps the error in an [`io::Error`], and so does
/// `?` in a function that returns an [`io::Result`].
///
/// | cause | status | kind as an `io::Error` |
/// |---|---|---|
/// | no `Content-Type`, another type than `multipart/form-data`, a part in a transfer encoding or charset that is not supported | 415 | `InvalidData` |
/// | malformed boundary, delimiter or field; a part without a name | 400 | `InvalidData` |
/// | content that ends before the final boundary | 400 | `UnexpectedEof` |
/// | content over a limit | 413 | `FileTooLarge` |
/// | content that the server could not read | as in [`Body`](crate::Body): 400, 408, 413; else 500 | as in [`Body`](crate::Body) |
#[derive(Debug)]
pub struct MultipartError {
    cause: Cause,
    place: Place,
}

/// The cause of a [`MultipartError`].
#[derive(Debug)]
pub(crate) enum Cause {
    /// A broken rule of RFC 7578 or RFC 2046.
    Malformed(&'static str),
    /// A type, charset or encoding that is not supported.
    Unsupported(&'static str),
    /// More than `most` of something.
    TooMuch { most: u64, of: &'static str },
    /// The end of the content before the final boundary.
    Ended,
    /// A failure of the content itself.
    Read(io::Error),
    /// An earlier error, which had this status.
    Again(StatusCode),
}

/// A place in the content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The number of the part, from 1; 0 before the first part.
    pub(crate) part: usize,
    /// The name of the part, if known.
    pub(crate) name: Option<String>,
    /// Bytes of content before the place; `None` before the content.
    pub(crate) offset: Option<u64>,
}

impl MultipartError {
    pub(crate) fn new(cause: Cause, place: Place) -> Self {
        Self { cause, place }
    }

    /// The status of the answer: 400, 408, 413, 415, or 500 if the client is not at fault.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.cause.status()
    }

    /// The text of the answer: the error, and the cause of a failed read.
    pub(crate) fn text(&self) -> String {
        match &self.cause {
            Cause::Read(error) => format!("{self}: {error}\n"),
            _ => format!("{self}\n"),
        }
    }
}

impl Cause {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Ended => StatusCode::BAD_REQUEST,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMuch { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Read(error) => refusal(error).map_or(StatusCode::INTERNAL_SERVER_ERROR, ProtocolError::status),
            Self::Again(status) => *status,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Malformed(_) | Self::Unsupported(_) => io::ErrorKind::InvalidData,
            Self::TooMuch { .. } => io::ErrorKind::FileTooLarge,
            Self::Ended => io::ErrorKind::UnexpectedEof,
            Self::Read(error) => error.kind(),
            Self::Again(_) => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.cause, self.place)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(rule) => write!(f, "malformed multipart/form-data: {rule}"),
            Self::Unsupported(found) => write!(f, "unsupported content: {found}"),
            Self::TooMuch { most, of } => write!(f, "multipart/form-data over the limit of {most} {of}"),
            Self::Ended => f.write_str("malformed multipart/form-data: the content ends before the final boundary"),
            Self::Read(_) => f.write_str("multipart/form-data cannot be read"),
            Self::Again(_) => f.write_str("multipart/form-data cannot be read after an error"),
        }
    }
}

impl Error for Cause {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(offset) = self.offset else { return Ok(()) };
        if self.part > 0 {
            write!(f, ", in part {}", self.part)?;
        }
        if let Some(name) = &self.name {
            let shown: String = name.chars().take(LONGEST_NAME).collect();
            write!(f, " {shown:?}{}", if shown.len() < name.len() { "..." } else { "" })?;
        }
        write!(f, ", at byte {offset}")
    }
}

impl Error for MultipartError {
    /// The cause. An error without a deeper cause returns the broken rule, so that the status
    /// survives a box that hides the type of the outermost error.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Read(error) => Some(error),
            cause => Some(cause),
        }
    }
}

impl From<MultipartError> for io::Error {
    fn from(error: MultipartError) -> Self {
        Self::new(error.cause.kind(), error)
    }
}

/// The characters of a name that an error shows.
const LONGEST_NAME: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::content_error::RefusedContent;

    fn check(cause: Cause, status: u16, kind: io::ErrorKind, text: &str) {
        let place = Place { part: 2, name: Some("a\n\"b".into()), offset: Some(7) };
        let error = MultipartError::new(cause, place);
        assert_eq!((error.status().as_u16(), error.cause.kind(), &*error.to_string()), (status, kind, text));
        let wrapped = io::Error::from(error);
        assert_eq!(wrapped.kind(), kind);
    }

    #[test]
    fn errors_have_status_kind_and_place() {
        use io::ErrorKind::{FileTooLarge, InvalidData, Other, TimedOut, UnexpectedEof};
        let at = r#", in part 2 "a\n\"b", at byte 7"#;
        check(Cause::Malformed("x"), 400, InvalidData, &format!("malformed multipart/form-data: x{at}"));
        check(Cause::Unsupported("x"), 415, InvalidData, &format!("unsupported content: x{at}"));
        let most = Cause::TooMuch { most: 3, of: "parts" };
        check(most, 413, FileTooLarge, &format!("multipart/form-data over the limit of 3 parts{at}"));
        let end = format!("malformed multipart/form-data: the content ends before the final boundary{at}");
        check(Cause::Ended, 400, UnexpectedEof, &end);
        let read = || format!("multipart/form-data cannot be read{at}");
        let late = io::Error::new(TimedOut, RefusedContent(ProtocolError::Timeout));
        check(Cause::Read(late), 408, TimedOut, &read());
        check(Cause::Read(io::Error::new(TimedOut, "disk")), 500, TimedOut, &read());
        let again = format!("multipart/form-data cannot be read after an error{at}");
        check(Cause::Again(StatusCode::PAYLOAD_TOO_LARGE), 413, Other, &again);
    }

    #[test]
    fn the_cause_of_a_failed_read_is_its_source() {
        let late = io::Error::new(io::ErrorKind::TimedOut, RefusedContent(ProtocolError::Timeout));
        let error = MultipartError::new(Cause::Read(late), Place::default());
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
        assert!(source.get_ref().unwrap().is::<RefusedContent>());
        assert_eq!(error.text(), "multipart/form-data cannot be read: a message that did not arrive in time\n");
    }

    #[test]
    fn long_names_are_cut() {
        let place = Place { part: 1, name: Some("\u{e9}".repeat(50)), offset: Some(0) };
        let text = MultipartError::new(Cause::Ended, place).to_string();
        assert!(text.ends_with(&format!(", in part 1 \"{}\"..., at byte 0", "\u{e9}".repeat(40))), "{text}");
    }
}
