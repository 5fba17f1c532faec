//! The methods of a bus: subscribing, publishing, changing its state, waiting.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change::BusStep;
use super::channels::{Bus, BusLife, Message, Subscription, WeakBus};
use super::error::{BoxError, BusError, Failures};
use super::state::State;
use crate::sync::MutexGuard;

impl Bus {
    /// Creates a stopped bus. Its only listener sends messages on `log` to the `log` crate, with
    /// the target `drupe::bus`.
    #[must_use]
    pub fn new() -> Self {
        let bus = Self { shared: Arc::default() };
        bus.subscribe(LOG, DEFAULT_PRIORITY, "log", |message| {
            let level = if message.is_trouble { log::Level::Error } else { log::Level::Info };
            log::log!(target: "drupe::bus", level, "{}", message.text);
            Ok(())
        });
        bus
    }

    /// Calls `listener` for each message of `channel`, after listeners of lower `priority`.
    /// CherryPy's priorities are from 25 to 77, with 50 as the default. Failures are reported under
    /// `name`.
    ///
    /// A listener should hold no clone of the bus, or the bus would never be dropped. Use
    /// [`Message::bus`] instead.
    pub fn subscribe(
        &self,
        channel: &str,
        priority: i32,
        name: &str,
        listener: impl Fn(&Message<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Subscription {
        let subscription = self.shared.channels.add(channel, priority, name, Arc::new(listener));
        if channel == MAIN {
            // A blocked thread must tick from now on. The lock is taken so that the thread is not
            // between its check and its wait.
            drop(self.shared.life.lock());
            self.shared.changed.notify_all();
        }
        subscription
    }

    /// Ends a subscription. Returns false if there is none. A message being published may still
    /// arrive.
    pub fn unsubscribe(&self, subscription: Subscription) -> bool {
        self.shared.channels.remove(subscription)
    }

    /// Publishes `text` to all listeners of `channel`, if any.
    ///
    /// # Errors
    /// The listeners that failed, after all have run. Failures are logged as well.
    pub fn publish(&self, channel: &str, text: &str) -> Result<(), Failures> {
        self.tell(channel, text, false)
    }

    /// Publishes `text` on the channel `log`.
    pub fn log(&self, text: &str) {
        self.say(text, false);
    }

    pub(crate) fn downgrade(&self) -> WeakBus {
        WeakBus(Arc::downgrade(&self.shared))
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.life.lock().state
    }

    /// Starts the bus: publishes `start`. Does nothing if the bus is started.
    ///
    /// # Errors
    /// `Failed` if a listener fails. The bus then publishes `stop` and `exit` to clean up, and
    /// waiting or blocked threads get the error. `Refused` in the middle of another change.
    pub fn start(&self) -> Result<(), BusError> {
        self.change("start", |state| match state {
            State::Started => BusStep::Done,
            State::Stopped | State::Exiting => BusStep::Do(Self::do_start),
            _ => BusStep::Refuse,
        })
    }

    /// Stops the bus: publishes `stop`. Does nothing if the bus does not run.
    ///
    /// # Errors
    /// `Failed` if a listener fails; the bus is stopped nevertheless. `Refused` in the middle of
    /// another change.
    pub fn stop(&self) -> Result<(), BusError> {
        self.change("stop", |state| match state {
            State::Stopped | State::Exiting => BusStep::Done,
            State::Started => BusStep::Do(|bus| Ok(bus.do_stop(false)?)),
            _ => BusStep::Refuse,
        })
    }

    /// Stops and starts the bus again in this process: publishes `stop`, `restart` and `start`. A
    /// bus that does not run is started.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start). A failed stop does not prevent the
    /// start.
    pub fn restart(&self) -> Result<(), BusError> {
        self.change("restart", |state| match state {
            State::Started => BusStep::Do(Self::do_restart),
            State::Stopped | State::Exiting => BusStep::Do(Self::do_start),
            _ => BusStep::Refuse,
        })
    }

    /// Ends the bus: stops it if it runs, then publishes `exit`; blocked threads return. Does
    /// nothing if the bus has ended.
    ///
    /// In the middle of a change, the request is recorded and this function returns at once. The
    /// changing thread exits the bus right after the change. A listener may therefore call `exit`,
    /// and so may a thread being stopped.
    ///
    /// # Errors
    /// `Failed` if a listener fails; the bus has ended nevertheless.
    pub fn exit(&self) -> Result<(), BusError> {
        self.end(None)
    }

    /// Ends the bus because the part called `name` cannot go on. Acts as [`exit`](Self::exit), but
    /// [`block`](Self::block) and [`wait`](Self::wait) return `error`.
    pub fn fail(&self, name: &str, error: impl Into<BoxError>) {
        let cause = Failures { channel: "failed".to_owned(), failed: vec![(name.to_owned(), error.into().into())] };
        self.say(&cause.to_string(), true);
        // Failures of listeners are logged, and no caller is left to receive them.
        let _ = self.end(Some(cause));
    }

    /// Publishes `graceful`: listeners reopen their files, and the bus keeps running.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn graceful(&self) -> Result<(), Failures> {
        self.log("bus graceful");
        self.publish("graceful", "")
    }

    /// Waits up to `timeout` for one of `states`, and returns the state. A bus in the middle of a
    /// restart does not count as stopped. A bus has exited only after the listeners of `exit` have
    /// run.
    ///
    /// # Errors
    /// `TimedOut`. If the bus has ended and `Exiting` is not in `states`: `Exited`, or `Failed`
    /// with the cause.
    pub fn wait(&self, states: &[State], timeout: Option<Duration>) -> Result<State, BusError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut life = self.shared.life.lock();
        loop {
            let is_passing = matches!(life.state, State::Starting | State::Stopping);
            if states.contains(&life.state) && (is_passing || !life.is_changing) {
                return Ok(life.state);
            }
            if life.has_ended() {
                return Err(life.cause.clone().map_or(BusError::Exited, BusError::Failed));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(BusError::TimedOut { state: life.state });
            }
            life = self.changed(life, left).0;
        }
    }

