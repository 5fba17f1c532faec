//! An HTTP server of the user's own, under the life cycle of ours: on a thread of its own, told when to stop, and asked how it ended.

use std::error;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::Server;
use super::life::Shared;
use crate::address::BindAddr;
use crate::error::Error;
use crate::http_server::{HttpServer, Ready, Stopped};
use crate::settings::Instance;

/// Why it has ended.
type Cause = Arc<dyn error::Error + Send + Sync>;

/// An instance that is controlled, for one start.
pub(super) struct Controlled {
    server: Arc<dyn HttpServer>,
    address: BindAddr,
    /// How long a stop may take before it is cut.
    patience: Duration,
    course: Arc<Course>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How it is going, between the thread that serves and those that control it.
#[derive(Default)]
struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where it accepts, once it does.
    accepts: Option<Vec<BindAddr>>,
    /// How it has ended, once it has.
    end: Option<Result<(), Cause>>,
    /// Whether that is as it should be: it was told to stop, or has been reported.
    is_told: bool,
    is_cut: bool,
    serves: Option<ThreadId>,
    /// Who is told of an end that nobody has asked for.
    shared: Weak<Shared>,
}

impl Controlled {
    /// `instance`, to be told to listen on `address`.
    pub(super) fn new(instance: &Instance, address: Option<&BindAddr>, patience: Duration) -> Self {
        let nowhere = || BindAddr::Inherited(String::new());
        Self {
            server: Arc::clone(instance.server()),
            address: address.cloned().unwrap_or_else(nowhere),
            patience,
            course: Arc::default(),
            thread: Mutex::default(),
        }
    }

    pub(super) fn server(&self) -> &dyn HttpServer {
        &*self.server
    }

    /// Has it serve, and waits until it accepts.
    ///
    /// # Errors
    /// `Serving` with the reason if it has ended before; `Thread`.
    pub(super) fn open(&self) -> Result<(), Error> {
        let (server, address, course) = (Arc::clone(&self.server), self.address.clone(), Arc::clone(&self.course));
        let spawned = thread::Builder::new().name(NAME.to_owned()).spawn(move || serve(&*server, &address, &course));
        let thread = spawned.map_err(|source| Error::Thread { name: NAME.to_owned(), source })?;
        self.course.state().serves = Some(thread.thread().id());
        *self.thread() = Some(thread);
        let waits = |state: &mut State| state.accepts.is_none() && state.end.is_none();
        let state = self.course.changed.wait_while(self.course.state(), waits).unwrap_or_else(PoisonError::into_inner);
        let end = state.end.clone().filter(|_| state.accepts.is_none());
        drop(state);
        let Some(end) = end else { return Ok(()) };
        self.join_rest();
        Err(Error::Serving { source: end.err().unwrap_or_else(|| Arc::from(early())) })
    }

    /// Has `shared` told of an end that nobody has asked for; at once, if that has come.
    pub(super) fn watch(&self, shared: &Arc<Shared>) {
        let report = {
            let mut state = self.course.state();
            state.shared = Arc::downgrade(shared);
            state.take_report()
        };
        if let Some((cause, shared)) = report {
            shared.fail(cause);
        }
    }

    /// Tells it to stop, waits for that, cuts it if need be, and waits once more.
    pub(super) fn stop(&self) -> Stopped {
        let begun = Instant::now();
        let has_ended = {
            let mut state = self.course.state();
            state.is_told = true;
            state.end.is_some()
        };
        // What has ended by itself might take it for the next time.
        if !has_ended {
            quietly(|| self.server.stop());
        }
        if self.is_ours() {
            return Stopped { took: begun.elapsed(), ..Stopped::default() };
        }
        if !self.ends_within(self.patience, true) {
            quietly(|| self.server.cut());
            if !self.ends_within(LAST_CALL, false) {
                log::error!("the HTTP server has not come back from serving; its thread is left alone");
            }
        }
        self.join_rest();
        Stopped { took: begun.elapsed(), ..Stopped::default() }
    }

    pub(super) fn cut(&self) {
        self.course.state().is_cut = true;
        self.course.changed.notify_all();
    }

    /// Whether the calling thread is the one that serves.
    pub(super) fn is_ours(&self) -> bool {
        self.course.state().serves == Some(thread::current().id())
    }

    pub(super) fn is_over(&self) -> bool {
        self.thread().is_none()
    }

    /// Joins its thread if it has ended.
    pub(super) fn join_rest(&self) {
        if self.is_ours() || !self.ends_within(LAST_CALL, false) {
            return;
        }
        let thread = self.thread().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread of the HTTP server has panicked");
        }
    }

    pub(super) fn listening(&self) -> Vec<BindAddr> {
        self.course.state().accepts.clone().unwrap_or_default()
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let tcp = |address: &BindAddr| match address {
            BindAddr::Tcp { host, port } => Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, *port)),
            _ => None,
        };
        self.listening().iter().filter_map(tcp).collect()
    }

    /// Waits for its end, at the longest for `time`, and if it `yields` until it is cut; says whether it has ended.
    fn ends_within(&self, time: Duration, yields: bool) -> bool {
        let waits = |state: &mut State| state.end.is_none() && !(yields && state.is_cut);
        let waited = self.course.changed.wait_timeout_while(self.course.state(), time, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.end.is_some()
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What it has ended for, and whom to tell, if it was not told to; once.
    fn take_report(&mut self) -> Option<(Cause, Arc<Shared>)> {
        let shared = self.shared.upgrade().filter(|_| !self.is_told)?;
        let cause = match &self.end {
            Some(Err(cause)) => Arc::clone(cause),
            Some(Ok(())) => Arc::from(early()),
            None => return None,
        };
        self.is_told = true;
        Some((cause, shared))
    }
}

impl Server {
    /// Has it control `server` instead of the built-in one from the next start on; CherryPy's `instance`.
    pub fn set_instance(&mut self, server: impl HttpServer) {
        self.settings.instance = Some(Instance::new(server));
    }
}

/// What the thread does.
fn serve(server: &dyn HttpServer, address: &BindAddr, course: &Arc<Course>) {
    let told = Arc::clone(course);
    let ready = Ready::new(move |addresses| {
        told.state().accepts = Some(addresses);
        told.changed.notify_all();
    });
    let end = catch_unwind(AssertUnwindSafe(|| server.serve(address, ready)));
    let end = end.unwrap_or_else(|_| Err("it panicked".into())).map_err(Arc::from);
    let told = {
        let mut state = course.state();
        state.end = Some(end);
        state.take_report()
    };
    course.changed.notify_all();
    if let Some((cause, shared)) = told {
        shared.fail(cause);
    }
}

/// Calls what is not ours.
fn quietly(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        log::error!("the HTTP server panicked when it was told to stop");
    }
}

/// What to say of one that ended without a reason.
fn early() -> Box<dyn error::Error + Send + Sync> {
    "it has ended by itself".into()
}

const NAME: &str = "drupe-http";
/// How long one that was cut may take to notice.
const LAST_CALL: Duration = Duration::from_millis(300);
