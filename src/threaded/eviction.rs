//! Connections that give way for others: silent ones first, then those that have been idle between two requests for longest.

use std::time::Duration;

use super::connection::{Connection, Phase};
use super::pool::Pool;
use crate::net::poll::Interest;

impl Pool {
    /// Closes one connection so that another has room: the one that has never sent a byte for longest, or, if there is none, the one that
    /// has been idle for longest. Returns false if there is none of either kind.
    pub(super) fn make_room(&self) -> bool {
        self.evict(|| self.parking.fetch_first_to_go())
    }

    /// Closes the connection that has been idle for longest, if more than `most` are. Returns true if it has closed one.
    pub(super) fn evict_idle(&self, most: usize) -> bool {
        self.evict(|| self.parking.fetch_idlest(most))
    }

    /// Closes the first connection of `candidates` that has nothing to read. The others are given to the reactor, which would have been
    /// told of their input anyway: a request that has come is answered.
    fn evict(&self, mut candidates: impl FnMut() -> Option<Box<Connection>>) -> bool {
        for _ in 0..LOOKS {
            let Some(candidate) = candidates() else { return false };
            if !candidate.has_unread_input() {
                self.parking.close_one(candidate);
                return true;
            }
            self.look_again(candidate);
        }
        false
    }

    /// Has the reactor look at a connection in whose socket something was found.
    pub(super) fn look_again(&self, mut connection: Box<Connection>) {
        connection.note_input();
        self.ready.push(connection);
        self.call_reactor();
    }
}

impl Connection {
    /// True if nothing has come of it at all: no byte of a PROXY header, of a TLS handshake, or of a first head.
    pub(super) fn is_silent(&self) -> bool {
        let has_begun = match &self.phase {
            Phase::Proxy => !self.input.is_empty(),
            Phase::Handshake(_) => self.stream.moved_below(Interest::Read).is_some_and(|bytes| bytes > 0),
            Phase::Head(scan) => scan.has_begun(),
            Phase::Content(_) | Phase::Ready(_) | Phase::Send(_) | Phase::Drain { .. } | Phase::Linger { .. } => true,
        };
        self.answered == 0 && !has_begun
    }

    /// True if its socket has something to read, or its end: a request that has come is answered.
    pub(super) fn has_unread_input(&self) -> bool {
        matches!(self.stream.wait(Interest::Read, Duration::ZERO), Ok(true))
    }
}

/// How many connections are looked at for one that can be closed. Each look is a system call of the thread that accepts.
const LOOKS: usize = 64;
