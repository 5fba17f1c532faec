//! A handler for statistics: a page for people, JSON for programs, and Prometheus' format.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode, Uri};

use super::document::{DOCUMENT, POLICY};
use super::{Statistics, access, prometheus, report};
use crate::message::permits::Permits;
use crate::message::routing::{is_mount_itself, mount_path};
use crate::message::{Body, Request, Response};

/// A handler that shows statistics below a configurable path.
///
/// | below the path | method | what it is |
/// |---|---|---|
/// | `/` | GET | a page with live charts: one document without external resources |
/// | `/json` | GET | an object with CherryPy's names |
/// | `/metrics` | GET | Prometheus' text format |
/// | `/events` | GET | the object of `/json` each second, as server-sent events |
/// | `/pause`, `/resume` | POST | as [`ServerHandle::pause_statistics`](crate::ServerHandle::pause_statistics) and its opposite |
///
/// [`Server::mount_statistics`](crate::Server::mount_statistics) puts the page in front of the
/// handler of a server. [`ServerHandle::statistics_page`](crate::ServerHandle::statistics_page)
/// makes the page a handler for another server, on a port or Unix socket for administrators only.
///
/// **Access**: clients on this machine, unless [`allow`](Self::allow) sets another rule. Other
/// clients get a 403. A client is on this machine if the connection is over a Unix socket, or comes
/// from a loopback address and asks for `localhost` or a loopback address. A request is refused if:
///
/// * a [trusted proxy](crate::Settings::trusted_proxies) reports another address;
/// * the request has a field that only proxies send, from a trusted proxy or not;
/// * the request comes from a web page of another origin, by its field `Origin`.
///
/// A proxy on this machine without such a field looks like a local client. Configure such a proxy
/// not to forward the path.
///
/// A viewer of `/events` costs no thread. The limit is [`viewers`](Self::viewers). Beyond the
/// limit, a client gets a 503, and the page polls `/json` every other second instead. A stop of the
/// server ends the streams of viewers.
#[derive(Clone)]
pub struct Page {
    /// The path begins with a slash and does not end in one; empty for the root.
    path: String,
    guard: Arc<dyn Fn(&Request) -> bool + Send + Sync>,
    viewers: Permits,
    most: usize,
}

/// The source of statistics.
pub(crate) trait StatisticsSource: Send + Sync + 'static {
    fn statistics(&self) -> Statistics;
    /// Turns the measurement of request times on or off.
    fn measure(&self, is_wanted: bool);
}

impl Page {
    /// Creates a page below `path`. Slashes at either end are ignored, and `/` matches every path.
    #[must_use]
    pub fn at(path: &str) -> Self {
        let path = match path.trim_matches('/') {
            "" => String::new(),
            inner => format!("/{inner}"),
        };
        Self { path, guard: Arc::new(access::is_local), viewers: Permits::default(), most: VIEWERS }
    }

    /// Allows the requests accepted by `guard`, instead of requests from this machine. The guard is
    /// called first for every request.
    #[must_use]
    pub fn allow(self, guard: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { guard: Arc::new(guard), ..self }
    }

