//! The reason phrase of a response.

use std::error::Error;
use std::fmt;

use bytes::Bytes;

/// A reason phrase instead of the registered one: the text after the status code in the status line
/// (RFC 9112 §4).
///
/// The server sends the phrase in the [extensions](http::Response::extensions) of a response. Most
/// clients ignore the phrase, and no client should depend on it.
///
/// ```
/// use drupe::exchange::ReasonPhrase;
/// use drupe::{IntoResponse, Request, Response};
/// use drupe::http::StatusCode;
///
/// fn handler(_: &mut Request) -> Response {
///     let mut response = (StatusCode::CONFLICT, "try again\n").into_response();
///     response.extensions_mut().insert(ReasonPhrase::from_static("Edit Conflict"));
///     response
/// }
/// # assert_eq!(handler(&mut Request::default()).status(), 409);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReasonPhrase(Bytes);

/// The error of a reason phrase that is longer than 128 bytes, or has a control character other
/// than a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidReasonPhrase(());

impl ReasonPhrase {
    /// The most bytes of a reason phrase.
    pub const MAX_LEN: usize = 128;

    /// Returns the reason phrase with this text.
    ///
    /// # Panics
    /// If the text is longer than 128 bytes, or has a control character other than a tab.
    #[must_use]
    #[track_caller]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(is_valid(text.as_bytes()), "an invalid reason phrase");
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for ReasonPhrase {
    type Error = InvalidReasonPhrase;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidReasonPhrase> {
        if is_valid(bytes) { Ok(Self(Bytes::copy_from_slice(bytes))) } else { Err(InvalidReasonPhrase(())) }
    }
}

impl TryFrom<&str> for ReasonPhrase {
    type Error = InvalidReasonPhrase;

    fn try_from(text: &str) -> Result<Self, InvalidReasonPhrase> {
        text.as_bytes().try_into()
    }
}

impl fmt::Display for ReasonPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Display for InvalidReasonPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reason phrase with control characters, or of more than 128 bytes")
    }
}

impl Error for InvalidReasonPhrase {}

/// True for `*( HTAB / SP / VCHAR / obs-text )` within the bound.
const fn is_valid(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'\t' | b' '..=b'~' | 0x80..) {
            return false;
        }
        at += 1;
    }
    bytes.len() <= ReasonPhrase::MAX_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_phrase_has_no_control_character_and_a_bound() {
        let longest = "x".repeat(128);
        for valid in ["", "Nope", "two words\tand a tab", "caf\u{e9}", "~!", &longest] {
            assert_eq!(ReasonPhrase::try_from(valid).unwrap().as_bytes(), valid.as_bytes());
        }
        for invalid in ["a\r\nb", "a\n", "a\rb", "a\0", "\u{7f}", "\u{1b}[31m", &"x".repeat(129)] {
            assert_eq!(ReasonPhrase::try_from(invalid), Err(InvalidReasonPhrase(())), "{invalid:?}");
        }
        assert!(ReasonPhrase::try_from(&b"\xE9\xFF"[..]).is_ok());
    }
}
