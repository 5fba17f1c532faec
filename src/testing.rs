//! For tests of handlers: without a socket, through the real connection loop in memory, or over a real port.
//!
//! ```
//! use drupe::{Body, Request, testing};
//!
//! fn handler(request: &mut Request) -> String {
//!     format!("you asked for {}\n", request.uri().path())
//! }
//!
//! // The handler alone.
//! let request = drupe::http::Request::get("/tea").body(Body::empty()).unwrap();
//! let response = testing::call(&handler, request);
//! assert_eq!(response.into_body().into_string().unwrap(), "you asked for /tea\n");
//!
//! // What would come over the wire, byte by byte.
//! let answer = testing::exchange(handler, b"GET /tea HTTP/1.1\r\nHost: x\r\n\r\n");
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
//!
//! // A server on a port of its own, for as long as it lives.
//! let server = testing::TestServer::new(handler);
//! assert!(server.url("/tea").starts_with("http://127.0.0.1:"));
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::engine::{ClientConnection, Verdict};
use crate::engine::{Service, WorkerContext};
use crate::error::Error;
use crate::message::{Handler, Request, Response};
use crate::net::script::Script;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::net::tls::secure::Secure;
use crate::server::{Server, ServerHandle};
use crate::settings::Settings;

/// Has `handler` answer `request`, and nothing more: no socket, no limits, no fields of the server's.
pub fn call(handler: &impl Handler, mut request: Request) -> Response {
    handler.handle(&mut request)
}

/// What a client that sends `bytes` and then ends its side is answered, with default settings.
///
/// It goes through the very code that serves a socket. An upgrade ends it with the `101`.
pub fn exchange(handler: impl Handler, bytes: &[u8]) -> Vec<u8> {
    let conversation = Conversation::new(handler, &Settings::default());
    conversation.map(|conversation| conversation.run([bytes.to_vec()])).unwrap_or_default()
}

/// Connections in memory to one handler under settings of choice.
pub struct Conversation {
    service: Arc<Service>,
}

impl Conversation {
    /// Prepares them. TLS is left out: there is nothing to be kept secret in memory.
    ///
    /// # Errors
    /// `Setting` for one that cannot be used.
    pub fn new(handler: impl Handler, settings: &Settings) -> Result<Self, Error> {
        let config = Config::resolve(settings)?;
        Ok(Self { service: Arc::new(Service::new(config, Arc::new(handler))) })
    }

    /// Prepares them over TLS, as `settings` have it: what is sent and answered are the bytes on the wire, records and all.
    ///
    /// # Errors
    /// `Setting` for one that cannot be used, and where there is no certificate.
    pub fn encrypted(handler: impl Handler, settings: &Settings) -> Result<Self, Error> {
        let config = Config::resolve(settings)?;
        let Some(asked) = config.tls.clone() else {
            return Err(Error::setting("ssl_certificate", "is not set: there is no TLS without a certificate"));
        };
        let tls = Tls::load(asked.options, asked.adapter, SystemTime::now())?;
        let mut service = Service::new(config, Arc::new(handler));
        service.tls = Some(Arc::new(tls));
        Ok(Self { service: Arc::new(service) })
    }

    /// What a client that sends `pieces`, each as one segment, and then ends its side is answered.
    ///
    /// It must go on piece by piece exactly as over a socket; time does not pass in it, so nothing is ever late.
    pub fn run(&self, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let stream = self.stream(Script::new(pieces));
        let mut context = WorkerContext::new(Arc::clone(&self.service), Arc::default());
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &context.config);
        // Each turn reads a piece or the end; a connection that went on without would never end.
        while matches!(connection.advance(&mut context), Verdict::Park | Verdict::Again) {
            connection.expect_input();
        }
        connection.answered_in_memory()
    }

    fn stream(&self, script: Script) -> Stream {
        let stream = Stream::Script(script);
        let Some(tls) = &self.service.tls else { return stream };
        let secure = Secure::new(stream, Arc::clone(tls), Duration::ZERO, Duration::ZERO);
        Stream::Tls(Box::new(secure.expect("there is no socket that could refuse")))
    }
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}

/// A server on a free port of 127.0.0.1, stopped when it is dropped.
#[derive(Debug)]
pub struct TestServer {
    server: Server,
    address: SocketAddr,
}

impl TestServer {
    /// Starts `handler` with default settings.
    ///
    /// # Panics
    /// If no port or thread can be had.
    #[must_use]
    pub fn new(handler: impl Handler) -> Self {
        Self::with(handler, |_| {})
    }

    /// Starts `handler` with what `change` makes of the default settings; the address is always an ephemeral port of 127.0.0.1.
    ///
    /// # Panics
    /// If a setting cannot be used, or no port or thread can be had.
    #[must_use]
    pub fn with(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Self {
        let mut server = Server::new(handler);
        change(&mut server.settings);
        server.settings.listen.clear();
        server.settings.socket_file = None;
        server.settings.socket_host = "127.0.0.1".to_owned();
        server.settings.socket_port = 0;
        if let Err(error) = server.start() {
            panic!("the test server did not start: {error}");
        }
        let address = server.bound_addr().expect("a server that has started is bound");
        Self { server, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.server.scheme(), self.address)
    }

    /// The server itself.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A handle on it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }
}
