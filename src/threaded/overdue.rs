//! What becomes of a connection whose time is over.

use super::connection::{Connection, Phase, Verdict};
use super::desk::Desk;
use super::statistics::Late;
use crate::h1::error::Error;
use crate::proxy::header::Refusal;

/// What is to be done with a connection whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    Close,
    /// A worker is to look at it once more, and to judge.
    LastLook,
}

impl Connection {
    /// Enters that its deadline has passed, and says what is to be done about it.
    ///
    /// The idle end of a conversation is no error of anybody's; a head or content that does not come, or not whole, is a `408`.
    /// What has come, and nobody had time to look at, has come in time.
    pub(crate) fn overdue(&mut self) -> Overdue {
        self.is_overdue = match &self.phase {
            Phase::Head(_) if self.is_idle() => self.has_unread_input(),
            Phase::Proxy
            | Phase::Handshake(_)
            | Phase::Head(_)
            | Phase::Content(_)
            | Phase::Ready(_)
            | Phase::Send(_) => true,
            Phase::Drain { .. } | Phase::Linger { .. } => false,
        };
        if self.is_overdue { Overdue::LastLook } else { Overdue::Close }
    }

    /// What its client is late with where nobody has to tell it, as [`overdue`](Self::overdue) says.
    pub(crate) fn late(&self) -> Late {
        if self.is_idle() { Late::Idle } else { Late::Linger }
    }

    /// Ends what a worker has looked at once more, in vain.
    pub(super) fn give_up_waiting(&mut self, desk: &mut Desk) -> Verdict {
        match self.phase {
            Phase::Proxy => self.refuse_header(Refusal::Late, desk),
            Phase::Handshake(_) => self.give_up_handshake(desk),
            _ if self.is_idle() => {
                desk.counters.count_late(Late::Idle);
                Verdict::Close
            }
            _ => self.refuse_present(Error::Timeout, desk),
        }
    }
}
