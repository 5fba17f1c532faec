//! The life of a process, standing apart from any server: CherryPy's process bus and what can be plugged into it.
//!
//! | file | what it does |
//! |---|---|
//! | [`state`], [`change`] | what a bus does; from one to the next, by one thread at a time |
//! | [`channels`], [`error`] | who listens; what goes wrong |
//! | [`plugins`] | what a plugin is |
//! | [`pid_file`], [`privileges`], [`monitor`] | plugins: one process at a time; no more rights than needed; something at intervals |
//! | [`notify`], `signals`, `signal_handler` | systemd; signals; those on a bus |

mod change;
mod channels;
mod error;
mod monitor;
pub(crate) mod notify;
mod pid_file;
mod plugins;
mod privileges;
#[cfg(feature = "signals")]
mod signal_handler;
#[cfg(feature = "signals")]
pub(crate) mod signals;
mod state;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use self::change::BusStep;
use self::channels::Channels;
pub use self::channels::{Message, Subscription};
pub use self::error::{BoxError, BusError, Failures};
pub use self::monitor::Monitor;
pub use self::pid_file::PidFile;
pub use self::plugins::{Plugin, Subscriptions};
pub use self::privileges::DropPrivileges;
#[cfg(feature = "signals")]
pub use self::signal_handler::SignalHandler;
pub use self::state::State;

/// What the parts of a process start, stop and end by; CherryPy's process bus.
///
/// Parts listen on channels. `start`, `stop` and `exit` are told at changes of state, `restart` between the two halves of one, `graceful` when
/// files are to be opened anew, `log` has what the bus says, `main` ticks while a thread [`block`](Self::block)s; any other name will do for
/// what is one's own. Listeners run one after the other in the thread that publishes: those of a lower priority first, those of the same in
/// the order they came in. No lock is held meanwhile, so a listener may use the bus. All of them run, whatever the others do: who fails or
/// panics is named in the error.
///
/// A change of state is one thread's at a time. Another that asks for a change meanwhile is refused, except for [`exit`](Self::exit). The bus
/// never ends the process, nor runs it anew: that is for `main` to do.
///
/// A clone is the same bus.
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
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    channels: Channels,
    life: Mutex<Life>,
    /// Rings when the state changes, or whether anybody changes it.
    changed: Condvar,
}

#[derive(Default)]
struct Life {
    state: State,
    /// Whether a thread is in the middle of a change.
    is_changing: bool,
    /// Whether an exit is to follow that change.
    wants_exit: bool,
    /// What it exits for, until somebody is told.
    cause: Option<Failures>,
}

/// A bus that is known of and not kept: for what it itself keeps.
#[derive(Clone)]
pub(crate) struct WeakBus(Weak<Shared>);

impl WeakBus {
    /// The bus, if anybody else still has it.
    pub(crate) fn upgrade(&self) -> Option<Bus> {
        self.0.upgrade().map(|shared| Bus { shared })
    }

    /// Whether it is `bus`.
    pub(crate) fn is(&self, bus: &Bus) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&bus.shared))
    }
}

impl Life {
    /// Whether it has ended, and everybody has been told.
    fn has_ended(&self) -> bool {
        self.state == State::Exiting && !self.is_changing
    }
}

impl Bus {
    /// A bus that is stopped and that nobody listens to, except that what is told on `log` goes to the `log` crate, as target `drupe::bus`.
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

