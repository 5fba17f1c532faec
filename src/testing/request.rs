//! Requests for a handler alone, like requests from a connection.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::{Method, Uri};

use super::content::MemoryContent;
use crate::address::{Credentials, NameService, Peer, canonical};
use crate::message::body::IncomingContent;
use crate::message::connection::Connection;
use crate::message::shutdown::Shutdown;
use crate::message::{Body, Handler, Request, Response, ServerHandle};
use crate::proxy::node::{Claims, Node};
use crate::tls::Facts;

/// A request for a handler alone: the data that a client sends, and the identity of the client.
///
/// Without further calls the client has no address, and the field `Host` is `localhost`.
///
/// ```
/// use drupe::testing::TestRequest;
/// use drupe::{Peer, Request, RequestExt};
///
/// /// Says hello to members of the group `staff`.
/// fn hello(request: &mut Request) -> Result<String, drupe::http::StatusCode> {
///     match request.connection().peer() {
///         Some(Peer::Unix(Some(who))) if who.groups().contains(&"staff".to_owned()) => {
///             Ok(format!("hello, {}\n", who.user().unwrap_or_default()))
///         }
///         _ => Err(drupe::http::StatusCode::FORBIDDEN),
///     }
/// }
///
/// let staff = TestRequest::get("/").unix(7, 1000, 50).names("ada", &["users", "staff"]);
/// assert_eq!(staff.call(&hello).into_body().into_string().unwrap(), "hello, ada\n");
/// let guest = TestRequest::get("/").unix(8, 1001, 50).names("eve", &["users"]);
/// assert_eq!(guest.call(&hello).status(), 403);
/// ```
#[derive(Debug)]
pub struct TestRequest {
    request: Request,
    content: MemoryContent,
    limit: Option<u64>,
    peer: Option<Peer>,
    local: Option<SocketAddr>,
    tls: Option<Facts>,
    claims: Option<Claims>,
    shutdown: Arc<Shutdown>,
}

impl TestRequest {
    /// Makes a request of this method for `target`, a path and query or `*`.
    ///
    /// # Panics
    /// If `target` is not a request target.
    #[must_use]
    #[track_caller]
    pub fn new(method: Method, target: &str) -> Self {
        let mut request = Request::default();
        *request.method_mut() = method;
        *request.uri_mut() = match target.parse::<Uri>() {
            Ok(uri) => uri,
            Err(error) => panic!("target {target:?}: {error}"),
        };
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        Self {
            request,
            content: MemoryContent::default(),
            limit: None,
            peer: None,
            local: None,
            tls: None,
            claims: None,
            shutdown: Arc::default(),
        }
    }

