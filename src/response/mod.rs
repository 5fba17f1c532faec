//! Responses of common kinds: [`Html`], [`Redirect`], [`NoContent`] and, with feature `json`,
//! `Json`.

#[cfg(feature = "json")]
mod json;
mod redirect;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::redirect::Redirect;
use crate::message::{Body, IntoResponse, Response};

/// A page: content of type `text/html; charset=utf-8`.
///
/// The content is sent unchanged. The handler has to escape text that comes from users.
///
/// ```
/// use drupe::response::Html;
///
/// fn page(_: &mut drupe::Request) -> Html<&'static str> {
///     Html("<!doctype html><title>tea</title>")
/// }
/// # let response = drupe::testing::call(&page, Default::default());
/// # assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.0.into());
        response.headers_mut().insert(CONTENT_TYPE, HTML);
        response
    }
}

/// A `204` without content.
///
/// ```
/// use drupe::IntoResponse;
/// use drupe::response::NoContent;
///
/// assert_eq!(NoContent.into_response().status(), 204);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
