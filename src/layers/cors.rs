//! Cross-origin resource sharing (WHATWG Fetch, "CORS protocol").

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};

use super::Layer;
use super::layered::{Around, Layered};
use super::vary::vary_by;
use crate::message::refusal::Refusal;
use crate::message::{Handler, IntoResponse, Request, Response};

/// A layer that lets pages of other origins read answers: cross-origin resource sharing
/// ([WHATWG Fetch](https://fetch.spec.whatwg.org/#http-cors-protocol)).
///
/// ```
/// use std::time::Duration;
///
/// use drupe::http::Method;
/// use drupe::layers::Cors;
/// use drupe::{Handler, Request, handler};
///
/// let cors = Cors::new()
///     .origin("https://app.example")
///     .methods([Method::PUT, Method::DELETE])
///     .fields(["content-type", "authorization"])
///     .max_age(Duration::from_secs(600));
/// let api = handler(|_| "tea\n").with(cors);
/// # let mut request = Request::default();
/// # request.headers_mut().insert("origin", "https://app.example".parse().unwrap());
/// # let response = api.handle(&mut request);
/// # assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
/// ```
///
/// Without further calls, [`new`](Self::new) allows no origin. Browsers send `GET`, `HEAD` and
/// `POST` with plain content to any origin without asking.
///
/// # Answers
///
/// - A preflight is an `OPTIONS` with `Origin` and `Access-Control-Request-Method`. The layer
///   answers it with a `204`; the handler does not run. A preflight of an origin that is not
///   allowed gets a `204` without the fields that allow.
/// - Every other request reaches the handler. The answer gets the fields for the origin, even an
///   answer with an error.
/// - `Vary: Origin` is in every answer that depends on the origin, even if the request had no
///   `Origin`. Preflights have `Vary` for all three fields of the request.
///
/// A field that the layer sets replaces a field of the same name that the handler has set.
///
/// # What the layer does not do
///
/// - It refuses no request: a page of another origin can still send a request, but cannot read the
///   answer. The layer does not protect against forged requests, nor cover WebSockets.
/// - The server's own answers, such as `413`, and its `500` after a panic have no such fields unless
///   [`Server::on_refusal`](crate::Server::on_refusal) adds them by
///   [`add_to_refusal`](Self::add_to_refusal).
/// - Preflights for private networks (`Access-Control-Request-Private-Network`) are not allowed.
#[derive(Clone, Default)]
pub struct Cors {
    is_any: bool,
    origins: Vec<HeaderValue>,
    accepts: Option<Arc<Accepts>>,
    has_credentials: bool,
    methods: Allowed,
    fields: Allowed,
    exposed: Vec<String>,
    max_age: Option<Duration>,
}

type Accepts = dyn Fn(&str, &Request) -> bool + Send + Sync;

/// The methods or fields named in the answer to a preflight.
#[derive(Clone)]
enum Allowed {
    Listed(Vec<String>),
    /// Those that the preflight names.
    Requested,
}

impl Cors {
    /// Makes a layer that allows no origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows an origin, such as `https://app.example` or `http://localhost:3000`. Browsers write
    /// origins in lower case, without a path, a slash at the end or the default port.
    ///
    /// # Panics
    /// If the text is not an origin as browsers write it, and for `null`, which any page can have.
    #[must_use]
    #[track_caller]
    pub fn origin(mut self, origin: &str) -> Self {
        let value = HeaderValue::from_str(origin).ok().filter(|_| Self::is_origin(origin));
        let Some(value) = value else {
            panic!("{origin:?} is not an origin as browsers write it, such as https://app.example");
        };
        self.origins.push(value);
        self
    }

