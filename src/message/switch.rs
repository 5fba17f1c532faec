//! Leaving HTTP: `101 Switching Protocols`, or `426 Upgrade Required`.

use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, UPGRADE};

use super::named::RequestName;
use super::upgrade::Upgraded;
use super::{Body, IntoResponse, Request, Response};
use crate::h1::exchange::Exchange;

/// Switches the connection of `request` to `protocol`, and runs `serve` with the raw stream on a
/// separate thread.
///
/// The response is `101` if the client offers `protocol` (RFC 9110 §7.8: in HTTP/1.1,
/// `Connection: upgrade` and an `Upgrade` field listing `protocol`); else `426` naming `protocol`.
/// The caller may add fields to the response, such as `Sec-WebSocket-Accept`. Unread content of
/// `request` is read and dropped first. The stream begins with the bytes the client has sent after
/// the request.
///
/// At most [`max_upgraded`](crate::Settings::max_upgraded) connections are upgraded at once. Beyond
/// that limit the client gets `503` with `Retry-After`, the connection is closed, and `serve` is
/// dropped without a call.
///
/// The thread belongs to the server. When the server is told to stop,
/// [`Upgraded::is_shutting_down`] becomes true, and a waiting read fails once with `TimedOut`.
/// `serve` then has [`shutdown_timeout`](crate::Settings::shutdown_timeout) to close the protocol
/// and return, like a request. After that time the socket is shut down and the thread joined:
/// `serve` must return once reading or writing fails.
///
/// ```
/// use std::io::{Read, Write};
/// use drupe::{Request, Response};
///
/// fn handler(request: &mut Request) -> Response {
///     drupe::upgrade(request, "echo", |mut stream| {
///         let mut buffer = [0; 1024];
///         while let Ok(length @ 1..) = stream.read(&mut buffer) {
///             if stream.write_all(&buffer[..length]).is_err() { break }
///         }
///     })
/// }
/// # assert_eq!(handler(&mut Request::default()).status(), 426);
/// ```
pub fn upgrade<F>(request: &Request, protocol: &str, serve: F) -> Response
where
    F: FnOnce(Upgraded) + Send + 'static,
{
    let Ok(name) = HeaderValue::from_str(protocol) else {
        log::error!(
            "upgrade refused: {}: protocol name {protocol:?} is not a valid field value; answering 500",
            RequestName::of(request)
        );
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = if Exchange::offers_upgrade(request.headers(), request.version(), protocol) {
        (StatusCode::SWITCHING_PROTOCOLS, Body::upgrade(Box::new(serve))).into_response()
    } else {
        (StatusCode::UPGRADE_REQUIRED, format!("this resource speaks {protocol}\n")).into_response()
    };
    response.headers_mut().insert(UPGRADE, name);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}
