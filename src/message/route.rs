//! The route of a request.

use std::fmt;
use std::sync::Arc;

/// The pattern of the route that matched a request, such as `/users/{id}`, for the access log.
///
/// A router inserts the pattern into the [extensions](http::Request::extensions) of the request or
/// of the response.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatchedRoute(Arc<str>);

impl MatchedRoute {
    /// Returns the route of this pattern.
    pub fn new(pattern: impl Into<Arc<str>>) -> Self {
        Self(pattern.into())
    }

    /// Returns the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MatchedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
