//! The number of open connections, and a wait for their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crate::sync::{Condvar, Mutex};

/// The counter of open connections.
#[derive(Debug, Default)]
pub(in crate::engine) struct OpenConnections {
    count: AtomicUsize,
    /// True if a thread has begun to wait: only then is a notification needed.
    is_awaited: AtomicBool,
    /// True if waits must return at once.
    is_hurried: Mutex<bool>,
    changed: Condvar,
}

/// An open connection; dropping the ticket decrements the counter.
#[derive(Debug)]
pub(in crate::engine) struct Ticket(Arc<OpenConnections>);

impl OpenConnections {
    pub(in crate::engine) fn enter(self: &Arc<Self>) -> Ticket {
        self.count.fetch_add(1, Ordering::SeqCst);
        Ticket(Arc::clone(self))
    }

    pub(in crate::engine) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits until at most `most` connections are open, until `deadline`, or until hurried. Returns
    /// true if at most `most` are open.
    pub(in crate::engine) fn wait_for(&self, most: usize, deadline: Instant) -> bool {
        self.is_awaited.store(true, Ordering::SeqCst);
        let is_hurried = self.is_hurried.lock();
        let left = deadline.saturating_duration_since(Instant::now());
        let waits = |is_hurried: &mut bool| self.count() > most && !*is_hurried;
        drop(self.changed.wait_timeout_while(is_hurried, left, waits));
        self.count() <= most
    }

    /// Ends all waits, now and later.
    pub(in crate::engine) fn hurry(&self) {
        *self.is_hurried.lock() = true;
        self.changed.notify_all();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        if self.0.is_awaited.load(Ordering::SeqCst) {
            // Under the lock, so that no thread is between check and wait.
            drop(self.0.is_hurried.lock());
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn last_closed_connection_ends_the_wait() {
        let open = Arc::new(OpenConnections::default());
        let tickets: Vec<Ticket> = (0..3).map(|_| open.enter()).collect();
        assert_eq!(open.count(), 3);
        assert!(!open.wait_for(0, Instant::now()), "there is no time to wait");
        let begun = Instant::now();
        let leaving = thread::spawn(move || drop(tickets));
        assert!(open.wait_for(0, begun + LONG) && begun.elapsed() < LONG);
        leaving.join().unwrap();
    }

    #[test]
    fn a_wait_can_be_cut_short() {
        let open = Arc::new(OpenConnections::default());
        let _ticket = open.enter();
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| open.hurry());
            assert!(!open.wait_for(0, begun + LONG) && begun.elapsed() < LONG);
        });
        assert!(open.wait_for(1, begun), "one is not too many");
    }
}
