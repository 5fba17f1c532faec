//! The receiving side of a mailbox, as the connection uses it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::delivery::{Delivery, Heartbeat};
use super::shutdown::Shutdown;
use super::wake::{ContentBudget, Waker};

/// The receiving side of a mailbox. Dropping the receiver closes the stream.
///
/// A trait object, so that a program without channels does not carry their code.
pub(crate) struct Receiver(Arc<dyn Receive>);

/// The methods of a [`Receiver`].
pub(crate) trait Receive: Send + Sync {
    /// Takes the next content, at most `most` bytes.
    fn receive(&self, most: usize) -> Delivery;

    /// Takes the next content, at most `most` bytes, and returns the interval of heartbeats too.
    /// Returns `None` if no content waits, or if a sender has disconnected the client. The end is
    /// not looked at.
    fn receive_content(&self, most: usize) -> Option<(Bytes, Option<Duration>)>;

    /// Waits for content or for the end, like [`receive`](Self::receive) without a connection.
    /// `is_shutting_down` is true if the content is to end soon.
    fn receive_or_wait(&self, most: usize, is_shutting_down: &dyn Fn() -> bool) -> Delivery;

    /// Takes the oldest message for an [inbox](super::inbox).
    fn receive_message(&self) -> Option<Bytes>;

    /// Sets the waker to be used at the next change. Returns false if there is a change already.
    fn arm(&self, waker: Waker) -> bool;

    /// Sets the waker to be used if a sender disconnects the client. Returns false if that has
    /// happened.
    fn arm_for_cut(&self, waker: Waker) -> bool;

    /// Sets the waker to be used at the next change. Returns false if anything has changed since
    /// the last [look](Self::look).
    fn arm_for_news(&self, waker: Waker) -> bool;

    /// Notes a look: only later changes are news.
    fn look(&self);

    /// True if a sender has disconnected the client.
    fn is_cut(&self) -> bool;

    /// True if no sender has ended the stream.
    fn has_senders(&self) -> bool;

    /// The reason of a sender to disconnect the client, once all content is taken.
    fn failure(&self) -> Option<String>;

    /// Connects the stream with the server that sends it.
    fn attach(&self, shutdown: &Arc<Shutdown>, budget: Arc<dyn ContentBudget>);

    /// Accepts nothing more. `drops`: the accepted content is dropped too.
    fn shut(&self, drops: bool);

    fn heartbeat(&self) -> Option<Heartbeat>;

    /// True if the stream ends by itself when the server stops.
    fn ends_at_stop(&self) -> bool;
}

impl Receiver {
    pub(super) fn new(mailbox: Arc<dyn Receive>) -> Self {
        Self(mailbox)
    }

    /// Accepts nothing more, and keeps the accepted content.
    pub(crate) fn close(&self) {
        self.shut(false);
    }
}

impl Deref for Receiver {
    type Target = dyn Receive;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shut(true);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
