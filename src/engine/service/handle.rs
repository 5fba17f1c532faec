//! A worker as seen by other threads.

use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use http::{Method, Uri};

use super::counters::Counters;
use crate::net::stream::Stream;
use crate::sync::Mutex;

/// One worker: thread, counters, current request.
pub(in crate::engine) struct WorkerHandle {
    /// Counted from 1, never reused.
    pub(in crate::engine) number: u32,
    thread: OnceLock<Thread>,
    current: Mutex<Current>,
    pub(in crate::engine) counters: Arc<Counters>,
}

/// The current work of a worker.
#[derive(Default)]
struct Current {
    /// The connection, so that a stop can cut it.
    stream: Option<Arc<Stream>>,
    /// The request whose handler runs, or has run last on this connection.
    task: Option<Task>,
    /// True if filters of a stream run, or have run last on this connection.
    is_filtering: bool,
}

/// A request whose handler runs.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Task {
    pub(in crate::engine) method: Method,
    pub(in crate::engine) target: Uri,
    /// The time at which the worker took up the connection.
    pub(in crate::engine) since: Instant,
}

impl WorkerHandle {
    pub(in crate::engine) fn new(number: u32) -> Self {
        Self { number, thread: OnceLock::new(), current: Mutex::default(), counters: Arc::default() }
    }

    /// Returns the name of the thread.
    pub(in crate::engine) fn name(&self) -> String {
        format!("drupe-{}", self.number)
    }

    /// Sets the thread of the worker, once.
    pub(in crate::engine) fn take(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// True if the calling thread is the worker.
    pub(in crate::engine) fn is_ours(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Wakes the worker.
    pub(in crate::engine) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sets the current connection, or (`None`) clears it.
    pub(in crate::engine) fn serve(&self, stream: Option<Arc<Stream>>) {
        *self.current.lock() = Current { stream, ..Current::default() };
    }

    /// Notes the request whose handler is about to run.
    pub(super) fn run(&self, task: Task) {
        self.current.lock().task = Some(task);
    }

    /// Notes that the filters of a stream are about to run.
    pub(in crate::engine) fn filter(&self) {
        self.current.lock().is_filtering = true;
    }

    /// Notes the request whose handler has been running, unless the worker is done already.
    pub(in crate::engine) fn note(&self, task: Task) {
        let mut current = self.current.lock();
        if current.stream.is_some() {
            current.task = Some(task);
        }
    }

    /// The connection being served.
    pub(in crate::engine) fn serving(&self) -> Option<Arc<Stream>> {
        self.current.lock().stream.clone()
    }

    /// True if a handler runs on the worker, or its answer is being sent.
    pub(in crate::engine) fn is_in_handler(&self) -> bool {
        let current = self.current.lock();
        current.task.is_some() || current.is_filtering
    }

    /// The request whose handler runs.
    pub(in crate::engine) fn task(&self) -> Option<Task> {
        self.current.lock().task.clone()
    }
}
