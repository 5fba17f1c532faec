//! The handler's view of the request.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Uri;
use http::header::HOST;

use super::body::Body;
use super::connection::Connection;
use super::content_error::ContentError;
use super::cookies::Cookies;
#[cfg(feature = "router")]
use super::failure::Failure;
#[cfg(feature = "forms")]
use super::forms;
#[cfg(feature = "json")]
use super::json;
use super::readers;
use super::routing;
use super::server_handle::ServerHandle;
use crate::address::Peer;
use crate::proxy::node::{Claims, Node};

/// A request: the `http` crate's, with content to read.
///
/// The target is in origin-form (path and query) or `*`. An absolute-form target is converted: its
/// authority replaces the value of `Host` (RFC 9112 §3.2.2).
pub type Request = http::Request<Body>;

/// The methods that drupe adds to a request.
///
/// Content is read once, by one of the readers or by [`take_body`](Self::take_body). All content is
/// bounded by [`max_request_body_size`](crate::Settings::max_request_body_size), by
/// [`Handler::body_limit`](crate::Handler::body_limit) and by [`body_limit`](Self::body_limit). An
/// error returned with `?` gets the right status; see [`Failure`](crate::Failure).
///
/// ```
/// use drupe::{Failure, Request, RequestExt};
///
/// fn shout(request: &mut Request) -> Result<String, Failure> {
///     request.body_limit(1024);
///     Ok(request.text()?.to_uppercase())
/// }
/// # assert_eq!(shout(&mut Request::new("quiet".into())).unwrap(), "QUIET");
/// ```
pub trait RequestExt: sealed::Sealed {
    /// The connection of the request.
    fn connection(&self) -> &Connection;

    /// Takes the content out of the request, to read the content or to return it as the response's.
    /// The request is then without content.
    fn take_body(&mut self) -> Body;

    /// Reads the content. Unlike [`text`](Self::text), the call has no limit of its own.
    ///
    /// # Errors
    /// The client sent malformed (400), too much (413) or late content (408); or the content has
    /// been taken before (500).
    fn bytes(&mut self) -> Result<Bytes, ContentError>;

    /// Reads the content as text, in the charset of `Content-Type`: UTF-8 (also without one),
    /// US-ASCII or ISO-8859-1.
    ///
    /// The content of a client has at most 2 MiB. Another limit applies instead if
    /// [`body_limit`](Self::body_limit) or [`Handler::body_limit`](crate::Handler::body_limit), also
    /// of a route, gives one for this request. Content that a layer has put into the request has no
    /// such limit.
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes); content that is not UTF-8 (400); another charset (415).
    fn text(&mut self) -> Result<String, ContentError>;

    /// Reads JSON content as a value, under the limit of [`text`](Self::text). A `serde_json::Value`
    /// takes up to 16 times the memory of its text.
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes); a `Content-Type` other than `application/json` or
    /// `application/…+json` (415); content that is not JSON or does not fit `T`, with the field,
    /// line and column (400).
    #[cfg(feature = "json")]
    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ContentError>;

    #[cfg(not(feature = "json"))]
    absent! {
        JsonFeature:
        fn json<T>() -> Result<T, ContentError>;
    }

    /// Reads the query of the target as a value: a struct with a field for each name. A request
    /// without a query has an empty one.
    ///
    /// # Errors
    /// A query that does not fit `T` (the error names the field), is not UTF-8, or has more than
    /// 10,000 pairs (400).
    #[cfg(feature = "forms")]
    fn query<T: serde::de::DeserializeOwned>(&self) -> Result<T, ContentError>;

    /// Reads the query of the target as decoded pairs, in the order of the target.
    ///
    /// # Errors
    /// A pair that is not UTF-8, or more than 10,000 pairs (400).
    #[cfg(feature = "forms")]
    fn query_pairs(&self) -> Result<Vec<(String, String)>, ContentError>;

    /// Reads the content of a form (`application/x-www-form-urlencoded`) as a value, under the limit
    /// of [`text`](Self::text).
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes); another `Content-Type`, such as that of a form with files
    /// (415); pairs that do not fit `T` (the error names the field), are not UTF-8, or are more
    /// than 10,000 (400).
    #[cfg(feature = "forms")]
    fn form<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ContentError>;

    /// Reads the content of a form (`application/x-www-form-urlencoded`) as decoded pairs, under the
    /// limit of [`text`](Self::text).
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes); another `Content-Type` (415); pairs that are not UTF-8, or
    /// are more than 10,000 (400).
    #[cfg(feature = "forms")]
    fn form_pairs(&mut self) -> Result<Vec<(String, String)>, ContentError>;

    #[cfg(not(feature = "forms"))]
    absent! {
        FormsFeature:
        fn query<T>() -> Result<T, ContentError>;
        fn query_pairs() -> Result<Vec<(String, String)>, ContentError>;
        fn form<T>() -> Result<T, ContentError>;
        fn form_pairs() -> Result<Vec<(String, String)>, ContentError>;
    }

    /// The parameter `name` of the route, decoded; `None` if the route has none. The text may
    /// contain any character, `/` and NUL included; see [`router`](crate::router).
    #[cfg(feature = "router")]
    fn param(&self, name: &str) -> Option<&str>;

    /// Parses the parameter `name` of the route, such as `request.param_as::<u32>("id")?`.
    ///
    /// # Errors
    /// Text that does not fit `T` (404, because such a path names nothing); a route without the
    /// parameter (500, because the program is at fault).
    #[cfg(feature = "router")]
    fn param_as<T>(&self, name: &str) -> Result<T, Failure>
    where
        T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>;

    /// The whole target, even in a handler mounted below a path (`Router::mount`, feature
    /// `router`), which sees a shorter target in `uri()`.
    fn original_target(&self) -> &Uri;

    /// The cookies of the request.
    fn cookies(&self) -> Cookies<'_>;

    /// Lowers the limit for the content of this request to `bytes`. Reading longer content is an
    /// error that becomes a `413`. The limit replaces the one of [`text`](Self::text), also a lower
    /// one.
    ///
    /// The limit cannot be raised here, because a longer declared length is refused before the
    /// handler runs: [`Handler::body_limit`](crate::Handler::body_limit) can. The call has no
    /// effect once the body has been taken out of the request.
    fn body_limit(&mut self, bytes: u64);

    /// True if the server is shutting down; long work should then end.
    fn is_shutting_down(&self) -> bool;

    /// A handle to the server, for instance to stop it; `None` without a server (`testing::call`),
    /// or in a server made by
    /// [`httpserver_from_self`](crate::Server::httpserver_from_self).
    ///
    /// ```
    /// use drupe::{Request, RequestExt};
    ///
    /// fn quit(request: &mut Request) -> &'static str {
    ///     if let Some(server) = request.server() {
    ///         server.stop(); // does not wait for this handler, whose answer is still sent
    ///     }
    ///     "stopping\n"
    /// }
    /// # assert_eq!(quit(&mut Request::default()), "stopping\n");
    /// ```
    fn server(&self) -> Option<ServerHandle>;

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
    /// `None` if `Host` is absent, as in HTTP/1.0; an empty `Host` gives an empty string. The
    /// client chooses the value in either case.
    fn host(&self) -> Option<&str>;
}

