//! One TLS connection: the `Tls` variant of [`Stream`](crate::net::stream::Stream).
//!
//! The session is behind a lock, because one thread may read content while another writes an
//! answer. The lock is held only during encryption and non-blocking socket calls, never while
//! waiting: the socket is non-blocking, and threads wait with `poll` outside the lock.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Tls;
use super::open::{OpenSession, transmit};
use super::wire::{Below, Wire};
use crate::net::poll::Interest;
use crate::net::socket::{PlainSocket, would_wait};
use crate::sync::Mutex;
use crate::tls::{Certificate, Facts, Session};

/// An encrypted connection.
#[derive(Debug)]
pub(crate) struct Secure {
    below: Below,
    tls: Arc<Tls>,
    /// The timeouts of a read and of a write.
    waits: (Duration, Duration),
    state: Mutex<State>,
    /// Set once the handshake is done.
    facts: OnceLock<Arc<Facts>>,
}

/// The progress of a handshake.
#[derive(Debug, PartialEq)]
pub(crate) enum Handshake {
    /// Done: bytes may be read and written. Some may have arrived with the handshake, see
    /// [`Stream::wait`](crate::net::stream::Stream::wait).
    Done,
    /// Needs input to continue.
    Read,
    /// Needs room to write to continue.
    Write,
    /// Can continue immediately, but has used up its steps.
    Again,
    /// Plain text instead of TLS, probably HTTP. From here on bytes pass unencrypted, so that the
    /// server can answer the client.
    Plain,
    /// Failed, with the reason for the log. An alert was sent if possible without waiting. From
    /// here on bytes come in unencrypted, to be discarded.
    Failed(String),
    /// As `Failed`, because of the client's certificate; `None` if the client sent none.
    Refused { certificate: Option<Arc<Certificate>>, reason: String },
    /// As `Failed`, because the client has left or the socket has failed.
    Broken(String),
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// True if `close_notify` is not to be sent: already sent, or the end is to look like a break.
    is_mute: bool,
}

#[derive(Debug)]
enum Phase {
    /// No bytes yet, except for these bytes read unencrypted. A silent connection costs no session.
    Fresh(Vec<u8>),
    Handshaking(Box<dyn Session>),
    Open(OpenSession),
    /// Unencrypted, see [`Handshake::Plain`].
    Clear,
}