    /// True if `text` is an origin as browsers write it: a scheme, a host, and a port other than the
    /// scheme's. A program can check origins from its settings, before [`origin`](Self::origin) panics.
    #[must_use]
    pub fn is_origin(text: &str) -> bool {
        let Some((scheme, authority)) = text.split_once("://") else { return false };
        let (host, port) = match authority.rsplit_once(':') {
            // In brackets, the colon belongs to an address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_default = matches!((scheme, port), ("https", Some("443")) | ("http", Some("80")));
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
        let is_written = |byte: u8| matches!(byte, b'!'..=b'~') && !byte.is_ascii_uppercase();
        !scheme.is_empty()
            && !host.is_empty()
            && !is_default
            && port.is_none_or(is_port)
            && (host.starts_with('[') || !host.contains(':'))
            && text.bytes().all(is_written)
            && !host.contains(['/', '?', '#', '@', '*', ',', '\\'])
    }

    /// Allows several origins, each as in [`origin`](Self::origin).
    ///
    /// # Panics
    /// As [`origin`](Self::origin).
    #[must_use]
    #[track_caller]
    pub fn origins<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        for origin in origins {
            self = self.origin(origin.as_ref());
        }
        self
    }

    /// Allows the origins for which `accepts` returns true. `accepts` gets the request and the
    /// value of `Origin` as the client sent it, possibly `null` or no origin at all.
    ///
    /// `|origin, _| origin.ends_with(".example.com")` allows all subdomains, over `http` too.
    /// Without the leading full stop, it would allow `badexample.com`.
    #[must_use]
    pub fn origin_if(mut self, accepts: impl Fn(&str, &Request) -> bool + Send + Sync + 'static) -> Self {
        self.accepts = Some(Arc::new(accepts));
        self
    }

    /// Allows every origin, without credentials: `Access-Control-Allow-Origin: *`.
    ///
    /// # Panics
    /// Together with [`credentials`](Self::credentials).
    #[must_use]
    #[track_caller]
    pub fn any_origin(mut self) -> Self {
        self.is_any = true;
        self.checked()
    }

    /// Lets pages send cookies, passwords and client certificates with their requests.
    ///
    /// # Panics
    /// Together with [`any_origin`](Self::any_origin): each page on the web could then act as the
    /// user.
    #[must_use]
    #[track_caller]
    pub fn credentials(mut self) -> Self {
        self.has_credentials = true;
        self.checked()
    }

