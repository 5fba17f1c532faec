//! Routes: handlers by method and path, with parameters in the path.
//!
//! ```
//! use std::sync::Arc;
//!
//! use drupe::{RequestExt, Server, router::Router, try_handler};
//!
//! let teas = Arc::new(["assam", "sencha"]);
//! let router = Router::new()
//!     .get("/", |_| "a tea house\n")
//!     .get("/tea/{number}", try_handler(move |request| {
//!         let number: usize = request.param_as("number")?; // 404 if not a number
//!         Ok(teas.get(number).copied()) // 404 if there is none
//!     }))
//!     .post("/echo", |request| request.take_body())
//!     .body_limit("/echo", 1 << 30);
//! # let router = Arc::new(router);
//! # let status = |path: &str| {
//! #     let request = drupe::http::Request::get(path).body("".into());
//! #     drupe::testing::call(&router, request.unwrap()).status().as_u16()
//! # };
//! # assert_eq!(["/", "/tea/1", "/tea/2", "/tea/x", "/tea"].map(status), [200, 200, 404, 404, 404]);
//! let server = Server::new(router);
//! # drop(server);
//! ```
//!
//! Closures share state by a clone of an `Arc` for each closure, or by a reference that is never
//! freed, which suits routes that live as long as the program:
//!
//! ```
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! use drupe::router::Router;
//!
//! let cups: &'static AtomicU32 = Box::leak(Box::default());
//! let router = Router::new()
//!     .get("/cups", |_| cups.load(Ordering::Relaxed).to_string())
//!     .post("/cups", |_| cups.fetch_add(1, Ordering::Relaxed).to_string());
//! # drop(router);
//! ```
//!
//! [`route`](Router::route) adds a handler that is not a function, such as one with layers, and
//! [`any`](Router::any) adds a function for all methods. A [`Router`] is a handler:
//! [`Handler::with`] puts layers around the router, and [`mount`](Router::mount) puts the router
//! below a path of another one.
//!
//! # Paths
//!
//! | pattern | matches |
//! |---|---|
//! | `/tea`, `/café` | this path only; `{{` and `}}` stand for braces |
//! | `/tea/{name}`, `/tea/{name}.html` | one segment, or a part of one; at least one character |
//! | `/tea/{*rest}` | all the rest of the path, slashes included; at least one character |
//!
//! A literal takes precedence over a parameter, and a parameter with literals in its segment over
//! one without; the order of the calls does not matter. The path alone chooses the route: if
//! `/tea/new` has a `POST`, then a `GET` of it is a `405`, and does not go on to `/tea/{name}`. A
//! router finds a route in a tree. With text behind a parameter before the last segment, as in
//! `/{name}.git/info`, it compares the path with one pattern after another.
//!
//! The router matches the path as the client sent it, but for the rules of RFC 3986 §6.2.2:
//!
//! - A slash at the end makes another path. Empty segments count: `/a//b` is not `/a/b`.
//! - The segments `.` and `..`, encoded or not, are removed: `/static/../admin` is `/admin`, and goes
//!   to the route of `/admin`. Handlers of the router see the target without them. A path that leads
//!   above the root is a `404`.
//! - `%2F` is no slash: it does not separate segments.
//! - An encoded character that needs no encoding is the same as itself: `/t%65a` is `/tea` (RFC
//!   3986 §6.2.2). A layer around the router that decides by the path has to treat both alike. A
//!   layer around a route, or the [`MatchedRoute`] of the response, avoids this.
//!
//! [`param`](crate::RequestExt::param) returns a parameter, decoded once, after the match: the text
//! may contain `/`, `..` and NUL. If the decoded text is not UTF-8, the answer is a `400`.
//!
//! # Methods
//!
//! - The handler of `GET` also answers `HEAD`, unless `HEAD` has a handler. The server does not
//!   send the content.
//! - The router answers `OPTIONS` with a `204` and `Allow`, unless `OPTIONS` has a handler.
//! - `OPTIONS *` asks for the abilities of the server (RFC 9110 §9.3.7). The `Allow` of the `204` has
//!   the methods of all routes. With a handler for [all methods](Router::any) or a
//!   [mount](Router::mount) the methods are unknown, and the `204` has no `Allow`. A route for the
//!   path `*` replaces this answer.
//! - A method without a handler gets a `405` with `Allow`. A path without a route goes to the
//!   [`fallback`](Router::fallback); without a fallback, the answer is a `404`. The `405` and the
//!   `404` are [`Failure`]s, so that a layer can give them another form.

mod function;
mod path;
mod path_handlers;
mod patterns;
mod visit;

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode, Uri};

pub use self::function::RouteFunction;
use self::path_handlers::{MOUNT_END, PathHandlers, options};
use self::patterns::Patterns;
use self::visit::{enter, visit, whole_pattern, without_dots};
use crate::message::route::MatchedRoute;
use crate::message::time_limit;
use crate::message::{Failure, Handler, IntoResponse, Request, Response};

