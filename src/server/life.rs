//! The states of a server and how it gets from one to the next, for everybody who holds it.

use std::error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::graceful::Listeners;
use super::reload::Reloading;
use super::running::{Prepared, Running};
use super::served::Served;
use super::told::ErrorText;
use crate::address::BindAddr;
use crate::bus::{WeakBus, notify};
use crate::engine::KeptListeners;
use crate::engine::Report;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::statistics::{Page, Statistics};

/// What a server and its handles share.
pub(super) struct Shared {
    pub(super) served: Served,
    pub(super) life: Mutex<Life>,
    /// Rings when the state changes.
    pub(super) changed: Condvar,
    /// Who opens things anew when asked.
    pub(super) graceful: Listeners,
    pub(super) reloading: Reloading,
    /// Where its statistics are shown, if they are.
    pub(super) page: Mutex<Option<Page>>,
}

#[derive(Default)]
pub(super) struct Life {
    pub(super) state: LifeState,
    /// What runs, or the last one for as long as it has a thread left to join.
    pub(super) running: Option<Arc<Running>>,
    /// What is to open, in `Prepared`.
    pub(super) prepared: Option<Prepared>,
    /// What the next start goes on with, in `Paused`.
    pub(super) kept: KeptListeners,
    /// Whether somebody has asked for a stop while another was at it: a restart goes no further then.
    is_unwanted: bool,
    stopped: Stopped,
    /// Whether it is what the process is for, so that its state is that of the service: systemd is told.
    pub(super) is_main: bool,
    /// What the last engine had counted when it was let go.
    pub(super) counted: Statistics,
    /// Why it does not run, if nobody has stopped it.
    pub(super) failure: Option<Cause>,
    /// Why it cannot go on, where that came up in the middle of a change.
    pub(super) broken: Option<Cause>,
    /// The buses it is on, to be told of a failure.
    pub(super) buses: Vec<WeakBus>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LifeState {
    #[default]
    Stopped,
    Starting,
    /// It listens and accepts nobody yet.
    Prepared,
    Running,
    Stopping,
    /// It is in the middle of a restart: it listens, and nothing runs.
    Paused,
}

/// What a failure is, told to everybody who waits.
type Cause = Arc<dyn error::Error + Send + Sync>;

impl Shared {
    pub(super) fn new(served: Served) -> Self {
        let (graceful, reloading) = (Listeners::default(), Reloading::default());
        Self { served, life: Mutex::default(), changed: Condvar::new(), graceful, reloading, page: Mutex::default() }
    }

    pub(super) fn stop(&self) -> Stopped {
        self.stop_for(LifeState::Stopped).unwrap_or_else(|| self.life().stopped)
    }

    /// Stops what runs, and enters `next`; `None` if it was not this call that stopped it. In `Paused` the listeners stay open; a stop that
    /// is asked for meanwhile ends that.
    pub(super) fn stop_for(&self, next: LifeState) -> Option<Stopped> {
        let (running, is_main) = {
            let mut life = self.life();
            while life.state == LifeState::Starting {
                life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
            }
            match (life.state, &life.running) {
                (LifeState::Running, _) => life.begin_stop()?,
                (LifeState::Stopping, running) => {
                    // Another is at it. Who is waited for himself must not wait for him.
                    let waits = running.as_ref().is_some_and(|running| !running.is_ours());
                    life.is_unwanted |= next == LifeState::Stopped;
                    while waits && life.state == LifeState::Stopping {
                        life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
                    }
                    return None;
                }
                (LifeState::Prepared | LifeState::Paused, _) => {
                    self.give_up(life, next);
                    return None;
                }
                _ => return None,
            }
        };
        Some(self.finish_stop(&running, is_main, next))
    }

    /// Goes through with a stop that has begun.
    fn finish_stop(&self, running: &Arc<Running>, is_main: bool, next: LifeState) -> Stopped {
        match next {
            _ if !is_main => {}
            LifeState::Paused => notify::reloading(),
            _ => notify::stopping(),
        }
        let (stopped, kept) =
            if next == LifeState::Paused { running.pause() } else { (running.stop(), KeptListeners::default()) };
        let mut unwanted = None;
        self.let_go(running, |life| {
            life.stopped = stopped;
            if std::mem::take(&mut life.is_unwanted) && next == LifeState::Paused {
                unwanted = Some(kept);
            } else {
                (life.state, life.kept) = (next, kept);
            }
        });
        if let Some(kept) = unwanted {
            if is_main {
                notify::stopping();
            }
            drop(kept);
            self.life().state = LifeState::Stopped;
        }
        self.changed.notify_all();
        log::info!("stopped: {} finished, {} cut", stopped.finished, stopped.cut);
        stopped
    }

