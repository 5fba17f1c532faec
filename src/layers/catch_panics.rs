//! A layer that turns panics of handlers into failures.

use std::sync::Arc;

use super::Layer;
use super::layered::{Around, Layered};
use crate::message::route::MatchedRoute;
use crate::message::{Failure, Handler, IntoResponse, Request, Response, early};
use crate::sync::catch;

/// A layer that turns a panic into a [`Failure`]: a `500`, logged with the message of the panic.
///
/// The server catches panics itself, closes the connection and counts the panic in its statistics.
/// With `CatchPanics`, the layers around it see a response: [`OnFailure`](super::OnFailure) can
/// give the response a form, and [`Cors`](super::Cors) can add fields. The connection stays open,
/// and the panic is not counted.
///
/// ```
/// use drupe::layers::{CatchPanics, OnFailure};
/// use drupe::{Handler, Request, handler};
///
/// let page = handler(|request| request.headers()["x-tea"].clone().as_bytes().to_vec());
/// let page = page.with(CatchPanics::new()).with(OnFailure::new(|failure, _| failure.text()));
/// # std::panic::set_hook(Box::new(|_| {}));
/// # assert_eq!(page.handle(&mut Request::default()).status(), 500);
/// ```
///
/// The panic hook of the program runs as always, and by default writes to the standard error
/// output. The layer has no effect on
///
/// - programs built with `panic = "abort"`,
/// - functions that produce content later ([`Body::stream`](crate::Body::stream)),
/// - an answer that a WSGI-style application has begun by `write`: the connection is closed.
#[derive(Clone, Copy, Debug, Default)]
pub struct CatchPanics {
    _private: (),
}

impl CatchPanics {
    /// Makes the layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<H: Handler> Layer<H> for CatchPanics {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for CatchPanics {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        match catch(|| inner.handle(request)) {
            Ok(response) => response,
            // The client must see that the answer is cut.
            Err(panic) if early::has_begun(request) => panic.resume(),
            Err(panic) => {
                let message = panic.message().unwrap_or("without a message");
                let mut response = Failure::from(format!("the handler panicked: {message}")).into_response();
                // A router has left the route of the handler there.
                request.extensions().get::<MatchedRoute>().map(|route| response.extensions_mut().insert(route.clone()));
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;
    use crate::message::handler;

    #[test]
    fn route_of_a_handler_that_panicked_is_known() {
        let page = handler(|request| -> &'static str {
            request.extensions_mut().insert(MatchedRoute::new("/tea/{name}"));
            panic!("after the match");
        });
        let response = page.with(CatchPanics::new()).handle(&mut Request::default());
        assert_eq!(response.extensions().get::<MatchedRoute>().map(MatchedRoute::as_str), Some("/tea/{name}"));
    }

    #[test]
    fn panic_becomes_a_failure_that_shows_the_client_nothing() {
        let page = handler(|request| -> &'static str {
            match request.uri().path() {
                "/" => "tea",
                "/text" => panic!("a secret"),
                "/format" => panic!("a {}", "secret"),
                _ => panic_any(7),
            }
        });
        let page = page.with(CatchPanics::new());
        let ask = |target: &str| {
            let mut request = Request::default();
            *request.uri_mut() = target.parse().unwrap();
            let response = page.handle(&mut request);
            let told = Failure::of(&response).map(ToString::to_string).unwrap_or_default();
            (response.status().as_u16(), told, response.into_body().into_string().unwrap())
        };
        let failed = |told: &str| (500, told.to_owned(), "internal server error\n".to_owned());
        assert_eq!(ask("/"), (200, String::new(), "tea".to_owned()));
        assert_eq!(ask("/text"), failed("the handler panicked: a secret"));
        assert_eq!(ask("/format"), failed("the handler panicked: a secret"));
        assert_eq!(ask("/any"), failed("the handler panicked: without a message"));
    }
}
