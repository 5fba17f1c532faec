//! The interface of a plugin for a bus.

use super::Bus;
use super::channels::Subscription;
use crate::sync::Mutex;

/// A part of a process driven by a bus; listens while subscribed.
///
/// ```
/// use drupe::process::{Bus, Plugin, Subscriptions};
///
/// #[derive(Default)]
/// struct Greeter {
///     subscriptions: Subscriptions,
/// }
///
/// impl Plugin for Greeter {
///     fn subscribe(&self, bus: &Bus) {
///         self.subscriptions.add(bus.subscribe("start", 50, "greeter", |message| {
///             message.bus().log("good morning");
///             Ok(())
///         }));
///     }
///
///     fn unsubscribe(&self, bus: &Bus) {
///         self.subscriptions.end(bus);
///     }
/// }
///
/// let (bus, greeter) = (Bus::new(), Greeter::default());
/// greeter.subscribe(&bus);
/// bus.start()?;
/// greeter.unsubscribe(&bus);
/// # Ok::<(), drupe::process::BusError>(())
/// ```
pub trait Plugin {
    /// Subscribes to the channels of the plugin. The caller must not subscribe a plugin twice.
    fn subscribe(&self, bus: &Bus);

    /// Ends the subscriptions, and any work that no later message would end.
    fn unsubscribe(&self, bus: &Bus);
}

/// The subscriptions of one plugin, ended together.
#[derive(Debug, Default)]
pub struct Subscriptions(Mutex<Vec<Subscription>>);

impl Subscriptions {
    /// Adds a subscription.
    pub fn add(&self, subscription: Subscription) {
        self.0.lock().push(subscription);
    }

    /// Ends the subscriptions on `bus`.
    pub fn end(&self, bus: &Bus) {
        let subscriptions = std::mem::take(&mut *self.0.lock());
        for subscription in subscriptions {
            if !bus.unsubscribe(subscription) {
                self.add(subscription);
            }
        }
    }
}
