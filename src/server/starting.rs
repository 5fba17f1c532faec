//! The two steps of a start, binding and accepting, together or apart.

use std::sync::Arc;

use super::driven::Buses;
use super::life::{Life, LifeState, Shared};
use super::running::Prepared;
use crate::bus::notify;
use crate::config::Config;
use crate::engine::KeptListeners;
use crate::error::Error;
use crate::settings::Settings;

impl Shared {
    /// Binds and accepts. Returns false if the server runs already.
    pub(super) fn start(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let Some(kept) = self.claim_start()? else { return self.open(settings) };
        self.start_claimed(settings, kept).map(|()| true)
    }

    /// Starts after a pause, as [`start`](Self::start) does; fails if the server was stopped
    /// meanwhile.
    pub(super) fn go_on(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let claimed = {
            let mut life = self.settled_to_start()?;
            if life.state == LifeState::Stopped {
                return Err(Error::Stopped);
            }
            life.claim()
        };
        let Some(kept) = claimed else { return self.open(settings) };
        self.start_claimed(settings, kept).map(|()| true)
    }

    /// Completes a start that was claimed.
    pub(super) fn start_claimed(self: &Arc<Self>, settings: &Settings, kept: KeptListeners) -> Result<(), Error> {
        let prepared = self.bind(settings, kept)?;
        self.accept(settings, prepared)
    }

    /// Binds and reads files, without accepting. Does nothing if the server is bound or runs.
    pub(super) fn prepare(self: &Arc<Self>, settings: &Settings) -> Result<(), Error> {
        let Some(kept) = self.claim_start()? else { return Ok(()) };
        let prepared = self.bind(settings, kept)?;
        let mut life = self.life();
        life.prepared = Some(prepared);
        life.state = LifeState::Prepared;
        drop(life);
        self.changed.notify_all();
        Ok(())
    }

    /// Accepts on the addresses bound by [`prepare`](Self::prepare). Returns false if the server
    /// runs already.
    pub(super) fn open(self: &Arc<Self>, settings: &Settings) -> Result<bool, Error> {
        let prepared = {
            let mut life = self.settled_to_start()?;
            let Some(prepared) = life.prepared.take() else {
                return if life.state == LifeState::Running { Ok(false) } else { Err(Error::Stopped) };
            };
            life.state = LifeState::Starting;
            prepared
        };
        self.accept(settings, prepared).map(|()| true)
    }

    /// Enters `Starting`, after any change under way, and returns the listeners and connections to
    /// reuse; `None` if the server runs or listens already, or is dropped.
    ///
    /// # Errors
    /// As [`settled_to_start`](Self::settled_to_start).
    pub(super) fn claim_start(&self) -> Result<Option<KeptListeners>, Error> {
        Ok(self.settled_to_start()?.claim())
    }

    /// Gives up a claimed start.
    #[cfg(feature = "signals")]
    pub(super) fn give_up_start(&self) {
        self.life().state = LifeState::Stopped;
        self.changed.notify_all();
    }

    /// Forbids further starts, because the server is dropped. Returns the buses of the server.
    pub(super) fn retire(&self) -> Buses {
        let mut life = self.life();
        life.is_gone = true;
        let buses = std::mem::take(&mut life.buses);
        drop(life);
        self.changed.notify_all();
        buses
    }

    fn bind(self: &Arc<Self>, settings: &Settings, kept: KeptListeners) -> Result<Prepared, Error> {
        let report = self.report();
        let prepared = Config::resolve(settings).map(Arc::new).and_then(|config| {
            let handler = self.served.handler(&config);
            let handler = match &*self.front.lock() {
                Some(front) => front(handler),
                None => handler,
            };
            let hooks = self.hooks.lock().clone();
            Prepared::new(settings, config, handler, hooks, kept, &report)
        });
        let prepared = prepared.map_err(|error| self.fail_to_start(settings, error))?;
        let shared = Arc::downgrade(self);
        prepared.belong_to(shared);
        Ok(prepared)
    }

    /// Refuses a start because another part failed to start; waiting callers get an error.
    pub(super) fn refuse_to_start(&self) {
        let mut life = self.settled();
        let kept = std::mem::take(&mut life.kept);
        let ends_restart = life.is_main && life.state == LifeState::Paused;
        if matches!(life.state, LifeState::Stopped | LifeState::Paused) {
            life.fail_to_start(Error::Stopped);
        }
        drop(life);
        drop(kept);
        self.close_own_sockets();
        self.changed.notify_all();
        if ends_restart {
            notify::stopping();
        }
    }

    fn accept(self: &Arc<Self>, settings: &Settings, prepared: Prepared) -> Result<(), Error> {
        let running = prepared.open().map_err(|error| self.fail_to_start(settings, error))?;
        // In force lock first, as in a reload: the settings in force change together with the
        // running engine.
        let mut in_force = self.reloading.in_force();
        let mut life = self.life();
        if let Some(cause) = life.broken.take() {
            drop(life);
            drop(in_force);
            running.stop();
            return Err(self.fail_to_start(settings, Error::Serving { source: cause }));
        }
        *in_force = Arc::new(settings.clone());
        life.state = LifeState::Running;
        life.running = Some(Arc::clone(&running));
        let is_main = life.is_main;
        drop(life);
        drop(in_force);
        self.changed.notify_all();
        if is_main {
            notify::ready();
        }
        // At the end: the instance may report a failure at once, which needs the new state.
        let shared = Arc::downgrade(self);
        running.watch(Box::new(move |cause| {
            if let Some(shared) = shared.upgrade() {
                shared.fail(cause);
            }
        }));
        Ok(())
    }

    /// Records a failed start, and notifies waiting callers and systemd. A failed restart ends the
    /// use of the program's sockets.
    fn fail_to_start(&self, settings: &Settings, error: Error) -> Error {
        self.close_own_sockets();
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
    /// Enters `Starting`, and returns the listeners and connections to reuse; `None` if the server
    /// runs or listens already, or is dropped.
    fn claim(&mut self) -> Option<KeptListeners> {
        match self.state {
            _ if self.is_gone => return None,
            LifeState::Running | LifeState::Prepared => return None,
            LifeState::Stopped => self.broken = None,
            _ => {}
        }
        self.state = LifeState::Starting;
        self.failure = None;
        Some(std::mem::take(&mut self.kept))
    }
}