    /// Gives up what has been bound and does not serve.
    fn give_up(&self, mut life: MutexGuard<'_, Life>, next: LifeState) {
        if next == LifeState::Paused {
            return;
        }
        let (prepared, kept) = (life.prepared.take(), std::mem::take(&mut life.kept));
        life.state = LifeState::Stopping;
        drop(life);
        if let Some(prepared) = prepared {
            prepared.give_up();
        }
        drop(kept);
        self.life().state = LifeState::Stopped;
        self.changed.notify_all();
    }

    /// Stops because the serving side cannot go on: who waits is told why.
    pub(super) fn fail(&self, cause: Cause) {
        let (running, is_main, buses) = {
            let mut life = self.life();
            // At once: another who stops it meanwhile would wait for this thread, and this one for him.
            let Some((running, is_main)) = life.begin_stop() else {
                if life.state != LifeState::Stopped {
                    // Whoever is at it finds it, and does not have to be waited for.
                    life.broken = Some(cause);
                }
                return;
            };
            life.failure = Some(Arc::clone(&cause));
            (running, is_main, life.buses.clone())
        };
        log::error!("the server cannot go on: {cause}");
        self.finish_stop(&running, is_main, LifeState::Stopped);
        for bus in buses.iter().filter_map(WeakBus::upgrade) {
            bus.fail("HTTP server", Error::Serving { source: Arc::clone(&cause) });
        }
    }

    /// What tells of a listener that has died.
    pub(super) fn report(self: &Arc<Self>) -> Report {
        let shared = Arc::downgrade(self);
        Arc::new(move |address: &BindAddr, error: io::Error| {
            if let Some(shared) = shared.upgrade() {
                shared.fail(Arc::new(Error::Bind { address: address.to_string(), source: error }));
            }
        })
    }

    pub(super) fn set_main(&self, is_main: bool) {
        let is_running = {
            let mut life = self.life();
            life.is_main = is_main;
            life.state == LifeState::Running
        };
        if is_main && is_running {
            notify::ready();
        }
    }

