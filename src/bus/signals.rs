//! Callbacks for signals that end the process or reopen its files, on a separate thread.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder, JoinHandle, ThreadId};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};

use super::terminal;
use crate::sync::{self, Mutex, spawn};

/// A guard that keeps signals caught. Without a guard, the signals end the process, as by default.
#[derive(Debug)]
pub(crate) struct Caught {
    group: &'static Group,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Calls `on_first` on a separate thread at the first SIGTERM or SIGINT, and `on_more` at each
/// later one.
///
/// # Errors
/// The system error, if a signal cannot be caught or a thread cannot be started.
pub(crate) fn on_exit(
    on_first: impl FnOnce() + Send + 'static,
    on_more: impl Fn() + Send + 'static,
) -> io::Result<Caught> {
    let listen = move |mut signals: Signals| {
        let mut on_first = Some(on_first);
        let mut first = None;
        for signal in &mut signals {
            log::info!("caught {}", if signal == SIGINT { "SIGINT" } else { "SIGTERM" });
            match on_first.take() {
                // On another thread, so that a second signal is handled during the exit.
                Some(on_first) => match begin_exit(Box::new(on_first)) {
                    Ok(thread) => first = Some(thread),
                    Err(error) => log::error!("cannot start a thread to stop: {error}; signal ignored"),
                },
                None => on_more(),
            }
        }
        if first.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that exits on a signal panicked");
        }
    };
    catch(&EXIT, Box::new(listen))
}

/// Calls `on_each` at each SIGHUP. If SIGHUP means that the terminal of the process was closed, sends
/// SIGTERM to the process instead.
///
/// # Errors
/// As [`on_exit`].
pub(crate) fn on_hangup(on_each: impl Fn() + Send + 'static) -> io::Result<Caught> {
    terminal::note();
    let on_each = move || {
        if !terminal::end_if_closed() {
            on_each();
        }
    };
    catch(&HANGUP, repeat("SIGHUP", Box::new(on_each)))
}

/// Calls `on_each` at each SIGUSR1.
///
/// # Errors
/// As [`on_exit`].
pub(crate) fn on_graceful(on_each: impl Fn() + Send + 'static) -> io::Result<Caught> {
    catch(&GRACEFUL, repeat("SIGUSR1", Box::new(on_each)))
}

/// Returns the listener that calls `on_each` at each signal, which is called `name` in the log.
fn repeat(name: &'static str, on_each: Box<dyn Fn() + Send>) -> Listen {
    Box::new(move |mut signals| {
        for _ in &mut signals {
            log::info!("caught {name}");
            if sync::catch(&on_each).is_err() {
                log::error!("the action at {name} panicked; later signals are still obeyed");
            }
        }
    })
}

/// Signals that are caught together.
#[derive(Debug)]
pub(super) struct Group {
    signals: &'static [i32],
    listeners: Mutex<Listeners>,
}

/// The listeners of a group. One lock guards both fields, so a leaving listener cannot undo the
/// registration of a new one.
#[derive(Debug)]
struct Listeners {
    /// True while the signals have their default action, without listeners. `None` until the first
    /// listener.
    default: Option<Arc<AtomicBool>>,
    living: usize,
}

impl Group {
    const fn new(signals: &'static [i32]) -> Self {
        Self { signals, listeners: Mutex::new(Listeners { default: None, living: 0 }) }
    }

    /// Registers the default action of the signals for times without listeners. A caught signal
    /// cannot be fully returned to the system, so registration happens once per process.
    fn set_up(&self) -> io::Result<()> {
        let mut listeners = self.listeners.lock();
        if listeners.default.is_none() {
            // True until a listener registers: a signal in between must not be swallowed.
            let default = Arc::new(AtomicBool::new(true));
            for signal in self.signals {
                signal_hook::flag::register_conditional_default(*signal, Arc::clone(&default))?;
            }
            listeners.default = Some(default);
        }
        Ok(())
    }

    /// Changes the number of listeners.
    fn count(&self, change: fn(usize) -> usize) {
        let mut listeners = self.listeners.lock();
        listeners.living = change(listeners.living);
        if let Some(default) = &listeners.default {
            default.store(listeners.living == 0, Ordering::SeqCst);
        }
    }
}

