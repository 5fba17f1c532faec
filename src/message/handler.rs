//! The trait that a user implements.

use super::{IntoResponse, Request, Response};

/// Answers requests: a plain, blocking function.
///
/// Every `Fn(&mut Request) -> impl IntoResponse` is a handler. The contract:
///
/// - The handler runs on a worker thread, on at most `thread_pool_max` at once. It may block; the
///   server holds no lock meanwhile.
/// - The request is passed by `&mut`, so that the handler can take the content with
///   `std::mem::take(request.body_mut())`. Unread content is read and dropped within bounds, or the
///   connection is closed.
/// - Responses to pipelined requests are buffered, and sent before a handler runs that is not known
///   to be short.
/// - A panic affects only this connection: the client gets a `500`, and the worker survives.
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
