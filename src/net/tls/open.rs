//! A session after the handshake: content out of records.

use std::io;

use super::wire::Wire;
use crate::net::socket::would_wait;
use crate::tls::Session;

/// A session, and its failure if any.
#[derive(Debug)]
pub(super) struct OpenSession {
    pub(super) session: Box<dyn Session>,
    /// The reason why no more can be read.
    failure: Option<String>,
    /// True if the end or a failure of the session was seen. Unread content may precede the end,
    /// and the socket does not report the end again.
    has_end: bool,
}

impl OpenSession {
    pub(super) fn new(session: Box<dyn Session>) -> Self {
        Self { session, failure: None, has_end: false }
    }

    /// True if a read would return bytes, or fail, even with an empty socket.
    pub(super) fn holds_input(&mut self) -> bool {
        self.has_end || self.failure.is_some() || self.session.has_plaintext()
    }

    /// Reads until the buffer is full or the socket is empty.
    pub(super) fn read(&mut self, buffer: &mut [u8], wire: &mut Wire<'_>) -> io::Result<usize> {
        if buffer.is_empty() {
            // A session's result for an empty buffer looks like the end.
            return Ok(0);
        }
        let (mut filled, mut barren) = (0, 0);
        while barren < SHARE {
            match self.session.read(&mut buffer[filled..]) {
                Ok(0) => {
                    self.has_end = true;
                    return Ok(filled);
                }
                Ok(count) => {
                    (filled, barren) = (filled + count, 0);
                    if filled == buffer.len() {
                        return Ok(filled);
                    }
                }
                Err(error) if !would_wait(&error) => {
                    self.has_end = true;
                    return if filled > 0 { Ok(filled) } else { Err(error) };
                }
                Err(_) => {
                    barren += 1;
                    match self.receive(wire) {
                        Ok(()) => {}
                        Err(error) if filled == 0 => return Err(error),
                        Err(_) => return Ok(filled),
                    }
                }
            }
        }
        self.failure = Some("the client sends too many empty records".to_owned());
        self.receive(wire).map(|()| filled)
    }

    /// Receives bytes from the socket. After a failure, every call fails.
    fn receive(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        if let Some(reason) = &self.failure {
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone()));
        }
        if wire.is_drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.session.receive(wire)? == 0 {
            // The session's own error is better, if there is one; no more bytes will come in any
            // case.
            self.failure = Some("the connection ended without close_notify".to_owned());
            return Ok(());
        }
        if let Err(reason) = self.session.advance() {
            // Content received before the failure can still be read.
            self.failure = Some(reason);
        }
        // Sends an alert or a reply; without room now, either goes out with the next write.
        let _ = transmit(&mut *self.session, wire);
        Ok(())
    }
}

/// Sends all outgoing bytes.
pub(super) fn transmit(session: &mut dyn Session, wire: &mut Wire<'_>) -> io::Result<()> {
    while session.has_outgoing() {
        if session.transmit(wire)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// The most receives without content in one read.
const SHARE: u32 = 64;