    /// Makes a GET request.
    ///
    /// # Panics
    /// If `target` is not a request target.
    #[must_use]
    #[track_caller]
    pub fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    /// Makes a POST request with `content`.
    ///
    /// # Panics
    /// If `target` is not a request target.
    #[must_use]
    #[track_caller]
    pub fn post(target: &str, content: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::POST, target).content(content)
    }

    /// Adds a field. `Host` and `Content-Length` replace the value that is there.
    ///
    /// # Panics
    /// If `name` or `value` is not allowed in a field.
    #[must_use]
    #[track_caller]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let (name, value) = match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(known), Ok(value)) => (known, value),
            (Err(error), _) => panic!("field {name:?}: {error}"),
            (_, Err(error)) => panic!("field {name}: {value:?}: {error}"),
        };
        if name == HOST || name == CONTENT_LENGTH {
            self.request.headers_mut().insert(name, value);
        } else {
            self.request.headers_mut().append(name, value);
        }
        self
    }

    /// Sets the content, with its `Content-Length`. The handler reads it as from a client.
    #[must_use]
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        self.request.headers_mut().insert(CONTENT_LENGTH, content.len().into());
        self.content = MemoryContent::new(content);
        self
    }

    /// Sets the limit of the content: every read of longer content fails. A server refuses such a
    /// request before the handler runs, if the length is declared.
    /// [`RequestExt::body_limit`](crate::RequestExt::body_limit) can lower the limit.
    #[must_use]
    pub fn max_request_body_size(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Sets a client over TCP.
    #[must_use]
    pub fn peer(mut self, address: impl Into<SocketAddr>) -> Self {
        self.peer = Some(Peer::Tcp(canonical(address.into())));
        self
    }

    /// Sets a client over a Unix socket, with its process, user and group, without names.
    #[must_use]
    pub fn unix(mut self, pid: u32, uid: u32, gid: u32) -> Self {
        self.peer = Some(Peer::Unix(Some(Credentials { pid, uid, gid, names: None })));
        self
    }

    /// Names the user and the groups of the client over a Unix socket, the effective group first.
    /// The names stay in memory until the process ends.
    ///
    /// # Panics
    /// Without [`unix`](Self::unix) before.
    #[must_use]
    #[track_caller]
    pub fn names(mut self, user: &str, groups: &[&str]) -> Self {
        let Some(Peer::Unix(Some(who))) = &mut self.peer else { panic!("only a client over a Unix socket has names") };
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        who.names = Some(Box::leak(Box::new(Names { user: user.to_owned(), groups })));
        self
    }

    /// Sets the address that the client connected to.
    #[must_use]
    pub fn local_addr(mut self, address: impl Into<SocketAddr>) -> Self {
        self.local = Some(canonical(address.into()));
        self
    }

    /// Sets the results of a TLS handshake: the connection is encrypted.
    #[must_use]
    pub fn tls(mut self, facts: Facts) -> Self {
        self.tls = Some(facts);
        self
    }

    /// Sets the client's address as given by a trusted proxy, which is then the
    /// [`peer`](Self::peer).
    #[must_use]
    pub fn forwarded_for(mut self, client: impl Into<IpAddr>) -> Self {
        self.claims().client = Some(Node::At(client.into().to_canonical()));
        self
    }

    /// Makes a trusted proxy hide the client.
    #[must_use]
    pub fn forwarded_for_unknown(mut self) -> Self {
        self.claims().client = Some(Node::Hidden);
        self
    }

    /// Makes a trusted proxy say that the client used `https`.
    #[must_use]
    pub fn forwarded_https(mut self) -> Self {
        self.claims().scheme = Some("https");
        self
    }

    /// Sets the host that the client asked for, as given by a trusted proxy.
    #[must_use]
    pub fn forwarded_host(mut self, host: &str) -> Self {
        self.claims().host = Some(host.into());
        self
    }

    /// Makes the server shut down.
    #[must_use]
    pub fn shutting_down(self) -> Self {
        self.shutdown.tell();
        self
    }

    /// Sets the server that the handler gets from
    /// [`RequestExt::server`](crate::RequestExt::server).
    #[must_use]
    pub fn server(self, server: &ServerHandle) -> Self {
        self.shutdown.set_server(Arc::downgrade(server.state()));
        self
    }

    /// Adds an extension, as a layer around the handler would.
    #[must_use]
    pub fn extension(mut self, value: impl Any + Clone + Send + Sync) -> Self {
        self.request.extensions_mut().insert(value);
        self
    }

    /// Returns the request.
    #[must_use]
    pub fn build(mut self) -> Request {
        if let Some(bytes) = self.limit {
            self.content.limit(bytes);
        }
        if !self.content.is_empty() {
            *self.request.body_mut() = Body::incoming(Arc::new(self.content));
        }
        let connection = Connection::without_socket(self.peer, self.local, self.tls.map(Arc::new), self.shutdown);
        self.request.extensions_mut().insert(Arc::new(connection));
        if let Some(claims) = self.claims {
            self.request.extensions_mut().insert(claims);
        }
        self.request
    }

    /// Calls `handler` with the request, under the [limit](Handler::body_limit) that `handler` has
    /// for its content, if any.
    pub fn call<H: Handler + ?Sized>(mut self, handler: &H) -> Response {
        if let Some(own) = handler.body_limit(self.request.method(), self.request.uri()) {
            self.limit = None;
            self.content.set_limit(own);
        }
        handler.handle(&mut self.build())
    }

    fn claims(&mut self) -> &mut Claims {
        let relayed = || Claims { is_relayed: true, ..Claims::default() };
        self.claims.get_or_insert_with(relayed)
    }
}

/// The names of one client.
struct Names {
    user: String,
    groups: Vec<String>,
}

impl NameService for Names {
    fn user(&self, _: u32) -> Option<String> {
        Some(self.user.clone())
    }

    fn group(&self, _: u32) -> Option<String> {
        self.groups.first().cloned()
    }

