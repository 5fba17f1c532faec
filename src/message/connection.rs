//! The connection of a request, as the handler sees it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use super::server_handle::ServerHandle;
use super::shutdown::{OnStop, Shutdown};
use super::upgrade::Socket;
use crate::address::Peer;
use crate::tls::Facts;

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

    /// Describes a connection without a socket, for tests of handlers.
    pub(crate) fn without_socket(
        peer: Option<Peer>,
        local: Option<SocketAddr>,
        tls: Option<Arc<Facts>>,
        shutdown: Arc<Shutdown>,
    ) -> Self {
        Self { peer, socket: None, local: OnceLock::from(local), tls, announced: None, shutdown }
    }

    /// The peer; `None` for a request without a socket (`testing::call`).
    ///
    /// With [`proxy_protocol`](crate::Settings::proxy_protocol) the peer is the client announced by
    /// the proxy. Fields added by a proxy to each request are ignored here; see
    /// [`RequestExt::client`](crate::RequestExt::client).
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

    /// The server; `None` without one.
    pub(super) fn server(&self) -> Option<ServerHandle> {
        self.shutdown.server()
    }

    /// True if the server is shutting down.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    /// Calls `callback` when the server is told to stop or to restart; at once if it is shutting
    /// down. Dropping the result deregisters the callback.
    ///
    /// Use `on_stop` in code that waits for something of its own, such as a channel, and must not
    /// delay a stop: `callback` wakes the wait. The handler holds a worker meanwhile; a stream of
    /// events does not need one ([`Body::channel`](crate::Body::channel)). The callback runs on the stopping thread, must be
    /// short, and must not start or restart the server. Without a server (`testing::call`) the
    /// callback is never called.
    ///
    /// ```
    /// use std::sync::{Mutex, mpsc};
    /// use drupe::http::StatusCode;
    /// use drupe::{Request, RequestExt};
    ///
    /// enum News { Event(String), Stop }
    ///
    /// static LISTENERS: Mutex<Vec<mpsc::Sender<News>>> = Mutex::new(Vec::new());
    ///
    /// /// Answers with the next event (long polling), or with a 503 at a stop.
    /// fn next(request: &mut Request) -> Result<String, StatusCode> {
    ///     let (sender, news) = mpsc::channel();
    ///     LISTENERS.lock().unwrap().push(sender.clone());
    ///     let _on_stop = request.connection().on_stop(move || drop(sender.send(News::Stop)));
    ///     match news.recv() {
    ///         Ok(News::Event(event)) => Ok(event),
    ///         _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    ///     }
    /// }
    /// # let asks = std::thread::spawn(|| next(&mut Request::default()));
    /// # while LISTENERS.lock().unwrap().is_empty() { std::thread::yield_now() }
    /// # LISTENERS.lock().unwrap()[0].send(News::Event("tea".into())).unwrap();
    /// # assert_eq!(asks.join().unwrap().unwrap(), "tea");
    /// ```
    pub fn on_stop(&self, callback: impl FnOnce() + Send + 'static) -> OnStop {
        self.shutdown.on_stop(Box::new(callback))
    }
}
