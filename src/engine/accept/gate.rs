//! The gate between accepting threads, possibly older than the engine, and the engine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::address::BindAddr;
use crate::engine::pool::Pool;
use crate::sync::{Condvar, Mutex};

/// A callback, called if a listener fails without having been closed.
pub(crate) type Report = Arc<dyn Fn(&BindAddr, io::Error) + Send + Sync>;

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

/// Access to an engine. [`Gate::shut`] waits until the value is dropped.
pub(crate) struct Inside<'a> {
    gate: &'a Gate,
    pub(crate) pool: Arc<Pool>,
}

impl Gate {
    /// Leads connections to `pool` from now on.
    pub(super) fn open(&self, pool: &Arc<Pool>) {
        self.state.lock().pool = Some(Arc::clone(pool));
        self.changed.notify_all();
    }

    /// Makes connections wait at the gate. Afterwards none is on the way to an engine.
    pub(super) fn shut(&self) {
        let mut state = self.state.lock();
        state.pool = None;
        while state.inside > 0 {
            state = self.changed.wait(state);
        }
    }

    /// Ends every wait at the gate.
    pub(super) fn close(&self) {
        {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.pool = None;
        }
        self.changed.notify_all();
    }

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
