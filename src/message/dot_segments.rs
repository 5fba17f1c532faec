//! Removal of the dot segments of a path (RFC 3986 §5.2.4 and §6.2.2.3).

use std::borrow::Cow;

/// Returns `path` without the segments `.` and `..`, encoded (`%2e`) or not; `None` if the path leads
/// above its root.
///
/// The other segments stay as they are. An empty segment is a segment: `/a//../b` is `/a/b`.
pub(crate) fn without_dots(path: &str) -> Option<Cow<'_, str>> {
    let segments = || path.split('/').skip(1).map(|segment| (segment, dots(segment)));
    if segments().all(|(_, dots)| dots == 0) {
        return Some(Cow::Borrowed(path));
    }
    let mut kept = Vec::new();
    let mut ends_in_dots = false;
    for (segment, dots) in segments() {
        ends_in_dots = dots > 0;
        match dots {
            0 => kept.push(segment),
            1 => {}
            _ => drop(kept.pop()?),
        }
    }
    // The path of a directory ends in a slash.
    kept.extend(ends_in_dots.then_some(""));
    Some(Cow::Owned(format!("/{}", kept.join("/"))))
}

/// Returns 1 for `.`, 2 for `..`, 0 for other segments.
fn dots(segment: &str) -> usize {
    let mut count = 0;
    let mut rest = segment;
    while let Some(after) = ["."].iter().chain(&ENCODED).find_map(|dot| rest.strip_prefix(dot)) {
        (count, rest) = (count + 1, after);
    }
    if rest.is_empty() && count <= 2 { count } else { 0 }
}

const ENCODED: [&str; 2] = ["%2e", "%2E"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_removed_and_no_path_leads_above_the_root() {
        for (path, expected) in [
            ("/", Some("/")),
            ("/f", Some("/f")),
            ("/./f", Some("/f")),
            ("/%2e/f", Some("/f")),
            ("/a/../f", Some("/f")),
            ("/a/%2E./f", Some("/f")),
            ("/a/b/.%2e/../f", Some("/f")),
            ("/a/b/c/./../../g", Some("/a/g")),
            ("/a/.", Some("/a/")),
            ("/a/..", Some("/")),
            ("/a/../", Some("/")),
            ("/.", Some("/")),
            ("/a//../b", Some("/a/b")),
            ("/.//evil", Some("//evil")),
            ("/a/..%2f/b", Some("/a/..%2f/b")),
            ("/a/...", Some("/a/...")),
            ("/.a/b.", Some("/.a/b.")),
            ("/%252e%252e/f", Some("/%252e%252e/f")),
            ("/..", None),
            ("/../f", None),
            ("/%2e%2e/f", None),
            ("/a/../../f", None),
            ("/a/../../a/f", None),
            ("*", Some("*")),
            ("", Some("")),
        ] {
            assert_eq!(without_dots(path).as_deref(), expected, "{path}");
        }
    }
}
