//! The values that go through a [mailbox](super::mailbox) to the connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::sync::catch;

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
    pub(crate) content: Beat,
}

/// The content of a heartbeat.
#[derive(Clone)]
pub(crate) enum Beat {
    Same(Bytes),
    /// Made for each heartbeat, by code that does not block.
    Made(Arc<dyn Fn() -> Bytes + Send + Sync>),
}

/// A piece of content.
pub(crate) struct QueuedPiece {
    pub(crate) bytes: Bytes,
    /// The bytes of memory that the piece holds alone, until its last byte is taken.
    pub(super) weight: usize,
}

impl Beat {
    pub(crate) fn content(&self) -> Bytes {
        match self {
            Self::Same(content) => content.clone(),
            Self::Made(make) => make(),
        }
    }
}

impl fmt::Debug for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beat")
    }
}

impl QueuedPiece {
    /// Creates a piece. Shared content counts elsewhere.
    pub(crate) fn new(bytes: Bytes, is_shared: bool) -> Self {
        let weight = OVERHEAD + if is_shared { 0 } else { bytes.len() };
        Self { bytes, weight }
    }

    /// Returns the bytes of the capacity used. An empty message is bounded in number, too.
    pub(super) fn length(&self) -> usize {
        self.bytes.len().max(1)
    }
}

/// Drops pieces one by one: their owners may panic, and a second panic would abort the process.
pub(super) fn discard(pieces: VecDeque<QueuedPiece>) {
    for piece in pieces {
        if catch(|| drop(piece)).is_err() {
            log::error!("an owner of streamed content panicked when dropped; the server goes on");
        }
    }
}

/// The memory of a piece beside its bytes.
pub(super) const OVERHEAD: usize = size_of::<QueuedPiece>();
