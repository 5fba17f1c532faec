//! The texts of refused requests, in cheroot's words: clients and tests know them.

use drupe::exchange::{Refusal, RefusalKind};
use drupe::http::header::CONTENT_TYPE;
use drupe::http::{HeaderValue, StatusCode};
use drupe::{Body, Response};

/// The content for an application with more content than it declares.
pub(crate) const SURPLUS: &str = "The requested resource returned more bytes than the declared Content-Length.";

/// Returns the answer to a refused request; `None` is the library's own.
pub(crate) fn shape(refusal: &Refusal) -> Option<Response> {
    let mut response = Response::new(Body::from(text(refusal)?));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Some(response)
}

fn text(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal.kind {
        RefusalKind::LineEnd => "HTTP requires CRLF terminators",
        RefusalKind::RequestLine => "Malformed Request-Line",
        RefusalKind::Protocol => "Malformed Request-Line: bad protocol",
        RefusalKind::Version if refusal.status == StatusCode::BAD_REQUEST => "Malformed Request-Line: bad version",
        RefusalKind::Version => "Cannot fulfill request",
        RefusalKind::Method => "Malformed method name: not in upper case",
        RefusalKind::Target => "Invalid path in Request-URI: not starting with a slash \"/\"",
        RefusalKind::TargetByte(b'#') => "Illegal #fragment in Request-URI.",
        RefusalKind::TargetByte(_) => "Malformed Request-URI",
        RefusalKind::TargetTooLong => "The Request-URI sent with the request exceeds the maximum allowed bytes.",
        RefusalKind::Authority => "Invalid path in Request-URI: request-target must match authority-form.",
        RefusalKind::Field => "Illegal header line.",
        RefusalKind::HeadTooLarge => "The headers sent with the request exceed the maximum allowed bytes.",
        RefusalKind::Length => "Malformed Content-Length Header.",
        RefusalKind::ContentTooLarge => "The entity sent with the request exceeds the maximum allowed bytes.",
        RefusalKind::NotTls => "The client sent a plain HTTP request, but this server only speaks HTTPS on this port.",
        _ => return None,
    })
}
