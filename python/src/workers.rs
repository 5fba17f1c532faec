//! The worker threads, attached to the interpreter for life and counted.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::input::locked;

/// The number of worker threads with a thread state.
#[derive(Default)]
pub(crate) struct Workers {
    present: Mutex<usize>,
    left: Condvar,
}

impl Workers {
    /// Runs the life of a worker. The worker keeps one thread state of the interpreter, so that
    /// `threading.local` lasts from request to request, and a call costs no new state.
    pub(crate) fn around(&self, work: &mut (dyn FnMut() + Send)) {
        *locked(&self.present) += 1;
        IS_WORKER.set(true);
        let attached = Python::try_attach(|py| {
            if let Err(error) = name_thread(py) {
                log::warn!("naming a worker thread for Python failed: {error}");
            }
            if let Err(error) = install_hooks(py) {
                log::warn!("installing the hooks of threading in a worker thread failed: {error}");
            }
            py.detach(&mut *work);
            if let Err(error) = forget_thread(py) {
                log::warn!("removing a worker thread from Python's list failed: {error}");
            }
        });
        if attached.is_none() {
            work();
        }
        // After the thread state is gone: then the interpreter may end.
        *locked(&self.present) -= 1;
        self.left.notify_all();
    }

    /// Waits for at most `time` until no worker is left. Returns true if so.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut present = locked(&self.present);
        while *present > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            present = self.left.wait_timeout(present, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// True if the calling thread is a worker thread.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Gives the calling thread its name in Python too, instead of `Dummy-1`.
fn name_thread(py: Python<'_>) -> PyResult<()> {
    let thread = py.import("threading")?.call_method0("current_thread")?;
    thread.setattr("name", thread::current().name().unwrap_or("drupe"))
}

/// Installs the hooks of `threading.settrace` and `threading.setprofile`, as Python does in threads
/// that it has started.
fn install_hooks(py: Python<'_>) -> PyResult<()> {
    let (threading, sys) = (py.import("threading")?, py.import("sys")?);
    for (asked, install) in [("gettrace", "settrace"), ("getprofile", "setprofile")] {
        let hook = threading.call_method0(asked)?;
        if !hook.is_none() {
            sys.call_method1(install, (hook,))?;
        }
    }
    Ok(())
}

/// Removes the calling thread from `threading.enumerate()`. Python removes threads that it has not
/// started only from version 3.12 on.
fn forget_thread(py: Python<'_>) -> PyResult<()> {
    let threading = py.import("threading")?;
    if let Some(active) = threading.getattr_opt("_active")? {
        active.call_method1("pop", (threading.call_method0("get_ident")?, py.None()))?;
    }
    Ok(())
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}
