//! Input that is dropped: content left by a handler, and input behind the last answer.
//!
//! Closing at once would make the kernel reset the connection if the client is still sending, and a
//! reset destroys data not yet read by the client (RFC 9112 §9.6). With the wait, a client in the
//! middle of a large upload reads the whole `413`. The wait costs no thread: reported input is
//! dropped, for at most `max_linger_size` bytes and `linger_timeout`.

use crate::engine::service::context::WorkerContext;
use crate::engine::wire::input::InputBuffer;
use crate::h1::decode::Decoder;

/// The rest of content left by a handler, at most `left` bytes, before the next request.
#[derive(Debug)]
pub(super) struct Drain {
    decoder: Box<Decoder>,
    left: u64,
}

/// The outcome of dropping content.
pub(super) enum Drained {
    /// The content has ended.
    Whole,
    /// More content is to come.
    Starved,
    /// The content is malformed, or more than the limit.
    Failed,
}

impl Drain {
    /// Drops the content behind `decoder`, at most `left` bytes.
    pub(super) fn new(decoder: Box<Decoder>, left: u64) -> Self {
        Self { decoder, left }
    }

    /// Drops received content.
    pub(super) fn advance(&mut self, input: &mut InputBuffer, context: &WorkerContext) -> Drained {
        let mut hole = [0; 4096];
        while !self.decoder.is_ended() {
            match self.decoder.decode(input.unread(), &mut hole) {
                Ok(step) if step.consumed > 0 => {
                    input.consume(step.consumed);
                    context.counters.content_read.add(step.produced as u64);
                    self.left = self.left.saturating_sub(step.consumed as u64);
                }
                Ok(_) if self.left > 0 => return Drained::Starved,
                Ok(_) | Err(_) => return Drained::Failed,
            }
            if self.left == 0 && !self.decoder.is_ended() {
                return Drained::Failed;
            }
        }
        Drained::Whole
    }

    /// Returns the bytes of memory held.
    pub(super) fn held(&self) -> usize {
        self.decoder.held()
    }
}

/// The client's close after the last answer, and at most `left` bytes before.
#[derive(Debug)]
pub(super) struct Linger {
    left: u64,
}

impl Linger {
    /// Drops at most `left` bytes.
    pub(super) fn new(left: u64) -> Self {
        Self { left }
    }

    /// Drops received input. Returns false once the limit is reached.
    pub(super) fn advance(&mut self, input: &mut InputBuffer) -> bool {
        self.left = self.left.saturating_sub(input.unread().len() as u64);
        input.clear();
        self.left > 0
    }
}
