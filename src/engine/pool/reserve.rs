//! The reserved worker: one thread beside `thread_pool_max` for prompt requests.
//!
//! The thread starts when a prompt request waits and no worker is free, and leaves after
//! `thread_idle_timeout` without work.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Pool;
use super::threads::{Reserve, Roster, Threads};
use crate::engine::service::handle::WorkerHandle;
use crate::sync::spawn;

impl Pool {
    /// Wakes the reserved worker to look for prompt requests, or starts the worker.
    pub(in crate::engine) fn call_reserve(self: &Arc<Self>, now: Instant) {
        if self.is_over() || self.threads.roster.lock().call_reserve() {
            return;
        }
        let pool = Arc::clone(self);
        let stack_size = self.service.config.get().thread_stack_size;
        let hired = self.threads.hire_reserve(stack_size, move |handle| {
            pool.threads.arrive();
            pool.run_worker(handle);
            pool.threads.leave(Some(handle));
            pool.call_guard(Duration::ZERO);
        });
        if let Err(error) = hired {
            if self.thread_warning.admit(now).is_some() {
                log::warn!("cannot start the thread of prompt requests: {error}; they wait for a worker");
            }
        }
    }
}

impl Threads {
    /// Adds the reserved worker, running `work`.
    fn hire_reserve(
        &self,
        stack_size: usize,
        work: impl FnOnce(&Arc<WorkerHandle>) + Send + 'static,
    ) -> io::Result<()> {
        let mut roster = self.roster.lock();
        if roster.reserve.is_some() {
            return Ok(());
        }
        roster.last_number += 1;
        let handle = Arc::new(WorkerHandle::reserved(roster.last_number));
        roster.reserve = Some(Reserve { handle: Arc::clone(&handle), is_called: false });
        // Not under the lock, which is needed to sleep and to wake.
        drop(roster);
        let own = Arc::clone(&handle);
        let builder = thread::Builder::new().name(handle.name()).stack_size(stack_size);
        let spawned = spawn(builder, Box::new(move || work(&own)));
        let mut roster = self.roster.lock();
        let thread = spawned.inspect_err(|_| roster.strike(&handle))?;
        handle.take(thread.thread().clone());
        roster.threads.insert(thread.thread().id(), thread);
        drop(roster);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until the reserved worker is called. Returns false after `time` without a call: the
    /// worker has to leave, and the next prompt request starts another one.
    pub(in crate::engine) fn wait_in_reserve(&self, handle: &WorkerHandle, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let mut roster = self.roster.lock();
            let Some(reserve) = &mut roster.reserve else { return false };
            if std::mem::take(&mut reserve.is_called) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                roster.strike(handle);
                return false;
            }
            drop(roster);
            thread::park_timeout(left);
        }
    }
}

impl Roster {
    /// Wakes the reserved worker. Returns false if there is none.
    pub(super) fn call_reserve(&mut self) -> bool {
        let Some(reserve) = &mut self.reserve else { return false };
        reserve.is_called = true;
        reserve.handle.unpark();
        true
    }
}