impl Secure {
    /// Takes over `socket` and makes it non-blocking: `grace` limits each read, `send_slice` each
    /// write.
    pub(crate) fn new(socket: PlainSocket, tls: Arc<Tls>, grace: Duration, send_slice: Duration) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (below, waits) = (Below::new(socket), (grace, send_slice));
        let state = Mutex::new(State { phase: Phase::Fresh(Vec::new()), is_mute: false });
        Ok(Self { below, tls, waits, state, facts: OnceLock::new() })
    }

    /// Uses `tls` for a handshake not yet begun.
    pub(crate) fn follow(&mut self, tls: &Arc<Tls>) {
        self.tls = Arc::clone(tls);
    }

    /// The socket below.
    pub(crate) fn socket(&self) -> &PlainSocket {
        &self.below.socket
    }

    /// The number of bytes moved below TLS so far. Records are delivered whole, so a slow client's
    /// progress shows here first.
    pub(crate) fn moved(&self, way: Interest) -> u64 {
        self.below.moved(way)
    }

    /// The results of the handshake; `None` before its end.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.facts.get()
    }

    /// Takes bytes read unencrypted as the first bytes of the handshake.
    pub(crate) fn begin_with(&self, bytes: &[u8]) {
        if let Phase::Fresh(ahead) = &mut self.state.lock().phase {
            ahead.extend_from_slice(bytes);
        }
    }

    /// Continues the handshake as far as possible without waiting.
    pub(crate) fn handshake(&self) -> Handshake {
        let mut state = self.state.lock();
        let mut wire = Wire::new(&self.below);
        for _ in 0..SHARE {
            let stepped = match &mut state.phase {
                Phase::Fresh(ahead) => {
                    let ahead = std::mem::take(ahead);
                    self.begin(ahead, &mut wire)
                }
                Phase::Handshaking(session) => step(&mut **session, &mut wire).map(|()| None),
                Phase::Open(_) => return Handshake::Done,
                Phase::Clear => return Handshake::Failed("TLS has already failed on this connection".to_owned()),
            };
            match stepped {
                Ok(Some(session)) => state.phase = Phase::Handshaking(session),
                Ok(None) => {}
                Err(Handshake::Done) => self.open(&mut state),
                Err(pause @ (Handshake::Read | Handshake::Write | Handshake::Again)) => return pause,
                Err(mut end) => {
                    if let Phase::Handshaking(session) = &mut state.phase {
                        // Sends the alert, if any; the client may be gone.
                        let _ = transmit(&mut **session, &mut wire);
                        end = end.blamed_on(&**session);
                    }
                    state.phase = Phase::Clear;
                    return end;
                }
            }
        }
        Handshake::Again
    }

    /// Checks the first bytes and begins a session with them.
    fn begin(&self, mut first: Vec<u8>, wire: &mut Wire<'_>) -> Result<Option<Box<dyn Session>>, Handshake> {
        if first.is_empty() {
            let mut room = [0; FIRST];
            match wire.read(&mut room) {
                Ok(0) => return Err(Handshake::Broken("the client closed the connection".to_owned())),
                Ok(count) => first.extend_from_slice(&room[..count]),
                Err(error) => return Err(pause_or_fail(&error, Handshake::Read)),
            }
        }
        // A handshake begins with 0x16, SSL 2 with a byte above 0x7F.
        if first[0].is_ascii_alphabetic() {
            return Err(Handshake::Plain);
        }
        let mut session = self.tls.session().map_err(Handshake::Failed)?;
        let mut rest = &first[..];
        while !rest.is_empty() {
            let taken = session.receive(&mut rest).map_err(|error| error.to_string());
            let advanced = match taken {
                Ok(0) => Err("the TLS session accepts no more bytes".to_owned()),
                Ok(_) => session.advance(),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = advanced {
                let _ = transmit(&mut *session, wire);
                return Err(Handshake::Failed(reason));
            }
        }
        Ok(Some(session))
    }

    /// Opens the session after the handshake.
    fn open(&self, state: &mut State) {
        if let Phase::Handshaking(session) = std::mem::replace(&mut state.phase, Phase::Clear) {
            // Set only once.
            let _ = self.facts.set(Arc::new(session.facts()));
            state.phase = Phase::Open(OpenSession::new(session));
        }
    }

    /// Reads until the buffer is full or the socket is empty.
    ///
    /// After a partly filled buffer, later input will be reported, as with a socket. `Ok(0)`: the
    /// client has half-closed with `close_notify`. Before the handshake begins, bytes are read
    /// unencrypted.
    ///
    /// # Errors
    /// `WouldBlock` if no bytes, or only a part of a record, arrived within the grace;
    /// `UnexpectedEof` if the connection ended without `close_notify`.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.moved(Interest::Read);
        match self.try_read(buffer) {
            // Does not wait after a part of a record: each part would take the grace.
            Err(error) if would_wait(&error) && self.moved(Interest::Read) == before => {
                if self.wait(Interest::Read, self.waits.0)? { self.try_read(buffer) } else { Err(error) }
            }
            done => done,
        }
    }

    /// Reads without waiting; `WouldBlock` if no bytes are available.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Open(open) => open.read(buffer, &mut Wire::new(&self.below)),
            Phase::Clear | Phase::Fresh(_) => self.below.read(buffer),
            Phase::Handshaking(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes `parts`: all of them unless the socket has no room within the send slice. Up to about
    /// 64 KiB may stay buffered until the next write or [`flush`](Self::flush).
    ///
    /// # Errors
    /// `WouldBlock` if bytes of an earlier write are still buffered and the socket has no room.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_within(parts, self.waits.1)
    }

    /// Writes as [`write`](Self::write), without waiting for room.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_within(parts, Duration::ZERO)
    }

    fn write_within(&self, parts: &[IoSlice<'_>], time: Duration) -> io::Result<usize> {
        let all: usize = parts.iter().map(|part| part.len()).sum();
        let (mut taken, mut has_waited) = (0, false);
        while taken < all {
            match self.write_now(parts, taken) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(error) if would_wait(&error) && !has_waited && self.wait(Interest::Write, time)? => {
                    has_waited = true;
                }
                // The next call reports the error.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Takes the bytes after the first `skip`, without waiting and up to 64 KiB.
    fn write_now(&self, parts: &[IoSlice<'_>], mut skip: usize) -> io::Result<usize> {
        let mut state = self.state.lock();
        let mut wire = Wire::new(&self.below);
        let session = match &mut state.phase {
            Phase::Open(open) => &mut *open.session,
            Phase::Clear if skip == 0 => return self.below.write(parts),
            // The next call writes the rest.
            Phase::Clear => return Ok(0),
            Phase::Fresh(_) | Phase::Handshaking(_) => return Err(io::ErrorKind::NotConnected.into()),
        };
        transmit(session, &mut wire)?;
        let mut taken = 0;
        for part in parts {
            let (_, rest) = part.split_at(skip.min(part.len()));
            skip -= part.len() - rest.len();
            let count = session.write(rest)?;
            taken += count;
            if count < rest.len() {
                break;
            }
        }
        match transmit(session, &mut wire) {
            Err(error) if !would_wait(&error) => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends the buffered bytes.
    ///
    /// # Errors
    /// `WouldBlock` if some bytes remain after the send slice.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match self.try_flush() {
            Err(error) if would_wait(&error) && self.wait(Interest::Write, self.waits.1)? => self.try_flush(),
            done => done,
        }
    }

    /// Flushes as [`flush`](Self::flush), without waiting for room.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match &mut self.state.lock().phase {
            Phase::Open(open) => transmit(&mut *open.session, &mut Wire::new(&self.below)),
            _ => Ok(()),
        }
    }

    /// Waits for up to `time`; true if there is input or room then.
    fn wait(&self, interest: Interest, time: Duration) -> io::Result<bool> {
        if time.is_zero() { Ok(false) } else { self.socket().wait(interest, time) }
    }

    /// True if a read would return bytes even with an empty socket.
    pub(crate) fn holds_input(&self) -> bool {
        match &mut self.state.lock().phase {
            Phase::Open(open) => open.holds_input(),
            _ => false,
        }
    }

    /// Queues `close_notify` after the written bytes, to be sent with them. Idempotent.
    pub(crate) fn finish(&self) {
        self.state.lock().finish();
    }

    /// Ends one direction or both. `Write` sends `close_notify`; `Both` does not, so the client
    /// sees a break.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        {
            let mut state = self.state.lock();
            match how {
                Shutdown::Read => {}
                Shutdown::Write => state.say_goodbye(&self.below),
                Shutdown::Both => state.is_mute = true,
            }
        }
        self.socket().shutdown(how)
    }

    /// Makes the end look like a break to the client.
    pub(crate) fn abort(&self) {
        self.state.lock().is_mute = true;
        self.socket().abort();
    }

    /// Undoes [`abort`](Self::abort), like [`PlainSocket::restore`].
    pub(crate) fn restore(&self) {
        self.state.lock().is_mute = false;
        self.socket().restore();
    }
}

