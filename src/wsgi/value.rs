//! The values of an environ.

use std::borrow::Cow;
use std::fmt;

/// The value of a key of an [`Environ`](super::Environ).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Text with its bytes.
    Text(Text),
    /// `wsgi.multithread` and similar.
    Flag(bool),
    /// `wsgi.version`.
    Version(String, u32),
    /// `wsgi.input`: see [`Environ::input`](super::Environ::input).
    Input,
    /// `wsgi.errors`: see [`Environ::errors`](super::Environ::errors).
    Errors,
    /// `wsgi.file_wrapper`: see [`FileWrapper`](super::FileWrapper).
    FileWrapper,
}

/// Received bytes and their encoding: ISO-8859-1, one character per byte, or UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    bytes: Cow<'static, [u8]>,
    /// True only if `bytes` are valid UTF-8.
    is_utf8: bool,
}

impl Text {
    /// Decodes each byte as one character, without loss, as PEP 3333 does for all text.
    pub fn latin1(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { bytes: bytes.into(), is_utf8: false }
    }

    /// Decodes the bytes as UTF-8.
    ///
    /// # Errors
    /// The same text, unchanged, if the bytes are not UTF-8.
    pub fn into_utf8(self) -> Result<Self, Self> {
        if self.is_utf8 || std::str::from_utf8(&self.bytes).is_ok() {
            return Ok(Self { is_utf8: true, ..self });
        }
        Err(self)
    }

    /// Returns the bytes as received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the decoded text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if self.is_utf8 || text.is_ascii() => text.into(),
            _ => self.bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
        }
    }

    /// True if the bytes are decoded as UTF-8.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.is_utf8
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Text { bytes: text.as_bytes().into(), is_utf8: true })
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Text { bytes: text.into_bytes().into(), is_utf8: true })
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Writes text as characters, a flag as `true` or `false`, a version as `1.0`, an object as
/// nothing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&text.text()),
            Self::Flag(flag) => flag.fmt(f),
            Self::Version(name, number) => write!(f, "{name}.{number}"),
            Self::Input | Self::Errors | Self::FileWrapper => Ok(()),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_its_encoding_and_keeps_its_bytes() {
        for (bytes, latin1, utf8) in [
            (&b"plain"[..], "plain", Some("plain")),
            (b"caf\xc3\xa9", "caf\u{c3}\u{a9}", Some("caf\u{e9}")),
            (b"caf\xe9", "caf\u{e9}", None),
            (b"", "", Some("")),
        ] {
            let text = Text::latin1(bytes);
            assert_eq!((text.text().as_ref(), text.as_bytes(), text.is_utf8()), (latin1, bytes, false));
            match text.into_utf8() {
                Ok(text) => assert_eq!((Some(text.text().as_ref()), text.as_bytes()), (utf8, bytes)),
                Err(text) => assert_eq!((utf8, text.text().as_ref()), (None, latin1)),
            }
        }
    }

    #[test]
    fn values_are_shown_for_people() {
        for (value, shown) in [
            (Value::from("a"), "a"),
            (String::from("\u{e9}").into(), "\u{e9}"),
            (true.into(), "true"),
            (Value::Version("u".to_owned(), 0), "u.0"),
            (Value::Input, ""),
        ] {
            assert_eq!(value.to_string(), shown);
        }
    }
}
