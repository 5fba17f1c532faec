//! The states of a server and their transitions, shared by the server and its handles.

use std::error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use super::driven::Buses;
use super::graceful::Listeners;
use super::in_force::Reloading;
use super::running::{Prepared, Running};
use super::served::Served;
use super::told::ErrorText;
use crate::address::BindAddr;
use crate::bus::notify;
use crate::engine::KeptListeners;
use crate::engine::Report;
use crate::error::Error;
use crate::http_server::Stopped;
use crate::message::Handler;
use crate::message::access::Hooks;
use crate::settings::ListeningSocket;
use crate::statistics::Statistics;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The state shared by a server and its handles.
pub(super) struct Shared {
    pub(super) served: Served,
    pub(super) life: Mutex<Life>,
    /// Notified when the state changes.
    pub(super) changed: Condvar,
    /// The callbacks that reopen files.
    pub(super) graceful: Listeners,
    /// The callbacks that observe exchanges, for the next start.
    pub(super) hooks: Mutex<Hooks>,
    pub(super) reloading: Reloading<Self>,
    /// Puts a page in front of the handler, if one is mounted.
    pub(super) front: Mutex<Option<Box<Front>>>,
}

#[derive(Default)]
pub(super) struct Life {
    pub(super) state: LifeState,
    /// The running engine or instance, or the last one while it has a thread to join.
    pub(super) running: Option<Arc<Running>>,
    /// The bound engine or instance to open, in `Prepared`.
    pub(super) prepared: Option<Prepared>,
    /// Listeners and connections for the next start, in `Paused`.
    pub(super) kept: KeptListeners,
    /// True if a stop was requested during another stop; a restart then ends in `Stopped`.
    is_unwanted: bool,
    /// The thread that stops the server, in `Stopping`.
    stopper: Option<ThreadId>,
    stopped: Stopped,
    /// True if the server is the purpose of the process; systemd is then told of the state.
    pub(super) is_main: bool,
    /// The final statistics of the last engine.
    pub(super) counted: Statistics,
    /// The cause of the end, unless stopped by a caller.
    pub(super) failure: Option<Cause>,
    /// The cause of a failure during a state change.
    pub(super) broken: Option<Cause>,
    /// The buses of the server, to be told of a failure.
    pub(super) buses: Buses,
    /// True if the `Server` is dropped; only handles are left, and no start is possible.
    pub(super) is_gone: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LifeState {
    #[default]
    Stopped,
    Starting,
    /// Listening, but not accepting yet.
    Prepared,
    Running,
    Stopping,
    /// In the middle of a restart: listening, with no engine running.
    Paused,
}

/// The cause of a failure, shared by all waiting callers.
type Cause = Arc<dyn error::Error + Send + Sync>;

/// Makes the handler in front of another.
type Front = dyn Fn(Arc<dyn Handler>) -> Arc<dyn Handler> + Send + Sync;

impl Shared {
    pub(super) fn new(served: Served) -> Self {
        let (graceful, reloading) = (Listeners::default(), Reloading::default());
        Self {
            served,
            life: Mutex::default(),
            changed: Condvar::new(),
            graceful,
            hooks: Mutex::default(),
            reloading,
            front: Mutex::default(),
        }
    }

    pub(super) fn stop(&self) -> Stopped {
        self.stop_for(LifeState::Stopped).unwrap_or_else(|| self.life().stopped)
    }

