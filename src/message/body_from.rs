//! Content made of text and bytes.

use std::borrow::Cow;

use bytes::Bytes;

use super::body::{Body, BodyKind};
use super::memory::InMemory;

impl From<InMemory> for Body {
    fn from(content: InMemory) -> Self {
        BodyKind::Bytes(content).into()
    }
}

/// Bytes shared by several responses count once for
/// [`max_parked_size`](crate::Settings::max_parked_size), however many slow clients receive them.
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        InMemory::from(bytes).into()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Box<str>> for Body {
    fn from(text: Box<str>) -> Self {
        text.into_string().into()
    }
}

impl From<Cow<'static, str>> for Body {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<const N: usize> From<&'static [u8; N]> for Body {
    fn from(bytes: &'static [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        InMemory::constant(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        InMemory::constant(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        InMemory::from(bytes).into()
    }
}
