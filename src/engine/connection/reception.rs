//! The state of receiving a request's content before its handler runs.

use crate::engine::wire::input::InputBuffer;
use crate::engine::wire::pace::Pace;
use crate::h1::decode::Decoder;

/// The state of receiving a request's content.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) decoder: Box<Decoder>,
    /// Content received before the handler ran.
    pub(super) ahead: Vec<u8>,
    pub(super) pace: Pace,
    /// True while the client waits for `100 Continue` before sending.
    pub(super) wants_continue: bool,
    /// True if the handler has given a limit for the content of this request.
    pub(super) has_own_limit: bool,
}

impl Reception {
    pub(super) fn new(decoder: Box<Decoder>, pace: Pace, wants_continue: bool) -> Self {
        Self { decoder, ahead: Vec::new(), pace, wants_continue, has_own_limit: false }
    }

    /// Returns the bytes of memory held.
    pub(super) fn held(&self) -> usize {
        self.ahead.capacity() + self.decoder.held()
    }

    /// True if all remaining content is known to be in `input`.
    pub(super) fn is_within(&self, input: &InputBuffer) -> bool {
        self.decoder.remaining().is_some_and(|left| left <= input.unread().len() as u64)
    }
}
