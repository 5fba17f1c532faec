//! A worker as seen by other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use http::{Method, Uri};

use super::counters::Counters;
use crate::address::Peer;
use crate::net::stream::Stream;
use crate::sync::Mutex;

/// One worker: thread, counters, current request.
pub(in crate::engine) struct WorkerHandle {
    /// Counted from 1, never reused.
    pub(in crate::engine) number: u32,
    /// True for the worker of prompt requests.
    pub(in crate::engine) is_reserved: bool,
    thread: OnceLock<Thread>,
    current: Mutex<Current>,
    /// True if the handler of the current request has returned, and the answer is being sent.
    is_answering: AtomicBool,
    pub(in crate::engine) counters: Arc<Counters>,
}

/// The current work of a worker.
#[derive(Default)]
struct Current {
    /// The connection, so that a stop can cut it.
    stream: Option<Arc<Stream>>,
    /// The client of the connection, as far as known.
    peer: Option<Peer>,
    /// The request whose handler runs, or has run last on this connection.
    task: Option<Task>,
}

/// A request whose handler runs.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Task {
    pub(in crate::engine) method: Method,
    pub(in crate::engine) target: Uri,
    /// The client, as far as known.
    pub(in crate::engine) peer: Option<Peer>,
    /// The time at which the worker took up the connection.
    pub(in crate::engine) since: Instant,
    /// True if the handler has returned, and the answer is being sent.
    pub(in crate::engine) is_answering: bool,
}

impl WorkerHandle {
    pub(in crate::engine) fn new(number: u32) -> Self {
        Self {
            number,
            is_reserved: false,
            thread: OnceLock::new(),
            current: Mutex::default(),
            is_answering: AtomicBool::new(false),
            counters: Arc::default(),
        }
    }

    /// Returns the worker of prompt requests.
    pub(in crate::engine) fn reserved(number: u32) -> Self {
        Self { is_reserved: true, ..Self::new(number) }
    }

    /// Returns the name of the thread.
    pub(in crate::engine) fn name(&self) -> String {
        if self.is_reserved { "drupe-prompt".to_owned() } else { format!("drupe-{}", self.number) }
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

    /// Sets the current connection, whose client is at `peer`.
    pub(in crate::engine) fn serve(&self, stream: Arc<Stream>, peer: Option<Peer>) {
        *self.current.lock() = Current { stream: Some(stream), peer, task: None };
    }

    /// Clears the current connection.
    pub(in crate::engine) fn rest(&self) {
        *self.current.lock() = Current::default();
    }

    /// Notes the request whose handler is about to run.
    pub(super) fn run(&self, task: Task) {
        self.current.lock().task = Some(task);
    }

    /// Notes if the handler of the current request has returned.
    pub(super) fn note_answering(&self, is_answering: bool) {
        self.is_answering.store(is_answering, Ordering::Relaxed);
    }

    /// Notes the request whose handler has been running, unless the worker is done already.
    pub(in crate::engine) fn note(&self, method: Method, target: Uri, since: Instant) {
        let mut current = self.current.lock();
        if current.stream.is_some() {
            let peer = current.peer.clone();
            current.task = Some(Task { method, target, peer, since, is_answering: false });
        }
    }

    /// The connection being served.
    pub(in crate::engine) fn serving(&self) -> Option<Arc<Stream>> {
        self.current.lock().stream.clone()
    }

    /// True if a handler runs on the worker, or its answer is being sent.
    pub(in crate::engine) fn is_in_handler(&self) -> bool {
        self.current.lock().task.is_some()
    }

    /// The request whose handler runs.
    pub(in crate::engine) fn task(&self) -> Option<Task> {
        let task = self.current.lock().task.clone();
        task.map(|task| Task { is_answering: self.is_answering.load(Ordering::Relaxed), ..task })
    }
}
