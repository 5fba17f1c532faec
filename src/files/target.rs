//! The path of a request target, parsed into names below a directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::message::dot_segments::without_dots;

/// A parsed path: decoded names, none empty, `.` or `..`, none with a slash or NUL.
#[derive(Clone, Debug, Default)]
pub(super) struct FilePath {
    names: Vec<OsString>,
    /// True if the path ended in a slash.
    is_directory: bool,
    /// True if the path had empty segments, as in `/a//b`.
    has_empty: bool,
    /// The number of segments before the last one.
    depth: usize,
}

impl FilePath {
    /// Parses `path`, without its dot segments.
    ///
    /// Empty segments are skipped. A backslash is an ordinary byte.
    ///
    /// # Errors
    /// - `BAD_REQUEST` for a `%` without two hexadecimal digits, and for an encoded NUL.
    /// - `NOT_FOUND` for text without a leading slash, for a path that leads above its root by `..`,
    ///   and for an encoded slash, because no file name has one.
    pub(super) fn of(path: &str) -> Result<Self, StatusCode> {
        let path = without_dots(path).ok_or(StatusCode::NOT_FOUND)?;
        let depth = path.matches('/').count().saturating_sub(1);
        let path = path.strip_prefix('/').ok_or(StatusCode::NOT_FOUND)?;
        let is_directory = path.is_empty() || path.ends_with('/');
        let inner = path.strip_suffix('/').unwrap_or(path);
        let mut target = Self { names: Vec::new(), is_directory, has_empty: false, depth };
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

    /// A prefix that no target has, because of its empty name.
    pub(super) fn unreachable() -> Self {
        Self { names: vec![OsString::new()], ..Self::default() }
    }

    /// Returns the path after `prefix`, or `None` if the path does not begin with `prefix`.
    pub(super) fn below(&self, prefix: &Self) -> Option<Self> {
        let names = self.names.strip_prefix(prefix.names.as_slice())?.to_vec();
        Some(Self { names, ..*self })
    }

    /// True if the path ended in a slash.
    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// True if the path is the canonical one of a directory.
    pub(super) fn is_canonical(&self) -> bool {
        self.is_directory && !self.has_empty
    }

    /// Returns a relative path; empty for the root.
    pub(super) fn to_path(&self) -> PathBuf {
        self.names.iter().collect()
    }

    /// Returns the names as text: invalid UTF-8 becomes the replacement character.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Returns the canonical path of a directory, relative to this path (RFC 3986 §4.2).
    ///
    /// The reference begins with `../` or with a name in which all but the unreserved characters
    /// are encoded: it cannot name another host or scheme.
    pub(super) fn canonical(&self) -> String {
        let (up, names) = match self.names.split_last() {
            Some((last, _)) if !self.has_empty => (0, std::slice::from_ref(last)),
            _ => (self.depth, self.names.as_slice()),
        };
        let mut reference = "../".repeat(up);
        for name in names {
            encode(name, &mut reference);
            reference.push('/');
        }
        reference
    }
}

/// Decodes percent-encoding; `None` for a `%` without two digits. A plus sign is left unchanged.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let begins_with_digits =
        |text: &str| matches!(text.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    segment.split('%').skip(1).all(begins_with_digits).then(|| percent_decode_str(segment).collect())
}

/// Appends `name`, with all but the unreserved characters encoded. The result is safe in a path, a
/// field and an attribute.
pub(super) fn encode(name: &OsStr, out: &mut String) {
    out.extend(percent_encode(name.as_bytes(), RESERVED));
}

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
