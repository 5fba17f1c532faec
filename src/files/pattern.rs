//! Patterns of paths and names: `*`, `?` and `**`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A pattern of a name: `?` stands for one character, `*` for any number of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamePattern(Box<[u8]>);

/// A pattern of a path.
///
/// With a slash before its last character, the pattern is one of a whole path, name by name; the
/// name `**` stands for any number of names. Without, the pattern is one of the last name. A slash at
/// the end changes nothing but that the pattern is one of a whole path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    names: Vec<NamePattern>,
}

impl NamePattern {
    /// Reads a pattern; `None` for a text that no name matches: an empty one, and one with a slash
    /// or NUL.
    pub(super) fn of(text: &str) -> Option<Self> {
        let is_name = !text.is_empty() && !text.contains(['/', '\0']);
        is_name.then(|| Self(text.as_bytes().into()))
    }

    pub(super) fn matches(&self, name: &OsStr) -> bool {
        wildcard(
            &self.0,
            name.as_bytes(),
            |byte| *byte == b'*',
            |pattern, text| match (pattern, text) {
                // One character: the bytes after the first one of a character belong to the star.
                (b'?', [byte, ..]) => Some(character(*byte, text)),
                (pattern, [byte, ..]) if pattern == byte => Some(1),
                _ => None,
            },
        )
    }

    fn is_any_names(&self) -> bool {
        *self.0 == *b"**"
    }
}

impl PathPattern {
    /// Reads a pattern; `None` for an empty one, and one with an empty name or NUL.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text == "/" {
            return Some(Self { names: Vec::new() });
        }
        let is_whole = text.contains('/');
        let below = text.strip_prefix('/').unwrap_or(text);
        let below = below.strip_suffix('/').unwrap_or(below);
        let start = if is_whole { "" } else { "**/" };
        let names = format!("{start}{below}").split('/').map(NamePattern::of).collect::<Option<_>>()?;
        Some(Self { names })
    }

    /// True for a relative path.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let names: Vec<&OsStr> = path.iter().collect();
        wildcard(&self.names, &names, NamePattern::is_any_names, |pattern, names| {
            names.first().filter(|name| pattern.matches(name)).map(|_| 1)
        })
    }
}

/// True if `text` matches `pattern`, whose stars stand for any number of elements. `step` returns
/// the number of elements at the start of a text that one element of the pattern matches.
///
/// After a mismatch, only the latest star takes one element more: an earlier star could take no
/// element that the latest one could not take, so the work is at most the product of both lengths.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    step: impl Fn(&P, &[T]) -> Option<usize>,
) -> bool {
    let (mut at, mut from) = (0, 0);
    // After the latest star: the next element of the pattern, and the end of the star's text.
    let mut star = None;
    loop {
        match pattern.get(at) {
            Some(element) if is_star(element) => {
                at += 1;
                star = Some((at, from));
                continue;
            }
            None if from == text.len() => return true,
            Some(element) => {
                if let Some(count) = step(element, &text[from..]) {
                    (at, from) = (at + 1, from + count);
                    continue;
                }
            }
            None => {}
        }
        match star {
            Some((after, end)) if end < text.len() => {
                star = Some((after, end + 1));
                (at, from) = (after, end + 1);
            }
            _ => return false,
        }
    }
}

/// Returns the length of the first character of `text`, which begins with `first`: 1 for bytes that
/// are no UTF-8.
fn character(first: u8, text: &[u8]) -> usize {
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    match text.get(..length).map(std::str::from_utf8) {
        Some(Ok(_)) => length,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