    /// Waits until it runs.
    pub(super) fn wait(&self) -> Result<(), Error> {
        let mut life = self.life();
        loop {
            match (life.state, &life.failure) {
                (LifeState::Running, _) => return Ok(()),
                (LifeState::Stopped, Some(cause)) => return Err(Error::Serving { source: Arc::clone(cause) }),
                _ => life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits until it is stopped, and joins what is left.
    pub(super) fn block(&self) -> Result<(), Error> {
        let failure = {
            let mut life = self.life();
            while life.state != LifeState::Stopped {
                life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
            }
            life.failure.clone()
        };
        self.join_rest();
        failure.map_or(Ok(()), |source| Err(Error::Serving { source }))
    }

    pub(super) fn join_rest(&self) {
        let running = self.running();
        if let Some(running) = running.filter(|running| !running.is_ours()) {
            running.join_rest();
            self.let_go(&running, |_| {});
        }
    }

    /// Makes a change, then gives up an engine that is over: its listeners and its poller are closed with it.
    fn let_go(&self, running: &Arc<Running>, change: impl FnOnce(&mut Life)) {
        let mut life = self.life();
        change(&mut life);
        if running.is_over() && life.running.as_ref().is_some_and(|last| Arc::ptr_eq(last, running)) {
            life.counted = running.statistics();
            life.running = None;
        }
    }

    /// Waits while it is in the middle of a start.
    pub(super) fn wait_for_start(&self) {
        let mut life = self.life();
        while life.state == LifeState::Starting {
            life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What runs, as opposed to what has.
    pub(super) fn serving(&self) -> Option<Arc<Running>> {
        let life = self.life();
        life.running.clone().filter(|_| life.state == LifeState::Running)
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.serving().map_or_else(Vec::new, |running| running.addresses())
    }

    pub(super) fn listening(&self) -> Vec<BindAddr> {
        self.serving().map_or_else(Vec::new, |running| running.listening())
    }

    /// Has a stop that is under way wait no longer.
    pub(super) fn cut(&self) {
        let running = {
            let life = self.life();
            life.running.clone().filter(|_| life.state == LifeState::Stopping)
        };
        if let Some(running) = running {
            running.cut();
        }
    }

    pub(super) fn running(&self) -> Option<Arc<Running>> {
        self.life().running.clone()
    }

    /// The life once nobody is in the middle of changing it.
    pub(super) fn settled(&self) -> MutexGuard<'_, Life> {
        let mut life = self.life();
        while matches!(life.state, LifeState::Starting | LifeState::Stopping) {
            life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
        life
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    pub(super) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    /// Enters `Stopping`, if it runs; gives what does, and whether systemd is to be told.
    fn begin_stop(&mut self) -> Option<(Arc<Running>, bool)> {
        let running = self.running.clone().filter(|_| self.state == LifeState::Running)?;
        // Whoever sees that it is stopping may rely on it.
        running.announce_stop();
        self.state = LifeState::Stopping;
        self.is_unwanted = false;
        Some((running, self.is_main))
    }

    /// Enters that a start has failed; who waits for it is told in words, as the error itself is the starter's.
    pub(super) fn fail_to_start(&mut self, error: Error) -> Error {
        self.state = LifeState::Stopped;
        self.failure = Some(Arc::new(ErrorText::of(&error)));
        error
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.life().state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::bus::Bus;
    use crate::message::Request;
    use crate::server::Server;

    /// A server on a port of its own.
    fn server() -> Server {
        let mut server = Server::new(|_: &mut Request| "hello");
        server.settings.socket_port = 0;
        server
    }

    /// Has the listeners of a server that runs die under it.
    fn break_down(server: &Server) {
        match &*server.shared.serving().unwrap() {
            Running::Engine(engine) => engine.entrances().iter().for_each(|entrance| entrance.break_down()),
            Running::Instance(_) => unreachable!("there is none"),
        }
    }

    #[test]
    fn a_listener_that_dies_ends_the_waits_with_the_reason() {
        let server = server();
        server.start().unwrap();
        let address = server.bound_addr().unwrap();
        let handle = server.handle();
        let blocked = thread::spawn(move || handle.block());
        break_down(&server);
        let error = blocked.join().unwrap().unwrap_err();
        let Error::Serving { source } = error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), format!("cannot listen on {address}"));
        assert!(source.source().is_some());
        assert!(matches!(server.wait(), Err(Error::Serving { .. })));
        server.start().unwrap();
        server.wait().unwrap();
        let _ = server.stop();
        server.block().unwrap();
    }

    #[test]
    fn a_listener_that_dies_ends_the_bus() {
        let (bus, server) = (Bus::new(), server());
        server.subscribe(&bus);
        bus.start().unwrap();
        let address = server.bound_addr().unwrap();
        break_down(&server);
        let told = bus.block().unwrap_err().to_string();
        let expected = format!("failed: HTTP server: the server cannot go on: cannot listen on {address}: ");
        assert!(told.starts_with(&expected), "{told}");
    }

    #[test]
    fn listeners_that_die_together_do_not_wait_for_each_other() {
        let mut server = server();
        server.settings.listen = vec![BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 0 }; 4];
        for _ in 0..100 {
            server.start().unwrap();
            break_down(&server);
            assert!(matches!(server.block(), Err(Error::Serving { .. })));
        }
    }

    #[test]
    fn a_listener_that_dies_during_a_restart_is_not_forgotten() {
        let server = server();
        server.start().unwrap();
        let running = server.shared.serving().unwrap();
        let Running::Engine(engine) = &*running else { unreachable!("there is no instance") };
        let entrances = engine.entrances();
        server.shared.stop_for(LifeState::Paused);
        entrances.iter().for_each(|entrance| entrance.break_down());
        let mut life = server.shared.life();
        while life.broken.is_none() {
            drop(life);
            thread::yield_now();
            life = server.shared.life();
        }
        drop(life);
        assert!(matches!(server.start(), Err(Error::Serving { .. })));
        assert!(!server.handle().is_running());
        drop(entrances);
        server.start().unwrap();
    }
}
