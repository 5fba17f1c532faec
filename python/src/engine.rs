//! The server as the Python half of the package sees it.

use std::collections::HashMap;
use std::mem;
use std::path::PathBuf;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use drupe::process::Stopped;
use drupe::settings::SettingsLayer;
use drupe::{BindAddr, Error, Server, ServerHandle, Settings};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use crate::application::{Failures, PyApplication};
use crate::environ::EnvironBase;
use crate::input::locked;
use crate::refusals;
use crate::workers::{self, Workers};

/// Settings as text, by their names.
type Texts = HashMap<String, String>;

/// A server of one application. Settings are given as text, under drupe's names.
#[pyclass(frozen, module = "drupe._drupe", weakref)]
pub(crate) struct Engine {
    /// Locked only while detached. `None` after the drop.
    server: Mutex<Option<Server>>,
    /// The values of the settings file at the start.
    file: Mutex<Option<SettingsLayer>>,
    handle: ServerHandle,
    callable: Arc<Mutex<Py<PyAny>>>,
    workers: Arc<Workers>,
    /// The process whose threads serve. A forked child has none of them.
    process: u32,
}

#[pymethods]
impl Engine {
    /// Makes a stopped server. `interrupt` is called with a `KeyboardInterrupt` or `SystemExit`
    /// that the application raises, and the environ.
    #[new]
    fn new(py: Python<'_>, application: Py<PyAny>, interrupt: Py<PyAny>) -> PyResult<Self> {
        let callable = Arc::new(Mutex::new(application));
        let server = Server::wsgi(PyApplication {
            callable: Arc::clone(&callable),
            base: EnvironBase::new(py)?,
            failures: Failures { interrupt: Arc::new(interrupt) },
        });
        let workers = Arc::<Workers>::default();
        let counted = Arc::clone(&workers);
        server.around_workers(move |work| counted.around(work));
        server.on_refusal(refusals::shape);
        let (handle, process) = (server.handle(), process::id());
        Ok(Self { server: Mutex::new(Some(server)), file: Mutex::default(), handle, callable, workers, process })
    }

    /// Replaces the application; also while the server runs.
    fn set_application(&self, application: Py<PyAny>) {
        let previous = mem::replace(&mut *locked(&self.callable), application);
        // Not under the lock: code of the program may run.
        drop(previous);
    }

    /// Binds and starts. The values of `file`, if given, override those of `defaults`, and those of
    /// `settings` override both.
    fn start(&self, py: Python<'_>, defaults: Texts, file: Option<PathBuf>, settings: Texts) -> PyResult<()> {
        self.check_process()?;
        py.detach(|| {
            let mut slot = locked(&self.server);
            let server = slot.as_mut().ok_or(Error::Stopped)?;
            let file = file.map(SettingsLayer::from_file).transpose()?;
            server.settings = settings_of(defaults, file.clone(), settings)?;
            *locked(&self.file) = file;
            server.start()
        })
        .map_err(raised)
    }

    /// Changes settings of a running server, given as for `start`; returns the names of those that
    /// need a restart. The values of the file are those of the start. Certificates and keys are
    /// loaded again only if their settings have changed.
    fn reload(&self, py: Python<'_>, defaults: Texts, settings: Texts) -> PyResult<Vec<&'static str>> {
        py.detach(|| {
            let file = locked(&self.file).clone();
            self.handle.adjust(&settings_of(defaults, file, settings)?)
        })
        .map_err(raised)
    }

    /// Loads certificates and keys again, for new connections.
    fn reload_certificates(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.handle.reload_tls()).map_err(raised)
    }

    /// Stops; waits for running requests. In a handler, the call does not wait for that handler.
    /// Returns the numbers of requests finished and of connections cut.
    ///
    /// # Errors
    /// The exception of a signal's handler, such as `KeyboardInterrupt`: running requests are cut,
    /// and the server has stopped.
    fn stop(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        if self.is_foreign() {
            return Ok((0, 0));
        }
        // The server knows a handler by its thread.
        if workers::is_worker() { Ok(py.detach(|| told(self.handle.stop()))) } else { self.stop_attentively(py) }
    }

    /// Waits until the server is stopped.
    fn block(&self, py: Python<'_>) -> PyResult<()> {
        self.check_process()?;
        py.detach(|| self.handle.block()).map_err(raised)
    }

    /// Waits for at most `seconds` until no worker thread is left. Returns true if so.
    fn wait_for_workers(&self, py: Python<'_>, seconds: f64) -> bool {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.is_foreign() || py.detach(|| self.workers.wait(time))
    }

    /// True while the server accepts connections.
    #[getter]
    fn is_running(&self) -> bool {
        !self.is_foreign() && self.handle.is_running()
    }

