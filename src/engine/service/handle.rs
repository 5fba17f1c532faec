//! A worker as the others see it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use http::{Method, Uri};

use super::counters::Counters;
use crate::net::stream::Stream;

/// One worker: its thread, its counters, its present request.
pub(in crate::engine) struct WorkerHandle {
    /// From 1 on, never given twice.
    pub(in crate::engine) number: u32,
    thread: OnceLock<Thread>,
    current: Mutex<Current>,
    pub(in crate::engine) counters: Arc<Counters>,
}

/// The present work of a worker.
#[derive(Default)]
struct Current {
    /// The connection, so that a stop can cut it.
    stream: Option<Arc<Stream>>,
    /// The request whose handler runs, or has run last on this connection.
    task: Option<Task>,
}

/// A request whose handler runs.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Task {
    pub(in crate::engine) method: Method,
    pub(in crate::engine) target: Uri,
    /// The time at which the worker turned to its connection.
    pub(in crate::engine) since: Instant,
}

impl WorkerHandle {
    pub(in crate::engine) fn new(number: u32) -> Self {
        Self { number, thread: OnceLock::new(), current: Mutex::default(), counters: Arc::default() }
    }

    /// The name of its thread.
    pub(in crate::engine) fn name(&self) -> String {
        format!("drupe-{}", self.number)
    }

    /// Enters the thread that sits here; once.
    pub(in crate::engine) fn take(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// True if the calling thread is the worker.
    pub(in crate::engine) fn is_ours(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Wakes it.
    pub(in crate::engine) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Takes up a connection, or (`None`) lays it down.
    pub(in crate::engine) fn serve(&self, stream: Option<Arc<Stream>>) {
        *self.current() = Current { stream, task: None };
    }

    /// Notes the request whose handler is about to run.
    pub(super) fn run(&self, task: Task) {
        self.current().task = Some(task);
    }

    /// Notes the request whose handler has been running, unless it is back already.
    pub(in crate::engine) fn note(&self, task: Task) {
        let mut current = self.current();
        if current.stream.is_some() {
            current.task = Some(task);
        }
    }

    /// The connection that it serves.
    pub(in crate::engine) fn serving(&self) -> Option<Arc<Stream>> {
        self.current().stream.clone()
    }

    /// The request whose handler it runs.
    pub(in crate::engine) fn task(&self) -> Option<Task> {
        self.current().task.clone()
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
