//! The media type of a request's content (RFC 9110 §8.3).

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// A media type with its charset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// Type and subtype, in lower case.
    pub(super) essence: String,
    /// The charset, in lower case, without quotes.
    pub(super) charset: Option<String>,
}

impl MediaType {
    /// Returns the type in `fields`; `None` without a `Content-Type`.
    pub(super) fn of(fields: &HeaderMap) -> Option<Self> {
        let text = String::from_utf8_lossy(fields.get(CONTENT_TYPE)?.as_bytes()).into_owned();
        let mut parts = text.split(';');
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
}
