//! The handler's view of the request and of the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock, Weak};

use http::header::HOST;

use super::Body;
use super::shutdown::Shutdown;
use super::upgrade::Socket;
use crate::address::Peer;
use crate::proxy::node::{Claims, Node};
use crate::tls::Facts;

/// A request: the `http` crate's, with content to read.
///
/// The target is in origin-form (path and query) or `*`. An absolute-form target is converted: its
/// authority replaces the value of `Host` (RFC 9112 §3.2.2).
pub type Request = http::Request<Body>;

/// The properties of a connection.
#[derive(Debug)]
pub struct Connection {
    peer: Option<Peer>,
    socket: Option<Weak<dyn Socket>>,
    local: OnceLock<Option<SocketAddr>>,
    tls: Option<Arc<Facts>>,
    announced: Option<Box<Announced>>,
    shutdown: Arc<Shutdown>,
}

/// The facts about a connection announced by a proxy in the PROXY protocol.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    /// The proxy itself.
    pub(crate) proxy: Option<Peer>,
    /// The address that the client connected to, if announced.
    pub(crate) local: Option<SocketAddr>,
    /// True if the client used TLS to reach the proxy.
    pub(crate) is_secure: bool,
}

impl Connection {
    /// Describes a connection. `announced` overrides `peer` and `socket`; `tls` has the results of
    /// the handshake; `shutdown` is set when the server stops.
    pub(crate) fn new(
        peer: Option<Peer>,
        socket: Weak<dyn Socket>,
        announced: Option<Box<Announced>>,
        tls: Option<Arc<Facts>>,
        shutdown: Arc<Shutdown>,
    ) -> Self {
        Self { peer, socket: Some(socket), local: OnceLock::new(), tls, announced, shutdown }
    }

    /// The peer; `None` for a request without a socket (`testing::call`).
    ///
    /// With [`proxy_protocol`](crate::Settings::proxy_protocol) the peer is the client announced by
    /// the proxy. Fields added by a proxy to each request are ignored here; see
    /// [`RequestExt::client`].
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// The proxy that opened the connection for [`peer`](Self::peer), as announced in the PROXY
    /// protocol.
    ///
    /// `None` without a proxy, and for the proxy's own requests, such as health checks. If the
    /// proxy does not know the client, the peer has the proxy's address, but not the proxy's
    /// credentials.
    #[must_use]
    pub fn proxy(&self) -> Option<&Peer> {
        self.announced.as_ref()?.proxy.as_ref()
    }

    /// The address and port that the client connected to, possibly a proxy's; `None` without one,
    /// as on a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        if let Some(local) = self.announced.as_ref().and_then(|announced| announced.local) {
            return Some(local);
        }
        // Queried once, on demand: it costs a system call, and few handlers need it.
        *self.local.get_or_init(|| self.socket.as_ref()?.upgrade()?.local_addr())
    }

    /// `https` with TLS, or if a proxy has announced that the client used TLS; else `http`.
    ///
    /// The scheme is a fact of the connection: the scheme in the request target is ignored.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        let is_announced = self.announced.as_ref().is_some_and(|announced| announced.is_secure);
        if self.tls.is_some() || is_announced { "https" } else { "http" }
    }

    /// The results of the TLS handshake: version, cipher, names, the client's certificate if sent;
    /// `None` without TLS.
    ///
    /// The facts are those of this connection: behind a proxy, the proxy's.
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.tls.as_deref()
    }

    /// True if the server is shutting down.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }
}