    /// The addresses: `(host, port)`, or the path of a Unix socket.
    #[getter]
    fn listening<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        if self.is_foreign() {
            return Ok(Vec::new());
        }
        let listening = py.detach(|| locked(&self.server).as_ref().map_or_else(Vec::new, Server::listening));
        listening.into_iter().map(|address| address_object(py, address)).collect()
    }

    /// The statistics, as numbers.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        if self.is_foreign() {
            return Ok(dict);
        }
        let numbers = py.detach(|| self.handle.statistics());
        dict.set_item("accepts", numbers.accepts)?;
        dict.set_item("bytes_read", numbers.bytes_read)?;
        dict.set_item("bytes_written", numbers.bytes_written)?;
        dict.set_item("connections", numbers.connections)?;
        dict.set_item("queue", numbers.queue)?;
        dict.set_item("refused", numbers.refused)?;
        dict.set_item("requests", numbers.requests)?;
        dict.set_item("run_time", numbers.run_time.as_secs_f64())?;
        dict.set_item("socket_errors", numbers.socket_errors)?;
        dict.set_item("threads", numbers.threads)?;
        dict.set_item("threads_idle", numbers.threads_idle)?;
        dict.set_item("turned_away", numbers.turned_away)?;
        dict.set_item("work_time", numbers.work_time.as_secs_f64())?;
        Ok(dict)
    }

    /// Starts or ends the measurement of times, while the server runs.
    fn measure(&self, is_wanted: bool) {
        if is_wanted { self.handle.resume_statistics() } else { self.handle.pause_statistics() }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.callable.try_lock() {
            Ok(callable) => visit.call(&*callable),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        self.set_application(py.None());
    }
}

impl Engine {
    /// Stops on a thread of its own, and runs handlers of signals meanwhile.
    fn stop_attentively(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        let handle = self.handle.clone();
        let (sender, receiver) = mpsc::channel();
        let stopping = thread::Builder::new().name("drupe-stop".to_owned());
        if stopping.spawn(move || sender.send(told(handle.stop()))).is_err() {
            // Without another thread, signals have to wait.
            return Ok(py.detach(|| told(self.handle.stop())));
        }
        let receiver = Mutex::new(receiver);
        let mut interrupted = Ok(());
        loop {
            match py.detach(|| locked(&receiver).recv_timeout(LOOK)) {
                Ok(stopped) => return interrupted.map(|()| stopped),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("the stop has panicked")),
            }
            interrupted = interrupted.and_then(|()| py.check_signals());
            if interrupted.is_err() {
                // Again each time, because the stop may not have begun yet.
                py.detach(|| self.handle.cut());
            }
        }
    }

    /// True in a forked child: the threads of the server are the parent's.
    fn is_foreign(&self) -> bool {
        self.process != process::id()
    }

    fn check_process(&self) -> PyResult<()> {
        if self.is_foreign() {
            return Err(PyRuntimeError::new_err("the server belongs to the parent of this process"));
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let server = locked(&self.server).take();
        if self.is_foreign() {
            // A stop would wait for threads that a forked child does not have.
            return mem::forget(server);
        }
        // Detached: the stop waits for handlers, which need the interpreter. At the end of the
        // interpreter no handler is left.
        let mut slot = Some(server);
        Python::try_attach(|py| py.detach(|| drop(slot.take())));
    }
}

/// Returns the numbers of requests finished and of connections cut.
fn told(stopped: Stopped) -> (u64, u64) {
    (stopped.finished as u64, stopped.cut as u64)
}

fn settings_of(defaults: Texts, file: Option<SettingsLayer>, texts: Texts) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    for (name, text) in defaults {
        settings.set(&name, &text)?;
    }
    if let Some(file) = file {
        let most = settings.thread_pool_max;
        settings.merge(file)?;
        if settings.thread_pool_max == most {
            // A default follows the number of threads of the file.
            settings.thread_pool_max = most.map(|most| most.max(settings.thread_pool));
        }
    }
    for (name, text) in texts {
        settings.set(&name, &text)?;
    }
    Ok(settings)
}

fn address_object(py: Python<'_>, address: BindAddr) -> PyResult<Bound<'_, PyAny>> {
    match address {
        BindAddr::Tcp { host, port } => Ok((host, port).into_pyobject(py)?.into_any()),
        BindAddr::Unix(path) => Ok(path.into_os_string().into_pyobject(py)?.into_any()),
        other => Ok(other.to_string().into_pyobject(py)?.into_any()),
    }
}

/// Returns the exception of `error`: `OSError` with the number of the system's error,
/// `ValueError` for a setting, else `RuntimeError`; with all causes in the text.
fn raised(error: Error) -> PyErr {
    let mut text = error.to_string();
    let mut number = None;
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        number = number.or_else(|| error.downcast_ref::<std::io::Error>()?.raw_os_error());
        cause = error.source();
    }
    match (bare(&error), number) {
        (_, Some(number)) => PyOSError::new_err((number, text)),
        (Error::Bind { .. } | Error::Resolve { .. } | Error::System { .. } | Error::Thread { .. }, None) => {
            PyOSError::new_err(text)
        }
        (Error::Serving { .. } | Error::Stopped, None) => PyRuntimeError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}

/// Returns the error inside the origins of `error`.
fn bare(error: &Error) -> &Error {
    match error {
        Error::Located { error, .. } => bare(error),
        error => error,
    }
}

/// The longest time from a signal to its handler during a stop.
const LOOK: Duration = Duration::from_millis(100);
