//! A worker as the others see it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};

use super::statistics::Counters;
use crate::net::processor::Task;
use crate::net::stream::Stream;

/// What is known of one worker. It writes here itself, but for being called and being written off.
pub(super) struct Seat {
    /// From 1 on, never given twice.
    pub(super) number: usize,
    thread: OnceLock<Thread>,
    task: OnceLock<Task>,
    state: AtomicU8,
    /// Goes up with each connection it takes up.
    serves: AtomicU64,
    /// What `serves` was when the watch last looked.
    seen: AtomicU64,
    /// What it serves, so that a stop can cut it.
    current: Mutex<Option<Arc<Stream>>>,
    pub(super) counters: Arc<Counters>,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// It waits at the poller, or sleeps.
    Waits,
    /// It works, and looks at the queue before it rests.
    Works,
    /// It has been at one connection for longer than a tick: others do not count on it.
    WrittenOff,
    /// It works for one connection only, the lead given away.
    Attached,
}

impl Seat {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            thread: OnceLock::new(),
            task: OnceLock::new(),
            state: AtomicU8::new(State::Waits as u8),
            serves: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            current: Mutex::default(),
            counters: Arc::default(),
        }
    }

    /// The name of its thread.
    pub(super) fn name(&self) -> String {
        format!("drupe-{}", self.number)
    }

    /// Enters the thread that sits here; once.
    pub(super) fn take(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Enters the calling thread, which sits here, as the system knows it; once.
    pub(super) fn arrive(&self) {
        let _ = self.task.set(Task::current());
    }

    /// Whether its thread sleeps; `None` where the system does not say.
    pub(super) fn sleeps(&self) -> Option<bool> {
        self.task.get()?.sleeps()
    }

    /// Whether the calling thread sits here.
    pub(super) fn is_ours(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Ends its sleep.
    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Enters what it does now; says whether it was working, and counted on.
    pub(super) fn turn(&self, state: State) -> bool {
        self.state.swap(state as u8, Ordering::SeqCst) == State::Works as u8
    }

    pub(super) fn is(&self, state: State) -> bool {
        self.state.load(Ordering::SeqCst) == state as u8
    }

    /// Writes it off if it works and is still where it was at the last call; says whether that has just been done.
    pub(super) fn write_off(&self) -> bool {
        let serves = self.serves.load(Ordering::SeqCst);
        let is_where_it_was = self.seen.swap(serves, Ordering::Relaxed) == serves;
        let (from, to) = (State::Works as u8, State::WrittenOff as u8);
        is_where_it_was && self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Has the watch look twice before it takes this one for held up.
    pub(super) fn stir(&self) {
        self.serves.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes up a connection, or (`None`) lays it down.
    pub(super) fn serve(&self, stream: Option<Arc<Stream>>) {
        if stream.is_some() {
            self.stir();
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }

    /// What it serves.
    pub(super) fn serving(&self) -> Option<Arc<Stream>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::script::Script;

    #[test]
    fn only_who_works_at_the_same_for_two_looks_is_written_off() {
        let seat = Seat::new(1);
        let stream = Arc::new(Stream::Script(Script::default()));
        assert!(!seat.write_off() && !seat.write_off(), "it waits");
        seat.turn(State::Works);
        seat.serve(Some(Arc::clone(&stream)));
        assert!(!seat.write_off(), "it has just begun");
        seat.serve(Some(stream));
        assert!(!seat.write_off(), "it is at another");
        assert!(seat.write_off() && seat.is(State::WrittenOff));
        assert!(!seat.write_off(), "it has been already");
        assert!(!seat.turn(State::Works), "it was not counted on");
        assert!(seat.turn(State::Waits));
    }
}
