//! Connections that give way for others: silent ones first, then those that have been idle between two requests for longest.

use super::Pool;
use crate::engine::connection::ClientConnection;

impl Pool {
    /// Closes one connection so that another has room: the one that has never sent a byte for longest, or, if there is none, the one that
    /// has been idle for longest. Returns false if there is none of either kind.
    pub(in crate::engine) fn make_room(&self) -> bool {
        self.evict(|| self.parking.fetch_first_to_go())
    }

    /// Closes the connection that has been idle for longest, if more than `most` are. Returns true if it has closed one.
    pub(super) fn evict_idle(&self, most: usize) -> bool {
        self.evict(|| self.parking.fetch_idlest(most))
    }

    /// Closes the first connection of `candidates` that has nothing to read. The others are given to the reactor, which would have been
    /// told of their input anyway: a request that has come is answered.
    fn evict(&self, mut candidates: impl FnMut() -> Option<Box<ClientConnection>>) -> bool {
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

    /// Gives a connection in whose socket something was found to the reactor.
    pub(super) fn look_again(&self, mut connection: Box<ClientConnection>) {
        connection.note_input();
        self.ready.push(connection);
        self.call_reactor();
    }
}

/// Connections looked at for one that can be closed. Each look is a system call of the thread that accepts.
const LOOKS: usize = 64;