/// A handler that chooses another one by path and method; see the [module](self).
///
/// [`get`](Self::get), [`post`](Self::post) and so on take functions and closures, so that the
/// compiler knows the type of a closure's argument. A closure that uses `?` is written as
/// [`try_handler`](crate::try_handler)`(|request| …)`. A function that returns `impl IntoResponse`
/// has to say `impl IntoResponse + use<>` here: without `use<>`, the response counts as a borrow of
/// the request. [`route`](Self::route) and
/// [`mount`](Self::mount) take any handler, such as one with layers:
///
/// ```
/// use drupe::http::Method;
/// use drupe::{Handler, Request, handler, router::Router};
///
/// fn uncached(inner: impl Handler) -> impl Handler {
///     handler(move |request| ([("cache-control", "no-store")], inner.handle(request)))
/// }
///
/// fn page(_: &mut Request) -> &'static str {
///     "hello\n"
/// }
///
/// let router = Router::new().get("/", page).route(Method::GET, "/now", page.with(uncached));
/// # let response = drupe::testing::call(&router, drupe::http::Request::get("/now").body("".into()).unwrap());
/// # assert_eq!(response.headers()["cache-control"], "no-store");
/// ```
#[derive(Default)]
pub struct Router {
    /// With positions in `routes`.
    patterns: Patterns,
    routes: Vec<PathHandlers>,
    fallback: Option<Box<dyn Handler>>,
}

/// A method that takes a function as the handler of one HTTP method.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// Those of [`route`](Self::route).
        #[must_use]
        #[track_caller]
        pub fn $name<F, R>(self, path: &str, function: F) -> Self
        where
            F: RouteFunction<R> + Send + Sync + 'static, // borrows no request: `impl IntoResponse + use<>`
            R: IntoResponse,
        {
            self.route(Method::$method, path, function)
        }
    )*};
}

