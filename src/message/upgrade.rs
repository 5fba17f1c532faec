//! Leaving HTTP: `101 Switching Protocols`, then a raw stream.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, UPGRADE};

use super::shutdown;
use super::{Body, IntoResponse, Request, Response};
use crate::h1::exchange::Exchange;

/// A connected socket as `engine` lends it; every method may be called from several threads.
pub(crate) trait Socket: Send + Sync + fmt::Debug {
    /// Waits until there is something to read, at the longest for `timeout`, and reads it; `Ok(0)` is the end.
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// As [`read`](Self::read), but waits no longer once the server stops: then it fails with `TimedOut`.
    fn read_until_stop(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until something can be written, at the longest for `timeout`, and writes it.
    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize>;
    /// Waits until all that was written is out, at the longest for `timeout`.
    fn flush(&self, timeout: Option<Duration>) -> io::Result<()>;
    /// Ends one direction or both.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// The address of our end.
    fn local_addr(&self) -> Option<SocketAddr>;
}

/// Switches the connection of `request` to `protocol` and gives the raw stream to `serve`, on a thread of its own.
///
/// The answer is `101` if the client offers `protocol` (RFC 9110 §7.8: `Connection: upgrade` and an `Upgrade` field that lists
/// it, in HTTP/1.1); else `426` with the name of the protocol that is wanted. More fields, such as
/// `Sec-WebSocket-Accept`, may be added to the response that is returned. Bytes the client has sent after its request are
/// the first that the stream yields. The content of `request`, if any, is read and dropped before.
///
/// There may be [`max_upgraded`](crate::Settings::max_upgraded) such connections at a time. Where there is no room for another, the client is
/// answered with `503` and `Retry-After`, its connection is closed, and `serve` is dropped without being called.
///
/// The thread belongs to the server. A stop is announced to it: [`Upgraded::is_shutting_down`] becomes true, and a read that waits fails once
/// with `TimedOut`. From then on `serve` has [`shutdown_timeout`](crate::Settings::shutdown_timeout) to say goodbye and return, as requests
/// have. After that its socket is ended, and its thread joined: it must return once reading or writing fails.
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
        log::error!("upgrade: the protocol's name cannot stand in a field");
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

/// The raw stream of a connection that has left HTTP.
///
/// Reading and writing block, without a time limit unless one is set. Dropping the last handle closes the connection.
///
/// When the server is told to stop, a read that waits, or the next one that would have to, fails with
/// [`ErrorKind::TimedOut`](io::ErrorKind::TimedOut), once for each handle; [`is_shutting_down`](Self::is_shutting_down) tells that from a time
/// limit. The stream is whole: what comes can still be read, and a protocol's own goodbye be sent. `TimedOut`, not `Interrupted`, because
/// `read_exact`, `read_until` and others begin anew after the latter.
#[derive(Debug)]
pub struct Upgraded {
    socket: Arc<dyn Socket>,
    shutdown: Arc<shutdown::Shutdown>,
    /// True once a read has failed because the server stops.
    has_told: bool,
    /// What was received behind the request and not yet read.
    received: Bytes,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Upgraded {
    pub(crate) fn new(socket: Arc<dyn Socket>, received: Bytes, shutdown: Arc<shutdown::Shutdown>) -> Self {
        Self { socket, shutdown, has_told: false, received, read_timeout: None, write_timeout: None }
    }

    /// Sets how long a read may wait; then it fails with `TimedOut`. `None`: for ever.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Sets how long a write may wait for room; then it fails with `TimedOut`. `None`: for ever.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// Another handle to write with, so that one thread can read while another writes. It reads nothing of what this one
    /// has buffered.
    #[must_use]
    pub fn writer(&self) -> Self {
        Self {
            received: Bytes::new(),
            socket: Arc::clone(&self.socket),
            shutdown: Arc::clone(&self.shutdown),
            has_told: false,
            ..*self
        }
    }

    /// True once the server has been told to stop: `shutdown_timeout` later the connection is ended.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    /// Waits for `time`, or until the server is told to stop, whichever comes first. Returns true if it has been told.
    #[must_use]
    pub fn stops_within(&self, time: Duration) -> bool {
        self.shutdown.wait(time)
    }

    /// Ends one direction or both, waking whoever waits there.
    ///
    /// # Errors
    /// As of the socket: `NotConnected` if the client is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }
}

impl Read for Upgraded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            if self.has_told {
                return self.socket.read(buffer, self.read_timeout);
            }
            let read = self.socket.read_until_stop(buffer, self.read_timeout);
            let is_late = matches!(&read, Err(error) if error.kind() == io::ErrorKind::TimedOut);
            self.has_told = is_late && self.is_shutting_down();
            return read;
        }
        let length = buffer.len().min(self.received.len());
        self.received.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes, self.write_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush(self.write_timeout)
    }
}
