//! The output of responses that begin before the handler returns.

use std::fmt;
use std::io;

use http::{HeaderMap, StatusCode};

/// The output to the client, lent by `engine` to a handler that [begins
/// early](super::Handler::begins_early). A request carries it in its extensions, as
/// `Arc<dyn EarlyOutput>`.
///
/// Once the response has begun, the head of the handler's returned response is ignored, and the
/// body is sent after the content already sent.
pub(crate) trait EarlyOutput: Send + Sync + fmt::Debug {
    /// Settles the head. The head is sent with the first content.
    ///
    /// # Errors
    /// - The head contradicts itself: the response has not begun.
    /// - The response has begun before.
    /// - The exchange is over.
    fn begin(&self, status: StatusCode, fields: &HeaderMap) -> io::Result<()>;

    /// Sends `content` up to the declared length, and returns the number of bytes sent.
    ///
    /// # Errors
    /// - The response has not begun.
    /// - The client has disconnected or does not read.
    /// - The exchange is over.
    fn send(&self, content: &[u8]) -> io::Result<usize>;
}