    fn groups(&self, _: u32, _: u32) -> Vec<String> {
        self.groups.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::message::{Failure, IntoResponse, RequestExt};
    use crate::tls::Certificate;

    #[test]
    fn facts_of_a_connection_reach_the_handler() {
        let mut certificate = Certificate::default();
        certificate.subject.attributes.push(("CN".to_owned(), "ada".to_owned()));
        let client_certificate = Some(Arc::new(certificate));
        let facts = Facts { protocol: "TLSv1.3".to_owned(), client_certificate, ..Facts::default() };
        let peer: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        let local: SocketAddr = "192.0.2.2:443".parse().unwrap();
        let request = TestRequest::get("/a?b").peer(peer).local_addr(local).tls(facts).extension(7_u8).build();
        let connection = request.connection();
        assert_eq!((connection.peer(), connection.local_addr()), (Some(&Peer::Tcp(peer)), Some(local)));
        let subject = &connection.tls().unwrap().client_certificate.as_ref().unwrap().subject;
        assert_eq!((subject.common_name(), request.scheme()), (Some("ada"), "https"));
        assert_eq!((request.client(), request.host()), (Some(peer.ip()), Some("localhost")));
        assert_eq!(request.extensions().get(), Some(&7_u8));
        assert!(!request.is_shutting_down() && request.server().is_none());
    }

    #[test]
    fn client_behind_a_proxy_is_the_one_that_the_proxy_names() {
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let proxied = || TestRequest::get("/").peer(([192, 0, 2, 1], 9)).forwarded_for(client);
        let request = proxied().forwarded_https().forwarded_host("shop:1").build();
        assert_eq!((request.client(), request.scheme(), request.host()), (Some(client), "https", Some("shop:1")));
        assert_eq!(proxied().forwarded_for_unknown().build().client(), None);
    }

    #[test]
    fn content_over_the_limit_has_its_status_in_every_error() {
        let read = |request: &mut Request| match request.bytes() {
            Ok(_) => "read".to_owned(),
            Err(error) => format!("{:?}", error.status()),
        };
        let request = TestRequest::post("/", "12345").max_request_body_size(4);
        assert_eq!(request.call(&read).into_body().into_string().unwrap(), "Some(413)");
    }

    #[test]
    fn limit_of_the_handler_replaces_those_of_the_server_and_of_text() {
        struct Length(Option<u64>);
        impl Handler for Length {
            fn handle(&self, request: &mut Request) -> Response {
                let length = request.text().map(|text| text.len().to_string());
                length.map_err(Failure::from).into_response()
            }

            fn body_limit(&self, _: &Method, _: &Uri) -> Option<u64> {
                self.0
            }
        }
        let long = "a".repeat((2 << 20) + 1);
        for (own, setting, status) in [
            (None, None, 413),
            (None, Some(3 << 20), 413),
            (Some(3 << 20), None, 200),
            (Some(3 << 20), Some(4), 200),
            (Some(4), Some(3 << 20), 413),
        ] {
            let request = TestRequest::post("/", long.as_str());
            let request = match setting {
                Some(bytes) => request.max_request_body_size(bytes),
                None => request,
            };
            assert_eq!(request.call(&Length(own)).status(), status, "{own:?} {setting:?}");
        }
    }

    #[test]
    fn limits_apply_to_content_as_from_a_client() {
        let sum = |request: &mut Request| -> std::io::Result<String> {
            request.body_limit(5);
            std::mem::take(request.body_mut()).into_string()
        };
        for (content, limit, status) in [("tea", 9, 200), ("coffee", 9, 413), ("tea", 2, 413), ("", 2, 200)] {
            let request = TestRequest::post("/", content).max_request_body_size(limit);
            assert_eq!(request.call(&sum).status(), status, "{content} {limit}");
        }
        let mut request = TestRequest::post("/", "tea").build();
        assert_eq!(request.headers()["content-length"], "3");
        let mut two = [0; 2];
        request.body_mut().read_exact(&mut two).unwrap();
        assert_eq!((&two, request.body().content_length()), (b"te", Some(1)));
    }

    #[test]
    fn shutdown_is_told_if_asked_for() {
        let (told, tells) = std::sync::mpsc::channel();
        let handler = move |request: &mut Request| {
            let told = told.clone();
            let _on_stop = request.connection().on_stop(move || told.send(()).unwrap());
            request.is_shutting_down().to_string()
        };
        let dynamic: &dyn Handler = &handler;
        for (request, expected) in [(TestRequest::get("/"), "false"), (TestRequest::get("/").shutting_down(), "true")] {
            assert_eq!(request.call(dynamic).into_body().into_string().unwrap(), expected);
        }
        assert_eq!(tells.try_iter().count(), 1);
    }
}
