//! The shutdown flag, to poll or to wait for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// A flag that is set once and never reset.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    is_told: AtomicBool,
    /// Held by a thread about to wait.
    waiting: Mutex<()>,
    rings: Condvar,
}

impl Shutdown {
    /// Sets the flag and wakes all waiting threads. Returns true if the flag was set before.
    pub(crate) fn tell(&self) -> bool {
        let was_told = self.is_told.swap(true, Ordering::SeqCst);
        // Taking the lock ensures that no thread is between checking the flag and waiting.
        drop(self.waiting.lock());
        self.rings.notify_all();
        was_told
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// Waits for `time` or until the flag is set, whichever comes first. Returns true if the flag
    /// is set.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let waiting = self.waiting.lock();
        let untold = |(): &mut ()| !self.is_told.load(Ordering::SeqCst);
        drop(self.rings.wait_timeout_while(waiting, time, untold));
        self.is_told.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn waiting_threads_learn_of_a_shutdown_at_once() {
        let shutdown = Arc::new(Shutdown::default());
        assert!(!shutdown.wait(Duration::from_millis(1)));
        let own = Arc::clone(&shutdown);
        // An hour: without a notification the test would not end.
        let waits = thread::spawn(move || own.wait(Duration::from_secs(3600)));
        assert!(!shutdown.tell() && shutdown.tell());
        assert!(waits.join().unwrap());
        assert!(shutdown.is_told() && shutdown.wait(Duration::from_secs(3600)));
    }
}
