//! Changes of state: one thread at a time, and no listener called under a lock.

use super::Bus;
use super::error::{BusError, Failures};
use super::state::State;

/// The response to a requested change in a given state.
pub(super) enum BusStep {
    /// The bus is already in the requested state.
    Done,
    Do(fn(&Bus) -> Result<(), BusError>),
    Refuse,
}

impl Bus {
    /// Runs a change of state exclusively, then any exit requested meanwhile by other threads.
    pub(super) fn change(&self, wish: &'static str, judge: impl FnOnce(State) -> BusStep) -> Result<(), BusError> {
        let work = {
            let mut life = self.shared.life.lock();
            let state = life.state;
            match judge(state) {
                BusStep::Done if !life.is_changing => return Ok(()),
                BusStep::Do(work) if !life.is_changing => {
                    life.is_changing = true;
                    work
                }
                _ => return Err(BusError::Refused { wish, state }),
            }
        };
        let result = work(self);
        loop {
            let mut life = self.shared.life.lock();
            if !std::mem::take(&mut life.wants_exit) {
                life.is_changing = false;
                break;
            }
            drop(life);
            // The requester of the exit has already returned; failures are logged.
            let _ = self.do_exit();
        }
        self.shared.changed.notify_all();
        result
    }

    pub(super) fn end(&self, cause: Option<Failures>) -> Result<(), BusError> {
        {
            let mut life = self.shared.life.lock();
            // Only the first cause is kept, and none if the bus has ended.
            if life.cause.is_none() && !life.has_ended() {
                life.cause = cause;
            }
            if life.is_changing {
                life.wants_exit = true;
                return Ok(());
            }
        }
        let ended = self.change("exit", |state| match state {
            State::Exiting => BusStep::Done,
            _ => BusStep::Do(Self::do_exit),
        });
        match ended {
            // Another thread began a change in between.
            Err(BusError::Refused { .. }) => self.end(None),
            ended => ended,
        }
    }

    pub(super) fn do_start(&self) -> Result<(), BusError> {
        self.shared.life.lock().cause = None;
        self.start_as(false)
    }

    fn start_as(&self, is_restart: bool) -> Result<(), BusError> {
        self.enter(State::Starting);
        let Err(failures) = self.tell("start", "", is_restart) else {
            self.enter(State::Started);
            return Ok(());
        };
        self.shared.life.lock().cause = Some(failures.clone());
        // A failure to stop is logged; the failure to start is returned.
        let _ = self.do_exit();
        Err(BusError::Failed(failures))
    }

    pub(super) fn do_stop(&self, is_restart: bool) -> Result<(), Failures> {
        self.enter(State::Stopping);
        let told = self.tell("stop", "", is_restart);
        self.enter(State::Stopped);
        told
    }

    pub(super) fn do_restart(&self) -> Result<(), BusError> {
        let stopped = self.do_stop(true);
        let told = self.tell("restart", "", true);
        self.start_as(true)?;
        Ok(stopped.and(told)?)
    }

    fn do_exit(&self) -> Result<(), BusError> {
        let stopped = match self.state() {
            State::Exiting => return Ok(()),
            State::Starting | State::Started => self.do_stop(false),
            State::Stopped | State::Stopping => Ok(()),
        };
        self.enter(State::Exiting);
        let exited = self.tell("exit", "", false);
        match (stopped, exited) {
            (Err(mut stopped), Err(exited)) => {
                stopped.failed.extend(exited.failed);
                Err(stopped.into())
            }
            (stopped, exited) => Ok(stopped.and(exited)?),
        }
    }

    fn enter(&self, next: State) {
        {
            let mut life = self.shared.life.lock();
            debug_assert!(life.state.may_become(next), "{} cannot become {next}", life.state);
            life.state = next;
        }
        self.shared.changed.notify_all();
        self.log(&format!("bus {next}"));
    }
}
