//! The interface between the server and a TLS implementation: the contract of `ssl_module`.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use super::facts::{Certificate, Facts};
use super::options::Options;
use crate::error::Error;

/// A TLS implementation, known under the name given to [`register`](super::register).
pub trait Adapter: Send + Sync {
    /// Reads and checks everything named in `options`. Called at each start and reload, at the time
    /// `now`.
    ///
    /// An adapter must refuse an unsupported option, never ignore it. An adapter should log a
    /// lesser problem, such as an expired certificate.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting, the file and the reason. After a failed reload, the
    /// previous configuration stays in use. A panic counts as an error of `ssl_module`.
    fn load(&self, options: &Options, now: SystemTime) -> Result<Box<dyn Acceptor>, Error>;
}

/// A configuration loaded by an [`Adapter`]: makes a [`Session`] for each connection.
pub trait Acceptor: Send + Sync {
    /// Begins the server side of a session. Must not block.
    ///
    /// # Errors
    /// A reason for the log; the connection is closed.
    fn session(&self) -> Result<Box<dyn Session>, String>;
}

/// The server side of TLS on one connection. A session has no socket and never blocks: the server
/// moves the bytes.
///
/// The server calls [`receive`](Self::receive) when the peer has sent bytes, then
/// [`advance`](Self::advance), then [`transmit`](Self::transmit) while
/// [`has_outgoing`](Self::has_outgoing). After the handshake, the server also calls
/// [`read`](Self::read) and [`write`](Self::write).
pub trait Session: Send {
    /// Takes in bytes of the peer by one read of `source`. Returns the number of bytes, 0 at the
    /// end.
    ///
    /// Only called when [`read`](Self::read) has returned all plaintext. A session may take any
    /// number of bytes at once.
    ///
    /// # Errors
    /// Those of `source`, including `WouldBlock`.
    fn receive(&mut self, source: &mut dyn Read) -> io::Result<usize>;

    /// Processes the bytes taken in: handshake and decryption.
    ///
    /// # Errors
    /// A reason for the log, if the session has failed. [`transmit`](Self::transmit) then sends the
    /// alert.
    fn advance(&mut self) -> Result<(), String>;

    /// The client certificate that [`advance`](Self::advance) has refused, if the certificate was
    /// the cause of the failure. The server logs the subject.
    fn refused_certificate(&self) -> Option<Arc<Certificate>> {
        None
    }

    /// True if [`advance`](Self::advance) has failed because the client sent no certificate, although
    /// one is required. The server logs the reason as a warning.
    fn lacks_certificate(&self) -> bool {
        false
    }

    /// True if the handshake is not over yet.
    fn is_handshaking(&self) -> bool;

    /// True if there are bytes to send to the peer.
    fn has_outgoing(&self) -> bool;

    /// Sends outgoing bytes by one write to `sink`. Returns the number of bytes.
    ///
    /// # Errors
    /// Those of `sink`, including `WouldBlock`. Unsent bytes are kept.
    fn transmit(&mut self, sink: &mut dyn Write) -> io::Result<usize>;

    /// True if [`read`](Self::read) would return bytes.
    fn has_plaintext(&mut self) -> bool;

    /// Reads decrypted bytes. Returns `Ok(0)` after a `close_notify` of the peer.
    ///
    /// # Errors
    /// `WouldBlock` without bytes; `UnexpectedEof` if the connection ended without `close_notify`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Encrypts some of `bytes`, at most about 64 KiB, and returns the number of bytes taken. Only
    /// called when nothing is outgoing.
    ///
    /// # Errors
    /// Any error ends the connection.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Closes the server side: queues `close_notify` after the outgoing bytes.
    fn close(&mut self);

    /// The results of the handshake; called once, after the handshake.
    fn facts(&self) -> Facts;
}

impl fmt::Debug for dyn Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl fmt::Debug for dyn Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl fmt::Debug for dyn Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}