    /// Sets the limit of concurrent clients of `/events`. The statistics are gathered for each of
    /// them, once a second. Default 16. With 0, none is allowed, and pages poll `/json`.
    #[must_use]
    pub fn viewers(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Answers a request; `None` if the request is not below the path.
    pub(crate) fn answer(&self, request: &Request, source: &Arc<dyn StatisticsSource>) -> Option<Response> {
        let below = self.below(request.uri())?;
        // A mounted page sees a slash that the client has not sent.
        let below = if below == "/" && is_mount_itself(request) { "" } else { below };
        if !(self.guard)(request) {
            return Some(told(StatusCode::FORBIDDEN, "statistics are not for everybody\n"));
        }
        Some(match (below, request.method()) {
            ("/pause" | "/resume", &Method::POST) => switch(below, request, source),
            ("/pause" | "/resume", _) => allowing("POST"),
            ("" | "/" | "/json" | "/metrics" | "/events", &Method::GET | &Method::HEAD) => {
                self.show(below, request, source)
            }
            ("" | "/" | "/json" | "/metrics" | "/events", _) => allowing("GET, HEAD"),
            _ => not_found(),
        })
    }

    /// True if the server answers requests for `target` even if all workers are busy.
    pub(crate) fn is_prompt(&self, target: &Uri) -> bool {
        self.below(target).is_some()
    }

    /// Returns the path of `target` below the page's path.
    fn below<'t>(&self, target: &'t Uri) -> Option<&'t str> {
        let below = target.path().strip_prefix(self.path.as_str())?;
        (below.is_empty() || below.starts_with('/')).then_some(below)
    }

    fn show(&self, below: &str, request: &Request, source: &Arc<dyn StatisticsSource>) -> Response {
        match below {
            "/json" => with_type("application/json", report::json(&source.statistics()).into()),
            "/metrics" => with_type(prometheus::MEDIA_TYPE, source.statistics().prometheus().into()),
            "/events" => self.events(Arc::clone(source)),
            "/" => {
                let mut response = with_type("text/html; charset=utf-8", DOCUMENT.into());
                set(&mut response, CONTENT_SECURITY_POLICY, POLICY);
                response
            }
            // Relative links in the page need the slash.
            _ => {
                let mut response = told(StatusCode::PERMANENT_REDIRECT, "");
                let path = if is_mount_itself(request) { mount_path(request) } else { &self.path };
                let name = path.rsplit('/').next().unwrap_or_default();
                // A colon in a bare name would make a URL of another scheme (RFC 3986 §4.2).
                if let Ok(place) = HeaderValue::from_str(&format!("./{name}/")) {
                    response.headers_mut().insert(LOCATION, place);
                }
                response
            }
        }
    }

    fn events(&self, source: Arc<dyn StatisticsSource>) -> Response {
        let Some(viewer) = self.viewers.take(self.most) else {
            let mut response = told(StatusCode::SERVICE_UNAVAILABLE, "as many look as may; see /json\n");
            set(&mut response, RETRY_AFTER, "10");
            return response;
        };
        let event = move || format!("data: {}\n\n", report::json(&source.statistics()));
        let first = [&b"retry: 2000\n\n"[..], event().as_bytes()].concat();
        let (sender, body) = Body::channel(first.len());
        // The client cannot have left yet.
        let _ = sender.try_send(first);
        sender.end_at_stop();
        sender.beat(PERIOD, event);
        // The last sender would end the stream.
        let open = sender.clone();
        sender.on_close(move || drop((open, viewer)));
        let mut response = with_type("text/event-stream", body);
        // Otherwise nginx would hold events back until its buffer is full.
        set(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
        response
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("path", &self.path).field("viewers", &self.most).finish_non_exhaustive()
    }
}

/// Pauses or resumes measurement, unless the request comes from a page of another site.
fn switch(below: &str, request: &Request, source: &Arc<dyn StatisticsSource>) -> Response {
    if !access::is_same_origin(request) {
        return told(StatusCode::FORBIDDEN, "that has to come from the page itself\n");
    }
    source.measure(below == "/resume");
    told(StatusCode::NO_CONTENT, "")
}

/// The answer to unknown paths.
pub(crate) fn not_found() -> Response {
    told(StatusCode::NOT_FOUND, "there are no such statistics\n")
}

fn allowing(methods: &'static str) -> Response {
    let mut response = told(StatusCode::METHOD_NOT_ALLOWED, "");
    set(&mut response, ALLOW, methods);
    response
}

