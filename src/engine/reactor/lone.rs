//! A connection keeping the reactor busy alone, so that a worker may stay with it.

use std::time::{Duration, Instant};

use crate::engine::connection::ClientConnection;
use crate::net::poll::Interest;

/// The last connection to be ready alone, and the length of the streak.
#[derive(Default)]
pub(super) struct Lone {
    token: Option<u64>,
    streak: u32,
    /// The time of the last event.
    seen: Option<Instant>,
}

impl Lone {
    /// Notes that only `connection` is ready. Returns true after enough such events in a row, each
    /// within `grace` of the last.
    pub(super) fn note(&mut self, token: u64, connection: &ClientConnection, now: Instant, grace: Duration) -> bool {
        let is_next = self.token == Some(token)
            && connection.interest() == Interest::Read
            // Its function waits for more than input.
            && !connection.has_left_http()
            && self.seen.is_some_and(|seen| now - seen < grace);
        *self = Self { token: Some(token), streak: if is_next { self.streak + 1 } else { 0 }, seen: Some(now) };
        self.streak >= STAY_AFTER
    }
}

/// Lone events in a row after which a worker stays with a connection.
const STAY_AFTER: u32 = 8;