    /// Has `listener` called for each message of `channel`, after those of lower `priority` (CherryPy's own are from 25 to 77, 50 where it does
    /// not matter). `name` is what failures are reported under.
    ///
    /// A listener should hold no clone of its bus, which would then never be dropped: [`Message::bus`] has it.
    pub fn subscribe(
        &self,
        channel: &str,
        priority: i32,
        name: &str,
        listener: impl Fn(&Message<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Subscription {
        let subscription = self.shared.channels.add(channel, priority, name, Arc::new(listener));
        if channel == MAIN {
            // Whoever blocks is to tick from now on; under the lock, so that he is not just between looking and waiting.
            drop(self.life());
            self.shared.changed.notify_all();
        }
        subscription
    }

    /// Ends a subscription; false if there is none of that name. A message that is being published may still reach it.
    pub fn unsubscribe(&self, subscription: Subscription) -> bool {
        self.shared.channels.remove(subscription)
    }

    /// Tells `text` to all listeners of `channel`; nothing happens if there are none.
    ///
    /// # Errors
    /// Those who have failed, after all have run; they are logged as well.
    pub fn publish(&self, channel: &str, text: &str) -> Result<(), Failures> {
        self.tell(channel, text, false)
    }

    /// Says `text` on the channel `log`.
    pub fn log(&self, text: &str) {
        self.say(text, false);
    }

    pub(crate) fn downgrade(&self) -> WeakBus {
        WeakBus(Arc::downgrade(&self.shared))
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.life().state
    }

    /// Starts: tells `start`. Nothing happens if it is started.
    ///
    /// # Errors
    /// `Failed` if a listener has failed: then `stop` and `exit` have been told as well, so that nothing is left, and who waits or blocks is
    /// told why. `Refused` in the middle of another change.
    pub fn start(&self) -> Result<(), BusError> {
        self.change("start", |state| match state {
            State::Started => BusStep::Done,
            State::Stopped | State::Exiting => BusStep::Do(Self::do_start),
            _ => BusStep::Refuse,
        })
    }

    /// Stops: tells `stop`. Nothing happens if it does not run.
    ///
    /// # Errors
    /// `Failed` if a listener has failed; it is stopped nevertheless. `Refused` in the middle of another change.
    pub fn stop(&self) -> Result<(), BusError> {
        self.change("stop", |state| match state {
            State::Stopped | State::Exiting => BusStep::Done,
            State::Started => BusStep::Do(|bus| Ok(bus.do_stop(false)?)),
            _ => BusStep::Refuse,
        })
    }

    /// Stops and starts again, in this process: tells `stop`, `restart` and `start`. If it does not run it is started.
    ///
    /// # Errors
    /// As [`stop`](Self::stop), whose failures do not keep it from being started again, and [`start`](Self::start).
    pub fn restart(&self) -> Result<(), BusError> {
        self.change("restart", |state| match state {
            State::Started => BusStep::Do(Self::do_restart),
            State::Stopped | State::Exiting => BusStep::Do(Self::do_start),
            _ => BusStep::Refuse,
        })
    }

    /// Ends: stops if it runs, then tells `exit`; who blocks goes on. Nothing happens if it has ended.
    ///
    /// In the middle of a change, by whatever thread, it is noted and done by that thread right afterwards: then this returns at once. So a
    /// listener may ask for it, and so may whoever is being stopped.
    ///
    /// # Errors
    /// `Failed` if a listener has failed; it has ended nevertheless.
    pub fn exit(&self) -> Result<(), BusError> {
        self.end(None)
    }

    /// Has it end because the part called `name` cannot go on: an [`exit`](Self::exit) whose cause [`block`](Self::block) and
    /// [`wait`](Self::wait) return as an error.
    pub fn fail(&self, name: &str, error: impl Into<BoxError>) {
        let cause = Failures { channel: "failed".to_owned(), failed: vec![(name.to_owned(), error.into().into())] };
        self.say(&cause.to_string(), true);
        // Those who fail at it are logged, and nobody here to be told.
        let _ = self.end(Some(cause));
    }

    /// Tells `graceful`: files are opened anew, everything goes on.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn graceful(&self) -> Result<(), Failures> {
        self.log("bus graceful");
        self.publish("graceful", "")
    }

    /// Waits until it is in one of `states`, at the longest for `timeout`; says in which. In the middle of a restart it is not taken for
    /// stopped, nor for having ended before the listeners of `exit` have run.
    ///
    /// # Errors
    /// `TimedOut`; `Exited`, or `Failed` with the cause, if the bus has ended and that is not what is waited for.
    pub fn wait(&self, states: &[State], timeout: Option<Duration>) -> Result<State, BusError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut life = self.life();
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

    /// Waits until it has ended. While anybody listens on `main`, that is told every tenth of a second, in this thread.
    ///
    /// Not for listeners, which it would wait for.
    ///
    /// # Errors
    /// `Failed` with what it has ended for, if that was no [`exit`](Self::exit).
    pub fn block(&self) -> Result<(), BusError> {
        let mut life = self.life();
        while !life.has_ended() {
            let tick = self.shared.channels.has(MAIN).then_some(TICK);
            let is_time;
            (life, is_time) = self.changed(life, tick);
            if is_time {
                drop(life);
                // Who fails is logged, and the next tick is the next chance.
                let _ = self.publish(MAIN, "");
                life = self.life();
            }
        }
        life.cause.clone().map_or(Ok(()), |cause| Err(BusError::Failed(cause)))
    }

    /// Waits for a change, at the longest for `time`; says whether that is over.
    fn changed<'a>(&'a self, life: MutexGuard<'a, Life>, time: Option<Duration>) -> (MutexGuard<'a, Life>, bool) {
        let changed = &self.shared.changed;
        match time {
            None => (changed.wait(life).unwrap_or_else(PoisonError::into_inner), false),
            Some(time) => {
                let (life, waited) = changed.wait_timeout(life, time).unwrap_or_else(PoisonError::into_inner);
                (life, waited.timed_out())
            }
        }
    }

    fn tell(&self, channel: &str, text: &str, is_restart: bool) -> Result<(), Failures> {
        let message = Message { bus: self, channel, text, is_trouble: false, is_restart, has_failures: false };
        let told = self.shared.channels.tell(&message);
        if let Err(failures) = &told {
            // Who fails to log cannot be logged by those who do; who fails to start is told to the starter, and to all who wait.
            if channel != LOG && channel != START {
                self.say(&failures.to_string(), true);
            }
        }
        told
    }

    fn say(&self, text: &str, is_trouble: bool) {
        let message = Message { bus: self, channel: LOG, text, is_trouble, is_restart: false, has_failures: false };
        if let Err(failures) = self.shared.channels.tell(&message) {
            log::error!(target: "drupe::bus", "{failures}");
        }
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn life(&self) -> MutexGuard<'_, Life> {
        self.shared.life.lock().unwrap_or_else(PoisonError::into_inner)
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
/// Where it does not matter.
const DEFAULT_PRIORITY: i32 = 50;
/// How often `main` is told.
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
