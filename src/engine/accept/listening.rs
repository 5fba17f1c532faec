//! A listening address and the accepting threads, possibly for longer than one engine.
//!
//! At a restart unchanged sockets stay open. New connections wait in the kernel, and a connection
//! just accepted waits at the gate, until the next engine runs. No client is refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::gate::{Gate, Report};
use super::thread as accepting;
use crate::address::BindAddr;
use crate::engine::pool::Pool;
use crate::error::Error;
use crate::net::listener::{Asked, ListenOptions, Listener};
use crate::sync::{Mutex, spawn};

/// The listeners of one configured address, of which `localhost` has two, or of one socket of the
/// program's own.
pub(crate) struct Entrance {
    asked: Asked,
    options: ListenOptions,
    listeners: Vec<Arc<Listener>>,
    gate: Arc<Gate>,
    /// The accepting threads, until joined.
    threads: Mutex<Vec<JoinHandle<()>>>,
    report: Report,
}

impl Entrance {
    /// Binds, and does not accept yet.
    pub(crate) fn bind(asked: &Asked, options: &ListenOptions, report: &Report) -> Result<Self, Error> {
        let listeners = Listener::open(asked, options)?.into_iter().map(Arc::new).collect();
        let (asked, options, report) = (asked.clone(), options.clone(), Arc::clone(report));
        Ok(Self { asked, options, listeners, gate: Arc::default(), threads: Mutex::default(), report })
    }

    /// True if a bind with these arguments would lead to the same listeners.
    pub(crate) fn is_for(&self, asked: &Asked, options: &ListenOptions) -> bool {
        (&self.asked, &self.options) == (asked, options)
    }

    /// Leads connections to `pool` from now on.
    ///
    /// # Errors
    /// `Thread` if an accepting thread could not be started.
    pub(in crate::engine) fn open(&self, pool: &Arc<Pool>) -> Result<(), Error> {
        self.gate.open(pool);
        if !self.threads.lock().is_empty() {
            return Ok(());
        }
        for listener in &self.listeners {
            let (listener, gate, report) = (Arc::clone(listener), Arc::clone(&self.gate), Arc::clone(&self.report));
            let spawned = spawn(
                thread::Builder::new().name(NAME.to_owned()),
                Box::new(move || accepting::run(&listener, &gate, &report)),
            );
            self.threads.lock().push(spawned.map_err(|source| Error::Thread { name: NAME.to_owned(), source })?);
        }
        Ok(())
    }

    /// Makes connections wait at the gate. Afterwards none is on the way to an engine.
    pub(crate) fn shut(&self) {
        self.gate.shut();
    }

    /// Stops listening, and wakes the accepting threads; to be followed by [`join`](Self::join).
    pub(crate) fn close(&self) {
        self.gate.close();
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
                log::error!("an accept thread panicked");
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

const NAME: &str = "drupe-accept";