fn told(status: StatusCode, text: &'static str) -> Response {
    let mut response = with_type("text/plain; charset=utf-8", text.into());
    *response.status_mut() = status;
    if text.is_empty() {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

fn with_type(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    set(&mut response, CONTENT_TYPE, media_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// The interval between events.
const PERIOD: Duration = Duration::from_secs(1);
/// The default limit of concurrent viewers: a small load.
const VIEWERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::routing::{Mounted, Routing};
    use crate::sync::Mutex;

    /// Records the calls of `measure`.
    #[derive(Default)]
    struct Fake(Mutex<Vec<bool>>);

    impl StatisticsSource for Fake {
        fn statistics(&self) -> Statistics {
            Statistics { accepts: 7, ..Statistics::default() }
        }

        fn measure(&self, is_wanted: bool) {
            self.0.lock().push(is_wanted);
        }
    }

    fn ask(page: &Page, method: Method, target: &str) -> Option<(u16, Response)> {
        let mut request = Request::new(Body::empty());
        (*request.method_mut(), *request.uri_mut()) = (method, target.parse().unwrap());
        let source = Arc::new(Fake::default()) as Arc<dyn StatisticsSource>;
        let response = page.answer(&request, &source)?;
        Some((response.status().as_u16(), response))
    }

    fn status(page: &Page, method: Method, target: &str) -> Option<u16> {
        ask(page, method, target).map(|(status, _)| status)
    }

    #[test]
    fn statistics_answer_only_below_their_path() {
        for path in ["/a/b", "a/b", "/a/b/"] {
            let page = Page::at(path);
            for (target, expected) in [
                ("/", None),
                ("/a", None),
                ("/a/bc", None),
                ("/json", None),
                ("/a/b", Some(308)),
                ("/a/b/", Some(200)),
                ("/a/b/json?x", Some(200)),
                ("/a/b/metrics", Some(200)),
                ("/a/b/events", Some(200)),
                ("/a/b/pause", Some(405)),
                ("/a/b/else", Some(404)),
            ] {
                assert_eq!(status(&page, Method::GET, target), expected, "{path} {target}");
            }
            assert_eq!(status(&page, Method::POST, "/a/b/json"), Some(405));
            assert_eq!(status(&page, Method::POST, "/a/b/resume"), Some(204));
        }
        let root = Page::at("/");
        assert_eq!((status(&root, Method::GET, "/"), status(&root, Method::GET, "/json")), (Some(200), Some(200)));
        // A name with a colon must not become a scheme.
        for (path, place) in [("/a/b", "./b/"), ("/x:y", "./x:y/")] {
            let (_, redirected) = ask(&Page::at(path), Method::GET, path).unwrap();
            assert_eq!(redirected.headers()[LOCATION], place);
        }
    }

    /// Otherwise the relative links of the page would lead beside the mount.
    #[test]
    fn mounted_page_redirects_to_the_slash_of_its_mount() {
        for (original, below, expected) in [
            ("/in/admin", "/", Some("./admin/")),
            ("/in/a%3Ab", "/", Some("./a%3Ab/")),
            ("/in/admin/", "/", None),
            ("/in/admin/json", "/json", None),
        ] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = below.parse().unwrap();
            let (original, length) =
                (original.parse().unwrap(), original.trim_end_matches("/json").trim_end_matches('/').len());
            let mounted = Some(Mounted { original, length, pattern: String::new() });
            request.extensions_mut().insert(Routing { mounted, ..Routing::default() });
            let source = Arc::new(Fake::default()) as Arc<dyn StatisticsSource>;
            let response = Page::at("/").answer(&request, &source).unwrap();
            let place = response.headers().get(LOCATION).map(|place| place.to_str().unwrap());
            assert_eq!((response.status() == 308, place), (expected.is_some(), expected), "{below}");
        }
    }

    #[test]
    fn refused_clients_see_no_statistics() {
        let page = Page::at("/s").allow(|request| request.headers().contains_key("x-key"));
        for target in ["/s", "/s/", "/s/json", "/s/metrics", "/s/events", "/s/else"] {
            assert_eq!(status(&page, Method::GET, target), Some(403), "{target}");
        }
        assert_eq!((status(&page, Method::POST, "/s/pause"), status(&page, Method::GET, "/")), (Some(403), None));
    }

    #[test]
    fn events_begin_at_once_and_take_a_place() {
        let page = Page::at("/").viewers(1);
        let (status, first) = ask(&page, Method::GET, "/events").unwrap();
        assert_eq!((status, first.headers()[CONTENT_TYPE].to_str().unwrap()), (200, "text/event-stream"));
        let (status, second) = ask(&page, Method::GET, "/events").unwrap();
        assert_eq!((status, second.headers()[RETRY_AFTER].to_str().unwrap()), (503, "10"));
        // In memory, the server counts as stopping at once.
        let text = first.into_body().into_string().unwrap();
        assert!(text.starts_with("retry: 2000\n\ndata: {\"Enabled\":false,"), "{text}");
        assert!(text.contains("\"Accepts\":7,") && text.ends_with("}\n\n") && text.lines().count() == 4, "{text}");
        assert_eq!(ask(&page, Method::GET, "/events").unwrap().0, 200);
    }
}