impl RequestExt for Request {
    fn connection(&self) -> &Connection {
        static DETACHED: OnceLock<Connection> = OnceLock::new();
        match self.extensions().get::<Arc<Connection>>() {
            Some(connection) => connection,
            None => DETACHED.get_or_init(|| Connection::without_socket(None, None, None, Arc::default())),
        }
    }

    fn take_body(&mut self) -> Body {
        std::mem::take(self.body_mut())
    }

    fn bytes(&mut self) -> Result<Bytes, ContentError> {
        readers::bytes(self)
    }

    fn text(&mut self) -> Result<String, ContentError> {
        readers::text(self)
    }

    #[cfg(feature = "json")]
    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ContentError> {
        json::json(self)
    }

    #[cfg(feature = "forms")]
    fn query<T: serde::de::DeserializeOwned>(&self) -> Result<T, ContentError> {
        forms::query(self)
    }

    #[cfg(feature = "forms")]
    fn query_pairs(&self) -> Result<Vec<(String, String)>, ContentError> {
        forms::query_pairs(self)
    }

    #[cfg(feature = "forms")]
    fn form<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ContentError> {
        forms::form(self)
    }

    #[cfg(feature = "forms")]
    fn form_pairs(&mut self) -> Result<Vec<(String, String)>, ContentError> {
        forms::form_pairs(self)
    }

    #[cfg(feature = "router")]
    fn param(&self, name: &str) -> Option<&str> {
        routing::param(self, name)
    }

    #[cfg(feature = "router")]
    fn param_as<T>(&self, name: &str) -> Result<T, Failure>
    where
        T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        routing::param_as(self, name)
    }

    fn original_target(&self) -> &Uri {
        routing::original_target(self)
    }

    fn cookies(&self) -> Cookies<'_> {
        Cookies::new(self.headers())
    }

    fn body_limit(&mut self, bytes: u64) {
        self.body_mut().set_limit(bytes);
    }

    fn is_shutting_down(&self) -> bool {
        self.connection().is_shutting_down()
    }

    fn server(&self) -> Option<ServerHandle> {
        self.connection().server()
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
        assert!(!request.is_shutting_down() && request.server().is_none());
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
