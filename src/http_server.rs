//! What is known of a server that has stopped.

use std::time::Duration;

/// How a stop went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Requests that were under way and were answered.
    pub finished: usize,
    /// Connections that were in the middle of a request and had to be cut.
    pub cut: usize,
    /// How long it took.
    pub took: Duration,
}