    /// Waits until the bus has ended. While `main` has listeners, publishes `main` every 100 ms on
    /// the current thread.
    ///
    /// A listener must not call this function: the bus would wait for the listener.
    ///
    /// # Errors
    /// `Failed` with the cause, if the bus ended for a reason other than [`exit`](Self::exit).
    pub fn block(&self) -> Result<(), BusError> {
        let mut life = self.shared.life.lock();
        while !life.has_ended() {
            let tick = self.shared.channels.has(MAIN).then_some(TICK);
            let is_time;
            (life, is_time) = self.changed(life, tick);
            if is_time {
                drop(life);
                // Failures are logged, and the next tick is the next attempt.
                let _ = self.publish(MAIN, "");
                life = self.shared.life.lock();
            }
        }
        life.cause.clone().map_or(Ok(()), |cause| Err(BusError::Failed(cause)))
    }

    /// Waits up to `time` for a change. Returns true if the time has elapsed.
    pub(super) fn changed<'a>(
        &'a self,
        life: MutexGuard<'a, BusLife>,
        time: Option<Duration>,
    ) -> (MutexGuard<'a, BusLife>, bool) {
        let changed = &self.shared.changed;
        match time {
            None => (changed.wait(life), false),
            Some(time) => {
                let (life, waited) = changed.wait_timeout(life, time);
                (life, waited.timed_out())
            }
        }
    }

    pub(super) fn tell(&self, channel: &str, text: &str, is_restart: bool) -> Result<(), Failures> {
        let message = Message { bus: self, channel, text, is_trouble: false, is_restart, has_failures: false };
        let told = self.shared.channels.tell(&message);
        if let Err(failures) = &told {
            // A failed `log` listener cannot log its own failure. A failure at `start` is returned
            // to the caller and to all waiting threads.
            if channel != LOG && channel != START {
                self.say(&failures.to_string(), true);
            }
        }
        told
    }

    pub(super) fn say(&self, text: &str, is_trouble: bool) {
        let message = Message { bus: self, channel: LOG, text, is_trouble, is_restart: false, has_failures: false };
        if let Err(failures) = self.shared.channels.tell(&message) {
            log::error!(target: "drupe::bus", "{failures}");
        }
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("state", &self.state()).finish_non_exhaustive()
    }
}

const LOG: &str = "log";
const START: &str = "start";
const MAIN: &str = "main";
/// The priority of listeners without an order.
const DEFAULT_PRIORITY: i32 = 50;
/// The interval between messages on `main`.
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
