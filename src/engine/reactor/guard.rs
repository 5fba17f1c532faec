//! The guard: a thread without handlers, holding the reactor role whenever no worker does.

use std::sync::Arc;
use std::time::Instant;

use super::Reactor;
use crate::engine::pool::role::Seen;
use crate::engine::pool::{Pool, TICK};
use crate::engine::service::context::WorkerContext;
use crate::sync::catch;

/// Runs the guard until the server is over.
pub(in crate::engine) fn run(pool: &Arc<Pool>) {
    let mut guard = Guard::new(pool);
    loop {
        // A bug in the engine must not stop all I/O.
        match catch(|| guard.run()) {
            Ok(()) => return,
            Err(_) => {
                log::error!("the guard thread panicked; its connection was closed, the thread continues");
                pool.parking.give_up(guard.reactor.context.slot);
                guard = Guard::new(pool);
            }
        }
    }
}

struct Guard<'p> {
    pool: &'p Arc<Pool>,
    reactor: Reactor<'p>,
    /// The handler in which the holder was at the last look, and the time from which a tick is
    /// counted.
    seen: Option<(Seen, Instant)>,
}

impl<'p> Guard<'p> {
    fn new(pool: &'p Arc<Pool>) -> Self {
        let context = WorkerContext::new(Arc::clone(pool.service()), Arc::clone(&pool.threads.others));
        Self { pool, reactor: Reactor::new(pool, 0, context), seen: None }
    }

    fn run(&mut self) {
        let mut was_seized = None;
        while !self.pool.is_over() {
            self.pool.threads.detach_gone();
            if self.pool.role.is_held_by(0) {
                match was_seized.take() {
                    Some((number, now)) => self.reactor.begin_seized(number, now),
                    None => self.reactor.begin(),
                }
                self.react();
                self.pool.role.watch();
                self.seen = None;
            } else {
                was_seized = self.watch();
            }
        }
    }

    /// Holds the role until a worker takes it.
    fn react(&mut self) {
        while self.pool.role.is_held_by(0) && !self.pool.is_over() {
            self.reactor.round();
            self.pool.threads.detach_gone();
        }
        // In the middle of a round a worker may have taken the role, found nothing and begun to
        // wait.
        self.pool.hand_over();
    }

    /// Watches the worker holding the role. Returns the worker's number and the time if the role
    /// was just seized.
    fn watch(&mut self) -> Option<(u32, Instant)> {
        let (seen, now) = (self.pool.role.look(), Instant::now());
        if !seen.is_in_handler() {
            self.seen = None;
            if self.pool.role.stop_watching() {
                self.wait();
                // The alarm went off because a handler has been running for a tick, or because a
                // thread has ended.
                self.seen = self.pool.role.armed();
            }
            return None;
        }
        match self.seen {
            Some((before, since)) if before == seen && now - since >= TICK => {
                if self.pool.role.seize(seen) {
                    return Some((seen.number(), now));
                }
            }
            Some((before, _)) if before == seen => {}
            _ => self.seen = Some((seen, now)),
        }
        self.pool.call_guard(TICK);
        self.wait();
        None
    }

    fn wait(&self) {
        if let Err(error) = self.pool.alarm().wait(None) {
            log::error!("waiting for the guard's alarm failed: {error}; retrying");
            self.pool.stops_within(TICK);
        }
    }
}