impl Router {
    /// Makes a router without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    methods! {
        /// Adds the handler of `GET`, and of `HEAD`.
        get GET
        /// Adds the handler of `POST`.
        post POST
        /// Adds the handler of `PUT`.
        put PUT
        /// Adds the handler of `DELETE`.
        delete DELETE
        /// Adds the handler of `PATCH`.
        patch PATCH
    }

    /// Adds the handler of all methods without a handler of their own, unknown methods included.
    ///
    /// # Panics
    /// Those of [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn any<F, R>(mut self, path: &str, function: F) -> Self
    where
        F: RouteFunction<R> + Send + Sync + 'static, // borrows no request: `impl IntoResponse + use<>`
        R: IntoResponse,
    {
        self.add(None, path, Box::new(function));
        self
    }

    /// Adds any handler for one method.
    ///
    /// # Panics
    /// If the pattern is malformed, or ambiguous beside another one, as `/{a}` beside `/{b}`; if a
    /// segment is a parameter in the syntax of other routers, as `/:a`, `/*a` and `/<a>`; if the
    /// method already has a handler for this path.
    #[must_use]
    #[track_caller]
    pub fn route(mut self, method: Method, path: &str, handler: impl Handler) -> Self {
        self.add(Some(method), path, Box::new(handler));
        self
    }

    /// Adds a handler for `path` and all paths below, and for all methods.
    ///
    /// The handler gets the paths `path`, `path/` and `path/{*rest}`, and sees a target without
    /// `path`: `/files/a?b` as `/a?b`, and `/files` as `/`.
    /// [`original_target`](crate::RequestExt::original_target) returns the whole target. A mounted
    /// router has a fallback of its own, and its handlers find the parameters of `path` too.
    ///
    /// # Panics
    /// Those of [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn mount(mut self, path: &str, handler: impl Handler) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let normal = path::pattern(path);
        if !path.is_empty() {
            self.insert(path, &normal);
        }
        self.insert(&format!("{path}/"), &format!("{normal}/"));
        let shown = format!("{path}{MOUNT_END}");
        self.insert(&shown, &format!("{normal}{MOUNT_END}"));
        self.routes.push(PathHandlers::mount(normal, &shown, Box::new(handler)));
        self
    }

    /// Sets the handler of paths without a route; the default answers with a `404`.
    #[must_use]
    pub fn fallback<F, R>(mut self, function: F) -> Self
    where
        F: RouteFunction<R> + Send + Sync + 'static, // borrows no request: `impl IntoResponse + use<>`
        R: IntoResponse,
    {
        self.fallback = Some(Box::new(function));
        self
    }

    /// Sets the limit for the content of requests for `path`, in bytes, in place of
    /// [`max_request_body_size`](crate::Settings::max_request_body_size). The limit may be higher
    /// or lower. For a mount, the limit also holds below the path.
    ///
    /// A limit of the route's handler takes precedence over this one.
    ///
    /// # Panics
    /// If no route has been added with this path.
    #[must_use]
    #[track_caller]
    pub fn body_limit(mut self, path: &str, bytes: u64) -> Self {
        self.known(path).body_limit = Some(bytes);
        self
    }

    /// Marks the handlers of `path` as prompt: see [`Handler::is_prompt`]. For a mount, the mark
    /// also holds below the path.
    ///
    /// ```
    /// use drupe::router::Router;
    ///
    /// let router = Router::new().get("/health", |_| "fine\n").prompt("/health");
    /// # drop(router);
    /// ```
    ///
    /// # Panics
    /// If no route has been added with this path.
    #[must_use]
    #[track_caller]
    pub fn prompt(mut self, path: &str) -> Self {
        self.known(path).is_prompt = true;
        self
    }

    /// Limits the time of the handlers of `path`, as [`Handler::within`] does. For a mount, the
    /// limit also holds below the path.
    ///
    /// # Panics
    /// If no route has been added with this path.
    #[must_use]
    #[track_caller]
    pub fn time_limit(mut self, path: &str, time: Duration) -> Self {
        self.known(path).time_limit = Some(time);
        self
    }

    /// Returns the route with this path.
    #[track_caller]
    fn known(&mut self, path: &str) -> &mut PathHandlers {
        let normal = path::pattern(path);
        let mounted = normal.strip_suffix('/').unwrap_or(&normal);
        let mut routes = self.routes.iter_mut();
        let route = routes.find(|route| route.path == if route.is_mount() { mounted } else { normal.as_str() });
        let Some(route) = route else { panic!("no route has the path `{path}`: add the route first") };
        route
    }

    #[track_caller]
    fn add(&mut self, method: Option<Method>, path: &str, handler: Box<dyn Handler>) {
        let normal = path::pattern(path);
        let known = self.routes.iter().position(|route| route.path == normal && !route.is_mount());
        let at = known.unwrap_or(self.routes.len());
        if known.is_none() {
            self.insert(path, &normal);
            self.routes.push(PathHandlers::new(normal, path));
        }
        let name = method.as_ref().map_or_else(|| "any method".to_owned(), Method::to_string);
        assert!(self.routes[at].add(method, handler), "the route `{path}` has a handler for {name} already");
    }

    /// Makes `pattern` lead to the route that is added next.
    #[track_caller]
    fn insert(&mut self, shown: &str, pattern: &str) {
        let inserted = path::check(shown).and_then(|()| self.patterns.insert(pattern, self.routes.len()));
        if let Err(fault) = inserted {
            panic!("the route `{shown}` {fault}");
        }
    }

    /// Returns the route of a request with a handler, and the answer of the handler to a question
    /// about the request with the target as the handler sees the target.
    fn ask<T>(
        &self,
        method: &Method,
        target: &Uri,
        ask: impl FnOnce(&dyn Handler, &Uri) -> T,
    ) -> Option<(&PathHandlers, Option<T>)> {
        let target = path::without_dot_segments(target)?;
        let path = path::normal(target.path());
        let route = &self.routes[self.patterns.find(&path)?.0];
        let handler = route.handler(method)?;
        let Some(count) = route.mounted_segments() else { return Some((route, Some(ask(handler, &target)))) };
        let below = path::below(&target, path::length_of_segments(target.path(), count));
        Some((route, below.map(|below| ask(handler, &below))))
    }

    /// Answers a request whose target has no dot segments.
    fn dispatch(&self, request: &mut Request) -> Response {
        let target = request.uri().clone();
        let path = path::normal(target.path());
        let Some((at, params)) = self.patterns.find(&path) else { return self.miss(request) };
        let route = &self.routes[at];
        let matched = whole_pattern(request, route);
        let mut response = match route.handler(request.method()) {
            None => route.refuse(request.method()),
            Some(handler) => match enter(request, route, params.iter()) {
                None => Failure::new(StatusCode::BAD_REQUEST, "a parameter of the path is not UTF-8\n").into_response(),
                Some(routing) => visit(request, target, routing, matched.clone(), |request| {
                    if let Some(time) = route.time_limit {
                        time_limit::limit(request, time);
                    }
                    handler.handle(request)
                }),
            },
        };
        // A mounted router knows more of the pattern.
        if response.extensions().get::<MatchedRoute>().is_none() {
            response.extensions_mut().insert(matched);
        }
        response
    }

    /// Answers a request without a route.
    fn miss(&self, request: &mut Request) -> Response {
        match &self.fallback {
            _ if request.uri().path() == "*" && *request.method() == Method::OPTIONS => options(&self.routes),
            Some(fallback) => fallback.handle(request),
            None => Failure::new(StatusCode::NOT_FOUND, "not found\n").into_response(),
        }
    }
}

impl Handler for Router {
    fn handle(&self, request: &mut Request) -> Response {
        without_dots(request, |request| self.dispatch(request))
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        let (route, own) = self.ask(method, target, |handler, target| handler.body_limit(method, target))?;
        own.flatten().or(route.body_limit)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        let asked = self.ask(method, target, |handler, target| handler.is_prompt(method, target));
        asked.is_some_and(|(route, own)| route.is_prompt || own == Some(true))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.routes.iter().map(|route| &route.pattern).collect();
        f.debug_struct("Router").field("routes", &routes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
