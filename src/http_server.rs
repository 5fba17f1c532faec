//! The interface of an HTTP server under a controller, and the result of a stop.

pub(crate) mod controlled;

use std::error;
use std::fmt;
use std::time::Duration;

use crate::address::BindAddr;
use crate::statistics::Statistics;

/// An HTTP server that a [`Server`](crate::Server) can control in place of the built-in one;
/// CherryPy's `instance`.
///
/// The contract:
/// * [`serve`](Self::serve) is called once per start, on a separate thread, and serves until
///   [`stop`](Self::stop) is called or an error occurs. `serve` must call [`Ready::accepting`] as
///   soon as connections are accepted; `Server::start` waits for this call.
/// * `serve` returns `Ok` after a stop, and otherwise an error, which is passed to all waiting
///   callers. A panic counts as an error.
/// * [`stop`](Self::stop) is called from another thread, does not wait, and makes `serve` return. A
///   call may come at any time, even at the beginning of `serve`.
/// * If the stop takes longer than `shutdown_timeout`, [`cut`](Self::cut) is called. If `serve`
///   still does not return, its thread is abandoned.
///
/// ```
/// use std::sync::mpsc::{Receiver, Sender, channel};
/// use std::sync::Mutex;
/// use drupe::process::{HttpServer, Ready};
/// use drupe::{BindAddr, Server, handler};
///
/// /// Serves nobody, very reliably.
/// struct Quiet {
///     end: Sender<()>,
///     ended: Mutex<Receiver<()>>,
/// }
///
/// impl HttpServer for Quiet {
///     fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///         ready.accepting(vec![address.clone()]);
///         Ok(self.ended.lock().expect("no panic so far").recv()?)
///     }
///
///     fn stop(&self) {
///         let _ = self.end.send(());
///     }
/// }
///
/// let (end, ended) = channel();
/// let mut server = Server::new(handler(|_| "never asked"));
/// server.set_instance(Quiet { end, ended: Mutex::new(ended) });
/// server.start()?;
/// assert_eq!(server.listening(), [server.bind_addr()]);
/// server.stop();
/// # Ok::<(), drupe::Error>(())
/// ```
pub trait HttpServer: Send + Sync + 'static {
    /// Serves until stopped. `address` is the address in the controller's settings; the server may
    /// use another.
    ///
    /// # Errors
    /// The reason why the server could not start, or cannot go on.
    fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Box<dyn error::Error + Send + Sync>>;

    /// Makes [`serve`](Self::serve) return after the current requests. May be called more than
    /// once, and at the moment when `serve` returns by itself: the next run must go on.
    fn stop(&self);

    /// Makes a stop return without waiting. Does nothing by default.
    fn cut(&self) {}

    /// Reopens files, such as logs and certificates, while serving. Does nothing by default.
    ///
    /// # Errors
    /// The failure to open a file; the previous file stays in use.
    fn graceful(&self) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        Ok(())
    }

    /// True if the server speaks TLS. False by default.
    fn is_secure(&self) -> bool {
        false
    }

    /// The statistics since the last start; empty by default.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// Reports that a server accepts connections; see [`HttpServer::serve`].
pub struct Ready(Box<dyn FnOnce(Vec<BindAddr>) + Send>);

impl Ready {
    /// Creates a reporter that passes the listening addresses to `tell`.
    pub(crate) fn new(tell: impl FnOnce(Vec<BindAddr>) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Reports that connections are accepted on `addresses`, with the actual ports.
    pub fn accepting(self, addresses: Vec<BindAddr>) {
        (self.0)(addresses);
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// The result of a stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Requests in progress that were answered.
    pub finished: usize,
    /// Connections that were cut in the middle of a request.
    pub cut: usize,
    /// The duration of the stop.
    pub took: Duration,
}
