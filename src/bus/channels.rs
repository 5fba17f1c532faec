//! Who listens to what, and telling them: in order, all of them, and without a lock.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Bus;
use super::error::{BoxError, Failures};

/// Something that is told to the listeners of a channel.
#[derive(Debug)]
pub struct Message<'a> {
    pub(super) bus: &'a Bus,
    pub(super) channel: &'a str,
    pub(super) text: &'a str,
    pub(super) is_trouble: bool,
    pub(super) is_restart: bool,
    pub(super) has_failures: bool,
}

/// Names one subscription, to end it by with [`Bus::unsubscribe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription(u64);

/// What a listener is.
type Listen = dyn Fn(&Message<'_>) -> Result<(), BoxError> + Send + Sync;

/// All listeners.
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
    /// The bus it came over.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        self.bus
    }

    /// The channel it came by.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.channel
    }

    /// What is said; empty on the channels of states.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text
    }

    /// Whether something has gone wrong: on the channel `log`.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        self.is_trouble
    }

    /// Whether a `stop` is going to be followed by a `start`, or that `start` follows: what is wanted again need not be given up.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        self.is_restart
    }

    /// Whether a listener before this one has failed at this message. What must not be done then, such as serving when privileges could
    /// not be dropped, is left undone by who asks; what has been begun is undone by the `stop` that follows.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.has_failures
    }
}

impl Channels {
    pub(super) fn add(&self, channel: &str, priority: i32, name: &str, listen: Arc<Listen>) -> Subscription {
        let id = Subscription(NEXT.fetch_add(1, Ordering::Relaxed));
        let listener = Listener { priority, id, name: name.into(), listen };
        let mut channels = self.channels();
        let listeners = channels.entry(channel.to_owned()).or_default();
        // After its equals.
        let at = listeners.partition_point(|other| other.priority <= priority);
        listeners.insert(at, listener);
        id
    }

    pub(super) fn remove(&self, id: Subscription) -> bool {
        let mut removed = None;
        let mut channels = self.channels();
        for listeners in channels.values_mut() {
            if let Some(at) = listeners.iter().position(|listener| listener.id == id) {
                removed = Some(listeners.remove(at));
            }
        }
        channels.retain(|_, listeners| !listeners.is_empty());
        drop(channels);
        // What a listener holds is dropped without the lock: that is foreign code, too.
        removed.is_some()
    }

    pub(super) fn has(&self, channel: &str) -> bool {
        self.channels().contains_key(channel)
    }

    /// Tells all those who listen at this moment; those who are added by one of them are told the next time.
    pub(super) fn tell(&self, message: &Message<'_>) -> Result<(), Failures> {
        let listeners = self.channels().get(message.channel).cloned().unwrap_or_default();
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

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn channels(&self) -> MutexGuard<'_, HashMap<String, Vec<Listener>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

/// Subscriptions differ between buses, too: none can be ended by another's.
static NEXT: AtomicU64 = AtomicU64::new(0);
