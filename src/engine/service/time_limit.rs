//! The time limit of one handler, and the decision on the answer: by the handler, or by the thread
//! that watches the limits.
//!
//! All changes are made under the lock of the worker's handle:
//!
//! ```text
//!             the handler returns
//!   Running ───────────────────────► (no limit: the worker answers)
//!      │ the deadline passes
//!      ▼         the answer is sent, or the connection cut
//!   Refusing ───────────────────────────────────────────► Refused: the worker drops its response
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::StatusCode;

use crate::message::named::AskedRequest;

/// The time limit of a running handler.
#[derive(Debug)]
pub(in crate::engine) struct TimeLimit {
    pub(in crate::engine) asked: AskedRequest,
    /// The time at which the limit was set.
    pub(in crate::engine) begun: Instant,
    pub(in crate::engine) deadline: Instant,
    pub(super) state: LimitState,
}

#[derive(Debug)]
pub(super) enum LimitState {
    Running,
    /// The watching thread is about to answer.
    Refusing,
    Refused(Refused),
}

/// The end of a request whose handler has run for too long.
#[derive(Debug)]
pub(in crate::engine) struct Refused {
    /// The answer; `None`: the connection was cut.
    pub(in crate::engine) sent: Option<SentRefusal>,
    /// Counts the worker as lost until the handler returns.
    pub(in crate::engine) lost: Option<LostWorker>,
}

/// The facts of an answer sent by the watching thread.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct SentRefusal {
    pub(in crate::engine) status: StatusCode,
    /// Bytes of content.
    pub(in crate::engine) length: u64,
    /// Bytes on the wire, before encryption.
    pub(in crate::engine) bytes: u64,
}

/// Counts a lost worker until dropped.
#[derive(Debug)]
pub(in crate::engine) struct LostWorker(Arc<AtomicUsize>);

impl LostWorker {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for LostWorker {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
