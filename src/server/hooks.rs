//! The callbacks of a program for exchanges: observed when ended, shaped when refused.

use std::sync::Arc;

use super::Server;
use crate::message::Response;
use crate::message::access::AccessRecord;
use crate::message::refusal::Refusal;

impl Server {
    /// Calls `callback` at the end of each exchange, beside the line in the access log.
    ///
    /// The callback takes effect at the next start, and replaces an earlier one.
    ///
    /// - `callback` runs on the thread that ends the exchange: a worker, or the thread that waits
    ///   for all other clients, or for answers cut by a stop the thread that stops the server. A
    ///   slow callback delays other requests, like a slow logger. Clone the record and send the
    ///   clone to a thread of your own for slow work.
    /// - For several pipelined requests, the answers may still be unsent.
    /// - A panic is logged, and changes nothing else.
    ///
    /// ```
    /// use drupe::exchange::AccessRecord;
    /// use drupe::{Request, Server};
    ///
    /// let server = Server::new(|_request: &mut Request| "hello\n");
    /// server.on_access(|record: &AccessRecord| {
    ///     if let (Some(status), Some(route)) = (record.status, &record.route) {
    ///         println!("{route} {status} {:?}", record.duration);
    ///     }
    /// });
    /// ```
    pub fn on_access(&self, callback: impl Fn(&AccessRecord) + Send + Sync + 'static) {
        self.shared.hooks.lock().on_access = Some(Arc::new(callback));
    }

    /// Shapes the answers that the server makes itself, for example as JSON.
    ///
    /// `callback` is called for requests that the server refuses before a handler runs, for content
    /// that turns out malformed, too large or late while a handler runs, for a handler that has
    /// panicked, for a response that cannot be sent, and for 503 answers (too many connections,
    /// requests or upgrades). The callback takes effect at the next start, and replaces an earlier
    /// one.
    ///
    /// - `None` is the plain answer: the reason as text.
    /// - The client gets the fields and the content of the response, but the status of the
    ///   [`Refusal`].
    /// - A [`RequestId`](crate::exchange::RequestId) in the extensions of the response becomes the id
    ///   of the request in the access log and in the log line of the refusal, unless a layer has set
    ///   one.
    /// - The [`Refusal`] has the fields of the request if the server has read its head. Without a
    ///   head, there are neither fields nor a request line.
    /// - The content is in memory and has at most 16 KiB. For other content the client gets the plain
    ///   answer, and a warning is logged. A `HEAD` gets the length only.
    /// - The server sets these fields itself and drops those of the response: `Allow`, `Connection`,
    ///   `Content-Length`, `Date`, `Keep-Alive`, `Retry-After`, `Server`, `TE`, `Trailer`,
    ///   `Transfer-Encoding`, `Upgrade`.
    /// - `callback` runs on a worker, or on the thread that waits for all other clients, and must
    ///   not block. A panic is logged, and the client gets the plain answer.
    ///
    /// A response of a handler is no refusal, even with an error status. A client that the server
    /// closes without an answer causes no call.
    ///
    /// ```
    /// use drupe::exchange::Refusal;
    /// use drupe::http::header::CONTENT_TYPE;
    /// use drupe::{Body, Request, Response, Server};
    ///
    /// let server = Server::new(|_request: &mut Request| "hello\n");
    /// server.on_refusal(|refusal: &Refusal| {
    ///     let mut response = Response::new(Body::from(format!("{{\"error\":\"{}\"}}\n", refusal.reason)));
    ///     response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().ok()?);
    ///     Some(response)
    /// });
    /// ```
    ///
    /// Layers do not see refusals. `layers::Cors` and `layers::RequestIds` (feature `layers`) have the
    /// method `add_to_refusal` for this callback.
    pub fn on_refusal(&self, callback: impl Fn(&Refusal) -> Option<Response> + Send + Sync + 'static) {
        self.shared.hooks.lock().on_refusal = Some(Arc::new(callback));
    }
}
