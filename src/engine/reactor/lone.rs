//! A connection that keeps the reactor busy alone, so that a worker may stay with it.

use std::time::{Duration, Instant};

use crate::engine::connection::ClientConnection;
use crate::net::poll::Interest;

/// The connection that was the only one to be ready, and how often in a row.
#[derive(Default)]
pub(super) struct Lone {
    token: Option<u64>,
    streak: u32,
    /// The time at which it was ready last.
    seen: Option<Instant>,
}

impl Lone {
    /// Notes that `connection` is the only one to be ready. True once it has been for long enough, again and again within `grace`.
    pub(super) fn note(&mut self, token: u64, connection: &ClientConnection, now: Instant, grace: Duration) -> bool {
        let is_next = self.token == Some(token)
            && connection.interest() == Interest::Read
            && self.seen.is_some_and(|seen| now - seen < grace);
        *self = Self { token: Some(token), streak: if is_next { self.streak + 1 } else { 0 }, seen: Some(now) };
        self.streak >= STAY_AFTER
    }
}

/// Requests in a row that must have come alone from one connection for a worker to stay with it.
const STAY_AFTER: u32 = 8;
