//! The one thing a user has to write.

use super::{IntoResponse, Request, Response};

/// Answers requests: a plain, blocking function.
///
/// Every `Fn(&mut Request) -> impl IntoResponse` is one. The contract:
///
/// - It is called on a worker thread, by at most `thread_pool_max` at once; it may block, and no lock of the server is held
///   meanwhile.
/// - It gets the request by `&mut`, so that it can take the content away with
///   `std::mem::take(request.body_mut())`. Content it leaves unread is read and dropped within bounds, or the
///   connection closes.
/// - Answers to requests that a client has sent ahead (pipelining) are gathered and sent before a handler runs that is not known to
///   be short.
/// - A panic costs this one connection: the client gets a `500`, the worker lives on.
///
/// ```
/// use drupe::{Handler, IntoResponse, Request, Response};
///
/// struct Greeter { name: String }
///
/// impl Handler for Greeter {
///     fn handle(&self, _request: &mut Request) -> Response {
///         format!("hello, {}\n", self.name).into_response()
///     }
/// }
///
/// let closure = |request: &mut Request| request.uri().path().to_owned();
/// # fn takes(_: impl Handler) {}
/// # takes(closure); takes(Greeter { name: "you".into() });
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Answers `request`.
    fn handle(&self, request: &mut Request) -> Response;

    /// Whether answers may begin before [`handle`](Self::handle) returns: a [`Gateway`](crate::wsgi::Gateway) does that for applications
    /// that call `write`. No, if not said otherwise; a handler of your own that holds a gateway passes on what that says.
    ///
    /// Of a response whose head has gone out already only the body is sent.
    fn begins_early(&self) -> bool {
        false
    }
}

impl<F, R> Handler for F
where
    F: Fn(&mut Request) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn handle(&self, request: &mut Request) -> Response {
        self(request).into_response()
    }
}
