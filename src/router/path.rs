//! Paths of targets and of patterns in one form, so that equivalent ones are equal.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::message::dot_segments::without_dots;

/// Returns `path` with unreserved characters decoded and the digits of other escapes in upper case
/// (RFC 3986 §6.2.2.1 and §6.2.2.2). Characters that no path has, but that browsers send as they
/// are, are encoded. Slashes, and thereby segments, are those of `path`.
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains(['[', ']', '^', '|']) {
        return decoded(path);
    }
    let encoded = path.replace('[', "%5B").replace(']', "%5D").replace('^', "%5E").replace('|', "%7C");
    Cow::Owned(decoded(&encoded).into_owned())
}

fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    for (at, part) in path.split('%').enumerate() {
        let Some((byte, rest)) = escape(part).filter(|_| at > 0) else {
            normal.push_str(if at > 0 { "%" } else { "" });
            normal.push_str(part);
            continue;
        };
        if is_unreserved(byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
        normal.push_str(rest);
    }
    Cow::Owned(normal)
}

/// Looks in `pattern`, as the program wrote it, for mistakes that the tree of patterns takes as text.
///
/// # Errors
/// What is wrong with the pattern, as the end of a sentence.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if !pattern.starts_with('/') && pattern != "*" {
        return Err("does not begin with a slash".to_owned());
    }
    if pattern.contains(['?', '#']) {
        return Err("is more than a path: only paths are matched".to_owned());
    }
    // Parameters of other routers: as text, they match nothing that a client sends.
    for segment in pattern.split('/').skip(1) {
        let name = segment.trim_start_matches([':', '*', '<']).trim_end_matches('>');
        let written = match segment.as_bytes() {
            [b'*', ..] => format!("{{*{}}}", if name.is_empty() { "rest" } else { name }),
            [b':', _, ..] | [b'<', _, .., b'>'] => format!("{{{name}}}"),
            _ => continue,
        };
        return Err(format!("has the segment `{segment}`: a parameter is written `{written}`"));
    }
    Ok(())
}

/// Returns `pattern` with its literals in the form of [`normal`]. `{{` and `}}` stand for braces.
pub(super) fn pattern(pattern: &str) -> String {
    let mut encoded = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut is_name = false;
    while let Some(next) = rest.next() {
        let mut buffer = [0; 4];
        match next {
            '}' if is_name => is_name = false,
            _ if is_name => {}
            '{' | '}' if rest.next_if_eq(&next).is_some() => {
                encoded.push_str(if next == '{' { "%7B" } else { "%7D" });
                continue;
            }
            '{' => is_name = true,
            '}' => {}
            _ => {
                encoded.extend(utf8_percent_encode(next.encode_utf8(&mut buffer), FOREIGN));
                continue;
            }
        }
        encoded.push(next);
    }
    decoded(&encoded).into_owned()
}

/// Decodes a parameter; `None` if the result is not UTF-8, or for a `%` without two digits.
pub(super) fn decode(value: &str) -> Option<String> {
    let is_whole = value.split('%').skip(1).all(|part| escape(part).is_some());
    is_whole.then(|| String::from_utf8(percent_decode_str(value).collect()).ok())?
}

/// Returns the length of the first `count` segments of `path`.
pub(super) fn length_of_segments(path: &str, count: usize) -> usize {
    path.match_indices('/').nth(count).map_or(path.len(), |(at, _)| at)
}

/// Returns `target` without its dot segments; `None` if the path leads above the root.
pub(super) fn without_dot_segments(target: &Uri) -> Option<Cow<'_, Uri>> {
    let path = match without_dots(target.path())? {
        Cow::Borrowed(_) => return Some(Cow::Borrowed(target)),
        Cow::Owned(path) => path,
    };
    let whole = match target.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(whole).ok()?);
    Uri::from_parts(parts).ok().map(Cow::Owned)
}

/// Returns `target` without the first `length` bytes of its path, which then begins with a slash.
pub(super) fn below(target: &Uri, length: usize) -> Option<Uri> {
    let rest = target.path_and_query()?.as_str().get(length..)?;
    let rest = if rest.starts_with('/') { Cow::Borrowed(rest) } else { Cow::Owned(format!("/{rest}")) };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(&*rest).ok()?);
    Uri::from_parts(parts).ok()
}

/// Reads the two digits behind a `%`.
fn escape(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hexadecimal.then(|| u8::from_str_radix(digits, 16).ok().map(|byte| (byte, rest)))?
}

/// True for the unreserved characters of RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Characters that no path has (RFC 3986 §3.3).
const FOREIGN: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'[').add(b'\\').add(b']').add(b'^').add(b'`').add(b'|');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_paths_are_equal_and_others_are_not() {
        for (path, expected) in [
            ("/tea", "/tea"),
            ("/t%65a", "/tea"),
            ("/%7e%2d%2E%5f", "/~-._"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%2fb", "/a%2Fb"),
            ("/%2565", "/%2565"),
            ("/%7bx%7D", "/%7Bx%7D"),
            ("/%00%ff", "/%00%FF"),
            ("/%2e%2E/", "/../"),
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/%zz%+f%\u{e9}", "/%zz%+f%\u{e9}"),
            ("/tags[]", "/tags%5B%5D"),
            ("/tags%5b%5d", "/tags%5B%5D"),
            ("/a|b^", "/a%7Cb%5E"),
            ("%41", "A"),
            ("//", "//"),
            ("*", "*"),
        ] {
            assert_eq!(normal(path), expected);
        }
    }

    #[test]
    fn literals_of_a_pattern_are_encoded_and_names_are_not() {
        for (text, expected) in [
            ("/tea/{name}", "/tea/{name}"),
            ("/caf\u{e9} {\u{e9}}", "/caf%C3%A9%20{\u{e9}}"),
            ("/t%65a", "/tea"),
            ("/tags[]|^", "/tags%5B%5D%7C%5E"),
            ("/{a[]}", "/{a[]}"),
            ("/{{x}}", "/%7Bx%7D"),
            ("/{{{x}}}", "/%7B{x}%7D"),
            ("/%7Bx%7D", "/%7Bx%7D"),
            ("/a}", "/a}"),
            ("/{a", "/{a"),
        ] {
            assert_eq!(pattern(text), expected);
        }
    }

    #[test]
    fn parameter_is_decoded_once_and_must_be_utf8() {
        for (value, expected) in [
            ("a%2Fb", Some("a/b")),
            ("%2565", Some("%65")),
            ("%C3%A9", Some("\u{e9}")),
            ("a+b", Some("a+b")),
            ("%00", Some("\0")),
            ("%FF", None),
            ("%C3", None),
            ("%", None),
            ("%4", None),
            ("%4g", None),
        ] {
            assert_eq!(decode(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn target_below_a_mount_keeps_query_authority_and_slashes() {
        for (target, count, expected) in [
            ("/files/a?b", 1, "/a?b"),
            ("/files?b", 1, "/?b"),
            ("/files", 1, "/"),
            ("/files/", 1, "/"),
            ("/files//evil/a", 1, "//evil/a"),
            ("/a%2fb/c/%41", 2, "/%41"),
            ("/a", 0, "/a"),
            ("http://h:1/files/a?/b", 1, "http://h:1/a?/b"),
        ] {
            let target: Uri = target.parse().unwrap();
            let length = length_of_segments(target.path(), count);
            assert_eq!(below(&target, length).unwrap().to_string(), expected);
        }
    }
}
