//! The decision of a handler to give no answer.

use std::error::Error;
use std::fmt;

use super::response::{IntoResponse, Response};

/// No answer: the server closes the connection without a byte of a response.
///
/// For a handler that returns `NoAnswer`, or a response with `NoAnswer` in the
/// [extensions](http::Response::extensions). A WSGI application fails with `NoAnswer` as its error.
/// The client sees a connection that ends too early, and may send the request again. The access log
/// has no status.
///
/// ```
/// use drupe::exchange::NoAnswer;
/// use drupe::{IntoResponse, Request, Response};
///
/// fn handler(request: &mut Request) -> Response {
///     if request.uri().path().ends_with(".php") {
///         return NoAnswer.into_response();
///     }
///     "hello\n".into_response()
/// }
/// # assert!(handler(&mut Request::default()).extensions().get::<NoAnswer>().is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

impl IntoResponse for NoAnswer {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler gave no answer")
    }
}

impl Error for NoAnswer {}
