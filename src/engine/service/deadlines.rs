//! The deadlines of all running handlers with a time limit, for the thread that watches them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Builder, JoinHandle};
use std::time::Instant;

use super::handle::WorkerHandle;
use super::time_limit::LostWorker;
use crate::sync::{Condvar, Mutex, spawn};

/// The deadlines of a server's running handlers.
#[derive(Default)]
pub(in crate::engine) struct HandlerDeadlines {
    waiting: Mutex<Waiting>,
    /// Notified about an earlier deadline, and about the end.
    changed: Condvar,
    lost: Arc<AtomicUsize>,
    /// The number of handlers that have run for too long.
    pub(in crate::engine) overrun: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Waiting {
    /// Workers by deadline and number.
    workers: BTreeMap<(Instant, u32), Arc<WorkerHandle>>,
    is_over: bool,
}

impl HandlerDeadlines {
    /// Adds the deadline of the handler on `worker`.
    pub(in crate::engine) fn add(&self, deadline: Instant, worker: &Arc<WorkerHandle>) {
        let mut waiting = self.waiting.lock();
        let is_first = waiting.workers.first_key_value().is_none_or(|((first, _), _)| deadline < *first);
        waiting.workers.insert((deadline, worker.number), Arc::clone(worker));
        drop(waiting);
        if is_first {
            self.changed.notify_all();
        }
    }

    /// Removes a deadline of the handler on `worker`.
    pub(in crate::engine) fn remove(&self, deadline: Instant, worker: &WorkerHandle) {
        self.waiting.lock().workers.remove(&(deadline, worker.number));
    }

    /// Waits for the next deadline to pass. Returns the worker, or `None` once the server is over.
    pub(in crate::engine) fn next(&self) -> Option<Arc<WorkerHandle>> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.is_over {
                return None;
            }
            let Some((deadline, _)) = waiting.workers.first_key_value().map(|(key, _)| *key) else {
                waiting = self.changed.wait(waiting);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return waiting.workers.pop_first().map(|(_, worker)| worker);
            }
            waiting = self.changed.wait_timeout(waiting, left).0;
        }
    }

    /// Counts the worker as lost.
    pub(in crate::engine) fn lose(&self) -> LostWorker {
        LostWorker::new(&self.lost)
    }

    /// The number of workers in handlers that have run for too long.
    pub(in crate::engine) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }

    /// Starts the watching thread, running `watch`, unless the thread runs.
    pub(in crate::engine) fn start(&self, watch: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut thread = self.thread.lock();
        if thread.is_none() && !self.waiting.lock().is_over {
            *thread = Some(spawn(Builder::new().name("drupe-limits".to_owned()), Box::new(watch))?);
        }
        Ok(())
    }

    /// Ends the watching thread.
    pub(in crate::engine) fn end(&self) {
        self.waiting.lock().is_over = true;
        self.changed.notify_all();
        let thread = self.thread.lock().take();
        // A callback on that thread may have stopped the server.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            if thread.join().is_err() {
                log::error!("the thread of time limits panicked");
            }
        }
    }
}
