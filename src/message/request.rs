//! The request as a handler sees it, and the connection it came over.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::Body;
use super::upgrade::Socket;
use crate::address::Peer;
use crate::tls::Facts;

/// A request: the `http` crate's, with content to read.
///
/// The target is in origin-form (path and query) or `*`, whatever the client sent; an absolute-form target has become the
/// value of `Host` (RFC 9112 §3.2.2).
pub type Request = http::Request<Body>;

/// What a connection is, for as long as it lasts.
#[derive(Debug)]
pub struct Connection {
    peer: Option<Peer>,
    socket: Option<Weak<dyn Socket>>,
    local: OnceLock<Option<SocketAddr>>,
    tls: Option<Arc<Facts>>,
    shutdown: Arc<AtomicBool>,
}

impl Connection {
    /// `tls` is what its handshake has settled, `shutdown` becomes true when the server stops.
    pub(crate) fn new(
        peer: Option<Peer>,
        socket: Weak<dyn Socket>,
        tls: Option<Arc<Facts>>,
        shutdown: Arc<AtomicBool>,
    ) -> Self {
        Self { peer, socket: Some(socket), local: OnceLock::new(), tls, shutdown }
    }

    /// Who is at the other end; `None` for a request that did not come over a socket (`testing::call`).
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// The address the client connected to, its port included; `None` where there is none, as on a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        // Asked for once and only on demand: it is a system call, and few handlers want it.
        *self.local.get_or_init(|| self.socket.as_ref()?.upgrade()?.local_addr())
    }

    /// `https` with TLS, else `http`. It is a fact of the connection; what the client writes into its request target does not count.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// What TLS has settled: version, cipher, names, the client's certificate if it has shown one; `None` without TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.tls.as_deref()
    }

    /// Whether the server has been told to stop.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.load(Ordering::Relaxed)
    }
}

/// What drupe adds to a request. None of it allocates.
///
/// ```
/// use drupe::{Request, RequestExt};
///
/// fn handler(request: &mut Request) -> String {
///     request.body_limit(1024);
///     match request.connection().peer() {
///         Some(peer) => format!("hello, {peer}\n"),
///         None => "hello, nobody\n".to_owned(),
///     }
/// }
/// ```
pub trait RequestExt: sealed::Sealed {
    /// The connection the request came over.
    fn connection(&self) -> &Connection;

    /// Lowers the limit for the content of this request to `bytes`; reading more is an error that becomes a `413`.
    ///
    /// It cannot raise what `max_request_body_size` allows, because a declared length over that has been refused before
    /// the handler runs. No effect once the body has been taken out of the request.
    fn body_limit(&mut self, bytes: u64);

    /// Whether the server has been told to stop: what takes long should come to its end.
    fn is_shutting_down(&self) -> bool;
}

impl RequestExt for Request {
    fn connection(&self) -> &Connection {
        static DETACHED: OnceLock<Connection> = OnceLock::new();
        match self.extensions().get::<Arc<Connection>>() {
            Some(connection) => connection,
            None => DETACHED.get_or_init(|| Connection {
                peer: None,
                socket: None,
                local: OnceLock::new(),
                tls: None,
                shutdown: Arc::default(),
            }),
        }
    }

    fn body_limit(&mut self, bytes: u64) {
        self.body_mut().set_limit(bytes);
    }

    fn is_shutting_down(&self) -> bool {
        self.connection().is_shutting_down()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Request {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_connection_says_so() {
        let request = Request::default();
        assert!(request.connection().peer().is_none());
        assert!(request.connection().local_addr().is_none());
        assert!(!request.is_shutting_down());
        assert_eq!(request.connection().scheme(), "http");
        assert!(request.connection().tls().is_none());
    }
}
