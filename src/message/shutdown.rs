//! Whether the server has been told to stop, for those who look and for those who wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Told once, never taken back.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    is_told: AtomicBool,
    /// Held by whoever is just beginning to wait.
    waiting: Mutex<()>,
    rings: Condvar,
}

impl Shutdown {
    /// Tells everybody; says whether somebody had before.
    pub(crate) fn tell(&self) -> bool {
        let was_told = self.is_told.swap(true, Ordering::SeqCst);
        // Under the lock, so that nobody is just between looking and waiting.
        drop(self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.rings.notify_all();
        was_told
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// Waits for `time`, or until it is told; says whether it is.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = |(): &mut ()| !self.is_told.load(Ordering::SeqCst);
        drop(self.rings.wait_timeout_while(waiting, time, untold).unwrap_or_else(PoisonError::into_inner));
        self.is_told.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_is_told_at_once() {
        let shutdown = Arc::new(Shutdown::default());
        assert!(!shutdown.wait(Duration::from_millis(1)));
        let own = Arc::clone(&shutdown);
        // An hour: the test would not end if nobody rang.
        let waits = thread::spawn(move || own.wait(Duration::from_secs(3600)));
        assert!(!shutdown.tell() && shutdown.tell());
        assert!(waits.join().unwrap());
        assert!(shutdown.is_told() && shutdown.wait(Duration::from_secs(3600)));
    }
}
