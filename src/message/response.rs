//! The response, and conversions into one.

use std::io;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::Body;
use crate::h1;

/// A response: the `http` crate's, with a body to send.
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection`.
pub type Response = http::Response<Body>;

/// A value that a handler may return.
///
/// Text gets `Content-Type: text/plain; charset=utf-8`, bytes get `application/octet-stream`. A
/// [`Body`] gets no type, and a [`Response`] is sent unchanged.
///
/// ```
/// use drupe::{IntoResponse, http::StatusCode};
///
/// assert_eq!("text".into_response().status(), StatusCode::OK);
/// assert_eq!((StatusCode::NOT_FOUND, "no such thing").into_response().status(), StatusCode::NOT_FOUND);
/// let result: Result<(), StatusCode> = Err(StatusCode::FORBIDDEN);
/// assert_eq!(result.into_response().status(), StatusCode::FORBIDDEN);
/// ```
pub trait IntoResponse {
    /// Converts the value into a response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
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
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        typed(TEXT, self.into())
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        typed(TEXT, self.into())
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        typed(BYTES, self.into())
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        typed(BYTES, self.into())
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

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The response to an error returned with `?`.
///
/// Errors of the request's content have a status of their own (`400`, `408`, `413`). Any other
/// error is logged and becomes a `500` without content. An error of the content is recognised by
/// the wrapped error, not by the kind: if a file of the handler is not UTF-8, the client is not at
/// fault.
impl IntoResponse for io::Error {
    fn into_response(self) -> Response {
        match refusal(&self) {
            Some(refused) => (refused.status(), format!("{refused}\n")).into_response(),
            None => {
                log::error!("a handler failed: {self}; answering 500");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Returns the client's error, if `error` wraps one.
pub(crate) fn refusal(error: &io::Error) -> Option<h1::error::ProtocolError> {
    error.get_ref()?.downcast_ref::<h1::error::ProtocolError>().copied()
}

fn typed(content_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_content_keeps_its_status() {
        let error = io::Error::new(io::ErrorKind::FileTooLarge, h1::error::ProtocolError::ContentTooLarge);
        assert_eq!(error.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
        let error = io::Error::new(io::ErrorKind::TimedOut, h1::error::ProtocolError::Timeout);
        assert_eq!(error.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn any_other_failure_is_a_bare_500() {
        let response = io::Error::other("the password is 1234").into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.into_body().into_vec().unwrap(), b"");
    }

    #[test]
    fn failures_of_the_handler_are_not_client_errors() {
        for kind in [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
            let response = io::Error::new(kind, "/etc/site.toml is not UTF-8").into_response();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.into_body().into_vec().unwrap(), b"");
        }
    }

    #[test]
    fn text_answers_have_a_content_type() {
        assert_eq!("a".into_response().headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(vec![1_u8].into_response().headers()[CONTENT_TYPE], "application/octet-stream");
        assert!(().into_response().headers().is_empty());
    }
}
