//! A start in its two steps, binding and accepting, with or without others in between.

use std::sync::Arc;

use super::life::{Life, LifeState, Shared};
use super::running::Prepared;
use crate::bus::notify;
use crate::config::Config;
use crate::engine::KeptListeners;
use crate::error::Error;
use crate::settings::Settings;

impl Shared {
    /// Binds and accepts. Nothing happens if it runs; says whether it did not.
    pub(super) fn start(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let Some(kept) = self.claim_start() else { return self.open(settings) };
        self.start_claimed(settings, kept).map(|()| true)
    }

    /// Starts after a pause, as [`start`](Self::start) does, unless somebody has stopped it since.
    pub(super) fn go_on(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let claimed = {
            let mut life = self.settled();
            if life.state == LifeState::Stopped {
                return Err(Error::Stopped);
            }
            life.claim()
        };
        let Some(kept) = claimed else { return self.open(settings) };
        self.start_claimed(settings, kept).map(|()| true)
    }

    /// Goes on from a claim.
    pub(super) fn start_claimed(self: &Arc<Self>, settings: &Settings, kept: KeptListeners) -> Result<(), Error> {
        let prepared = self.bind(settings, kept)?;
        self.accept(settings, prepared)
    }

    /// Binds and reads what a start reads; nobody is accepted yet. Nothing happens if that is done.
    pub(super) fn prepare(self: &Arc<Self>, settings: &Settings) -> Result<(), Error> {
        let Some(kept) = self.claim_start() else { return Ok(()) };
        let prepared = self.bind(settings, kept)?;
        let mut life = self.life();
        life.prepared = Some(prepared);
        life.state = LifeState::Prepared;
        drop(life);
        self.changed.notify_all();
        Ok(())
    }

    /// Accepts from now on what [`prepare`](Self::prepare) has bound. Says whether there was anything to do.
    pub(super) fn open(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let prepared = {
            let mut life = self.settled();
            let Some(prepared) = life.prepared.take() else {
                return if life.state == LifeState::Running { Ok(false) } else { Err(Error::Stopped) };
            };
            life.state = LifeState::Starting;
            prepared
        };
        self.accept(settings, prepared).map(|()| true)
    }

    /// Enters `Starting`, once nobody else is in the middle of anything, and gives what there is to go on with; `None` if it runs or
    /// listens already.
    pub(super) fn claim_start(&self) -> Option<KeptListeners> {
        self.settled().claim()
    }

    /// Gives up what has been claimed.
    #[cfg(feature = "signals")]
    pub(super) fn give_up_start(&self) {
        self.life().state = LifeState::Stopped;
        self.changed.notify_all();
    }

    fn bind(self: &Arc<Self>, settings: &Settings, kept: KeptListeners) -> Result<Prepared, Error> {
        let report = self.report();
        let prepared = Config::resolve(settings).and_then(|config| {
            let handler = self.with_page(self.served.handler(&config));
            Prepared::new(settings, config, handler, kept, &report)
        });
        prepared.map_err(|error| self.fail_to_start(settings, error))
    }

    /// Does not start, because others could not: who waits for it is told.
    pub(super) fn refuse_to_start(&self) {
        let mut life = self.settled();
        let kept = std::mem::take(&mut life.kept);
        if matches!(life.state, LifeState::Stopped | LifeState::Paused) {
            life.fail_to_start(Error::Stopped);
        }
        drop(life);
        drop(kept);
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, settings: &Settings, prepared: Prepared) -> Result<(), Error> {
        let running = prepared.open().map_err(|error| self.fail_to_start(settings, error))?;
        // Before the other lock, as for who reloads: what is in force changes together with what runs.
        let mut in_force = self.reloading.in_force();
        let mut life = self.life();
        if let Some(cause) = life.broken.take() {
            drop(life);
            drop(in_force);
            running.stop();
            return Err(self.fail_to_start(settings, Error::Serving { source: cause }));
        }
        in_force.clone_from(settings);
        life.state = LifeState::Running;
        life.running = Some(Arc::clone(&running));
        let is_main = life.is_main;
        drop(life);
        drop(in_force);
        self.changed.notify_all();
        if is_main {
            notify::ready();
        }
        // Only now: it may have something to report at once, of which the state has to be known.
        running.watch(self);
        Ok(())
    }

    /// Enters that a start has failed, and tells all whose business it is.
    fn fail_to_start(&self, settings: &Settings, error: Error) -> Error {
        let (error, is_main) = {
            let mut life = self.life();
            (life.fail_to_start(settings.locate(error)), life.is_main)
        };
        self.changed.notify_all();
        if is_main {
            notify::stopping();
        }
        error
    }
}

impl Life {
    /// Enters `Starting`, and gives what there is to go on with; `None` if it runs or listens already.
    fn claim(&mut self) -> Option<KeptListeners> {
        match self.state {
            LifeState::Running | LifeState::Prepared => return None,
            LifeState::Stopped => self.broken = None,
            _ => {}
        }
        self.state = LifeState::Starting;
        self.failure = None;
        Some(std::mem::take(&mut self.kept))
    }
}