impl Handshake {
    /// Adds the refused or missing certificate to a failure of `session`.
    fn blamed_on(self, session: &dyn Session) -> Self {
        let Self::Failed(reason) = self else { return self };
        match session.refused_certificate() {
            None if !session.lacks_certificate() => Self::Failed(reason),
            certificate => Self::Refused { certificate, reason },
        }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.say_goodbye(&self.below);
    }
}

impl State {
    /// Queues `close_notify` after the outgoing bytes; returns false if nothing was queued.
    fn finish(&mut self) -> bool {
        match &mut self.phase {
            Phase::Open(open) if !self.is_mute => {
                self.is_mute = true;
                open.session.close();
                true
            }
            _ => false,
        }
    }

    /// Sends `close_notify` without waiting, unless queued before.
    fn say_goodbye(&mut self, below: &Below) {
        if self.finish() {
            if let Phase::Open(open) = &mut self.phase {
                // Unsent bytes are lost, and the client sees a break.
                let _ = transmit(&mut *open.session, &mut Wire::new(below));
            }
        }
    }
}

/// Runs one step of a handshake; `Err` holds the state to return.
fn step(session: &mut dyn Session, wire: &mut Wire<'_>) -> Result<(), Handshake> {
    transmit(session, wire).map_err(|error| pause_or_fail(&error, Handshake::Write))?;
    if !session.is_handshaking() {
        return Err(Handshake::Done);
    }
    match session.receive(wire) {
        Ok(0) => Err(Handshake::Broken("the client closed the connection".to_owned())),
        Ok(_) => session.advance().map_err(Handshake::Failed),
        Err(error) => Err(pause_or_fail(&error, Handshake::Read)),
    }
}

fn pause_or_fail(error: &io::Error, pause: Handshake) -> Handshake {
    if would_wait(error) { pause } else { Handshake::Broken(error.to_string()) }
}

/// The most steps of a handshake before other connections are served.
const SHARE: u32 = 64;
/// The most bytes read to detect the protocol.
const FIRST: usize = 1024;
