//! A bus and its messages: the state, the listeners, and delivery in order, without a lock.
//!
//! A message names its bus, and a bus its listeners, which take messages: one file for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::error::{BoxError, Failures};
use super::state::State;
use crate::sync::{Condvar, Mutex, catch};

/// Starts, stops and ends the parts of a process; CherryPy's process bus.
///
/// Parts listen on channels:
///
/// * `start`, `stop` and `exit` get a message at changes of state.
/// * `restart` gets a message between the two halves of a restart.
/// * `graceful` gets a message when files are to be reopened.
/// * `log` gets the log messages of the bus.
/// * `main` ticks while a thread [`block`](Self::block)s.
/// * Any other name is free for the program.
///
/// Listeners run in sequence on the publishing thread, by ascending priority, then in order of
/// subscription. No lock is held meanwhile, so a listener may use the bus. All listeners run, even
/// after a failure. The error names each listener that fails or panics.
///
/// Only one thread at a time can change the state. A request from another thread is refused
/// meanwhile, except for [`exit`](Self::exit). The bus never ends or re-executes the process;
/// `main` must do so.
///
/// A clone is a handle to the same bus.
///
/// ```
/// use drupe::process::{Bus, State};
///
/// let bus = Bus::new();
/// bus.subscribe("start", 50, "cache", |_| {
///     // Fill it.
///     Ok(())
/// });
/// bus.subscribe("stop", 50, "cache", |message| {
///     message.bus().log("the cache is empty");
///     Ok(())
/// });
/// bus.start()?;
/// assert_eq!(bus.state(), State::Started);
/// bus.exit()?;
/// bus.block()?;
/// # Ok::<(), drupe::process::BusError>(())
/// ```
#[derive(Clone)]
pub struct Bus {
    pub(super) shared: Arc<SharedBus>,
}

#[derive(Default)]
pub(super) struct SharedBus {
    pub(super) channels: Channels,
    pub(super) life: Mutex<BusLife>,
    /// Notified when the state changes, or when a change begins or ends.
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct BusLife {
    pub(super) state: State,
    /// True if a thread is in the middle of a change.
    pub(super) is_changing: bool,
    /// True if an exit is to follow the current change.
    pub(super) wants_exit: bool,
    /// The cause of the exit, reset at the next start.
    pub(super) cause: Option<Failures>,
}

/// A weak reference to a bus, for objects that the bus owns.
#[derive(Clone)]
pub(crate) struct WeakBus(pub(super) Weak<SharedBus>);

/// A message for the listeners of a channel.
#[derive(Debug)]
pub struct Message<'a> {
    pub(super) bus: &'a Bus,
    pub(super) channel: &'a str,
    pub(super) text: &'a str,
    pub(super) is_trouble: bool,
    pub(super) is_restart: bool,
    pub(super) has_failures: bool,
}

/// Identifies one subscription for [`Bus::unsubscribe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription(u64);

/// The function of a listener.
type Listen = dyn Fn(&Message<'_>) -> Result<(), BoxError> + Send + Sync;

/// The listeners of all channels.
#[derive(Default)]
pub(super) struct Channels(Mutex<HashMap<String, Vec<Listener>>>);

#[derive(Clone)]
struct Listener {
    priority: i32,
    id: Subscription,
    name: Arc<str>,
    listen: Arc<Listen>,
}

impl WeakBus {
    /// Returns the bus, if a strong reference still exists.
    pub(crate) fn upgrade(&self) -> Option<Bus> {
        self.0.upgrade().map(|shared| Bus { shared })
    }

    /// True if the reference is to `bus`.
    pub(crate) fn is(&self, bus: &Bus) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&bus.shared))
    }
}

impl BusLife {
    /// True if the bus has exited and all listeners have run.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Exiting && !self.is_changing
    }
}

impl Message<'_> {
    /// The bus of the message.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        self.bus
    }

    /// The channel of the message.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.channel
    }

    /// The text of the message; empty on channels of states.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text
    }

    /// True if the message reports an error; only on the channel `log`.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        self.is_trouble
    }

    /// True if the message is part of a restart: resources needed at the next `start` may be kept.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        self.is_restart
    }

    /// True if an earlier listener has failed at this message. A listener should check this value
    /// before a step that must not follow a failure, such as serving with undropped privileges. The
    /// `stop` that follows undoes steps already done.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.has_failures
    }
}

impl Channels {
    pub(super) fn add(&self, channel: &str, priority: i32, name: &str, listen: Arc<Listen>) -> Subscription {
        let id = Subscription(NEXT.fetch_add(1, Ordering::Relaxed));
        let listener = Listener { priority, id, name: name.into(), listen };
        let mut channels = self.0.lock();
        let listeners = channels.entry(channel.to_owned()).or_default();
        // After listeners of the same priority.
        let at = listeners.partition_point(|other| other.priority <= priority);
        listeners.insert(at, listener);
        id
    }

    pub(super) fn remove(&self, id: Subscription) -> bool {
        let mut removed = None;
        let mut channels = self.0.lock();
        for listeners in channels.values_mut() {
            if let Some(at) = listeners.iter().position(|listener| listener.id == id) {
                removed = Some(listeners.remove(at));
            }
        }
        channels.retain(|_, listeners| !listeners.is_empty());
        drop(channels);
        // The listener is dropped outside the lock, because dropping it can run foreign code.
        removed.is_some()
    }

    pub(super) fn has(&self, channel: &str) -> bool {
        self.0.lock().contains_key(channel)
    }

    /// Calls all current listeners. Listeners added meanwhile get the next message.
    pub(super) fn tell(&self, message: &Message<'_>) -> Result<(), Failures> {
        let listeners = self.0.lock().get(message.channel).cloned().unwrap_or_default();
        let mut failed = Vec::new();
        for listener in listeners {
            let message = Message { has_failures: !failed.is_empty(), ..*message };
            let result = catch(|| (listener.listen)(&message)).unwrap_or_else(|panic| {
                Err(format!("panicked: {}", panic.message().unwrap_or("without a message")).into())
            });
            if let Err(error) = result {
                failed.push((listener.name.as_ref().to_owned(), Arc::from(error)));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Failures { channel: message.channel.to_owned(), failed }) }
    }
}

/// The next subscription number, unique across all buses, so no bus can end a foreign subscription.
static NEXT: AtomicU64 = AtomicU64::new(0);
