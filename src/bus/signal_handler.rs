//! Signals as messages on a bus.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use signal_hook::consts::SIGINT;

use super::plugins::{Plugin, Subscriptions};
use super::signals::{self, Caught};
use super::{Bus, WeakBus};

/// Has a bus obey signals, from `start` (10) until it is unsubscribed or dropped (feature `signals`); CherryPy's `SignalHandler`.
///
/// | signal | what it does |
/// |---|---|
/// | SIGTERM, SIGINT | the bus exits; the second one is told on the channel `cut`, which has servers wait for nobody any more |
/// | SIGHUP, SIGUSR1 | tells `graceful` |
///
/// Each is first told on a channel of its own name, such as `SIGHUP`. It is obeyed on a thread of its own, where listeners may take their
/// time. It works as process 1 of a container as well, where a signal that nobody catches would be lost.
///
/// Not to be dropped by a listener on one of these channels. Afterwards the signals do what they do by default: what the program had
/// installed before is called all the time, but that a signal was ignored cannot be had back without unsafe code.
///
/// ```
/// use drupe::process::{Bus, Plugin, SignalHandler};
///
/// # fn main() -> Result<(), drupe::process::BusError> {
/// let (bus, signals) = (Bus::new(), SignalHandler::new());
/// signals.subscribe(&bus);
/// bus.subscribe("SIGHUP", 50, "report", |message| {
///     message.bus().log("still here");
///     Ok(())
/// });
/// bus.start()?;
/// # bus.exit()?;
/// bus.block()
/// # }
/// ```
#[derive(Debug, Default)]
pub struct SignalHandler {
    inner: Arc<Inner>,
    subscriptions: Subscriptions,
}

#[derive(Debug, Default)]
struct Inner {
    caught: Mutex<Vec<Caught>>,
    /// Whether an exit has been asked for since the last start.
    is_asked: Arc<AtomicBool>,
}

impl SignalHandler {
    /// One that catches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Plugin for SignalHandler {
    fn subscribe(&self, bus: &Bus) {
        let inner = Arc::clone(&self.inner);
        self.subscriptions.add(bus.subscribe("start", 10, "signals", move |message| {
            if !message.is_restart() {
                inner.is_asked.store(false, Ordering::SeqCst);
            }
            let mut caught = inner.caught.lock().unwrap_or_else(PoisonError::into_inner);
            if caught.is_empty() {
                caught.extend(catch(message.bus(), &inner.is_asked)?);
            }
            Ok(())
        }));
    }

    /// Nothing is caught any more.
    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
        let caught = std::mem::take(&mut *self.inner.caught.lock().unwrap_or_else(PoisonError::into_inner));
        drop(caught);
    }
}

fn catch(bus: &Bus, is_asked: &Arc<AtomicBool>) -> std::io::Result<[Caught; 3]> {
    let (exiting, hung_up, reopening) = (bus.downgrade(), bus.downgrade(), bus.downgrade());
    let is_asked = Arc::clone(is_asked);
    let exit = signals::catch(&signals::EXIT, move |mut signals| {
        let mut first = None;
        for signal in &mut signals {
            let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            if is_asked.swap(true, Ordering::SeqCst) {
                tell(&exiting, name, |bus| bus.publish("cut", "").map_err(Into::into));
            } else {
                join(first.take());
                // On another thread, so that a second signal is heard while the first is obeyed.
                let bus = exiting.clone();
                let run = move || tell(&bus, name, Bus::exit);
                match thread::Builder::new().name("drupe-exit".to_owned()).spawn(run) {
                    Ok(thread) => first = Some(thread),
                    Err(error) => log::error!("cannot obey {name}: {error}"),
                }
            }
        }
        join(first);
    })?;
    let reopen = |bus: &Bus| bus.graceful().map_err(Into::into);
    let hangup = signals::on_hangup(move || tell(&hung_up, "SIGHUP", reopen))?;
    let graceful = signals::on_graceful(move || tell(&reopening, "SIGUSR1", reopen))?;
    Ok([exit, hangup, graceful])
}

/// Tells that a signal has come, then does what it is for. Who fails has been logged by the bus.
fn tell(bus: &WeakBus, name: &str, act: impl FnOnce(&Bus) -> Result<(), super::BusError>) {
    let Some(bus) = bus.upgrade() else { return };
    bus.log(&format!("caught {name}"));
    let _ = bus.publish(name, "");
    let _ = act(&bus);
}

fn join(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        log::error!("what a signal asked for has panicked");
    }
}
