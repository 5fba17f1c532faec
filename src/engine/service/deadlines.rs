//! The deadlines of all running handlers with a time limit, for the thread that watches them.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Builder, JoinHandle, ThreadId};
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
    /// The thread, once started.
    watcher: OnceLock<ThreadId>,
}

#[derive(Default)]
struct Waiting {
    /// Workers, the earliest deadline first. A list, because most deadlines are added at its end,
    /// and because a server has few workers.
    workers: Vec<(Instant, Arc<WorkerHandle>)>,
    is_over: bool,
}

impl Waiting {
    /// Returns the place of the first deadline that is not before `deadline`.
    fn place(&self, deadline: Instant) -> usize {
        self.workers.partition_point(|(earlier, _)| *earlier < deadline)
    }
}

impl HandlerDeadlines {
    /// Adds the deadline of the handler on `worker`.
    pub(in crate::engine) fn add(&self, deadline: Instant, worker: &Arc<WorkerHandle>) {
        let mut waiting = self.waiting.lock();
        let place = waiting.place(deadline);
        waiting.workers.insert(place, (deadline, Arc::clone(worker)));
        drop(waiting);
        if place == 0 {
            self.changed.notify_all();
        }
    }

    /// Removes a deadline of the handler on `worker`.
    pub(in crate::engine) fn remove(&self, deadline: Instant, worker: &WorkerHandle) {
        let mut waiting = self.waiting.lock();
        let same = waiting.place(deadline);
        let is_its = |(at, other): &(Instant, Arc<WorkerHandle>)| *at == deadline && other.number == worker.number;
        if let Some(place) = waiting.workers[same..].iter().position(is_its) {
            waiting.workers.remove(same + place);
        }
    }

    /// Waits for the next deadline to pass. Returns the worker, or `None` once the server is over.
    pub(in crate::engine) fn next(&self) -> Option<Arc<WorkerHandle>> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.is_over {
                return None;
            }
            let Some(deadline) = waiting.workers.first().map(|(deadline, _)| *deadline) else {
                waiting = self.changed.wait(waiting);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(waiting.workers.remove(0).1);
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
            let started = spawn(Builder::new().name("drupe-limits".to_owned()), Box::new(watch))?;
            self.watcher.get_or_init(|| started.thread().id());
            *thread = Some(started);
        }
        Ok(())
    }

    /// True if the watching thread is, or was, `thread`.
    pub(in crate::engine) fn is_watched_by(&self, thread: ThreadId) -> bool {
        self.watcher.get() == Some(&thread)
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
