//! Signals that ask the process to end or to look at its files again, as calls on a thread of our own.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};

/// Signals are caught for as long as this lives; afterwards they end the process again, as by default.
#[derive(Debug)]
pub(crate) struct Caught {
    group: &'static Group,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Calls `on_first` on a thread of its own at the first SIGTERM or SIGINT, and `on_more` at each that follows.
///
/// # Errors
/// The system's, if a signal cannot be caught or a thread not be started.
pub(crate) fn on_exit(
    on_first: impl FnOnce() + Send + 'static,
    on_more: impl Fn() + Send + 'static,
) -> io::Result<Caught> {
    catch(&EXIT, move |mut signals| {
        let mut on_first = Some(on_first);
        let mut first = None;
        for signal in &mut signals {
            log::info!("caught {}", if signal == SIGINT { "SIGINT" } else { "SIGTERM" });
            match on_first.take() {
                // On another thread, so that a second signal is heard while the first is obeyed.
                Some(on_first) => match thread::Builder::new().name("drupe-exit".to_owned()).spawn(on_first) {
                    Ok(thread) => first = Some(thread),
                    Err(error) => log::error!("cannot obey: {error}"),
                },
                None => on_more(),
            }
        }
        if first.is_some_and(|thread| thread.join().is_err()) {
            log::error!("what a signal asked for has panicked");
        }
    })
}

/// Calls `on_each` at each SIGHUP.
///
/// # Errors
/// As [`on_exit`].
pub(crate) fn on_hangup(on_each: impl Fn() + Send + 'static) -> io::Result<Caught> {
    catch(&HANGUP, move |mut signals| {
        for _ in &mut signals {
            log::info!("caught SIGHUP");
            on_each();
        }
    })
}

/// Calls `on_each` at each SIGUSR1.
///
/// # Errors
/// As [`on_exit`].
pub(crate) fn on_graceful(on_each: impl Fn() + Send + 'static) -> io::Result<Caught> {
    catch(&GRACEFUL, move |mut signals| {
        for _ in &mut signals {
            log::info!("caught SIGUSR1");
            on_each();
        }
    })
}

/// Signals that are caught together.
#[derive(Debug)]
pub(super) struct Group {
    signals: &'static [i32],
    /// Whether they do what they do by default.
    default: OnceLock<Arc<AtomicBool>>,
    /// How many have them caught.
    living: AtomicUsize,
}

impl Group {
    const fn new(signals: &'static [i32]) -> Self {
        Self { signals, default: OnceLock::new(), living: AtomicUsize::new(0) }
    }

    /// Whether they do what they do by default. A caught signal can never quite be given back to the system, so this is set up once for
    /// the process.
    fn default_when_uncaught(&self) -> io::Result<Arc<AtomicBool>> {
        if let Some(default) = self.default.get() {
            return Ok(Arc::clone(default));
        }
        // True until somebody listens: a signal that comes in between must not be swallowed.
        let default = Arc::clone(self.default.get_or_init(|| Arc::new(AtomicBool::new(true))));
        for signal in self.signals {
            signal_hook::flag::register_conditional_default(*signal, Arc::clone(&default))?;
        }
        Ok(default)
    }
}

pub(super) fn catch(group: &'static Group, listen: impl FnOnce(Signals) + Send + 'static) -> io::Result<Caught> {
    let default = group.default_when_uncaught()?;
    let signals = Signals::new(group.signals)?;
    let handle = signals.handle();
    // From here on none is lost, though nobody has heard it yet.
    group.living.fetch_add(1, Ordering::SeqCst);
    default.store(false, Ordering::SeqCst);
    let mut caught = Caught { group, handle, thread: None };
    caught.thread = Some(thread::Builder::new().name("drupe-signals".to_owned()).spawn(move || listen(signals))?);
    Ok(caught)
}

impl Drop for Caught {
    fn drop(&mut self) {
        if self.group.living.fetch_sub(1, Ordering::SeqCst) == 1 {
            if let Ok(default) = self.group.default_when_uncaught() {
                default.store(true, Ordering::SeqCst);
            }
        }
        self.handle.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that waits for signals has panicked");
        }
    }
}

pub(super) static EXIT: Group = Group::new(&[SIGTERM, SIGINT]);
static GRACEFUL: Group = Group::new(&[SIGUSR1]);
static HANGUP: Group = Group::new(&[SIGHUP]);
