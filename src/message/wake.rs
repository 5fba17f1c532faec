//! The server, as a [channel body](super::channel) needs it: a thread to advance the connection,
//! and the memory of all.

use std::sync::Weak;

/// Wakes one parked connection.
pub(crate) struct Waker {
    pub(crate) server: Weak<dyn Wake>,
    /// The number of the connection in parking.
    pub(crate) token: u64,
}

impl Waker {
    pub(crate) fn wake(self) {
        if let Some(server) = self.server.upgrade() {
            server.wake(self.token);
        }
    }
}

/// The server, as a waker needs it.
pub(crate) trait Wake: Send + Sync {
    /// Makes a thread advance the connection `token`.
    fn wake(&self, token: u64);
}

/// The memory of all waiting content.
pub(crate) trait ContentBudget: Send + Sync {
    /// True if no more content should be accepted.
    fn is_full(&self) -> bool;
    fn add(&self, bytes: usize);
    fn release(&self, bytes: usize);
}
