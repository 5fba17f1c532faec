//! Upgraded connections that wait without a thread.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::inbox::Inbox;
use super::mailbox::Receiver;

/// The result of one call of the function given to
/// [`upgrade_parked`](crate::stream::upgrade_parked): wait for the next call, or end the
/// connection.
///
/// These events end each wait: input, room after a refused write, a message in the [`Inbox`] or the
/// end of its senders, and the stop of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Waits for an event, without a limit.
    ForEvents,
    /// Waits for an event, but no longer than this time.
    For(Duration),
    /// Ends the connection. The server sends the bytes already written, half-closes, and closes the
    /// connection when the client closes or after
    /// [`linger_timeout`](crate::Settings::linger_timeout) (2 s).
    End,
}

/// The raw stream of an upgraded connection without a thread: reads and writes never block.
///
/// A read without input and a write without room fail with
/// [`WouldBlock`](io::ErrorKind::WouldBlock). After 256 KiB in one call, a read fails with
/// `WouldBlock` even if there is more input, so that other connections are served; the function is
/// then called again soon.
///
/// The stream has no buffer of its own, except up to 64 KiB with TLS. Bytes that the kernel refuses
/// stay with the function.
///
/// Use the stream only within calls of the function that owns the stream: the server decides after
/// each call which events to wait for.
pub struct ParkedStream {
    socket: Arc<dyn ParkedSocket>,
}

/// A socket, lent by `engine`. No method waits.
pub(crate) trait ParkedSocket: Send + Sync {
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
