//! What a server is to those who control it: what it has to do, and how it has stopped.

use std::error;
use std::fmt;
use std::time::Duration;

use crate::address::BindAddr;
use crate::statistics::Statistics;

/// An HTTP server that a [`Server`](crate::Server) can control, in place of the one that is built in; CherryPy's `instance`.
///
/// The contract:
/// * [`serve`](Self::serve) is called once a start, on a thread of its own, and serves until [`stop`](Self::stop) is called or it cannot go
///   on. It calls [`Ready::accepting`] as soon as connections are accepted: that is what `Server::start` waits for.
/// * What it returns is the end: `Ok` if it was stopped, else why it cannot go on, which whoever waits is told. A panic counts as an error.
/// * [`stop`](Self::stop) is called from another thread and does not wait. It may come at any time, also before `serve` has got far, and has
///   `serve` return. What takes longer than `shutdown_timeout` is told to [`cut`](Self::cut); who does not come back after that is left alone.
///
/// ```
/// use std::sync::mpsc::{Receiver, Sender, channel};
/// use std::sync::Mutex;
/// use drupe::process::{HttpServer, Ready};
/// use drupe::{BindAddr, Request, Server};
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
/// let mut server = Server::new(|_: &mut Request| "never asked");
/// server.set_instance(Quiet { end, ended: Mutex::new(ended) });
/// server.start()?;
/// assert_eq!(server.listening(), [server.bind_addr()]);
/// server.stop();
/// # Ok::<(), drupe::Error>(())
/// ```
pub trait HttpServer: Send + Sync + 'static {
    /// Serves until it is stopped. `address` is where the settings of its controller would listen; it may have its own.
    ///
    /// # Errors
    /// Why it could not start, or cannot go on.
    fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Box<dyn error::Error + Send + Sync>>;

    /// Has [`serve`](Self::serve) return once what is under way is finished. May be called more than once.
    fn stop(&self);

    /// Has a stop wait for nothing any more. By default nothing happens.
    fn cut(&self) {}

    /// Opens files anew, such as logs and certificates, and goes on. By default nothing happens.
    ///
    /// # Errors
    /// What could not be opened; what was open before stays in use.
    fn graceful(&self) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        Ok(())
    }

    /// Whether it speaks TLS. By default it does not.
    fn is_secure(&self) -> bool {
        false
    }

    /// What it has done since its last start; by default nothing is known.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// Tells that a server accepts connections; see [`HttpServer::serve`].
pub struct Ready(Box<dyn FnOnce(Vec<BindAddr>) + Send>);

impl Ready {
    /// One that hands on where connections are accepted.
    pub(crate) fn new(tell: impl FnOnce(Vec<BindAddr>) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Tells it, and on which addresses, with their real ports.
    pub fn accepting(self, addresses: Vec<BindAddr>) {
        (self.0)(addresses);
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// How a stop went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Requests that were under way and were answered.
    pub finished: usize,
    /// Connections that were in the middle of a request and had to be cut.
    pub cut: usize,
    /// How long it took.
    pub took: Duration,
}
