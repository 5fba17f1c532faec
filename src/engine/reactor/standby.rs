//! The guard as holder of the reactor role: the workers poll, as long as there are enough.

use std::io;
use std::time::{Duration, Instant};

use crate::engine::pool::{Pool, TICK};
use crate::net::poll::Batch;

/// The workers at the poller, as seen by the guard.
#[derive(Debug)]
pub(super) struct Standby {
    /// The number of starts of work at the last look, and the time of the first look with that
    /// number; `None`: no start was seen since the guard took the role.
    turns: u64,
    turned: Option<Instant>,
    /// The time since which the guard has found no worker at the poller.
    short_since: Option<Instant>,
}

impl Standby {
    pub(super) fn new(pool: &Pool) -> Self {
        Self { turns: pool.waiters.turns(), turned: None, short_since: None }
    }

    /// Waits for at most `timeout` (`None`: for ever): for the guard's alarm, and for arrivals if
    /// no worker does. Returns the number of arrivals in `batch`.
    pub(super) fn wait(&mut self, pool: &Pool, batch: &mut Batch, timeout: Option<Duration>) -> io::Result<usize> {
        batch.clear();
        if timeout == Some(Duration::ZERO) {
            return pool.parking.wait(batch, BATCH, timeout);
        }
        // From here on the last worker to leave the poller sets the alarm.
        pool.role.unwatch();
        if pool.waiters.is_any() {
            self.short_since = None;
            let waited = pool.alarm().wait(timeout);
            pool.role.watch();
            return waited.map(|_| 0);
        }
        pool.role.watch();
        let now = Instant::now();
        let since = *self.short_since.get_or_insert(now);
        if !self.are_at_work(pool, now) {
            let is_ready = pool.parking.wait_beside(pool.alarm(), timeout)?;
            return if is_ready { pool.parking.wait(batch, BATCH, Some(Duration::ZERO)) } else { Ok(0) };
        }
        // The next worker to finish reads the arrivals, without a wake-up. But arrivals left in the
        // poller cannot be seen waiting, so the guard fetches them after a tick.
        let may_grow = pool.threads.len() < pool.open.count();
        if may_grow && now - since >= TICK && pool.parking.wait(batch, BATCH, Some(Duration::ZERO))? > 0 {
            return Ok(batch.len());
        }
        let tick = timeout.map_or(TICK, |timeout| timeout.min(TICK));
        pool.alarm().wait(Some(tick)).map(|_| 0)
    }

    /// The time since which there have been too few workers, if so.
    pub(super) fn short_since(&self) -> Option<Instant> {
        self.short_since
    }

    /// True if a worker has started work within the last tick.
    fn are_at_work(&mut self, pool: &Pool, now: Instant) -> bool {
        let turns = pool.waiters.turns();
        if turns != self.turns {
            (self.turns, self.turned) = (turns, Some(now));
        }
        self.turned.is_some_and(|turned| now - turned < TICK)
    }
}

/// Arrivals fetched per poll.
pub(super) const BATCH: usize = 256;
