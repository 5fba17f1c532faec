//! Memory held for incomplete messages of parked connections.
//!
//! The limits on heads and on buffered content bound each connection. A common bound stops clients
//! from filling the memory with many large unfinished heads. Above the common bound:
//!
//! - A worker waits for content itself.
//! - A client with a large part of a head is turned away.
//! - A client that sends requests but reads no answer gets no answer after the present one.
//!
//! Small messages still wait as usual, so clients at the bound exclude few others.

use crate::engine::service::context::Service;

/// True if a connection holds more than may wait while the common bound is reached.
pub(super) fn is_excess(bytes: usize, service: &Service) -> bool {
    bytes > SPARED && service.request_memory.is_full()
}

/// The bytes allowed to each connection above the bound: more than most browsers send.
const SPARED: usize = 8 * 1024;
