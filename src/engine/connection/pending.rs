//! A request that has been parsed and judged, and whose handler has not run yet.

use super::access_log::Line;
use super::reception::Reception;
use super::report::Panic;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::input::InputBuffer;
use crate::h1::exchange::Exchange;
use crate::h1::head::RequestHead;
use crate::message::permits::Permit;
use crate::sync::catch;

/// A request whose handler is to run.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) head: RequestHead,
    pub(super) exchange: Exchange,
    /// The content to be received; `None` if the request has none.
    pub(super) reception: Option<Reception>,
    /// The record of the request.
    pub(super) line: Line,
    /// Permits the handler to wait for content.
    pub(super) permit: Option<Permit>,
}

impl Pending {
    /// True if the handler is to answer even if all workers are busy. The handler is asked, and may
    /// panic.
    pub(super) fn is_prompt(&self, context: &WorkerContext) -> bool {
        let RequestHead { method, target, .. } = &self.head;
        let asked = catch(|| context.service.handler.is_prompt(method, target));
        asked.unwrap_or_else(|panic| {
            context.counters.panics.add(1);
            log::error!("a handler panicked when asked if a request is prompt: {}; taken as not prompt", Panic(&panic));
            false
        })
    }

    /// True if content is still to come behind `input`.
    pub(super) fn awaits_content(&self, input: &InputBuffer) -> bool {
        self.reception.as_ref().is_some_and(|reception| !reception.is_within(input))
    }

    /// Returns the bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let content = self.reception.as_ref().map_or(0, Reception::held);
        self.head.held() + content + self.line.held()
    }
}
