//! What does TLS for the server: the contract of `ssl_module`.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use super::facts::Facts;
use super::options::Options;
use crate::error::Error;

/// A way to do TLS, known under the name that [`register`](super::register) gave it.
pub trait Adapter: Send + Sync {
    /// Reads and checks everything that `options` names. Called at each start and at each reload, at the time `now`.
    ///
    /// An option that it cannot follow must be refused, never left out of account. What is only worth a remark, such as a certificate
    /// that has expired, is for the log.
    ///
    /// # Errors
    /// [`Error::Setting`], which names the setting, the file and the reason. After a failed reload what was loaded before stays in use.
    fn load(&self, options: &Options, now: SystemTime) -> Result<Box<dyn Acceptor>, Error>;
}

/// What an [`Adapter`] has loaded: makes a [`Session`] for each connection.
pub trait Acceptor: Send + Sync {
    /// Begins the server's side of a session. Must not wait for anything.
    ///
    /// # Errors
    /// A reason for the log; the connection is closed.
    fn session(&self) -> Result<Box<dyn Session>, String>;
}

/// The server's side of TLS on one connection. It has no socket: the server moves the bytes, and nothing here ever waits.
///
/// The server calls [`receive`](Self::receive) when the peer has sent something, then [`advance`](Self::advance), then
/// [`transmit`](Self::transmit) while [`has_outgoing`](Self::has_outgoing), and [`read`](Self::read) and [`write`](Self::write) once
/// the handshake is over.
pub trait Session: Send {
    /// Takes in what the peer sent, by one read of `source`; the number of bytes, 0 for the end.
    ///
    /// Only called when [`read`](Self::read) has given all there was. How much it takes at once is its own business.
    ///
    /// # Errors
    /// Those of `source`, `WouldBlock` among them.
    fn receive(&mut self, source: &mut dyn Read) -> io::Result<usize>;

    /// Goes on with what was taken in: the handshake, decryption.
    ///
    /// # Errors
    /// A reason for the log, once the session has failed. What [`transmit`](Self::transmit) then has is the alert.
    fn advance(&mut self) -> Result<(), String>;

    /// Whether the handshake is not over yet.
    fn is_handshaking(&self) -> bool;

    /// Whether there is something to send to the peer.
    fn has_outgoing(&self) -> bool;

    /// Sends some of it, by one write to `sink`; the number of bytes.
    ///
    /// # Errors
    /// Those of `sink`, `WouldBlock` among them. What was not written is kept.
    fn transmit(&mut self, sink: &mut dyn Write) -> io::Result<usize>;

    /// Whether [`read`](Self::read) would give bytes.
    fn has_plaintext(&mut self) -> bool;

    /// Gives decrypted bytes; `Ok(0)`: the peer has ended its side, by `close_notify`.
    ///
    /// # Errors
    /// `WouldBlock` if there are none; `UnexpectedEof` if the connection ended without `close_notify`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Encrypts some of `bytes`; how many. Only called when nothing is outgoing, and to take no more than some 64 KiB then.
    ///
    /// # Errors
    /// Ends the connection.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Ends our side: has `close_notify` follow what is outgoing.
    fn close(&mut self);

    /// What the handshake has settled; called once, when it is over.
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
