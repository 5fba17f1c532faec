//! A session whose handshake is over: content out of records.

use std::io;

use super::wire::Wire;
use crate::net::stream::would_wait;
use crate::tls::Session;

/// A session, and whether it has come to a bad end.
#[derive(Debug)]
pub(super) struct OpenSession {
    pub(super) session: Box<dyn Session>,
    /// Why nothing more can be read.
    failure: Option<String>,
    /// Whether the end, or a failure of the session's, has been seen: behind content as it may be, the socket will not report it again.
    has_end: bool,
}

impl OpenSession {
    pub(super) fn new(session: Box<dyn Session>) -> Self {
        Self { session, failure: None, has_end: false }
    }

    /// Whether a read would give something, or fail, though the socket has nothing.
    pub(super) fn holds_input(&mut self) -> bool {
        self.has_end || self.failure.is_some() || self.session.has_plaintext()
    }

    /// Reads what has come: the whole buffer full, or everything.
    pub(super) fn read(&mut self, buffer: &mut [u8], wire: &mut Wire<'_>) -> io::Result<usize> {
        if buffer.is_empty() {
            // What a session says to that looks like the end.
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
        self.failure = Some("the client sends records without content".to_owned());
        self.receive(wire).map(|()| filled)
    }

    /// Takes in what the socket has. Once it has failed, it fails again.
    fn receive(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        if let Some(reason) = &self.failure {
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone()));
        }
        if wire.is_drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.session.receive(wire)? == 0 {
            // The session says it better, if it knows; nothing more will come in any case.
            self.failure = Some("the connection has ended without close_notify".to_owned());
            return Ok(());
        }
        if let Err(reason) = self.session.advance() {
            // What was right before it is still to be had.
            self.failure = Some(reason);
        }
        // An alert, or an answer to what came; if there is no room for it now it goes with the next write.
        let _ = transmit(&mut *self.session, wire);
        Ok(())
    }
}

/// Sends all that is outgoing.
pub(super) fn transmit(session: &mut dyn Session, wire: &mut Wire<'_>) -> io::Result<()> {
    while session.has_outgoing() {
        if session.transmit(wire)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// How many times a read may take something in that brings no content.
const SHARE: u32 = 64;