/// The methods that drupe adds to a request. None allocates.
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
    /// The connection of the request.
    fn connection(&self) -> &Connection;

    /// Lowers the limit for the content of this request to `bytes`; reading more is an error that
    /// becomes a `413`.
    ///
    /// The limit cannot be raised above `max_request_body_size`, because a longer declared length
    /// is refused before the handler runs. The call has no effect once the body has been taken out
    /// of the request.
    fn body_limit(&mut self, bytes: u64);

    /// True if the server is shutting down; long work should then end.
    fn is_shutting_down(&self) -> bool;

    /// The address of the client, as seen by the outermost of the
    /// [`trusted_proxies`](crate::Settings::trusted_proxies). Without a trusted proxy, or if the
    /// proxies do not give the address, it is the [`peer`](Connection::peer)'s.
    ///
    /// `None` if the peer has no address (a Unix socket, `testing::call`), or if a trusted proxy
    /// hides the client (`unknown`).
    fn client(&self) -> Option<IpAddr>;

    /// The scheme that the client used towards the outermost trusted proxy, `http` or `https`.
    /// Without a trusted proxy, or if the proxies do not give the scheme, it is the connection's
    /// [`scheme`](Connection::scheme).
    fn scheme(&self) -> &'static str;

    /// The host requested by the client, with the port if given: from the trusted proxies, else
    /// from `Host`.
    ///
    /// `None` if `Host` is absent, as in HTTP/1.0; an empty `Host` gives an empty string. The value
    /// is chosen by the client in either case.
    fn host(&self) -> Option<&str>;
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
                announced: None,
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

    fn client(&self) -> Option<IpAddr> {
        match self.extensions().get::<Claims>().and_then(|claims| claims.client) {
            Some(Node::At(address)) => Some(address),
            Some(Node::Hidden) => None,
            None => match self.connection().peer() {
                Some(Peer::Tcp(address)) => Some(address.ip()),
                _ => None,
            },
        }
    }

    fn scheme(&self) -> &'static str {
        let claimed = self.extensions().get::<Claims>().and_then(|claims| claims.scheme);
        claimed.unwrap_or_else(|| self.connection().scheme())
    }

    fn host(&self) -> Option<&str> {
        match self.extensions().get::<Claims>().and_then(|claims| claims.host.as_deref()) {
            Some(host) => Some(host),
            None => self.headers().get(HOST)?.to_str().ok(),
        }
    }
}

/// True if `request` came with fields that only a proxy sends, even if the fields have been removed
/// since.
pub(crate) fn is_relayed(request: &Request) -> bool {
    request.extensions().get::<Claims>().is_some_and(|claims| claims.is_relayed)
}

/// The properties of a connection overridden by trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// The client's address; the client's port is then unknown.
    pub(crate) client: bool,
    /// The scheme used by the client, or the requested host.
    pub(crate) origin: bool,
}

impl Claimed {
    /// Returns the properties of `request` given by trusted proxies.
    pub(crate) fn of(request: &Request) -> Self {
        let claims = request.extensions().get::<Claims>();
        Self {
            client: claims.is_some_and(|claims| claims.client.is_some()),
            origin: claims.is_some_and(|claims| claims.scheme.is_some() || claims.host.is_some()),
        }
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
    fn request_without_a_connection_has_none() {
        let request = Request::default();
        assert!(request.connection().peer().is_none());
        assert!(request.connection().local_addr().is_none());
        assert!(!request.is_shutting_down());
        assert_eq!(request.connection().scheme(), "http");
        assert!(request.connection().tls().is_none());
        assert!(request.connection().proxy().is_none());
        assert_eq!((request.client(), request.scheme(), request.host()), (None, "http", None));
    }

    #[test]
    fn claims_of_proxies_override_the_peer() {
        let mut request = http::Request::builder().header("Host", "seen").body(Body::empty()).unwrap();
        assert_eq!((request.client(), request.scheme(), request.host()), (None, "http", Some("seen")));
        let at = Some(Node::At([192, 0, 2, 1].into()));
        request.extensions_mut().insert(Claims {
            client: at,
            scheme: Some("https"),
            host: Some("claimed:1".into()),
            is_relayed: true,
        });
        let expected = (Some([192, 0, 2, 1].into()), "https", Some("claimed:1"));
        assert_eq!((request.client(), request.scheme(), request.host()), expected);
    }
}
