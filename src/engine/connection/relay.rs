//! The common step of a stream: content has come, and the client takes all of it.

use std::time::Instant;

use super::ClientConnection;
use super::phase::{Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::sync::catch;

impl ClientConnection {
    /// Sends the content that waits, if nothing else is to be done. Returns `None` if a complete
    /// [turn](Self::advance) is due.
    ///
    /// No code of a handler runs, so that the thread need not be watched; only the owner of a piece
    /// may be dropped.
    pub(in crate::engine) fn relay(&mut self, context: &mut WorkerContext, now: Instant) -> Option<Verdict> {
        let Phase::Stream(streaming) = &mut *self.phase else { return None };
        if self.transport.has_left {
            return None;
        }
        let WorkerContext { gathered, scratch, .. } = context;
        // The owner of a piece may panic when the piece is dropped.
        match catch(|| streaming.live.relay(gathered, scratch, now)) {
            Ok(due) => self.deadline = due?,
            Err(panic) => {
                gathered.clear();
                streaming.note_panic(&panic, context);
                return Some(self.end_at_next_turn());
            }
        }
        self.is_overdue = false;
        let sent = self.transport.output(context).leaving().flush_some();
        let verdict = match sent {
            Ok(true) => Verdict::Park,
            Ok(false) => {
                let verdict = self.leave_and_resume(context);
                self.weigh(context);
                verdict
            }
            Err(_) => self.end_at_next_turn(),
        };
        self.transport.count_below(context);
        Some(verdict)
    }

    /// Resets the connection. The next turn finds the client gone, and ends the stream.
    fn end_at_next_turn(&mut self) -> Verdict {
        self.transport.has_left = true;
        self.transport.stream.abort();
        Verdict::Again
    }
}
