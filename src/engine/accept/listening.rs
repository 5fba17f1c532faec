//! An address that is listened on, with the threads that accept there, for longer than one engine if need be.
//!
//! At a restart the sockets stay open where nothing about them changes: connections wait in the kernel, and one that was accepted just then
//! waits at the gate, until there is an engine again. So nobody is refused.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::thread as accepting;
use crate::address::BindAddr;
use crate::engine::pool::Pool;
use crate::error::Error;
use crate::net::listener::{ListenOptions, Listener};

/// Told when nobody will be accepted any more, although nobody has said so.
pub(crate) type Report = Arc<dyn Fn(&BindAddr, io::Error) + Send + Sync>;

/// What listens on one address that was asked for; `localhost` has two listeners.
pub(crate) struct Entrance {
    asked: BindAddr,
    options: ListenOptions,
    listeners: Vec<Arc<Listener>>,
    gate: Arc<Gate>,
    /// The threads that accept, until they are joined.
    threads: Mutex<Vec<JoinHandle<()>>>,
    report: Report,
}

/// Where what was accepted is handed to an engine.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whom it leads to.
    pool: Option<Arc<Pool>>,
    /// How many are on their way in.
    inside: usize,
    is_closed: bool,
}

/// The way in to an engine, which does not end while this lives.
pub(crate) struct Inside<'a> {
    gate: &'a Gate,
    pub(crate) pool: Arc<Pool>,
}

impl Entrance {
    /// Binds, and accepts nobody yet.
    ///
    /// # Errors
    /// Those of [`Listener::bind`].
    pub(crate) fn bind(asked: &BindAddr, options: &ListenOptions, report: &Report) -> Result<Self, Error> {
        let listeners = Listener::bind(asked, options)?.into_iter().map(Arc::new).collect();
        let (asked, options, report) = (asked.clone(), options.clone(), Arc::clone(report));
        Ok(Self { asked, options, listeners, gate: Arc::default(), threads: Mutex::default(), report })
    }

    /// Whether it is what a bind with these would lead to, but for the time it takes.
    pub(crate) fn is_for(&self, asked: &BindAddr, options: &ListenOptions) -> bool {
        (&self.asked, &self.options) == (asked, options)
    }

    /// Has connections go to `pool` from now on.
    ///
    /// # Errors
    /// `Thread` if one that accepts could not be started.
    pub(in crate::engine) fn open(&self, pool: &Arc<Pool>) -> Result<(), Error> {
        self.gate.state().pool = Some(Arc::clone(pool));
        self.gate.changed.notify_all();
        if !self.threads().is_empty() {
            return Ok(());
        }
        for listener in &self.listeners {
            let (listener, gate, report) = (Arc::clone(listener), Arc::clone(&self.gate), Arc::clone(&self.report));
            let spawned = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
                accepting::run(&listener, &gate, &report);
            });
            self.threads().push(spawned.map_err(|source| Error::Thread { name: NAME.to_owned(), source })?);
        }
        Ok(())
    }

    /// Has connections wait. Afterwards none is on its way to an engine.
    pub(crate) fn shut(&self) {
        let mut state = self.gate.state();
        state.pool = None;
        while state.inside > 0 {
            state = self.gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Listens no more, and wakes who accepts; to be followed by [`join`](Self::join).
    pub(crate) fn close(&self) {
        {
            let mut state = self.gate.state();
            state.is_closed = true;
            state.pool = None;
        }
        self.gate.changed.notify_all();
        for listener in &self.listeners {
            if let Err(error) = listener.close() {
                log::error!("cannot close the listener on {}: {error}", listener.address());
            }
        }
    }

    /// Joins those who accepted; one that is calling this leaves later, by itself.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                log::error!("a thread that accepts has panicked");
            }
        }
    }

    pub(crate) fn tcp_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.tcp_addr())
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = BindAddr> {
        self.listeners.iter().map(|listener| listener.address().clone())
    }

    /// Has the sockets die under those who accept.
    #[cfg(test)]
    pub(crate) fn break_down(&self) {
        // Whoever has died first may have them closed already.
        self.listeners.iter().for_each(|listener| drop(listener.close()));
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Waits for an engine; `None` once it is closed.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(pool) = state.pool.clone() {
                state.inside += 1;
                return Some(Inside { gate: self, pool });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Enters the engine there is; `None` between two of them.
    pub(crate) fn try_enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state();
        let pool = state.pool.clone()?;
        state.inside += 1;
        Some(Inside { gate: self, pool })
    }

    /// Waits until it is closed, at the longest for `time`; says whether it is.
    pub(crate) fn closes_within(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), time, |state| !state.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Whom it leads to now.
    pub(crate) fn pool(&self) -> Option<Arc<Pool>> {
        self.state().pool.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.inside -= 1;
        if state.inside == 0 && state.pool.is_none() {
            drop(state);
            self.gate.changed.notify_all();
        }
    }
}

const NAME: &str = "drupe-accept";
