//! Further fields of answers, set by the operator for patterns of paths.

use std::io;
use std::path::Path;

use http::header::{
    ACCEPT_RANGES, ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, HeaderValue,
    LAST_MODIFIED, LOCATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, StatusCode};

use super::pattern::PathPattern;
use crate::message::Response;

/// Fields for the answers of some paths, in the order in which the fields were set.
#[derive(Clone, Debug, Default)]
pub(super) struct FurtherFields(Vec<FurtherField>);

#[derive(Clone, Debug)]
struct FurtherField {
    pattern: PathPattern,
    name: HeaderName,
    value: HeaderValue,
}

impl FurtherFields {
    /// Adds a field for the paths that match `pattern`.
    ///
    /// # Errors
    /// `InvalidInput`, with the wrong part.
    pub(super) fn add(&mut self, pattern: &str, name: &str, value: &str) -> io::Result<()> {
        let refused = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let pattern = PathPattern::of(pattern)
            .ok_or_else(|| refused(format!("{pattern:?} is not a pattern of paths, such as /assets/*")))?;
        let known = HeaderName::try_from(name).map_err(|_| refused(format!("{name:?} is not a field name")))?;
        if RESERVED.contains(&known) || RESERVED_NAMES.contains(&known.as_str()) {
            return Err(refused(format!("the field {known} is made by the server")));
        }
        if known == CONTENT_TYPE {
            return Err(refused("the field content-type has a setting of its own, content_type".to_owned()));
        }
        let value = HeaderValue::try_from(value.trim_matches([' ', '\t']))
            .map_err(|_| refused(format!("{value:?} is not a value of the field {known}")))?;
        self.0.push(FurtherField { pattern, name: known, value });
        Ok(())
    }

    /// Adds the fields of `path` to `response`, if the response has content of a file or a listing,
    /// or confirms the content that the client has.
    ///
    /// A later field replaces an earlier one of the same name, except `Vary`, which gets longer.
    pub(super) fn apply(&self, path: &Path, mut response: Response) -> Response {
        if DESCRIBING_CONTENT.contains(&response.status()) {
            for field in self.0.iter().filter(|field| field.pattern.matches(path)) {
                set(response.headers_mut(), field);
            }
        }
        response
    }
}

fn set(fields: &mut HeaderMap, field: &FurtherField) {
    if field.name == VARY {
        fields.append(VARY, field.value.clone());
    } else {
        fields.insert(field.name.clone(), field.value.clone());
    }
}

/// The statuses of answers with further fields: errors and redirects have none, because a field such
/// as `Cache-Control` would hold for them too.
const DESCRIBING_CONTENT: [StatusCode; 3] = [StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED];
/// Fields of framing and of the connection, and fields that depend on the file.
const RESERVED: [HeaderName; 13] = [
    ACCEPT_RANGES,
    ALLOW,
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    DATE,
    ETAG,
    LAST_MODIFIED,
    LOCATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// As [`RESERVED`], names without a constant.
const RESERVED_NAMES: [&str; 2] = ["keep-alive", "proxy-connection"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::IntoResponse;

    fn fields(list: &[(&str, &str, &str)]) -> FurtherFields {
        let mut fields = FurtherFields::default();
        list.iter().for_each(|(pattern, name, value)| fields.add(pattern, name, value).unwrap());
        fields
    }

    #[test]
    fn later_field_replaces_an_earlier_one_of_its_name() {
        let fields = fields(&[
            ("**", "Cache-Control", "no-cache"),
            ("/assets/*", "cache-control", " immutable\t"),
            ("**", "vary", "origin"),
            ("**", "vary", "cookie"),
        ]);
        for (path, expected) in [("index.html", "no-cache"), ("assets/a.js", "immutable")] {
            let response = fields.apply(Path::new(path), "content".into_response());
            assert_eq!(response.headers()["cache-control"], expected, "{path}");
            assert_eq!(response.headers().get_all(VARY).iter().count(), 2);
        }
    }

    #[test]
    fn errors_and_redirects_have_no_further_fields() {
        let fields = fields(&[("**", "cache-control", "immutable")]);
        for (status, expected) in [
            (200, true),
            (206, true),
            (304, true),
            (204, false),
            (301, false),
            (404, false),
            (412, false),
            (416, false),
        ] {
            let response = StatusCode::from_u16(status).unwrap().into_response();
            let response = fields.apply(Path::new("a"), response);
            assert_eq!(response.headers().contains_key("cache-control"), expected, "{status}");
        }
    }

    #[test]
    fn wrong_field_is_refused_with_the_wrong_part() {
        for (pattern, name, value, reason) in [
            ("", "a", "b", "\"\" is not a pattern of paths, such as /assets/*"),
            ("a//b", "a", "b", "\"a//b\" is not a pattern of paths, such as /assets/*"),
            ("*", "a b", "c", "\"a b\" is not a field name"),
            ("*", "", "c", "\"\" is not a field name"),
            ("*", "a", "b\r\nc: d", "\"b\\r\\nc: d\" is not a value of the field a"),
            ("*", "Content-Length", "0", "the field content-length is made by the server"),
            ("*", "transfer-encoding", "chunked", "the field transfer-encoding is made by the server"),
            ("*", "keep-alive", "1", "the field keep-alive is made by the server"),
            ("*", "etag", "\"a\"", "the field etag is made by the server"),
            ("*", "content-type", "a/b", "the field content-type has a setting of its own, content_type"),
        ] {
            let error = FurtherFields::default().add(pattern, name, value).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidInput, reason));
        }
    }
}