    /// Allows these methods; browsers always allow `GET`, `HEAD` and `POST`.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.add(methods.into_iter().map(|method| method.to_string()));
        self
    }

    /// Allows every method.
    #[must_use]
    pub fn any_method(mut self) -> Self {
        self.methods = Allowed::Requested;
        self
    }

    /// Allows field names in requests. `Content-Type` has to be here for content other than text or
    /// a form.
    ///
    /// # Panics
    /// If a name is not a field name, or `*`: see [`any_field`](Self::any_field).
    #[must_use]
    #[track_caller]
    pub fn fields<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.fields.add(field_names(names));
        self
    }

    /// Allows every field in requests, `Authorization` too.
    #[must_use]
    pub fn any_field(mut self) -> Self {
        self.fields = Allowed::Requested;
        self
    }

    /// Lets scripts read these fields of answers. Scripts always see `Cache-Control`,
    /// `Content-Language`, `Content-Length`, `Content-Type`, `Expires`, `Last-Modified` and
    /// `Pragma`.
    ///
    /// # Panics
    /// If a name is not a field name, or `*`.
    #[must_use]
    #[track_caller]
    pub fn expose<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.exposed.extend(field_names(names));
        self
    }

    /// Lets browsers keep the answer to a preflight for this time, in whole seconds. Without this
    /// call browsers keep it for 5 seconds; the longest time is 2 hours in some browsers, 24 in
    /// others.
    #[must_use]
    pub fn max_age(mut self, time: Duration) -> Self {
        self.max_age = Some(time);
        self
    }

    /// Adds the fields that the layer would add to `response`, for
    /// [`Server::on_refusal`](crate::Server::on_refusal), where no layer runs.
    ///
    /// [`origin_if`](Self::origin_if) is asked with method, target and fields of the refused request,
    /// but without its peer and content. A request that the server has not read has no `Origin`: its
    /// answer gets `Vary` only, or `*` with [`any_origin`](Self::any_origin).
    ///
    /// ```
    /// use drupe::exchange::Refusal;
    /// use drupe::layers::{Cors, RequestIds};
    /// use drupe::{Handler, IntoResponse, Server, handler};
    ///
    /// let (cors, ids) = (Cors::new().origin("https://app.example"), RequestIds::new());
    /// let server = Server::new(handler(|_| "hello\n").with(cors.clone()).with(ids.clone()));
    /// server.on_refusal(move |refusal: &Refusal| {
    ///     let mut response = format!("{}\n", refusal.reason).into_response();
    ///     cors.add_to_refusal(refusal, &mut response);
    ///     ids.add_to_refusal(refusal, &mut response);
    ///     Some(response)
    /// });
    /// ```
    pub fn add_to_refusal(&self, refusal: &Refusal, response: &mut Response) {
        self.answer_to(self.allowed(&refusal.as_request()), response.headers_mut());
    }

    #[track_caller]
    fn checked(self) -> Self {
        assert!(!(self.is_any && self.has_credentials), "Cors::any_origin and Cors::credentials exclude each other");
        self
    }

    /// Returns the value of `Access-Control-Allow-Origin` for `request`.
    fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        if self.is_any {
            return Some(HeaderValue::from_static("*"));
        }
        let mut fields = request.headers().get_all(ORIGIN).iter();
        let (Some(origin), None) = (fields.next(), fields.next()) else { return None };
        let is_accepted =
            || self.accepts.as_ref().is_some_and(|accepts| origin.to_str().is_ok_and(|text| accepts(text, request)));
        (self.origins.contains(origin) || is_accepted()).then(|| origin.clone())
    }

    fn preflight(&self, request: &Request, origin: Option<HeaderValue>) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let fields = response.headers_mut();
        fields.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARY));
        let Some(origin) = origin else { return response };
        self.allow(fields, origin);
        for (allowed, asked, name) in [
            (&self.methods, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
            (&self.fields, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        ] {
            match allowed {
                Allowed::Listed(listed) => set(fields, name, listed),
                Allowed::Requested => {
                    for value in request.headers().get_all(asked).iter().filter(|value| is_list(value)) {
                        fields.append(name.clone(), value.clone());
                    }
                }
            }
        }
        if let Some(time) = self.max_age {
            fields.insert(ACCESS_CONTROL_MAX_AGE, time.as_secs().into());
        }
        response
    }

    /// Sets the fields of an answer to a request other than a preflight.
    fn answer_to(&self, origin: Option<HeaderValue>, fields: &mut HeaderMap) {
        if !self.is_any {
            vary_by("origin", fields);
        }
        if let Some(origin) = origin {
            self.allow(fields, origin);
            set(fields, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        }
    }

    fn allow(&self, fields: &mut HeaderMap, origin: HeaderValue) {
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.has_credentials {
            fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

impl<H: Handler> Layer<H> for Cors {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for Cors {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let origin = self.allowed(request);
        if is_preflight(request) {
            return self.preflight(request, origin);
        }
        let mut response = inner.handle(request);
        self.answer_to(origin, response.headers_mut());
        response
    }
}

impl Allowed {
    fn add(&mut self, names: impl IntoIterator<Item = String>) {
        match self {
            Allowed::Listed(listed) => listed.extend(names),
            Allowed::Requested => {}
        }
    }
}

impl Default for Allowed {
    fn default() -> Self {
        Allowed::Listed(Vec::new())
    }
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cors").field("is_any", &self.is_any).field("origins", &self.origins).finish_non_exhaustive()
    }
}

fn is_preflight(request: &Request) -> bool {
    let fields = request.headers();
    request.method() == Method::OPTIONS
        && fields.contains_key(ORIGIN)
        && fields.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Sets a field to a list, unless the list is empty.
fn set(fields: &mut HeaderMap, name: HeaderName, list: &[String]) {
    if list.is_empty() {
        return;
    }
    let value = HeaderValue::try_from(list.join(", ")).expect("methods and field names are tokens");
    fields.insert(name, value);
}

/// Returns field names in lower case.
///
/// # Panics
/// If one is no name, or `*`, which stands for any name in some requests and for itself in others.
#[track_caller]
fn field_names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Vec<String> {
    let mut known = Vec::new();
    for name in names {
        match HeaderName::try_from(name.as_ref()) {
            Ok(name) if name != "*" => known.push(name.to_string()),
            _ => panic!("{:?} is not a field name", name.as_ref()),
        }
    }
    known
}

/// True if `value` is made of tokens, commas and blanks.
fn is_list(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, \t".contains(byte))
}

const PREFLIGHT_VARY: &str = "origin, access-control-request-method, access-control-request-headers";

#[cfg(test)]
mod tests;
