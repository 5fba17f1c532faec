//! Upgraded connections that wait without a thread.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::inbox::Inbox;
use super::mailbox::Receiver;

/// The events that end the wait of an upgraded connection without a thread.
///
/// Input, room for a refused write, a message in the [`Inbox`], and the stop of the server end each
/// wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Waits for an event, without a limit.
    ForEvents,
    /// Waits for an event, or until the time has passed, whichever comes first.
    For(Duration),
    /// Ends the connection: sends what was written, half-closes, and closes once the client has
    /// closed, or after `linger_timeout`.
    End,
}

/// The raw stream of an upgraded connection without a thread: reads and writes never block.
///
/// A read without input and a write without room fail with
/// [`WouldBlock`](io::ErrorKind::WouldBlock). A read may fail so although input has come, in order
/// to serve other connections first; the function is then called again soon. The stream buffers
/// nothing that the kernel does not take (with TLS up to 64 KiB), so a client that reads nothing
/// costs no more than the function itself keeps.
///
/// Only the function that owns the stream may use it, because the server looks after each call for
/// the events to wait for.
pub struct ParkedStream {
    socket: Arc<dyn ParkedSocket>,
}

/// A socket, lent by `engine`. No method waits.
pub(crate) trait ParkedSocket: Send + Sync + fmt::Debug {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn flush(&self) -> io::Result<()>;
}

/// An upgrade about to happen.
pub(crate) struct ParkedUpgrade {
    pub(crate) receiver: Receiver,
    pub(crate) begin: Begin,
}

/// Begins to serve an upgraded connection.
pub(crate) type Begin = Box<dyn FnOnce(ParkedStream) -> Serve + Send>;
/// Serves an upgraded connection until it has to wait.
pub(crate) type Serve = Box<dyn FnMut(&Inbox) -> io::Result<Wait> + Send>;

impl ParkedStream {
    pub(crate) fn new(socket: Arc<dyn ParkedSocket>) -> Self {
        Self { socket }
    }
}

impl Read for ParkedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for ParkedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl fmt::Debug for ParkedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedStream").finish_non_exhaustive()
    }
}
