//! Leaving HTTP: `101 Switching Protocols`, or `426 Upgrade Required`.

use std::io;

use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, UPGRADE};

use super::body::Upgrade;
use super::channel::Sender;
use super::inbox::Inbox;
use super::mailbox::Mailbox;
use super::named::RequestName;
use super::parked::{ParkedStream, ParkedUpgrade, Wait};
use super::upgrade::Upgraded;
use super::{Body, IntoResponse, Request, Response};
use crate::h1::exchange::Exchange;

/// Switches the connection of `request` to `protocol`, and runs `serve` with the raw stream on a
/// separate thread.
///
/// The response is `101` if the client offers `protocol` (RFC 9110 §7.8: in HTTP/1.1,
/// `Connection: upgrade` and an `Upgrade` field listing `protocol`). Otherwise, also over HTTP/1.0
/// or with `protocol_version = "HTTP/1.0"`, the response is `426` naming `protocol`. The caller may
/// add fields to the response, such as `Sec-WebSocket-Accept`. Unread content of `request` is read
/// and dropped first. The stream begins with the bytes that the client has sent after the request.
///
/// At most [`max_upgraded`](crate::Settings::max_upgraded) connections (1024 by default) are
/// upgraded at once. Above this limit the client gets `503` with `Retry-After`, the connection is
/// closed, and `serve` is dropped without a call.
///
/// Use `upgrade` for a few clients, and for functions that block. For many clients that are mostly
/// silent, such as WebSockets, use [`upgrade_parked`](crate::stream::upgrade_parked), which needs
/// no thread.
///
/// The thread belongs to the server. When the server is told to stop,
/// [`Upgraded::is_shutting_down`] becomes true, and a waiting read fails once with `TimedOut`.
/// `serve` then has [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s by default) to
/// close the protocol and return. After this time the socket is shut down and the thread joined, so
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
    switch(request, protocol, Upgrade::Thread(Box::new(serve)))
}

/// Switches the connection of `request` to `protocol`, and waits for its events without a thread.
///
/// Use `upgrade_parked` for many clients that are mostly silent. With code that blocks, use
/// [`upgrade`]. The response is that of [`upgrade`], without the limit `max_upgraded`.
///
/// After the response, `begin` is called once, with the raw stream and the first [`Sender`] of the
/// connection's mailbox. `begin` returns the function that serves the connection. This function is
/// called on a worker
///
/// - once at the beginning,
/// - when bytes have come, or the client has ended its side,
/// - when there is room again, after a write that failed with
///   [`WouldBlock`](io::ErrorKind::WouldBlock),
/// - when a message was sent, or all senders are gone,
/// - when the time of [`Wait::For`] has passed,
/// - when the server is told to stop ([`Inbox::is_shutting_down`]).
///
/// A call may also come without any of these events. Between two calls the connection waits without
/// a thread, like an idle connection. The rules for the function:
///
/// - **Never wait.** A call holds a worker that other clients may need.
/// - **Read until `WouldBlock`.** The function may not be called again for input left unread. A
///   function with messages left to write may leave input unread on purpose.
/// - **Take messages** with [`Inbox::try_recv`]. While the client reads too slowly, leave the
///   messages in the mailbox, so that senders learn that the mailbox is full. `capacity` is the
///   limit for waiting messages, in bytes; an empty message counts as one byte.
/// - **End the connection** with [`Wait::End`], or at once with an error. An error is logged at
///   level `debug`. The error `WouldBlock` does not end the connection, and means
///   [`Wait::ForEvents`]. A panic is logged as an error, and closes this connection only.
///
/// After a stop the function has [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s by
/// default) to end the protocol. The server sets no other time limit. Each connection counts for
/// [`max_connections`](crate::Settings::max_connections), and not for `max_upgraded`, because the
/// connection holds no thread.
///
/// Heartbeats, [`Sender::end_at_stop`] and trailers have no effect on this mailbox.
/// [`Sender::fail`] and [`Overflow::Disconnect`](crate::stream::Overflow::Disconnect) close the
/// connection.
///
/// ```
/// use std::io::{Read, Write};
///
/// use drupe::stream::{Inbox, Wait, upgrade_parked};
/// use drupe::{Request, Response};
///
/// /// Counts the bytes of each client, and sends the sum at the end.
/// fn handler(request: &mut Request) -> Response {
///     upgrade_parked(request, "count", 1024, |mut stream, _sender| {
///         let mut sum = 0;
///         move |inbox: &Inbox| {
///             let mut buffer = [0; 4096];
///             loop {
///                 match stream.read(&mut buffer) {
///                     Ok(0) => break,
///                     Ok(count) => sum += count,
///                     Err(_) if inbox.is_shutting_down() => break,
///                     // `WouldBlock`, or a broken connection.
///                     Err(error) => return Err(error),
///                 }
///             }
///             // The kernel's buffer is empty, so it has room for these few bytes.
///             stream.write_all(format!("{sum}\n").as_bytes())?;
///             Ok(Wait::End)
///         }
///     })
/// }
/// # assert_eq!(handler(&mut Request::default()).status(), 426);
/// ```
pub fn upgrade_parked<B, F>(request: &Request, protocol: &str, capacity: usize, begin: B) -> Response
where
    B: FnOnce(ParkedStream, Sender) -> F + Send + 'static,
    F: FnMut(&Inbox) -> io::Result<Wait> + Send + 'static,
{
    let (mailbox, receiver) = Mailbox::new(capacity);
    mailbox.lock().keeps_empty = true;
    let sender = Sender(mailbox);
    let begin = Box::new(move |stream| Box::new(begin(stream, sender)) as _);
    switch(request, protocol, Upgrade::Parked(Box::new(ParkedUpgrade { receiver, begin })))
}

/// Returns the text of a 426 for `protocol`.
pub(crate) fn required_reason(protocol: &str) -> String {
    format!("this resource speaks {protocol}\n")
}

fn switch(request: &Request, protocol: &str, upgrade: Upgrade) -> Response {
    let Ok(name) = HeaderValue::from_str(protocol) else {
        log::error!(
            "upgrade refused: {}: protocol name {protocol:?} is not a valid field value; answering 500",
            RequestName::of(request)
        );
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = if Exchange::offers_upgrade(request.headers(), request.version(), protocol) {
        (StatusCode::SWITCHING_PROTOCOLS, Body::upgrade(upgrade)).into_response()
    } else {
        (StatusCode::UPGRADE_REQUIRED, required_reason(protocol)).into_response()
    };
    response.headers_mut().insert(UPGRADE, name);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}
