//! Signals that ask the process to end, as calls on a thread of our own.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// SIGTERM and SIGINT are caught for as long as this lives.
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
    Ok(Caught { handle, thread: Some(thread) })
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.handle.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that waits for signals has panicked");
        }
    }
}
