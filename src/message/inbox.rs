//! The mailbox of an upgraded connection without a thread.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::mailbox::Receiver;
use super::shutdown::Shutdown;
use super::wake::{ContentBudget, Waker};

/// The messages that [`Sender`](crate::stream::Sender)s have sent to an upgraded connection, and
/// the stop of its server, for the function given to
/// [`upgrade_parked`](crate::stream::upgrade_parked).
pub struct Inbox {
    receiver: Receiver,
    shutdown: Arc<Shutdown>,
}

impl Inbox {
    pub(crate) fn new(receiver: Receiver, shutdown: &Arc<Shutdown>, budget: Arc<dyn ContentBudget>) -> Self {
        receiver.attach(shutdown, budget);
        Self { receiver, shutdown: Arc::clone(shutdown) }
    }

    /// Takes the oldest message, with the same bytes as sent; `None` if no message waits.
    ///
    /// A message not taken stays, and counts for the capacity.
    #[must_use]
    pub fn try_recv(&self) -> Option<Bytes> {
        self.receiver.receive_message()
    }

    /// True if more messages may come. False once all senders are dropped, or one of them has
    /// [finished](crate::stream::Sender::finish). Messages sent before may still wait.
    #[must_use]
    pub fn has_senders(&self) -> bool {
        self.receiver.has_senders()
    }

    /// True if the server is shutting down. If the connection is still open after
    /// [`shutdown_timeout`](crate::Settings::shutdown_timeout), the server cuts the connection.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    /// Notes that the function is about to look: only later changes are news.
    pub(crate) fn look(&self) {
        self.receiver.look();
    }

    /// Sets the waker to be used at the next change. Returns false if anything has changed since
    /// the function's last look.
    pub(crate) fn arm(&self, waker: Waker) -> bool {
        self.receiver.arm_for_news(waker)
    }

    /// The reason of a sender to disconnect the client, once all messages are taken.
    pub(crate) fn failure(&self) -> Option<String> {
        self.receiver.failure()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
