//! The handlers of one path, by method.

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::ALLOW;
use http::{Method, StatusCode};

use crate::message::route::MatchedRoute;
use crate::message::{Failure, Handler, IntoResponse, Response};

/// The handlers of one path.
pub(super) struct PathHandlers {
    /// The pattern in the form of [`path::pattern`](super::path::pattern), without the end of a
    /// mount.
    pub(super) path: String,
    /// The pattern as it is shown.
    pub(super) pattern: MatchedRoute,
    pub(super) body_limit: Option<u64>,
    pub(super) is_prompt: bool,
    pub(super) time_limit: Option<Duration>,
    handlers: Handlers,
}

enum Handlers {
    /// Each method once; `None` is the handler of all other methods.
    Methods(Vec<(Option<Method>, Box<dyn Handler>)>),
    /// The handler of all targets below the path.
    Mount(Box<dyn Handler>),
}

impl PathHandlers {
    /// Makes a route without handlers.
    pub(super) fn new(path: String, pattern: &str) -> Self {
        let pattern = MatchedRoute::new(pattern);
        Self {
            path,
            pattern,
            body_limit: None,
            is_prompt: false,
            time_limit: None,
            handlers: Handlers::Methods(Vec::new()),
        }
    }

    /// Makes a route for a handler and all targets below `path`.
    pub(super) fn mount(path: String, pattern: &str, handler: Box<dyn Handler>) -> Self {
        let pattern = MatchedRoute::new(pattern);
        Self { path, pattern, body_limit: None, is_prompt: false, time_limit: None, handlers: Handlers::Mount(handler) }
    }

    /// Adds the handler of `method`, or of all other methods. Returns false if the method has one.
    pub(super) fn add(&mut self, method: Option<Method>, handler: Box<dyn Handler>) -> bool {
        let Handlers::Methods(handlers) = &mut self.handlers else { return false };
        let is_new = handlers.iter().all(|(other, _)| *other != method);
        if is_new {
            handlers.push((method, handler));
        }
        is_new
    }

    /// True if the route is a mount.
    pub(super) fn is_mount(&self) -> bool {
        matches!(self.handlers, Handlers::Mount(_))
    }

    /// The path of a mount as it is shown.
    pub(super) fn prefix(&self) -> &str {
        self.pattern.as_str().strip_suffix(MOUNT_END).unwrap_or_default()
    }

    /// The number of parameters, without the rest of the path below a mount.
    pub(super) fn params(&self) -> usize {
        self.path.matches('{').count()
    }

    /// The number of segments before those of the mounted handler.
    pub(super) fn mounted_segments(&self) -> Option<usize> {
        self.is_mount().then(|| self.path.matches('/').count())
    }

    /// The handler of `method`; that of `GET` also answers `HEAD`.
    pub(super) fn handler(&self, method: &Method) -> Option<&dyn Handler> {
        let handlers = match &self.handlers {
            Handlers::Mount(handler) => return Some(&**handler),
            Handlers::Methods(handlers) => handlers,
        };
        let of = |wanted: Option<&Method>| {
            let found = handlers.iter().find(|(method, _)| method.as_ref() == wanted);
            found.map(|(_, handler)| &**handler)
        };
        let of_get = || of(Some(&Method::GET)).filter(|_| *method == Method::HEAD);
        of(Some(method)).or_else(of_get).or_else(|| of(None))
    }

    /// Answers a method without a handler.
    pub(super) fn refuse(&self, method: &Method) -> Response {
        let allowed = [(ALLOW, allow([self]))];
        if *method == Method::OPTIONS {
            return (StatusCode::NO_CONTENT, allowed, ()).into_response();
        }
        (allowed, Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n")).into_response()
    }

    /// True if each method with a handler is named: neither a mount nor a handler of all methods.
    fn has_known_methods(&self) -> bool {
        match &self.handlers {
            Handlers::Methods(handlers) => handlers.iter().all(|(method, _)| method.is_some()),
            Handlers::Mount(_) => false,
        }
    }

    fn methods(&self) -> impl Iterator<Item = &Method> {
        let handlers = match &self.handlers {
            Handlers::Methods(handlers) => handlers.as_slice(),
            Handlers::Mount(_) => &[],
        };
        handlers.iter().filter_map(|(method, _)| method.as_ref())
    }
}

/// The end of a mount's pattern.
pub(super) const MOUNT_END: &str = "/{*rest}";

/// Answers `OPTIONS *` for all `routes` of a router.
pub(super) fn options(routes: &[PathHandlers]) -> Response {
    if !routes.iter().all(PathHandlers::has_known_methods) {
        return StatusCode::NO_CONTENT.into_response();
    }
    (StatusCode::NO_CONTENT, [(ALLOW, allow(routes))], ()).into_response()
}

/// Returns the value of `Allow` for `routes`: the methods with a handler, and those that a router
/// answers by itself.
fn allow<'a>(routes: impl IntoIterator<Item = &'a PathHandlers>) -> String {
    let mut methods: BTreeSet<&str> = routes.into_iter().flat_map(PathHandlers::methods).map(Method::as_str).collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    methods.insert("OPTIONS");
    Vec::from_iter(methods).join(", ")
}
