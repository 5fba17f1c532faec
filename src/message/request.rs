//! The request as a handler sees it, and the connection it came over.

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
    announced: Option<Box<Announced>>,
    shutdown: Arc<Shutdown>,
}

/// What a proxy has said of a connection by the PROXY protocol.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    /// The proxy itself.
    pub(crate) proxy: Option<Peer>,
    /// The address that the client connected to, if it was said.
    pub(crate) local: Option<SocketAddr>,
    /// Whether the client came to the proxy over TLS.
    pub(crate) is_secure: bool,
}

impl Connection {
    /// `announced` is what stands before `peer` and `socket`, `tls` what a handshake has settled; `shutdown` is told when the server
    /// stops.
    pub(crate) fn new(
        peer: Option<Peer>,
        socket: Weak<dyn Socket>,
        announced: Option<Box<Announced>>,
        tls: Option<Arc<Facts>>,
        shutdown: Arc<Shutdown>,
    ) -> Self {
        Self { peer, socket: Some(socket), local: OnceLock::new(), tls, announced, shutdown }
    }

    /// Who is at the other end; `None` for a request that did not come over a socket (`testing::call`).
    ///
    /// With [`proxy_protocol`](crate::Settings::proxy_protocol) it is whom the proxy has announced. What a proxy says with each request,
    /// in fields, is not looked at here but by [`RequestExt::client`].
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// The proxy that has opened the connection for [`peer`](Self::peer), and has said so by the PROXY protocol.
    ///
    /// `None` if nobody stands between the two, and for what a proxy sends for itself, such as a check whether the server is well. A proxy
    /// that does not know its client leaves its own address as the peer's, but not its credentials.
    #[must_use]
    pub fn proxy(&self) -> Option<&Peer> {
        self.announced.as_ref()?.proxy.as_ref()
    }

    /// The address the client connected to, its port included, be it a proxy's; `None` where there is none, as on a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        if let Some(local) = self.announced.as_ref().and_then(|announced| announced.local) {
            return Some(local);
        }
        // Asked for once and only on demand: it is a system call, and few handlers want it.
        *self.local.get_or_init(|| self.socket.as_ref()?.upgrade()?.local_addr())
    }

    /// `https` with TLS, or for a client that came over TLS as far as a proxy that has announced it says, else `http`.
    ///
    /// It is a fact of the connection; what the client writes into its request target does not count.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        let is_announced = self.announced.as_ref().is_some_and(|announced| announced.is_secure);
        if self.tls.is_some() || is_announced { "https" } else { "http" }
    }

    /// What TLS has settled: version, cipher, names, the client's certificate if it has shown one; `None` without TLS.
    ///
    /// It is that of this very connection: behind a proxy, the proxy's.
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.tls.as_deref()
    }

    /// Whether the server has been told to stop.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
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

    /// The address of the client, as the outermost of the [`trusted_proxies`](crate::Settings::trusted_proxies) has seen it; where they
    /// say nothing of it, or there are none, the [`peer`](Connection::peer)'s.
    ///
    /// `None` where it has none (a Unix socket, `testing::call`) and where a trusted proxy keeps it to itself (`unknown`).
    fn client(&self) -> Option<IpAddr>;

    /// `http` or `https`: what the client used towards the outermost of the trusted proxies; where they say nothing of it, or there are
    /// none, the connection's own [`scheme`](Connection::scheme).
    fn scheme(&self) -> &'static str;

    /// The host that the client asked for, with its port if it gave one: as trusted proxies say, else the field Host.
    ///
    /// `None` if there is none, as in HTTP/1.0, and then perhaps empty. It is the client's own word either way.
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

/// Whether `request` came with what only a proxy has any business with, though it may have been taken out since.
pub(crate) fn is_relayed(request: &Request) -> bool {
    request.extensions().get::<Claims>().is_some_and(|claims| claims.is_relayed)
}

/// What proxies change of what a connection shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// Who the client is; its port is known to nobody then.
    pub(crate) client: bool,
    /// The scheme that it used, or the host that it asked for.
    pub(crate) origin: bool,
}

impl Claimed {
    /// What trusted proxies have said of `request`.
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
    fn a_request_without_a_connection_says_so() {
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
    fn what_is_claimed_goes_before_what_is_seen() {
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
