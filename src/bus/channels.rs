//! Listeners and message delivery: in order, to all listeners, without a lock.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Bus;
use super::error::{BoxError, Failures};
use crate::sync::Mutex;

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
            let result = catch_unwind(AssertUnwindSafe(|| (listener.listen)(&message)))
                .unwrap_or_else(|panic| Err(format!("panicked: {}", text(&*panic)).into()));
            if let Err(error) = result {
                failed.push((listener.name.as_ref().to_owned(), Arc::from(error)));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Failures { channel: message.channel.to_owned(), failed }) }
    }
}

/// The text of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

/// The next subscription number, unique across all buses, so no bus can end a foreign subscription.
static NEXT: AtomicU64 = AtomicU64::new(0);
