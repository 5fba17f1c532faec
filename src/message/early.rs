//! An answer that begins before its handler has returned.

use std::fmt;
use std::io;

use http::{HeaderMap, StatusCode};

/// The way to the client as `engine` lends it to a handler that [begins early](super::Handler::begins_early); a request carries it
/// among its extensions, as `Arc<dyn Early>`.
///
/// Once the answer has begun the head of what the handler returns counts for nothing, and its body follows what was sent.
pub(crate) trait EarlyOutput: Send + Sync + fmt::Debug {
    /// Settles the head. It goes out with the first content.
    ///
    /// # Errors
    /// If it contradicts itself, so that nothing has begun; if there was another before, or the exchange is over.
    fn begin(&self, status: StatusCode, fields: &HeaderMap) -> io::Result<()>;

    /// Sends what of `content` is owed, and says how much that is; it has gone out then.
    ///
    /// # Errors
    /// If nothing has begun, the client is gone or does not read, or the exchange is over.
    fn send(&self, content: &[u8]) -> io::Result<usize>;
}
