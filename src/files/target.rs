//! The path of a request target as names below a directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use http::StatusCode;

/// A path taken apart: decoded names, none of them empty, `.` or `..`, none with a slash or NUL in it.
#[derive(Clone, Debug, Default)]
pub(super) struct FilePath {
    names: Vec<OsString>,
    /// The path ended in a slash.
    is_directory: bool,
    /// The path had empty segments, as in `/a//b`.
    has_empty: bool,
}

impl FilePath {
    /// Takes `path` apart.
    ///
    /// Empty segments are passed over. A backslash is a byte like any other.
    ///
    /// # Errors
    /// `BAD_REQUEST` for a `%` without two hexadecimal digits or an encoded NUL; `NOT_FOUND` for what is no path, for `.` and `..`
    /// however written, and for an encoded slash, which names nothing a file can be called.
    pub(super) fn of(path: &str) -> Result<Self, StatusCode> {
        let path = path.strip_prefix('/').ok_or(StatusCode::NOT_FOUND)?;
        let is_directory = path.is_empty() || path.ends_with('/');
        let inner = path.strip_suffix('/').unwrap_or(path);
        let mut target = Self { names: Vec::new(), is_directory, has_empty: false };
        if path.is_empty() {
            return Ok(target);
        }
        for segment in inner.split('/') {
            let name = decode(segment).ok_or(StatusCode::BAD_REQUEST)?;
            match name.as_slice() {
                b"" => target.has_empty = true,
                b"." | b".." => return Err(StatusCode::NOT_FOUND),
                bytes if bytes.contains(&0) => return Err(StatusCode::BAD_REQUEST),
                bytes if bytes.contains(&b'/') => return Err(StatusCode::NOT_FOUND),
                _ => target.names.push(OsString::from_vec(name)),
            }
        }
        Ok(target)
    }

    /// A prefix that no target has: an empty name is in none.
    pub(super) fn unreachable() -> Self {
        Self { names: vec![OsString::new()], ..Self::default() }
    }

    /// What follows `prefix`, if this begins with it.
    pub(super) fn below(&self, prefix: &Self) -> Option<Self> {
        let names = self.names.strip_prefix(prefix.names.as_slice())?.to_vec();
        Some(Self { names, ..*self })
    }

    /// Whether the path ended in a slash.
    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// Whether this is the one way to write the path of a directory.
    pub(super) fn is_canonical(&self) -> bool {
        self.is_directory && !self.has_empty
    }

    /// A relative path; empty for the root.
    pub(super) fn to_path(&self) -> PathBuf {
        self.names.iter().collect()
    }

    /// The names for people: bytes that are no text become the replacement character.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// The path of a directory, from a single slash to its last.
    pub(super) fn href(&self) -> String {
        let mut href = "/".to_owned();
        for name in &self.names {
            encode(name, &mut href);
            href.push('/');
        }
        href
    }
}

/// Undoes percent-encoding; `None` where a `%` lacks its digits. A plus sign stays one.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hexadecimal(bytes.next()?)? << 4 | hexadecimal(bytes.next()?)?,
            _ => byte,
        });
    }
    Some(decoded)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Appends `name` with all but the unreserved characters of RFC 3986 §2.3 encoded: safe in a path, a field and an attribute.
pub(super) fn encode(name: &OsStr, out: &mut String) {
    for &byte in name.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
