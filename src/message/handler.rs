//! The trait that a user implements, and the composition of handlers.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};

use super::time_limit;
use super::{Failure, IntoResponse, Request, Response};

/// Answers requests: a plain, blocking function.
///
/// Every function from `&mut Request` to a value that is [`IntoResponse`] is a handler; write a
/// closure as [`handler`](crate::handler)`(|request| …)`, and one that uses `?` as
/// [`try_handler`](crate::try_handler)`(|request| …)`. The contract:
///
/// - The handler runs on a worker thread, and may block: the server holds no lock meanwhile. At
///   most `thread_pool_max` workers run handlers at once. One more thread serves
///   [prompt](Self::is_prompt) requests, and further ones may replace workers whose handlers exceed
///   their [`request_timeout`](crate::Settings::request_timeout).
/// - The request is passed by `&mut`, so that the handler can take the content with
///   [`take_body`](crate::RequestExt::take_body). Unread content is read and dropped within bounds,
///   or the connection is closed.
/// - Responses to pipelined requests are buffered. Before a handler that may take long, the server
///   sends the buffered responses.
/// - A panic affects only this connection: the client gets a `500`, and the worker goes on.
///
/// ```
/// use drupe::{Handler, IntoResponse, Request, Response, handler};
///
/// struct Greeter { name: String }
///
/// impl Handler for Greeter {
///     fn handle(&self, _request: &mut Request) -> Response {
///         format!("hello, {}\n", self.name).into_response()
///     }
/// }
///
/// let closure = handler(|request| request.uri().path().to_owned());
/// # fn takes(_: impl Handler) {}
/// # takes(closure); takes(Greeter { name: "you".into() });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is a function from `&mut Request` to a response: `fn page(request: &mut drupe::Request) -> Result<String, drupe::Failure>`",
    note = "wrap a closure: `drupe::handler(|request| ...)`, or `drupe::try_handler(|request| ...)` if it uses `?`",
    note = "a handler is a plain function: remove `async`, and take the request by `&mut`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Answers `request`.
    fn handle(&self, request: &mut Request) -> Response;

    /// The limit for the content of a request with this method and target, in bytes, in place of
    /// [`max_request_body_size`](crate::Settings::max_request_body_size); `None`: that setting
    /// applies.
    ///
    /// The server asks before any content is read, on a thread that serves other clients too: the
    /// method must not block. The limit may be higher or lower than the setting. A request with a
    /// longer declared length gets a `413`, and no handler runs. A panic is answered with a `500`,
    /// like one of [`handle`](Self::handle). The default is `None`.
    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        let _ = (method, target);
        None
    }

    /// True if a request with this method and target is to be answered at once even if handlers of
    /// other requests hold all workers: a health check, metrics, a control page. The default is
    /// false. [`prompt`](Self::prompt) marks a handler.
    ///
    /// The next free worker takes a prompt request before all others. If no worker is free, the
    /// server runs the handler on one more thread, which serves prompt requests only. The server
    /// starts this thread in addition to `thread_pool_max` when needed, and ends the thread after
    /// `thread_idle_timeout` without work.
    ///
    /// A prompt handler must answer quickly. While a prompt handler blocks this thread, further
    /// prompt requests wait for a worker. At most 64 waiting requests count as prompt; further ones
    /// wait like all others.
    ///
    /// The server asks on a thread that serves other clients too: the method must not block. After
    /// a panic the request is not prompt.
    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        let _ = (method, target);
        false
    }

    /// Marks this handler as prompt: see [`is_prompt`](Self::is_prompt).
    ///
    /// ```
    /// use drupe::{Handler, Server, handler};
    ///
    /// let health = handler(|_| "fine\n").prompt();
    /// # let response = drupe::testing::call(&health, Default::default());
    /// # assert_eq!(response.status(), 200);
    /// # let server = Server::new(health);
    /// # drop(server);
    /// ```
    fn prompt(self) -> Prompt<Self>
    where
        Self: Sized,
    {
        Prompt(self)
    }

    /// Limits the time of this handler, in place of
    /// [`request_timeout`](crate::Settings::request_timeout) and of any limit of a layer or router
    /// around this handler. The limit may be higher or lower. The time begins with the call of this
    /// handler. After the time, the client gets a 503, and the handler goes on: see the setting.
    ///
    /// The limit has no effect outside the workers of a server, as in
    /// [`testing::call`](crate::testing::call) or on a thread of the program.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drupe::{Handler, Server, handler};
    ///
    /// let report = handler(|_| "long work").within(Duration::from_secs(60));
    /// # let response = drupe::testing::call(&report, Default::default());
    /// # assert_eq!(response.status(), 200);
    /// # let server = Server::new(report);
    /// # drop(server);
    /// ```
    fn within(self, time: Duration) -> Within<Self>
    where
        Self: Sized,
    {
        Within { inner: self, time }
    }

    /// Puts `layer` around this handler. A layer is a function from a handler to a handler. The
    /// layer added last sees a request first.
    ///
    /// The content limits of the inner handler stay in force if the layer has none. A prompt handler
    /// stays prompt.
    ///
    /// ```
    /// use drupe::{Handler, IntoResponse, handler};
    ///
    /// fn uncached(inner: impl Handler) -> impl Handler {
    ///     handler(move |request| {
    ///         let response = inner.handle(request);
    ///         ([("cache-control", "no-store")], response)
    ///     })
    /// }
    ///
    /// let page = handler(|_| "hello\n").with(uncached);
    /// # let response = drupe::testing::call(&page, Default::default());
    /// # assert_eq!(response.headers()["cache-control"], "no-store");
    /// ```
    fn with<L: Layer<Self>>(self, layer: L) -> With<Self, L::Handler>
    where
        Self: Sized,
    {
        let inner = Arc::new(self);
        With { outer: layer.wrap(Arc::clone(&inner)), inner }
    }
}

