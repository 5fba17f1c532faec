//! Ids of requests, in logs and answers.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::Layer;
use super::layered::{Around, Layered};
use crate::message::refusal::Refusal;
use crate::message::request_id::RequestId;
use crate::message::{Handler, Request, Response};

/// A layer that gives each request an id: `X-Request-Id`.
///
/// The id is in the extensions of the request and of the response as a [`RequestId`], and in the
/// field of both. A request that has a [`RequestId`] already keeps it.
///
/// ```
/// use drupe::exchange::RequestId;
/// use drupe::layers::RequestIds;
/// use drupe::{Handler, Request, handler};
///
/// let page = handler(|request| {
///     let id = request.extensions().get::<RequestId>().map_or("", RequestId::as_str);
///     format!("request {id}\n")
/// });
/// let page = page.with(RequestIds::new());
/// # let response = page.handle(&mut Request::default());
/// # let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
/// # assert_eq!(response.into_body().into_string().unwrap(), format!("request {id}\n"));
/// ```
///
/// An id made by the layer has 16 hexadecimal digits for the process, a hyphen, and a counter. Such
/// an id is unique in the process, and very probably among processes and machines. The id is no
/// secret: a client can guess the ids of others.
///
/// The id of the client is replaced, unless [`accept`](Self::accept) is called. The server's own
/// answers, such as `413`, and its `500` after a panic have no field unless
/// [`Server::on_refusal`](crate::Server::on_refusal) adds it by
/// [`add_to_refusal`](Self::add_to_refusal).
#[derive(Clone)]
pub struct RequestIds {
    name: HeaderName,
    is_accepting: bool,
}

impl RequestIds {
    /// Makes a layer that accepts no id from a client.
    #[must_use]
    pub fn new() -> Self {
        Self { name: HeaderName::from_static("x-request-id"), is_accepting: false }
    }

    /// Keeps the id of the client if there is one field, of 1 to 128 bytes: ASCII letters, digits,
    /// and `-._~:+/=`.
    ///
    /// For servers whose clients are a proxy that sets the field, or your own programs. Any other
    /// client could give two requests the same id.
    #[must_use]
    pub fn accept(mut self) -> Self {
        self.is_accepting = true;
        self
    }

    /// Uses another field, such as `x-correlation-id`.
    ///
    /// # Panics
    /// If `name` is not a field name.
    #[must_use]
    #[track_caller]
    pub fn field(mut self, name: &str) -> Self {
        let Ok(name) = HeaderName::try_from(name) else { panic!("{name:?} is not a field name") };
        self.name = name;
        self
    }

    /// Adds an id to `response`, for [`Server::on_refusal`](crate::Server::on_refusal), where no layer
    /// runs: in the extensions, from where the access log takes the id, and in the field.
    ///
    /// The id is the one of the refusal if a layer has run, else the one of the client if the layer
    /// [accepts](Self::accept) ids, else a new one.
    pub fn add_to_refusal(&self, refusal: &Refusal, response: &mut Response) {
        let id = refusal.id.clone().or_else(|| self.accepted(&refusal.fields)).unwrap_or_else(next);
        self.add(id, response);
    }

    /// Adds `id` to the extensions and fields of `response`.
    fn add(&self, id: RequestId, response: &mut Response) {
        // An id that the program has made of other characters cannot be sent.
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(self.name.clone(), value);
        }
        response.extensions_mut().insert(id);
    }

    fn accepted(&self, fields: &HeaderMap) -> Option<RequestId> {
        if !self.is_accepting {
            return None;
        }
        let mut fields = fields.get_all(&self.name).iter();
        let (Some(id), None) = (fields.next(), fields.next()) else { return None };
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:+/=".contains(&byte);
        let id = id.to_str().ok().filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_safe));
        id.map(RequestId::new)
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Handler> Layer<H> for RequestIds {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for RequestIds {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let known = request.extensions().get::<RequestId>().cloned();
        let id = known.or_else(|| self.accepted(request.headers())).unwrap_or_else(next);
        request.extensions_mut().insert(id.clone());
        request.headers_mut().remove(&self.name);
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            request.headers_mut().insert(self.name.clone(), value);
        }
        let mut response = inner.handle(request);
        self.add(id, &mut response);
        response
    }
}

impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestIds").field("name", &self.name).field("is_accepting", &self.is_accepting).finish()
    }
}

/// Makes an id.
fn next() -> RequestId {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    RequestId::new(format!("{:016x}-{:x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// A number for the process. The keys of the hash are random; time and process ID are added in case
/// the keys are not, and cannot be read out of the hash.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one((SystemTime::now(), process::id())));

const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::message::handler;

    /// Returns the id in the handler, after checking that field and extension of the response
    /// agree.
    fn id(layer: RequestIds, fields: &[&str]) -> String {
        let page = handler(|request| {
            let id = request.extensions().get::<RequestId>().unwrap().clone();
            let fields: Vec<_> = request.headers().get_all("x-request-id").iter().collect();
            assert_eq!(fields, [id.as_str()]);
            ([("x-request-id", "of the handler")], id.as_str().to_owned())
        });
        let mut request = Request::default();
        for field in fields {
            request.headers_mut().append("x-request-id", field.parse().unwrap());
        }
        let response = page.with(layer).handle(&mut request);
        let fields: Vec<_> = response.headers().get_all("x-request-id").iter().cloned().collect();
        let id = response.extensions().get::<RequestId>().unwrap().as_str().to_owned();
        assert_eq!(fields, [&*id]);
        assert_eq!(response.into_body().into_string().unwrap(), id);
        id
    }

    #[test]
    fn made_ids_differ_and_share_the_process() {
        let ids: HashSet<String> = (0..100).map(|_| id(RequestIds::new(), &["of-the-client"])).collect();
        assert_eq!(ids.len(), 100);
        let processes: HashSet<&str> = ids.iter().map(|id| id.split_once('-').unwrap().0).collect();
        assert!(processes.len() == 1 && processes.iter().all(|process| process.len() == 16));
    }

    #[test]
    fn id_of_a_client_is_kept_only_if_accepted_and_safe() {
        let kept = |id_of_client: &str| id(RequestIds::new().accept(), &[id_of_client]) == id_of_client;
        for safe in ["a", "0af7651916cd43dd8448eb211c80319c", "Root=1-67891233-abc:de", "a+b/c=.~_", &"a".repeat(128)] {
            assert!(kept(safe), "{safe}");
        }
        for unsafe_id in ["", "a b", "a,b", "a\"b", "<a>", "a;b", "a\tb", "caf\u{e9}", "%0a", "a\\n", &"a".repeat(129)]
        {
            assert!(!kept(unsafe_id), "{unsafe_id}");
        }
        assert_ne!(id(RequestIds::new().accept(), &["a", "a"]), "a");
        assert_ne!(id(RequestIds::new(), &["a"]), "a");
    }

    #[test]
    fn outer_layer_gives_the_id_that_the_inner_one_keeps() {
        let page = handler(|request| request.headers()["x-correlation-id"].to_str().unwrap().to_owned());
        let page = page.with(RequestIds::new().field("X-Correlation-Id")).with(RequestIds::new());
        let response = page.handle(&mut Request::default());
        assert_eq!(response.headers()["x-request-id"], response.headers()["x-correlation-id"]);
        let id = response.headers()["x-request-id"].clone();
        assert_eq!(response.into_body().into_string().unwrap(), id.to_str().unwrap());
    }

    #[test]
    fn id_of_the_program_that_cannot_be_sent_is_in_no_field() {
        let page =
            handler(|request| request.headers().contains_key("x-request-id").to_string()).with(RequestIds::new());
        let mut request = Request::default();
        request.headers_mut().insert("x-request-id", "a".parse().unwrap());
        request.extensions_mut().insert(RequestId::new("a\r\nb: c"));
        let response = page.handle(&mut request);
        assert!(response.headers().get("x-request-id").is_none());
        assert_eq!(response.into_body().into_string().unwrap(), "false");
    }
}
