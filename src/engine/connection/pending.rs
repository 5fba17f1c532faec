//! A request that has been parsed and judged, and whose handler has not run yet.

use super::access_log::Line;
use super::reception::Reception;
use crate::h1::exchange::Exchange;
use crate::h1::head::RequestHead;

/// A request whose handler is to run.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) head: RequestHead,
    pub(super) exchange: Exchange,
    /// The content to be received; `None` if the request has none.
    pub(super) reception: Option<Reception>,
    /// The record of the request.
    pub(super) line: Line,
}

impl Pending {
    /// Returns the bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let content = self.reception.as_ref().map_or(0, Reception::held);
        self.head.held() + content + self.line.held()
    }
}
