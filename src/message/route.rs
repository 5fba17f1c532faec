//! The route of a request.

use std::fmt;
use std::sync::Arc;

/// The pattern of the route that matched a request, such as `/tea/{name}`.
///
/// A router puts the pattern into the [extensions](http::Request::extensions) of the request, for
/// handlers and layers inside, and of the response, for layers around the router, for the access
/// log and for the [statistics](crate::statistics::Statistics::routes). In a mounted router, the
/// pattern includes the path of the mount. All requests of a route share one pattern, so count by
/// pattern: a client can choose any number of paths.
///
/// The answers of a router for a route, such as a `405`, have the pattern of the route. The `404` of
/// a mounted router has the pattern of the mount, such as `/shop/{*rest}`; any other `404` of a
/// router has no pattern.
///
/// A program without a router can put a pattern into its responses. The statistics have a row for
/// each of at most 256 patterns, so a pattern must not contain parts of the client's path.
#[derive(Clone, PartialEq, Eq, Hash)]
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

/// The pattern in quotes.
impl fmt::Debug for MatchedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