    /// Stops the server, and enters `next`; `None` if another call did. In `Paused` the listeners
    /// stay open, until a further stop closes them.
    pub(super) fn stop_for(&self, next: LifeState) -> Option<Stopped> {
        let (running, is_main) = {
            let mut life = self.life();
            while life.state == LifeState::Starting {
                life = self.changed.wait(life);
            }
            match (life.state, &life.running) {
                (LifeState::Running, _) => life.begin_stop()?,
                (LifeState::Stopping, running) => {
                    // The thread that stops the server, here from a callback, and the threads
                    // joined by the stop must not wait for the stop.
                    let waits = life.stopper != Some(thread::current().id())
                        && running.as_ref().is_some_and(|running| !running.is_ours());
                    life.is_unwanted |= next == LifeState::Stopped;
                    while waits && life.state == LifeState::Stopping {
                        life = self.changed.wait(life);
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

    /// Completes a stop that has begun.
    fn finish_stop(&self, running: &Arc<Running>, is_main: bool, next: LifeState) -> Stopped {
        match next {
            _ if !is_main => {}
            LifeState::Paused => notify::reloading(),
            _ => notify::stopping(),
        }
        let (stopped, kept) =
            if next == LifeState::Paused { running.pause() } else { (running.stop(), KeptListeners::default()) };
        if next == LifeState::Stopped {
            self.close_own_sockets();
        }
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
            self.close_own_sockets();
            self.life().state = LifeState::Stopped;
        }
        self.changed.notify_all();
        log::info!("server stopped: {} requests finished, {} connections cut", stopped.finished, stopped.cut);
        stopped
    }

    /// Closes a bound, idle server, unless `next` is `Paused`.
    fn give_up(&self, mut life: MutexGuard<'_, Life>, next: LifeState) {
        if next == LifeState::Paused {
            return;
        }
        let (prepared, kept) = (life.prepared.take(), std::mem::take(&mut life.kept));
        let is_main = life.is_main;
        life.state = LifeState::Stopping;
        life.stopper = Some(thread::current().id());
        drop(life);
        if is_main {
            notify::stopping();
        }
        if let Some(prepared) = prepared {
            prepared.give_up();
        }
        drop(kept);
        self.close_own_sockets();
        self.life().state = LifeState::Stopped;
        self.changed.notify_all();
    }

    /// Closes the program's sockets that the last running engine has used.
    pub(super) fn close_own_sockets(&self) {
        self.reloading.in_force().listen_sockets.iter().for_each(ListeningSocket::close);
    }

    /// Stops after a failure of the serving side; waiting callers get the cause.
    pub(super) fn fail(&self, cause: Cause) {
        let (running, is_main, buses) = {
            let mut life = self.life();
            // Under the same lock: otherwise a thread stopping the server and this thread could
            // wait for each other.
            let Some((running, is_main)) = life.begin_stop() else {
                if life.state != LifeState::Stopped {
                    // The thread that changes the state finds the cause; no wait is needed.
                    life.broken = Some(cause);
                }
                return;
            };
            life.failure = Some(Arc::clone(&cause));
            (running, is_main, life.buses.clone())
        };
        log::error!("serving failed: {cause}; stopping the server");
        self.finish_stop(&running, is_main, LifeState::Stopped);
        buses.fail(&cause);
    }

    /// Returns the callback for a listener that has died.
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

    /// Waits until the server runs.
    pub(super) fn wait(&self) -> Result<(), Error> {
        let mut life = self.life();
        loop {
            match (life.state, &life.failure) {
                (LifeState::Running, _) => return Ok(()),
                (LifeState::Stopped, Some(cause)) => return Err(Error::Serving { source: Arc::clone(cause) }),
                _ if life.is_gone => return Err(Error::Stopped),
                _ => life = self.changed.wait(life),
            }
        }
    }

    /// Waits until the server is stopped, and joins the remaining threads.
    pub(super) fn block(&self) -> Result<(), Error> {
        let failure = {
            let mut life = self.life();
            while life.state != LifeState::Stopped {
                life = self.changed.wait(life);
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

    /// Applies `change`, then drops an engine whose threads have ended, which closes listeners and
    /// poller.
    fn let_go(&self, running: &Arc<Running>, change: impl FnOnce(&mut Life)) {
        // Before the lock, because an instance may use the server.
        let counted = running.is_over().then(|| running.final_statistics());
        let mut life = self.life();
        change(&mut life);
        let is_last = life.running.as_ref().is_some_and(|last| Arc::ptr_eq(last, running));
        if let Some(counted) = counted.filter(|_| is_last) {
            life.counted = counted;
            life.running = None;
        }
    }

    /// Waits until a start under way is done.
    pub(super) fn wait_for_start(&self) {
        let mut life = self.life();
        while life.state == LifeState::Starting {
            life = self.changed.wait(life);
        }
    }

    /// Returns what runs; `None` unless in `Running`.
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

    /// Ends the wait of a stop under way.
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

    /// Waits until no start or stop is under way, then returns the locked life.
    pub(super) fn settled(&self) -> MutexGuard<'_, Life> {
        let mut life = self.life();
        while matches!(life.state, LifeState::Starting | LifeState::Stopping) {
            life = self.changed.wait(life);
        }
        life
    }

    /// As [`settled`](Self::settled), for a start.
    ///
    /// # Errors
    /// `Stopped` during a stop if the calling thread runs that stop, or runs a handler or a
    /// callback for which the stop waits.
    pub(super) fn settled_to_start(&self) -> Result<MutexGuard<'_, Life>, Error> {
        let mut life = self.life();
        while matches!(life.state, LifeState::Starting | LifeState::Stopping) {
            let is_awaited = life.stopper == Some(thread::current().id())
                || life.running.as_ref().is_some_and(|running| running.is_ours());
            if life.state == LifeState::Stopping && is_awaited {
                return Err(Error::Stopped);
            }
            life = self.changed.wait(life);
        }
        Ok(life)
    }

    /// Returns the buses of a stopped server, and none of a running one.
    pub(super) fn resting_buses(&self) -> Buses {
        let life = self.settled();
        if life.state == LifeState::Stopped { life.buses.clone() } else { Buses::default() }
    }

    /// Locks the life.
    pub(super) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock()
    }
}

impl Life {
    /// Enters `Stopping`; returns what ran, and true if systemd is to be told. `None` unless
    /// running.
    fn begin_stop(&mut self) -> Option<(Arc<Running>, bool)> {
        let running = self.running.clone().filter(|_| self.state == LifeState::Running)?;
        // An observer of `Stopping` may rely on this announcement.
        running.announce_stop();
        self.state = LifeState::Stopping;
        self.stopper = Some(thread::current().id());
        self.is_unwanted = false;
        Some((running, self.is_main))
    }

    /// Records a failed start. Waiting callers get the error as text; the error itself goes to the
    /// starter.
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
    use super::*;
    use crate::message::Request;
    use crate::server::Server;

    /// Makes a server on a free port.
    fn server() -> Server {
        let mut server = Server::new(|_: &mut Request| "hello");
        server.settings.socket_port = 0;
        server
    }

    /// Breaks the listeners of a running server.
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

    #[cfg(feature = "process")]
    #[test]
    fn a_listener_that_dies_ends_the_bus() {
        let (bus, server) = (crate::bus::Bus::new(), server());
        server.subscribe(&bus);
        bus.start().unwrap();
        let address = server.bound_addr().unwrap();
        break_down(&server);
        let told = bus.block().unwrap_err().to_string();
        let expected = format!("failed: HTTP server: serving failed: cannot listen on {address}: ");
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
