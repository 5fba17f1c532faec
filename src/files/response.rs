//! Small responses, and fields of larger ones.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, VARY};

use crate::message::{IntoResponse, Response};

/// A short response naming `status`, without any details of the file system.
pub(super) fn refuse(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("error");
    let response = (status, format!("{} {reason}\n", status.as_u16())).into_response();
    match status {
        StatusCode::SERVICE_UNAVAILABLE => with(response, RETRY_AFTER, "1"),
        _ => response,
    }
}

/// Adds `name` to the fields of the request on which the response depends.
pub(super) fn add_vary(mut response: Response, name: &'static str) -> Response {
    response.headers_mut().append(VARY, HeaderValue::from_static(name));
    response
}

pub(super) fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// As [`with`], for a composed value; a value not allowed in a field is left out.
pub(super) fn with_text(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
    response
}
