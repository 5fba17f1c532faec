//! Answers whose content comes from a channel. Between two pieces the connection waits without a
//! thread.

use std::io;
use std::time::Instant;

use super::finished::FinishedExchange;
use super::report;
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::live::{Live, LiveStep};
use crate::engine::wire::response::BodyFailed;
use crate::sync::{CaughtPanic, catch};

/// An answer whose content is still to come.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) live: Live,
    pub(super) done: Box<FinishedExchange>,
}

/// The outcome of a step.
pub(super) enum Streamed {
    /// There is output to send, and perhaps more content.
    Some,
    /// No content waits. A look is due at this time.
    Waits(Instant),
    /// The content is complete.
    Whole,
    /// The content cannot be completed.
    Failed,
    /// The client has left.
    Left,
}

impl Streaming {
    /// Begins to send the content of `live`.
    pub(super) fn begin(
        live: Live,
        done: FinishedExchange,
        transport: &Transport,
        context: &WorkerContext,
    ) -> Box<Self> {
        live.attach(&context.service);
        if live.is_raw() {
            // Until the content is complete, an orderly close by any thread would look like its end.
            transport.stream.abort();
        }
        Box::new(Self { live, done: Box::new(done) })
    }

    /// Gathers the content that waits.
    pub(super) fn advance(&mut self, transport: &Transport, context: &mut WorkerContext) -> Streamed {
        if transport.has_left {
            self.live.close();
        }
        if let Some(handle) = context.handle.as_ref().filter(|_| self.live.has_filters()) {
            handle.filter();
        }
        let WorkerContext { gathered, scratch, .. } = context;
        let exchange = &mut self.done.exchange;
        // Filters are a handler's code.
        let gathered = catch(|| self.live.gather(gathered, scratch, exchange));
        match gathered {
            Ok(Ok(LiveStep::Some)) => Streamed::Some,
            Ok(Ok(LiveStep::Nothing(_))) if transport.has_left => Streamed::Left,
            Ok(Ok(LiveStep::Nothing(look_at))) => Streamed::Waits(look_at),
            Ok(Ok(LiveStep::Whole(length, flaw))) => {
                self.done.answer.length = length;
                flaw.into_iter().for_each(|flaw| report::body_flawed(&self.name(), flaw));
                if self.live.is_raw() {
                    transport.stream.restore();
                }
                Streamed::Whole
            }
            Ok(Err(error)) => {
                // A client that reads too slowly is no failure of the body.
                let error = if self.live.is_cut() { error } else { io::Error::other(BodyFailed(error)) };
                report::answer_cut(&self.name(), &error);
                Streamed::Failed
            }
            Err(panic) => {
                self.note_panic(&panic, context);
                Streamed::Failed
            }
        }
    }

    /// Logs and counts a panic of a filter, or of the owner of a piece.
    pub(super) fn note_panic(&self, panic: &CaughtPanic, context: &WorkerContext) {
        report::body_panicked(&self.name(), panic);
        context.counters.panics.add(1);
    }

    /// Returns the name of the request, for log lines.
    fn name(&self) -> String {
        self.done.name.as_deref().unwrap_or_default().to_owned()
    }

    /// Returns the bytes of memory held, beside the content that waits.
    pub(super) fn held(&self) -> usize {
        self.done.held()
    }
}
