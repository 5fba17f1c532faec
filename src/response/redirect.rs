//! Redirects to another target.

use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use crate::message::{IntoResponse, Response};

/// A redirect, with the target in `Location` (RFC 9110 §10.2.2).
///
/// The target is absolute (`https://example.org/tea`) or relative to the target of the request
/// (`/tea`, `tea?page=2`, `#top`). Bytes not allowed in a URI reference (RFC 3986), such as spaces,
/// quotes, line ends and everything beyond ASCII, are percent-encoded, so that a target cannot add
/// a field to the response. `%` is sent unchanged.
///
/// A target chosen by the client can lead to another site, even a target that begins with a slash
/// (`//` or `/\`). The handler has to compare such a target with a list of allowed ones.
///
/// ```
/// use drupe::IntoResponse;
/// use drupe::response::Redirect;
///
/// let response = Redirect::to("/tea?name=earl grey").into_response();
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers()["location"], "/tea?name=earl%20grey");
/// ```
#[derive(Clone, Debug)]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// Makes a `303`: the client continues with a GET, as after a form.
    #[must_use]
    pub fn to(target: &str) -> Self {
        Self::of(StatusCode::SEE_OTHER, target)
    }

    /// Makes a `307`: the client repeats the request, with method and content, this time only.
    #[must_use]
    pub fn temporary(target: &str) -> Self {
        Self::of(StatusCode::TEMPORARY_REDIRECT, target)
    }

    /// Makes a `308`: the client repeats the request, with method and content, and remembers the
    /// target.
    #[must_use]
    pub fn permanent(target: &str) -> Self {
        Self::of(StatusCode::PERMANENT_REDIRECT, target)
    }

    fn of(status: StatusCode, target: &str) -> Self {
        let mut location = String::with_capacity(target.len());
        for byte in target.bytes() {
            if byte.is_ascii_alphanumeric() || ALLOWED.contains(&byte) {
                location.push(char::from(byte));
            } else {
                location.push_str(&format!("%{byte:02X}"));
            }
        }
        Self { status, location }
    }
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let location = HeaderValue::try_from(self.location).expect("all of it is visible ASCII");
        response.headers_mut().insert(LOCATION, location);
        response
    }
}

/// The characters of RFC 3986 besides letters and digits, with `%` itself.
const ALLOWED: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_of_a_redirect_cannot_leave_its_field() {
        for (target, location) in [
            ("/", "/"),
            ("", ""),
            ("https://a.example:8080/b;c?d=e&f=%20#g", "https://a.example:8080/b;c?d=e&f=%20#g"),
            ("/a\r\nset-cookie: b=c", "/a%0D%0Aset-cookie:%20b=c"),
            ("/\0\u{7f}\t", "/%00%7F%09"),
            ("/t\u{e9}\u{1f375}", "/t%C3%A9%F0%9F%8D%B5"),
            ("/<a>\"b\"{c}|\\^`", "/%3Ca%3E%22b%22%7Bc%7D%7C%5C%5E%60"),
            ("//elsewhere", "//elsewhere"),
        ] {
            let response = Redirect::to(target).into_response();
            assert_eq!(response.headers()[LOCATION], location, "{target:?}");
        }
    }

    #[test]
    fn each_redirect_has_its_status() {
        let all = [Redirect::to("/"), Redirect::temporary("/"), Redirect::permanent("/")];
        assert_eq!(all.map(|redirect| redirect.into_response().status().as_u16()), [303, 307, 308]);
    }
}
