//! The values that go through a [mailbox](super::mailbox) to the connection.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// The result of looking for content.
#[derive(Debug)]
pub(crate) enum Delivery {
    Content(Bytes),
    /// No content now.
    Nothing,
    End(End),
}

/// The end of a stream.
#[derive(Debug)]
pub(crate) enum End {
    /// The content is complete.
    Complete(Option<HeaderMap>),
    /// The content is incomplete: the connection is to be cut.
    Failed(String),
}

/// Content sent if nothing else was sent for a while.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    pub(crate) every: Duration,
    pub(crate) content: Bytes,
}
