//! The deadlines of parked connections.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{NEVER, Parking, State, place};
use crate::engine::connection::ClientConnection;
use crate::net::deadline::Deadlines;

impl Parking {
    /// The time at which the next deadline may pass.
    pub(in crate::engine) fn next_due(&self) -> Option<Instant> {
        let nanos = self.earliest.load(Ordering::SeqCst);
        (nanos != NEVER).then(|| self.start + Duration::from_nanos(nanos))
    }

    /// Notes the earliest deadline, under the lock of the slots.
    pub(super) fn note_earliest(&self, deadlines: &Deadlines) {
        let nanos = |when: Instant| u64::try_from((when - self.start).as_nanos()).unwrap_or(NEVER);
        self.earliest.store(deadlines.earliest().map_or(NEVER, nanos), Ordering::SeqCst);
    }

    /// Fetches the connections whose deadline has passed.
    pub(in crate::engine) fn fetch_due(&self, now: Instant) -> Vec<Box<ClientConnection>> {
        let mut due = Vec::new();
        let mut slots = self.slots.lock();
        while let Some((when, key)) = slots.deadlines.take_due(now) {
            let place = place(key);
            let Some(slot) = slots.slots.get_mut(place as usize) else { continue };
            if slot.listed != Some(when) {
                // A stale entry: the deadline has moved forward, and an earlier entry counts.
                continue;
            }
            slot.listed = None;
            let State::Parked(connection) = &slot.state else { continue };
            let deadline = connection.deadline();
            if deadline > now {
                slot.listed = Some(deadline);
                slots.deadlines.add(deadline, key);
                continue;
            }
            due.extend(slots.fetch(place));
        }
        self.note_earliest(&slots.deadlines);
        due
    }
}
