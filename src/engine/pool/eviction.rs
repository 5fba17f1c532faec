//! Eviction of connections to make room: silent ones first, then those idle between two requests
//! for longest.

use super::Pool;
use crate::engine::connection::ClientConnection;

impl Pool {
    /// Closes one connection to make room: the one without a single byte for longest, or, if there
    /// is none, the one idle for longest. Returns false if none could be closed.
    pub(in crate::engine) fn make_room(&self) -> bool {
        self.evict(|| self.parking.fetch_first_to_go())
    }

    /// Closes the connection idle for longest, if more than `most` are idle. Returns true if one
    /// was closed.
    pub(super) fn evict_idle(&self, most: usize) -> bool {
        self.evict(|| self.parking.fetch_idlest(most))
    }

    /// Closes the first connection of `candidates` without unread input. The others are given to
    /// the reactor, which answers their requests.
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

    /// Gives a connection with unread input to the reactor.
    pub(super) fn look_again(&self, mut connection: Box<ClientConnection>) {
        connection.note_input();
        self.resume(connection);
    }
}

/// The number of candidates checked at an eviction. Each check is a system call of the accepting
/// thread.
const LOOKS: usize = 64;
