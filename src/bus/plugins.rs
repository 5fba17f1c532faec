//! What can be plugged into a bus.

use std::sync::{Mutex, PoisonError};

use super::Bus;
use super::channels::Subscription;

/// A part of a process that lives by a bus: it listens for as long as it is subscribed.
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
    /// Listens on the channels it needs. Twice is once too often, and up to the caller.
    fn subscribe(&self, bus: &Bus);

    /// Listens no more. What it has begun and nobody will tell it to end, it ends now.
    fn unsubscribe(&self, bus: &Bus);
}

/// The subscriptions of one plugin, to be ended together.
#[derive(Debug, Default)]
pub struct Subscriptions(Mutex<Vec<Subscription>>);

impl Subscriptions {
    /// Adds one.
    pub fn add(&self, subscription: Subscription) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(subscription);
    }

    /// Ends those that are of `bus`.
    pub fn end(&self, bus: &Bus) {
        let subscriptions = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for subscription in subscriptions {
            if !bus.unsubscribe(subscription) {
                self.add(subscription);
            }
        }
    }
}
