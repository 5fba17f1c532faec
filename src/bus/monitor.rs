//! Periodic calls while a bus runs.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::plugins::{Plugin, Subscriptions};
use super::{BoxError, Bus};
use crate::sync::{Condvar, Mutex, catch};

/// Calls a function at intervals from `start` (70) to `stop` (50), on a separate thread; CherryPy's
/// `Monitor`.
///
/// The first call comes after one interval. A slow call delays the next one, and missed calls are
/// dropped. A panic is logged, and the next call comes as usual. A stop waits for a running call,
/// but not for the end of an interval.
///
/// ```
/// use std::time::Duration;
/// use drupe::process::{Bus, Monitor, Plugin};
///
/// let bus = Bus::new();
/// let (told, ticks) = std::sync::mpsc::channel();
/// Monitor::new("clock", Duration::from_millis(1), move || told.send("tick").unwrap_or(())).subscribe(&bus);
/// bus.start()?;
/// assert_eq!(ticks.recv(), Ok("tick"));
/// bus.exit()?;
/// # Ok::<(), drupe::process::BusError>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    inner: Arc<Inner>,
    subscriptions: Subscriptions,
}

struct Inner {
    name: String,
    interval: Duration,
    call: Box<dyn Fn() + Send + Sync>,
    run: Mutex<Option<Run>>,
}

/// One run, from a start to a stop.
struct Run {
    end: Arc<End>,
    thread: JoinHandle<()>,
}

/// The request to end a run.
#[derive(Default)]
struct End {
    has_come: Mutex<bool>,
    comes: Condvar,
}

impl Monitor {
    /// Creates a monitor that calls `call` every `interval`, at least 1 ms. `name` is the name of
    /// the thread and of the listener.
    #[must_use]
    pub fn new(name: &str, interval: Duration, call: impl Fn() + Send + Sync + 'static) -> Self {
        let interval = interval.max(SHORTEST);
        let inner = Inner { name: name.to_owned(), interval, call: Box::new(call), run: Mutex::default() };
        Self { inner: Arc::new(inner), subscriptions: Subscriptions::default() }
    }
}

impl Plugin for Monitor {
    fn subscribe(&self, bus: &Bus) {
        let (first, last) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        let name = &self.inner.name;
        self.subscriptions.add(bus.subscribe("start", 70, name, move |_| first.start()));
        self.subscriptions.add(bus.subscribe("stop", 50, name, move |_| {
            last.stop();
            Ok(())
        }));
    }

    /// Ends the subscriptions, and stops the thread if it runs.
    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
        self.inner.stop();
    }
}

impl Inner {
    fn start(self: &Arc<Self>) -> Result<(), BoxError> {
        // A run stopped by its own thread has yet to be joined.
        self.stop();
        let end = Arc::new(End::default());
        let (inner, until) = (Arc::downgrade(self), Arc::clone(&end));
        let interval = self.interval;
        let run = move || {
            while !until.comes_within(interval) {
                let Some(inner) = inner.upgrade() else { return };
                if catch(|| (inner.call)()).is_err() {
                    log::error!("monitor {:?} panicked; the next call follows after the interval", inner.name);
                }
            }
        };
        let thread = thread::Builder::new().name(self.name.clone()).spawn(run)?;
        *self.run.lock() = Some(Run { end, thread });
        Ok(())
    }

    /// Ends the run and joins its thread, unless called on that thread.
    fn stop(&self) {
        let run = self.run.lock().take();
        let Some(run) = run else { return };
        run.end.come();
        if run.thread.thread().id() == thread::current().id() {
            *self.run.lock() = Some(run);
        } else if run.thread.join().is_err() {
            log::error!("the thread of monitor {:?} panicked", self.name);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl End {
    fn come(&self) {
        *self.has_come.lock() = true;
        self.comes.notify_all();
    }

    /// Waits up to `time` for the request to end. Returns true if the request has come.
    fn comes_within(&self, time: Duration) -> bool {
        // A deadline beyond the range of the clock means no deadline.
        let until = Instant::now().checked_add(time);
        let has_come = self.has_come.lock();
        let left = until.map_or(time, |until| until.saturating_duration_since(Instant::now()));
        *self.comes.wait_timeout_while(has_come, left, |has_come| !*has_come).0
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("name", &self.name).field("interval", &self.interval).finish_non_exhaustive()
    }
}

const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::bus::State;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn monitor_calls_until_stopped_even_if_calls_panic() {
        let (bus, (told, ticks)) = (Bus::new(), mpsc::channel());
        let count = AtomicUsize::new(0);
        let call = move || {
            told.send(thread::current().name().map(str::to_owned)).unwrap();
            assert!(count.fetch_add(1, Ordering::SeqCst) != 1, "the second one fails");
        };
        Monitor::new("often", Duration::ZERO, call).subscribe(&bus);
        bus.start().unwrap();
        for _ in 0..4 {
            assert_eq!(ticks.recv_timeout(LONG).unwrap().as_deref(), Some("often"));
        }
        bus.stop().unwrap();
        // The thread is joined, so no tick can follow these.
        let _ = ticks.try_iter().count();
        assert!(ticks.recv_timeout(Duration::from_millis(20)).is_err());
        bus.start().unwrap();
        ticks.recv_timeout(LONG).unwrap();
        bus.exit().unwrap();
    }

    #[test]
    fn stop_does_not_wait_for_the_interval() {
        let (bus, begun) = (Bus::new(), Instant::now());
        let monitor = Monitor::new("seldom", 2 * LONG, || panic!("its time has not come"));
        monitor.subscribe(&bus);
        bus.start().unwrap();
        bus.stop().unwrap();
        bus.start().unwrap();
        monitor.unsubscribe(&bus);
        assert!(monitor.inner.run.lock().is_none());
        bus.exit().unwrap();
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn monitor_call_may_end_the_bus() {
        let bus = Bus::new();
        let own = bus.clone();
        let monitor = Monitor::new("end", SHORTEST, move || own.exit().unwrap());
        monitor.subscribe(&bus);
        bus.start().unwrap();
        bus.wait(&[State::Exiting], Some(LONG)).unwrap();
        monitor.unsubscribe(&bus);
        assert!(monitor.inner.run.lock().is_none(), "it is joined by who drops it");
    }
}