/// Reads signals until the end of their guard.
type Listen = Box<dyn FnOnce(Signals) + Send>;

pub(super) fn catch(group: &'static Group, listen: Listen) -> io::Result<Caught> {
    group.set_up()?;
    let signals = Signals::new(group.signals)?;
    let handle = signals.handle();
    // From here on no signal is lost, although no thread reads them yet.
    group.count(|living| living + 1);
    let mut caught = Caught { group, handle, thread: None };
    caught.thread = Some(spawn(Builder::new().name("drupe-signals".to_owned()), Box::new(move || listen(signals)))?);
    Ok(caught)
}

/// Starts a thread that exits. The calling thread, which waits for signals, joins the new thread.
pub(super) fn begin_exit(exit: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    let listener = thread::current().id();
    let run = move || {
        JOINED_BY.set(Some(listener));
        exit();
    };
    spawn(Builder::new().name("drupe-exit".to_owned()), Box::new(run))
}

/// True if `thread` is the calling thread, or joins the calling thread.
fn waits_for_us(thread: &JoinHandle<()>) -> bool {
    let id = thread.thread().id();
    id == thread::current().id() || JOINED_BY.get() == Some(id)
}

impl Drop for Caught {
    /// Joins the thread, unless the thread waits for the caller.
    fn drop(&mut self) {
        self.group.count(|living| living - 1);
        self.handle.close();
        let thread = self.thread.take().filter(|thread| !waits_for_us(thread));
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that waits for signals panicked; signals were not handled");
        }
    }
}

thread_local! {
    /// The thread that waits for signals, in a thread that exits.
    static JOINED_BY: Cell<Option<ThreadId>> = const { Cell::new(None) };
}

pub(super) static EXIT: Group = Group::new(&[SIGTERM, SIGINT]);
static GRACEFUL: Group = Group::new(&[SIGUSR1]);
static HANGUP: Group = Group::new(&[SIGHUP]);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use signal_hook::consts::{SIGURG, SIGUSR2, SIGWINCH};
    use signal_hook::low_level::raise;

    use super::*;

    fn is_at_default(group: &Group) -> bool {
        group.listeners.lock().default.as_ref().unwrap().load(Ordering::SeqCst)
    }

    #[test]
    fn signals_have_default_actions_once_no_listener_is_left() {
        static ORDERS: Group = Group::new(&[SIGUSR2]);
        for is_first_to_go in [true, false] {
            let caught = || {
                let listen = |mut signals: Signals| assert_eq!((&mut signals).into_iter().next(), None);
                catch(&ORDERS, Box::new(listen)).unwrap()
            };
            let (mut a, mut b) = (Some(caught()), Some(caught()));
            assert!(!is_at_default(&ORDERS));
            drop(if is_first_to_go { a.take() } else { b.take() });
            assert!(!is_at_default(&ORDERS), "the other one listens");
            drop((a, b));
            assert!(is_at_default(&ORDERS));
        }
    }

    #[test]
    fn listener_of_a_repeated_signal_outlives_a_panic() {
        static URGENT: Group = Group::new(&[SIGURG]);
        let (tell, told) = mpsc::channel();
        let on_each = move || {
            tell.send(()).unwrap();
            panic!("on purpose");
        };
        let caught = catch(&URGENT, repeat("SIGURG", Box::new(on_each))).unwrap();
        for _ in 0..2 {
            raise(SIGURG).unwrap();
            told.recv().unwrap();
        }
        drop(caught);
    }

    #[test]
    fn dropping_an_old_listener_keeps_the_signals_of_a_new_one() {
        static RACE: Group = Group::new(&[SIGWINCH]);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let caught = catch(&RACE, repeat("SIGWINCH", Box::new(|| {}))).unwrap();
                        thread::yield_now();
                        assert!(!is_at_default(&RACE), "somebody listens");
                        drop(caught);
                    }
                });
            }
        });
        assert!(is_at_default(&RACE));
    }
}
