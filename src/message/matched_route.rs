//! The pattern of a route, as an extension of requests and responses.

use std::fmt;
use std::sync::Arc;

/// The pattern of the route that matched a request, such as `/tea/{name}`.
///
/// A router puts the pattern into the extensions of the request, for handlers and layers inside,
/// and of the response, for layers around the router. Behind a mounted router the pattern is
/// the whole one, with the path of the mount. All requests of a route share one pattern, so that
/// it suits counters, while a client can choose any number of paths.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MatchedRoute(Arc<str>);

impl MatchedRoute {
    pub(crate) fn new(pattern: impl Into<Arc<str>>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as the router was given it.
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

impl fmt::Debug for MatchedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
