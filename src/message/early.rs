//! The output of responses that begin before the handler returns.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, StatusCode};

use super::reason::ReasonPhrase;
use super::request::Request;

/// The output to the client, lent by `engine` to handlers. A request carries it in its extensions,
/// as `Arc<dyn EarlyOutput>`, if the process has a handler that [begins early](want).
///
/// Once the response has begun, the head of the handler's returned response is ignored, and the
/// body is sent after the content already sent.
pub(crate) trait EarlyOutput: Send + Sync {
    /// Settles the head. The head is sent with the first content. Without `reason` the status has
    /// the registered phrase.
    ///
    /// # Errors
    /// - The head contradicts itself: the response has not begun.
    /// - The response has begun before.
    /// - The exchange is over.
    fn begin(&self, status: StatusCode, reason: Option<&ReasonPhrase>, fields: &HeaderMap) -> io::Result<()>;

    /// Sends `content` up to the declared length, and returns the number of bytes sent.
    ///
    /// # Errors
    /// - The response has not begun.
    /// - The client has disconnected or does not read.
    /// - The exchange is over.
    fn send(&self, content: &[u8]) -> io::Result<usize>;

    /// True if the response has begun.
    fn has_begun(&self) -> bool;
}

impl fmt::Debug for dyn EarlyOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EarlyOutput")
    }
}

/// True if the response to `request` has begun, so that only the rest of its content can come.
pub(crate) fn has_begun(request: &Request) -> bool {
    request.extensions().get::<Arc<dyn EarlyOutput>>().is_some_and(|early| early.has_begun())
}

/// Notes that the process has a handler that may begin a response early, such as a gateway. From
/// then on the output is lent to all handlers, wherever the gateway is wrapped.
pub(crate) fn want() {
    WANTED.store(true, Ordering::Relaxed);
}

/// True if a handler of the process may begin a response early. Otherwise the output is not lent,
/// which saves time for each request.
pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

static WANTED: AtomicBool = AtomicBool::new(false);
