//! The media type of a request's content (RFC 9110 §8.3).

use std::mem;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

/// A media type with its charset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// Type and subtype, in lower case.
    pub(super) essence: String,
    /// The charset, in lower case, without quotes.
    pub(super) charset: Option<String>,
}

impl MediaType {
    /// Returns the type in `fields`; `None` without a `Content-Type`. Several lines make one value
    /// (RFC 9110 §5.3), and so an unknown type.
    pub(super) fn of(fields: &HeaderMap) -> Option<Self> {
        let lines: Vec<&[u8]> = fields.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&lines.join(&b", "[..])).into_owned();
        let (mut is_quoted, mut is_escaped) = (false, false);
        let mut parts = text.split(move |letter| {
            let was_escaped = mem::take(&mut is_escaped);
            is_escaped = is_quoted && !was_escaped && letter == '\\';
            is_quoted ^= letter == '"' && !was_escaped;
            letter == ';' && !is_quoted
        });
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| {
            // Blanks around the sign are not allowed, but are sent.
            name.trim().eq_ignore_ascii_case("charset")
        });
        let charset = charset.map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
        Some(Self { essence, charset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_type_is_read_without_regard_to_case_and_blanks() {
        for (text, essence, charset) in [
            ("text/plain", "text/plain", None),
            ("Text/HTML;Charset=UTF-8", "text/html", Some("utf-8")),
            ("text/plain ; a=b; charset=\"Latin1\"", "text/plain", Some("latin1")),
            ("text/plain; charset = utf-8", "text/plain", Some("utf-8")),
            ("text/plain; charset=", "text/plain", Some("")),
            ("text/plain; title=\"a; charset=x\"; charset=b", "text/plain", Some("b")),
            (r#"text/plain; title="a\"; charset=x\\"; charset=b"#, "text/plain", Some("b")),
            (r"text/plain; title=a\; charset=b", "text/plain", Some("b")),
            (";", "", None),
            ("", "", None),
        ] {
            let mut fields = HeaderMap::new();
            assert_eq!(MediaType::of(&fields), None);
            fields.insert(CONTENT_TYPE, text.parse().unwrap());
            let found = MediaType::of(&fields).unwrap();
            assert_eq!((found.essence.as_str(), found.charset.as_deref()), (essence, charset), "{text}");
        }
    }

    #[test]
    fn two_lines_are_no_type_that_is_known() {
        let mut fields = HeaderMap::new();
        fields.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        fields.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(MediaType::of(&fields).unwrap().essence, "text/plain, application/json");
    }
}
