//! A user-supplied HTTP server under our life cycle: runs on a thread, is told to stop, and reports
//! the end.

use std::error;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::{HttpServer, Ready, Stopped};
use crate::address::BindAddr;
use crate::error::Error;
use crate::sync::{Condvar, Mutex, catch, spawn};

/// The cause of an end.
type Cause = Arc<dyn error::Error + Send + Sync>;

/// Called once with the cause of an unexpected end.
pub(crate) type EndReport = Box<dyn FnOnce(Cause) + Send>;

/// The control of an instance, for one start. A trait object, so that a program without an instance
/// does not carry the code.
pub(crate) trait Control: Send + Sync {
    /// The instance.
    fn server(&self) -> &dyn HttpServer;

    /// Starts the instance, and waits for the accept.
    ///
    /// # Errors
    /// `Serving` with the reason if the instance ended before; `Thread`.
    fn open(&self) -> Result<(), Error>;

    /// Calls `report` at an unexpected end; at once, if already ended.
    fn watch(&self, report: EndReport);

    /// Tells the instance to stop and waits; if the time is up, cuts the instance and waits once
    /// more.
    fn stop(&self) -> Stopped;

    /// Ends the wait of a stop under way.
    fn cut(&self);

    /// True if the calling thread is the one that serves.
    fn is_ours(&self) -> bool;

    /// True if the thread has ended.
    fn is_over(&self) -> bool;

    /// Joins the thread if the run has ended.
    fn join_rest(&self);

    /// The addresses on which the instance accepts connections.
    fn listening(&self) -> Vec<BindAddr>;
}

/// Prepares a run of `server`, to listen on `address`.
pub(crate) type Prepare = fn(server: Arc<dyn HttpServer>, address: BindAddr, patience: Duration) -> Box<dyn Control>;

/// Prepares a run of an instance on a thread.
pub(crate) const PREPARE: Prepare = |server, address, patience| {
    Box::new(Controlled { server, address, patience, course: Arc::default(), thread: Mutex::default() })
};

/// A controlled instance.
struct Controlled {
    server: Arc<dyn HttpServer>,
    address: BindAddr,
    /// Time limit of a stop; then the instance is cut.
    patience: Duration,
    course: Arc<Course>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The progress of a run, shared by the serving and the controlling threads.
#[derive(Default)]
struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The addresses of the instance, once accepting.
    accepts: Option<Vec<BindAddr>>,
    /// The result of the run, once ended.
    end: Option<Result<(), Cause>>,
    /// True if the end was requested, or has been reported.
    is_told: bool,
    is_cut: bool,
    serves: Option<ThreadId>,
    /// The report of an unexpected end, once watched.
    report: Option<EndReport>,
}

impl Control for Controlled {
    fn server(&self) -> &dyn HttpServer {
        &*self.server
    }

    fn open(&self) -> Result<(), Error> {
        let (server, address, course) = (Arc::clone(&self.server), self.address.clone(), Arc::clone(&self.course));
        let spawned =
            spawn(thread::Builder::new().name(NAME.to_owned()), Box::new(move || serve(&*server, &address, &course)));
        let thread = spawned.map_err(|source| Error::Thread { name: NAME.to_owned(), source })?;
        self.course.state.lock().serves = Some(thread.thread().id());
        *self.thread.lock() = Some(thread);
        let waits = |state: &mut State| state.accepts.is_none() && state.end.is_none();
        let state = self.course.changed.wait_while(self.course.state.lock(), waits);
        let end = state.end.clone().filter(|_| state.accepts.is_none());
        drop(state);
        let Some(end) = end else { return Ok(()) };
        self.join_rest();
        Err(Error::Serving { source: end.err().unwrap_or_else(|| Arc::from(early())) })
    }

    fn watch(&self, report: EndReport) {
        let due = {
            let mut state = self.course.state.lock();
            state.report = Some(report);
            state.take_report()
        };
        if let Some((cause, report)) = due {
            report(cause);
        }
    }

    fn stop(&self) -> Stopped {
        let begun = Instant::now();
        let has_ended = {
            let mut state = self.course.state.lock();
            state.is_told = true;
            state.end.is_some()
        };
        // An instance that has already returned might apply the stop to its next run.
        if !has_ended {
            quietly(|| self.server.stop());
        }
        if self.is_ours() {
            return Stopped { took: begun.elapsed(), ..Stopped::default() };
        }
        if !self.ends_within(self.patience, true) {
            quietly(|| self.server.cut());
            if !self.ends_within(LAST_CALL, false) {
                log::error!(target: TARGET, "the HTTP server did not return after the stop; its thread was left running");
            }
        }
        self.join_rest();
        Stopped { took: begun.elapsed(), ..Stopped::default() }
    }

    fn cut(&self) {
        self.course.state.lock().is_cut = true;
        self.course.changed.notify_all();
    }

    fn is_ours(&self) -> bool {
        self.course.state.lock().serves == Some(thread::current().id())
    }

    fn is_over(&self) -> bool {
        self.thread.lock().is_none()
    }

    fn join_rest(&self) {
        if self.is_ours() || !self.ends_within(LAST_CALL, false) {
            return;
        }
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!(target: TARGET, "the thread of the HTTP server panicked");
        }
    }

    fn listening(&self) -> Vec<BindAddr> {
        self.course.state.lock().accepts.clone().unwrap_or_default()
    }
}

impl Controlled {
    /// Waits for the end of the run, for at most `time`, and if `yields` until a cut. Returns true
    /// if the run has ended.
    fn ends_within(&self, time: Duration, yields: bool) -> bool {
        let waits = |state: &mut State| state.end.is_none() && !(yields && state.is_cut);
        let waited = self.course.changed.wait_timeout_while(self.course.state.lock(), time, waits);
        waited.0.end.is_some()
    }
}

impl State {
    /// Returns the cause of an unexpected end and its report; at most once.
    fn take_report(&mut self) -> Option<(Cause, EndReport)> {
        let cause = match &self.end {
            Some(Err(cause)) => Arc::clone(cause),
            Some(Ok(())) => Arc::from(early()),
            None => return None,
        };
        let report = self.report.take_if(|_| !self.is_told)?;
        self.is_told = true;
        Some((cause, report))
    }
}

/// Runs the instance on its thread.
fn serve(server: &dyn HttpServer, address: &BindAddr, course: &Arc<Course>) {
    let told = Arc::clone(course);
    let ready = Ready::new(move |addresses| {
        told.state.lock().accepts = Some(addresses);
        told.changed.notify_all();
    });
    let end = catch(|| server.serve(address, ready));
    let end = end.unwrap_or_else(|_| Err("serve panicked".into())).map_err(Arc::from);
    let due = {
        let mut state = course.state.lock();
        state.end = Some(end);
        state.take_report()
    };
    course.changed.notify_all();
    if let Some((cause, report)) = due {
        report(cause);
    }
}

/// Calls code of the instance; a panic is logged.
fn quietly(call: impl FnOnce()) {
    if catch(call).is_err() {
        log::error!(target: TARGET, "the HTTP server panicked in its stop or cut method");
    }
}

/// The error of an instance that returned without a reason.
fn early() -> Box<dyn error::Error + Send + Sync> {
    "serve returned without a stop".into()
}

const NAME: &str = "drupe-http";
/// Time for an instance to return after a cut.
const LAST_CALL: Duration = Duration::from_millis(300);
/// The target of log lines: the control is a part of the server.
const TARGET: &str = "drupe::server::instance";
