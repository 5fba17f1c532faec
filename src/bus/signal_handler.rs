//! Signals as messages on a bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::plugins::{Plugin, Subscriptions};
use super::signals::{self, Caught};
use super::{Bus, WeakBus};
use crate::sync::Mutex;

/// Lets a bus obey signals, from `start` (10) until the handler is unsubscribed, or both the handler
/// and the bus are dropped (feature `signals`); CherryPy's `SignalHandler`.
///
/// | signal | what it does |
/// |---|---|
/// | SIGTERM, SIGINT | the bus exits; a second one publishes `cut`, and servers stop waiting for requests |
/// | SIGHUP, SIGUSR1 | publishes `graceful` |
///
/// Each signal is first published on a channel of the same name, such as `SIGHUP`. Listeners run on
/// a separate thread and may block. The handler also works as process 1 of a container, where an
/// uncaught signal would be lost.
///
/// A listener may unsubscribe the handler. Afterwards, signals have their default action. Handlers
/// installed earlier by the program are called throughout, but an earlier `SIG_IGN` cannot be
/// restored without unsafe code.
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
    /// True if an exit has been requested since the last start.
    is_asked: Arc<AtomicBool>,
}

impl SignalHandler {
    /// Creates a handler that catches no signals yet.
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
            let mut caught = inner.caught.lock();
            if caught.is_empty() {
                caught.extend(catch(message.bus(), &inner.is_asked)?);
            }
            Ok(())
        }));
    }

    /// Ends the subscriptions and stops catching signals.
    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
        let caught = std::mem::take(&mut *self.inner.caught.lock());
        drop(caught);
    }
}

fn catch(bus: &Bus, is_asked: &Arc<AtomicBool>) -> std::io::Result<[Caught; 3]> {
    let (exiting, hung_up, reopening) = (bus.downgrade(), bus.downgrade(), bus.downgrade());
    let is_asked = Arc::clone(is_asked);
    let listen = Box::new(move |mut signals: Signals| {
        let mut first = None;
        for signal in &mut signals {
            let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            if is_asked.swap(true, Ordering::SeqCst) {
                tell(&exiting, name, |bus| bus.publish("cut", "").map_err(Into::into));
            } else {
                join(first.take());
                // On another thread, so that a second signal is handled during the exit.
                let bus = exiting.clone();
                let run = move || tell(&bus, name, Bus::exit);
                match signals::begin_exit(Box::new(run)) {
                    Ok(thread) => first = Some(thread),
                    Err(error) => log::error!("cannot start a thread to exit on {name}: {error}; {name} was ignored"),
                }
            }
        }
        join(first);
    });
    let exit = signals::catch(&signals::EXIT, listen)?;
    let reopen = |bus: &Bus| bus.graceful().map_err(Into::into);
    let hangup = signals::on_hangup(move || tell(&hung_up, "SIGHUP", reopen))?;
    let graceful = signals::on_graceful(move || tell(&reopening, "SIGUSR1", reopen))?;
    Ok([exit, hangup, graceful])
}

/// Logs and publishes a caught signal, then runs `act`. The bus logs failures.
fn tell(bus: &WeakBus, name: &str, act: impl FnOnce(&Bus) -> Result<(), super::BusError>) {
    let Some(bus) = bus.upgrade() else { return };
    bus.log(&format!("caught {name}"));
    let _ = bus.publish(name, "");
    let _ = act(&bus);
}

fn join(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        log::error!("the thread that exits on a signal panicked");
    }
}
