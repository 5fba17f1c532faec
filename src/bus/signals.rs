//! Signals that ask the process to end, as calls on a thread of our own.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// SIGTERM and SIGINT are caught for as long as this lives; afterwards they end the process again, as by default.
pub(crate) struct Caught {
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
    let default = default_when_uncaught()?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    let listen = move || {
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
    };
    let thread = thread::Builder::new().name("drupe-signals".to_owned()).spawn(listen)?;
    LIVING.fetch_add(1, Ordering::SeqCst);
    default.store(false, Ordering::SeqCst);
    Ok(Caught { handle, thread: Some(thread) })
}

/// Whether the two signals do what they do by default. A caught signal can never quite be given back to the system, so this is
/// set up once for the process.
fn default_when_uncaught() -> io::Result<Arc<AtomicBool>> {
    static DEFAULT: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(default) = DEFAULT.get() {
        return Ok(Arc::clone(default));
    }
    // True until somebody listens: a signal that comes in between must not be swallowed.
    let default = Arc::clone(DEFAULT.get_or_init(|| Arc::new(AtomicBool::new(true))));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&default))?;
    }
    Ok(default)
}

/// How many have them caught.
static LIVING: AtomicUsize = AtomicUsize::new(0);

impl Drop for Caught {
    fn drop(&mut self) {
        if LIVING.fetch_sub(1, Ordering::SeqCst) == 1 {
            if let Ok(default) = default_when_uncaught() {
                default.store(true, Ordering::SeqCst);
            }
        }
        self.handle.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that waits for signals has panicked");
        }
    }
}