/// A function from a handler to a handler; see [`Handler::with`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    note = "a layer is a function from a handler to a handler: `fn(impl drupe::Handler) -> impl drupe::Handler`"
)]
pub trait Layer<H> {
    /// The handler with the layer.
    type Handler: Handler;

    /// Wraps `inner`.
    fn wrap(self, inner: Arc<H>) -> Self::Handler;
}

impl<H, F, O> Layer<H> for F
where
    F: FnOnce(Arc<H>) -> O,
    O: Handler,
{
    type Handler = O;

    fn wrap(self, inner: Arc<H>) -> O {
        self(inner)
    }
}

/// A handler with a layer around it; made by [`Handler::with`].
#[derive(Debug)]
pub struct With<H, O> {
    outer: O,
    /// For the limits and marks that the layer does not know.
    inner: Arc<H>,
}

impl<H: Handler, O: Handler> Handler for With<H, O> {
    fn handle(&self, request: &mut Request) -> Response {
        self.outer.handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.outer.body_limit(method, target).or_else(|| self.inner.body_limit(method, target))
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.outer.is_prompt(method, target) || self.inner.is_prompt(method, target)
    }
}

/// A prompt handler; made by [`Handler::prompt`].
#[derive(Clone, Copy, Debug)]
pub struct Prompt<H>(H);

impl<H: Handler> Handler for Prompt<H> {
    fn handle(&self, request: &mut Request) -> Response {
        self.0.handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.0.body_limit(method, target)
    }

    fn is_prompt(&self, _method: &Method, _target: &Uri) -> bool {
        true
    }
}

/// A handler with a time limit; made by [`Handler::within`].
#[derive(Clone, Copy, Debug)]
pub struct Within<H> {
    inner: H,
    time: Duration,
}

impl<H: Handler> Handler for Within<H> {
    fn handle(&self, request: &mut Request) -> Response {
        time_limit::limit(request, self.time);
        self.inner.handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.inner.body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.inner.is_prompt(method, target)
    }
}

/// Makes a handler of a closure. The closure needs no type annotations.
///
/// ```
/// use drupe::{Server, handler};
///
/// let greeting = "hello".to_owned();
/// let server = Server::new(handler(move |request| format!("{greeting}, {}\n", request.uri().path())));
/// # drop(server);
/// ```
///
/// A closure that uses `?` is written as [`try_handler`]`(|request| …)`. In `handler` the compiler
/// cannot infer the type of the error, and asks for "type annotations" (E0282).
///
/// A function needs no `handler`. In `handler` a function that returns `impl IntoResponse` has to
/// say `impl IntoResponse + use<>`: without `use<>`, the response counts as a borrow of the request
/// (E0308).
pub fn handler<F, R>(function: F) -> F
where
    F: Fn(&mut Request) -> R + Send + Sync + 'static, // borrows no request: `impl IntoResponse + use<>`
    R: IntoResponse,
{
    function
}

/// Makes a handler of a closure that uses `?`. The closure needs no type annotations: its error is
/// [`Failure`](crate::Failure), to which `?` converts any other error.
///
/// ```
/// use drupe::{RequestExt, Server, try_handler};
///
/// let server = Server::new(try_handler(|request| {
///     let number: u64 = request.text()?.parse()?;
///     Ok(format!("{}\n", number * 2))
/// }));
/// # drop(server);
/// ```
pub fn try_handler<F, R>(function: F) -> F
where
    F: Fn(&mut Request) -> Result<R, Failure> + Send + Sync + 'static,
    R: IntoResponse,
{
    function
}

impl<F> Handler for F
where
    F: for<'a> FunctionOrWrappedClosure<'a> + Send + Sync + 'static,
{
    fn handle(&self, request: &mut Request) -> Response {
        self(request).into_response()
    }
}

/// A function from a request to a response. The response may borrow the request: in edition 2024
/// each `impl IntoResponse` does, unless its function says `use<>`.
///
/// The compiler shows the name of the trait for a closure that lacks [`handler`] around it.
pub trait FunctionOrWrappedClosure<'a>: Fn(&'a mut Request) -> Self::Response {
    /// The response.
    type Response: IntoResponse;
}

impl<'a, F, R> FunctionOrWrappedClosure<'a> for F
where
    F: Fn(&'a mut Request) -> R,
    R: IntoResponse,
{
    type Response = R;
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn handle(&self, request: &mut Request) -> Response {
        (**self).handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        (**self).body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        (**self).is_prompt(method, target)
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, request: &mut Request) -> Response {
        (**self).handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        (**self).body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        (**self).is_prompt(method, target)
    }
}

impl Handler for &'static dyn Handler {
    fn handle(&self, request: &mut Request) -> Response {
        (**self).handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        (**self).body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        (**self).is_prompt(method, target)
    }
}
