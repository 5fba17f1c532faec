//! The buses that `quickstart` starts and ends: the server is the purpose of the process, the buses
//! run the other parts.

use std::error;
use std::sync::Arc;

pub(super) use crate::bus::Subscriptions;
use crate::bus::{self, Bus, WeakBus};
use crate::error::Error;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The buses that a server is subscribed to.
#[derive(Clone, Default)]
pub(super) struct Buses(Vec<WeakBus>);

impl Buses {
    pub(super) fn add(&mut self, bus: &Bus) {
        self.0.push(bus.downgrade());
    }

    pub(super) fn remove(&mut self, bus: &Bus) {
        self.0.retain(|other| !other.is(bus));
    }

    /// Ends the subscriptions of a server that is dropped.
    pub(super) fn let_go(&self, subscriptions: &Subscriptions) {
        self.alive().for_each(|bus| subscriptions.end(&bus));
    }

    /// Ends the buses because the server cannot go on.
    pub(super) fn fail(&self, cause: &Arc<dyn error::Error + Send + Sync>) {
        self.alive().for_each(|bus| bus.fail("HTTP server", Error::Serving { source: Arc::clone(cause) }));
    }

    fn alive(&self) -> impl Iterator<Item = Bus> {
        self.0.iter().filter_map(WeakBus::upgrade)
    }
}

/// The buses that one call of `quickstart` starts.
pub(super) struct Driven {
    buses: Vec<Bus>,
    course: Mutex<Course>,
    /// Notified when no further bus is going to be started.
    pub(super) settled: Condvar,
}

/// The progress of `quickstart`.
pub(super) struct Course {
    /// Number of buses started or being started, from the first.
    begun: usize,
    pub(super) is_starting: bool,
    /// True if an end was requested; a start under way delays the end.
    is_over: bool,
}

impl Driven {
    /// Selects the buses at rest. Any other bus is left to its starter.
    pub(super) fn by(buses: &Buses) -> Self {
        let is_at_rest = |bus: &Bus| matches!(bus.state(), bus::State::Stopped | bus::State::Exiting);
        let buses: Vec<Bus> = buses.alive().filter(is_at_rest).collect();
        let course = Course { begun: 0, is_starting: !buses.is_empty(), is_over: false };
        Self { buses, course: Mutex::new(course), settled: Condvar::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buses.is_empty()
    }

    /// Starts the buses in order, until one fails or an end is requested. Returns true if an end
    /// was requested. In both cases all started buses exit.
    pub(super) fn start(&self) -> Result<bool, Error> {
        let mut started = Ok(());
        for bus in &self.buses {
            self.course().begun += 1;
            started = bus.start();
            let mut course = self.course();
            if started.is_err() {
                // The bus has ended, or was started by another caller.
                course.begun -= 1;
            }
            if started.is_err() || course.is_over {
                break;
            }
        }
        let is_over = self.settle() || started.is_err();
        if is_over {
            self.exit();
        }
        started.map(|()| is_over).map_err(|source| Error::Bus { source })
    }

    /// Records that no further bus is going to be started. Returns true if an end was requested.
    pub(super) fn settle(&self) -> bool {
        let mut course = self.course();
        course.is_starting = false;
        let is_over = course.is_over;
        drop(course);
        self.settled.notify_all();
        is_over
    }

    /// Exits the started buses, the last one first. Returns false during a start; then the starting
    /// thread ends the rest.
    pub(super) fn exit(&self) -> bool {
        let (begun, is_starting) = {
            let mut course = self.course();
            course.is_over = true;
            (course.begun, course.is_starting)
        };
        for bus in self.buses[..begun].iter().rev() {
            // The bus logs the failure.
            let _ = bus.exit();
        }
        !is_starting
    }

    /// Exits the buses, unless done already, and waits for their end.
    pub(super) fn end(&self) -> Result<(), Error> {
        self.exit();
        let ended = self.begun().iter().map(Bus::block).fold(Ok(()), Result::and);
        ended.map_err(|source| Error::Bus { source })
    }

    /// Returns the buses started or being started.
    pub(super) fn begun(&self) -> &[Bus] {
        let begun = self.course().begun;
        &self.buses[..begun]
    }

    /// Locks the progress.
    pub(super) fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock()
    }

    /// Ends the waits of all stops under way.
    #[cfg(feature = "signals")]
    pub(super) fn cut(&self) {
        for bus in self.begun() {
            // The bus logs the failure.
            let _ = bus.publish("cut", "");
        }
    }

    #[cfg(feature = "signals")]
    pub(super) fn wait_for_start(&self) {
        let mut course = self.course();
        while course.is_starting {
            course = self.settled.wait(course);
        }
    }
}
