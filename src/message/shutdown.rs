//! The shutdown of an engine: a flag to poll or to wait for, and callbacks.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::server_handle::{ServerHandle, ServerState};
use crate::sync::{Condvar, Mutex, catch};

/// A flag that is set once and never reset, with the server that sets it.
#[derive(Default)]
pub(crate) struct Shutdown {
    is_told: AtomicBool,
    /// Held by a thread about to wait.
    waiting: Mutex<()>,
    rings: Condvar,
    callbacks: Mutex<Callbacks>,
    /// Never set without a server.
    server: OnceLock<Weak<ServerState>>,
}

/// The callbacks until called.
#[derive(Default)]
struct Callbacks {
    last: u64,
    /// In the order of their numbers.
    waiting: Vec<(u64, Callback)>,
}

type Callback = Box<dyn FnOnce() + Send>;

/// The registration of a callback for a stop; see
/// [`Connection::on_stop`](crate::Connection::on_stop). Dropping the value deregisters the callback.
#[must_use = "a callback is deregistered when this value is dropped"]
#[derive(Debug)]
pub struct OnStop {
    shutdown: Arc<Shutdown>,
    number: u64,
}

impl Shutdown {
    /// Sets the flag, wakes all waiting threads and runs the callbacks. Returns true if the flag was
    /// set before.
    pub(crate) fn tell(&self) -> bool {
        let was_told = self.announce();
        self.call_back();
        was_told
    }

    /// Sets the flag and wakes all waiting threads, without the callbacks: the caller may hold a
    /// lock. Returns true if the flag was set before.
    pub(crate) fn announce(&self) -> bool {
        let was_told = self.is_told.swap(true, Ordering::SeqCst);
        // Taking the lock ensures that no thread is between checking the flag and waiting.
        drop(self.waiting.lock());
        self.rings.notify_all();
        was_told
    }

    /// Runs the callbacks after [`announce`](Self::announce). A callback may ask the server, so the
    /// caller must hold no lock.
    pub(crate) fn call_back(&self) {
        let callbacks = std::mem::take(&mut self.callbacks.lock().waiting);
        callbacks.into_iter().for_each(|(_, callback)| run(callback));
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

    /// Runs `callback` once the flag is set; at once if it is.
    pub(crate) fn on_stop(self: &Arc<Self>, callback: Callback) -> OnStop {
        let mut callbacks = self.callbacks.lock();
        callbacks.last += 1;
        let number = callbacks.last;
        // Under the lock: `tell` sets the flag before it takes the callbacks.
        if self.is_told.load(Ordering::SeqCst) {
            drop(callbacks);
            run(callback);
        } else {
            callbacks.waiting.push((number, callback));
        }
        OnStop { shutdown: Arc::clone(self), number }
    }

    /// Sets the server; once.
    pub(crate) fn set_server(&self, server: Weak<ServerState>) {
        // A second call would have the same server.
        let _ = self.server.set(server);
    }

    /// The server; `None` without one, or once it is gone.
    pub(crate) fn server(&self) -> Option<ServerHandle> {
        Some(ServerHandle::new(self.server.get()?.upgrade()?))
    }
}

impl Callbacks {
    fn remove(&mut self, number: u64) -> Option<Callback> {
        let at = self.waiting.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.waiting.remove(at).1)
    }
}

impl Drop for OnStop {
    fn drop(&mut self) {
        let callback = self.shutdown.callbacks.lock().remove(self.number);
        // Its values are dropped without the lock.
        drop(callback);
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("is_told", &self.is_told()).finish_non_exhaustive()
    }
}

fn run(callback: Callback) {
    if catch(callback).is_err() {
        log::error!("a callback of a stop panicked; the stop goes on");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
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

    #[test]
    fn callbacks_run_once_unless_dropped_before() {
        let shutdown = Arc::new(Shutdown::default());
        let (told, tells) = mpsc::channel();
        let tell = |word: &'static str| {
            let told = told.clone();
            Box::new(move || told.send(word).unwrap())
        };
        let kept = shutdown.on_stop(tell("kept"));
        drop(shutdown.on_stop(tell("dropped")));
        let _bad = shutdown.on_stop(Box::new(|| panic!("a callback may be wrong")));
        let _last = shutdown.on_stop(tell("last"));
        assert!(tells.try_recv().is_err());
        assert!(!shutdown.tell() && shutdown.tell());
        drop(kept);
        let _late = shutdown.on_stop(tell("late"));
        drop(told);
        assert_eq!(tells.iter().collect::<Vec<_>>(), ["kept", "last", "late"]);
    }
}
