//! A worker as the others see it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};

use super::statistics::Counters;
use crate::net::stream::Stream;

/// What is known of one worker.
pub(super) struct Seat {
    /// From 1 on, never given twice.
    pub(super) number: u32,
    thread: OnceLock<Thread>,
    /// What it serves, so that a stop can cut it.
    current: Mutex<Option<Arc<Stream>>>,
    pub(super) counters: Arc<Counters>,
}

impl Seat {
    pub(super) fn new(number: u32) -> Self {
        Self { number, thread: OnceLock::new(), current: Mutex::default(), counters: Arc::default() }
    }

    /// The name of its thread.
    pub(super) fn name(&self) -> String {
        format!("drupe-{}", self.number)
    }

    /// Enters the thread that sits here; once.
    pub(super) fn take(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// True if the calling thread is the worker.
    pub(super) fn is_ours(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Wakes it.
    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Takes up a connection, or (`None`) lays it down.
    pub(super) fn serve(&self, stream: Option<Arc<Stream>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }

    /// What it serves.
    pub(super) fn serving(&self) -> Option<Arc<Stream>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
