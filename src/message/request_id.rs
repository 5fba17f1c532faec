//! The id of a request.

use std::fmt;
use std::sync::Arc;

/// The id of a request, for logs.
///
/// A layer inserts the id into the [extensions](http::Request::extensions) of the request or of the
/// response. Log lines of the server about the request, and the access log, then have the id. The
/// response of [`Server::on_refusal`](crate::Server::on_refusal) can have one too.
///
/// ```
/// use drupe::exchange::RequestId;
/// use drupe::{Request, RequestExt};
///
/// fn handler(request: &mut Request) -> &'static str {
///     request.extensions_mut().insert(RequestId::new("5f3a"));
///     "hello\n"
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Returns the id with this text. Log lines escape the text and show at most 100 characters.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
