//! The response, and values that become one.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::body::Body;

/// A response: the `http` crate's, with a body to send.
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection`.
///
/// ```
/// use drupe::Response;
///
/// let response = Response::builder().status(201).header("location", "/tea/7").body("brewed\n");
/// # assert_eq!(response.unwrap().status(), 201);
/// ```
pub type Response<T = Body> = http::Response<T>;

/// A value that a handler may return.
///
/// | value | response |
/// |---|---|
/// | `&'static str`, `String`, `Box<str>`, `Cow<'static, str>` | text: `Content-Type: text/plain; charset=utf-8` |
/// | `Vec<u8>`, `Bytes`, `&'static [u8]`, `&'static [u8; N]` | bytes: `Content-Type: application/octet-stream` |
/// | [`Html`](crate::response::Html), [`Redirect`](crate::response::Redirect), [`NoContent`](crate::response::NoContent), `Json` (feature `json`) | see there |
/// | [`Body`] | the content, without a type |
/// | `()`, [`StatusCode`] | no content |
/// | `Option<T>` | that of `T`; a `404` for `None` |
/// | `Result<T, E>` | that of `T` or of `E` |
/// | [`Failure`](crate::Failure), `std::io::Error` | see there |
/// | `(StatusCode, T)` | that of `T` with this status |
/// | `([(name, value); N], T)`, `(HeaderMap, T)` | that of `T` with these fields, in place of its own of the same names |
/// | `(StatusCode, [(name, value); N], T)`, `(StatusCode, HeaderMap, T)` | that of `T` with this status and these fields |
/// | `http::Response<T>` | unchanged, for every `T` that converts into a [`Body`] |
///
/// A name or a value that is not allowed in a field, such as text with a line end, makes the
/// response a `500` and is logged, so no value can inject a field or a second response.
///
/// ```
/// use drupe::{IntoResponse, http::StatusCode};
///
/// assert_eq!("text".into_response().status(), StatusCode::OK);
/// assert_eq!((StatusCode::NOT_FOUND, "no such thing").into_response().status(), StatusCode::NOT_FOUND);
/// let page = ([("cache-control", "no-store")], "text");
/// assert_eq!(page.into_response().headers()["cache-control"], "no-store");
/// let missing: Option<String> = None;
/// assert_eq!(missing.into_response().status(), StatusCode::NOT_FOUND);
/// let result: Result<(), StatusCode> = Err(StatusCode::FORBIDDEN);
/// assert_eq!(result.into_response().status(), StatusCode::FORBIDDEN);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a response",
    label = "not a response",
    note = "return text, bytes, a `drupe::Body`, a status, a tuple of status, fields and one of these, or `drupe::Response`",
    note = "for a `Result`, let the error be `drupe::Failure`: every error becomes one by `?`, those of `anyhow` too",
    note = "for a value that serde knows, return `drupe::response::Json(value)` (feature `json`)",
    note = "for a future: drupe has no async runtime, so a handler is a function without `async`"
)]
pub trait IntoResponse {
    /// Converts the value into a response.
    fn into_response(self) -> Response;
}

impl<T: Into<Body>> IntoResponse for Response<T> {
    fn into_response(self) -> Response {
        self.map(Into::into)
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// A `200` without content.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(Body::empty())
    }
}

/// A response of this status without content.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for Box<str> {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl<const N: usize> IntoResponse for &'static [u8; N] {
    fn into_response(self) -> Response {
        typed(BYTES, self.as_slice())
    }
}

/// The response of `T`, or a `404` without content.
impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        self.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The response of `T`, with this status.
impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        *response.status_mut() = self.0;
        response
    }
}

fn typed(content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks status, type and content of a response.
    #[track_caller]
    fn check(value: impl IntoResponse, status: u16, content_type: Option<&str>, content: &str) {
        let response = value.into_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get(CONTENT_TYPE).map(|found| found.to_str().unwrap()), content_type);
        assert_eq!(response.into_body().into_string().unwrap(), content);
    }

    #[test]
    fn text_and_bytes_have_a_content_type() {
        let (text, bytes) = (Some("text/plain; charset=utf-8"), Some("application/octet-stream"));
        check("a", 200, text, "a");
        check("a".to_owned(), 200, text, "a");
        check(Box::<str>::from("a"), 200, text, "a");
        check(Cow::Borrowed("a"), 200, text, "a");
        check(Cow::<'static, str>::Owned("a".to_owned()), 200, text, "a");
        check(vec![b'a'], 200, bytes, "a");
        check(Bytes::from_static(b"a"), 200, bytes, "a");
        check(b"a", 200, bytes, "a");
        check(&b"a"[..], 200, bytes, "a");
        check((), 200, None, "");
        check(Body::from("a"), 200, None, "a");
        check(StatusCode::ACCEPTED, 202, None, "");
    }

    #[test]
    fn missing_value_is_a_404() {
        check(None::<String>, 404, None, "");
        check(Some(StatusCode::GONE), 410, None, "");
        check(Ok::<_, StatusCode>(Some("a")), 200, Some("text/plain; charset=utf-8"), "a");
    }

    #[test]
    fn response_of_the_http_crate_keeps_its_head_whatever_its_content_is_made_of() {
        check(Response::builder().status(201).body("a").unwrap(), 201, None, "a");
        check(Response::builder().body(()).unwrap(), 200, None, "");
        check(Response::builder().body("a".to_owned()).unwrap(), 200, None, "a");
        check(Response::builder().body(Body::from("a")).unwrap(), 200, None, "a");
    }

    #[test]
    fn failures_of_the_handler_are_not_client_errors() {
        use std::io;
        for kind in [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
            check(
                io::Error::new(kind, "/etc/site.toml is not UTF-8"),
                500,
                Some("text/plain; charset=utf-8"),
                "internal server error\n",
            );
        }
    }
}
