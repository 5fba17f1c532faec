//! Queued requests for which no worker was woken: their wait, and the remedies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::overload;
use crate::engine::connection::ClientConnection;
use crate::engine::pool::{Pool, TICK};
use crate::engine::service::context::WorkerContext;

/// The queue, as seen by the holder of the reactor role.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    /// The time of the next look; `None`: a worker was woken for each request.
    look_at: Option<Instant>,
    /// The time since which the queue has not been empty and no worker has slept.
    since: Option<Instant>,
    /// The time before which no worker can be added.
    hire_after: Option<Instant>,
    wants_holder: bool,
}

impl Shortage {
    /// Starts to hold the role: looks at requests left in the queue by another holder. If there are
    /// none, what an earlier look has found and asked for is over.
    pub(super) fn begin(&mut self, pool: &Pool, now: Instant) {
        if pool.queue.has_any() {
            self.note(now);
        } else {
            self.end(pool);
        }
    }

    fn end(&mut self, pool: &Pool) {
        (self.look_at, self.since) = (None, None);
        pool.service().preemption.set(0);
    }

    /// Notes that a request was queued without waking a worker; the first look is at `when`.
    pub(super) fn note(&mut self, when: Instant) {
        self.look_at = Some(self.look_at.map_or(when, |at| at.min(when)));
    }

    /// Notes that too few workers have been free since `since`.
    pub(super) fn began(&mut self, since: Instant) {
        self.since.get_or_insert(since);
    }

    /// The time of the next look.
    pub(super) fn next(&self) -> Option<Instant> {
        self.look_at
    }

    /// True if the holder of the role should become a worker: all others are in handlers, and no
    /// worker can be added, or none is useful because there are as many as connections. Also true
    /// if the others wait at the poller, where a worker holding the role cannot call them.
    pub(super) fn wants_holder(&self) -> bool {
        self.wants_holder
    }

    /// Wakes or adds workers for waiting requests. Returns a request that has waited for
    /// `accepted_queue_timeout`, to be refused; to be called until `None`.
    pub(super) fn look(
        &mut self,
        pool: &Arc<Pool>,
        context: &WorkerContext,
        now: Instant,
    ) -> Option<Box<ClientConnection>> {
        self.wants_holder = false;
        let look_at = self.look_at?;
        if !pool.queue.has_any() {
            self.end(pool);
            return None;
        }
        if look_at > now {
            return None;
        }
        let oldest = pool.queue.oldest().unwrap_or(now);
        let patience = match context.config.accepted_queue_timeout {
            Duration::ZERO => PATIENCE_OF_NONE,
            patience => patience.max(LEAST_PATIENCE),
        };
        if let Some(since) = now.checked_sub(patience).filter(|since| oldest <= *since) {
            // A short patience ends before a wait counts as long.
            if is_full(pool, context) {
                warn(pool, oldest, now);
            }
            if let Some(overdue) = pool.queue.take_overdue(since) {
                return Some(overdue);
            }
        }
        let mut next = oldest + patience;
        let waiting = pool.queue.takeable();
        if waiting == 0 {
            // Content of other clients is waited for by as many workers as may wait.
            let is_long = now.saturating_duration_since(oldest) >= LONG;
            pool.service().preemption.set(if is_long { pool.queue.len() } else { 0 });
            self.since = None;
            self.look_at = Some(next.min(if is_long { now + LONG } else { oldest + LONG }));
            return None;
        }
        let called = (0..waiting.saturating_sub(pool.threads.coming())).take_while(|_| pool.call_worker()).count();
        if called > 0 {
            self.since = None;
        }
        let since = *self.since.get_or_insert(now);
        if called == 0 && pool.queue.has_prompt() && (is_full(pool, context) || now - since >= GROW_AFTER) {
            pool.call_reserve(now);
        }
        if is_full(pool, context) {
            self.wants_holder = called == 0;
            let is_long = now.saturating_duration_since(oldest) >= LONG;
            pool.service().preemption.set(if is_long { pool.queue.len() } else { 0 });
            if is_long {
                warn(pool, oldest, now);
            }
            next = next.min(if is_long { now + LONG } else { oldest + LONG });
        } else if now - since >= GROW_AFTER {
            let holder = context.handle.as_ref().map_or(0, |handle| handle.number);
            let is_more_to_come = called > 0 || pool.threads.coming() > 0;
            self.wants_holder = if holder != 0 && pool.waiters.is_any() {
                // A call would reach the holder instead of the workers at the poller.
                !is_more_to_come
            } else if pool.threads.outside_handlers(holder) >= pool.processors {
                // These workers wait for a processor, as another worker would.
                false
            } else {
                !self.grow(pool, waiting, now) && !is_more_to_come
            };
            next = next.min(self.hire_after.map_or(now + GROW_AFTER, |after| after.max(now + GROW_AFTER)));
        } else {
            next = next.min(since + GROW_AFTER);
        }
        self.look_at = Some(next);
        None
    }

    /// Adds workers for half of the waiting requests without a worker on the way. Returns false if
    /// none was added.
    fn grow(&mut self, pool: &Arc<Pool>, waiting: usize, now: Instant) -> bool {
        if self.hire_after.is_some_and(|after| now < after) {
            return false;
        }
        self.hire_after = None;
        let wanted = waiting.saturating_sub(pool.threads.coming()).div_ceil(2);
        // Each worker serves one connection, so more workers than connections would be idle.
        let useful = pool.open.count().saturating_sub(pool.threads.len());
        for added in 0..wanted.min(useful) {
            match pool.hire() {
                Ok(true) => {}
                Ok(false) => return added > 0,
                Err(error) => {
                    self.hire_after = Some(now + HIRE_PAUSE);
                    if pool.thread_warning.admit(now).is_some() {
                        log::warn!(
                            "cannot start another worker thread: {error}; {} workers serve, retrying in {} ms",
                            pool.threads.len(),
                            HIRE_PAUSE.as_millis()
                        );
                    }
                    return added > 0;
                }
            }
        }
        wanted.min(useful) > 0
    }
}

/// True if no worker may be added.
fn is_full(pool: &Pool, context: &WorkerContext) -> bool {
    pool.most_workers(&context.config).is_some_and(|most| pool.threads.len() >= most)
}

/// Warns that all workers are busy, at most once a second.
fn warn(pool: &Pool, oldest: Instant, now: Instant) {
    if pool.overload_warning.admit(now).is_some() {
        overload::warn(&pool.threads, pool.queue.len(), oldest, now);
    }
}

/// The time for which requests wait without a sleeping worker before the pool grows.
const GROW_AFTER: Duration = TICK;
/// The wait of the first request after which slow clients give workers back.
const LONG: Duration = Duration::from_millis(100);
/// The least time limit of a queued request: a woken worker needs a moment to take the request.
const LEAST_PATIENCE: Duration = Duration::from_millis(10);
/// The time limit of a queued request if `accepted_queue_timeout` is 0 (no wait beside the queue).
const PATIENCE_OF_NONE: Duration = Duration::from_secs(10);
/// The pause after the system refused a thread.
const HIRE_PAUSE: Duration = Duration::from_millis(100);
