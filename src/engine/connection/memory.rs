//! The memory that a connection holds while it waits for its client.

use super::partial::is_excess;
use super::phase::{Phase, Verdict};
use super::{ClientConnection, refusal};
use crate::engine::service::context::WorkerContext;

impl ClientConnection {
    /// Decides whether a connection may wait with much memory while the bound is reached.
    pub(super) fn find_room(&mut self, context: &mut WorkerContext) -> Verdict {
        let unread = self.transport.input.held();
        let service = &context.service;
        match &mut *self.phase {
            Phase::Head(_) if is_excess(unread, service) => {
                let verdict = self.turn_away(context);
                self.transport.tidy(context);
                return verdict;
            }
            // The unread input is requests, or content left by the handler. Neither is processed.
            Phase::Send(_, then) if then.may_be_last() && is_excess(unread + then.spares(), service) => {
                then.be_last();
                refusal::count_turned_away(context);
                self.transport.input.clear();
                self.transport.tidy(context);
            }
            // The client has had its answer.
            Phase::Drain(drain) if is_excess(drain.held(), service) => return Verdict::Close,
            _ => {}
        }
        Verdict::Park
    }

    /// Counts the memory held while the connection waits.
    pub(super) fn weigh(&mut self, context: &WorkerContext) {
        let bytes = self.transport.input.held() + self.phase.held() + self.client.held();
        self.reservation = (bytes > 0).then(|| context.service.request_memory.add(bytes as u64, 0));
    }
}
