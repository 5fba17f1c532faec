//! The field `Vary` of responses that layers change by a field of the request (RFC 9110 §12.5.5).

use http::header::{HeaderMap, HeaderValue, VARY};

/// Adds the field name `name` to `Vary`, unless the name or `*` is there.
pub(super) fn vary_by(name: &'static str, fields: &mut HeaderMap) {
    let has_name = |line: &HeaderValue| {
        let mut names = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|member| member == b"*" || member.eq_ignore_ascii_case(name.as_bytes()))
    };
    if !fields.get_all(VARY).iter().any(has_name) {
        fields.append(VARY, HeaderValue::from_static(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_added_once() {
        for (before, after) in [
            (&[][..], &["Origin"][..]),
            (&["accept"], &["accept", "Origin"]),
            (&["accept, ORIGIN"], &["accept, ORIGIN"]),
            (&["a", "*"], &["a", "*"]),
            (&["x-origin", "\u{e9}"], &["x-origin", "\u{e9}", "Origin"]),
        ] {
            let mut fields = HeaderMap::new();
            for line in before {
                fields.append(VARY, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            vary_by("Origin", &mut fields);
            let lines: Vec<_> = fields.get_all(VARY).iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(lines, after.iter().map(|line| line.as_bytes()).collect::<Vec<_>>(), "{before:?}");
        }
    }
}
