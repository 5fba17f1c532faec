//! A listening address and the accepting threads, possibly for longer than one engine.
//!
//! At a restart unchanged sockets stay open. New connections wait in the kernel, and a connection
//! just accepted waits at the gate, until the next engine runs. No client is refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::thread as accepting;
use crate::address::BindAddr;
use crate::engine::pool::Pool;
use crate::error::Error;
use crate::net::listener::{ListenOptions, Listener};
use crate::sync::{Condvar, Mutex};

/// A callback, called if a listener fails without having been closed.
pub(crate) type Report = Arc<dyn Fn(&BindAddr, io::Error) + Send + Sync>;

/// The listeners of one configured address; `localhost` has two.
pub(crate) struct Entrance {
    asked: BindAddr,
    options: ListenOptions,
    listeners: Vec<Arc<Listener>>,
    gate: Arc<Gate>,
    /// The accepting threads, until joined.
    threads: Mutex<Vec<JoinHandle<()>>>,
    report: Report,
}

/// The gate between accepted connections and an engine.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The engine behind the gate.
    pool: Option<Arc<Pool>>,
    /// The number of [`Inside`] values.
    inside: usize,
    is_closed: bool,
}

/// Access to an engine. [`Entrance::shut`] waits until the value is dropped.
pub(crate) struct Inside<'a> {
    gate: &'a Gate,
    pub(crate) pool: Arc<Pool>,
}

impl Entrance {
    /// Binds, and does not accept yet.
    pub(crate) fn bind(asked: &BindAddr, options: &ListenOptions, report: &Report) -> Result<Self, Error> {
        let listeners = Listener::bind(asked, options)?.into_iter().map(Arc::new).collect();
        let (asked, options, report) = (asked.clone(), options.clone(), Arc::clone(report));
        Ok(Self { asked, options, listeners, gate: Arc::default(), threads: Mutex::default(), report })
    }

    /// True if a bind with these arguments would lead to the same listeners.
    pub(crate) fn is_for(&self, asked: &BindAddr, options: &ListenOptions) -> bool {
        (&self.asked, &self.options) == (asked, options)
    }

    /// Leads connections to `pool` from now on.
    ///
    /// # Errors
    /// `Thread` if an accepting thread could not be started.
    pub(in crate::engine) fn open(&self, pool: &Arc<Pool>) -> Result<(), Error> {
        self.gate.state.lock().pool = Some(Arc::clone(pool));
        self.gate.changed.notify_all();
        if !self.threads.lock().is_empty() {
            return Ok(());
        }
        for listener in &self.listeners {
            let (listener, gate, report) = (Arc::clone(listener), Arc::clone(&self.gate), Arc::clone(&self.report));
            let spawned = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
                accepting::run(&listener, &gate, &report);
            });
            self.threads.lock().push(spawned.map_err(|source| Error::Thread { name: NAME.to_owned(), source })?);
        }
        Ok(())
    }

    /// Makes connections wait at the gate. Afterwards none is on the way to an engine.
    pub(crate) fn shut(&self) {
        let mut state = self.gate.state.lock();
        state.pool = None;
        while state.inside > 0 {
            state = self.gate.changed.wait(state);
        }
    }

    /// Stops listening, and wakes the accepting threads; to be followed by [`join`](Self::join).
    pub(crate) fn close(&self) {
        {
            let mut state = self.gate.state.lock();
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

    /// Joins the accepting threads, except the calling one, which leaves later.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
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

    /// Closes the sockets under the accepting threads.
    #[cfg(test)]
    pub(crate) fn break_down(&self) {
        // The first thread to fail may have closed the sockets already.
        self.listeners.iter().for_each(|listener| drop(listener.close()));
    }
}

impl Gate {
    /// Waits for an engine; `None` once the gate is closed.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(pool) = state.pool.clone() {
                state.inside += 1;
                return Some(Inside { gate: self, pool });
            }
            state = self.changed.wait(state);
        }
    }

    /// Enters the present engine; `None` between two engines.
    pub(crate) fn try_enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state.lock();
        let pool = state.pool.clone()?;
        state.inside += 1;
        Some(Inside { gate: self, pool })
    }

    /// Waits until the gate is closed, for at most `time`. Returns true if closed.
    pub(crate) fn closes_within(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state.lock(), time, |state| !state.is_closed);
        waited.0.is_closed
    }

    /// The engine now behind the gate.
    pub(crate) fn pool(&self) -> Option<Arc<Pool>> {
        self.state.lock().pool.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.inside -= 1;
        if state.inside == 0 && state.pool.is_none() {
            drop(state);
            self.gate.changed.notify_all();
        }
    }
}

const NAME: &str = "drupe-accept";
