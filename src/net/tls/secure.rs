//! One connection with TLS: what [`Stream`] does for its `Tls`.
//!
//! The session stands behind a lock, because content may be read on one thread while an answer is written on another. The lock is
//! held while bytes are turned into other bytes and while the socket takes or gives what it can at once, never while anybody waits:
//! the socket is not blocking, and who waits does so with `poll`, outside.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use socket2::SockRef;

use super::Tls;
use super::wire::Wire;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};
use crate::tls::{Facts, Session};

/// A connection whose bytes are encrypted.
#[derive(Debug)]
pub(crate) struct Secure {
    /// The connection itself; never another `Secure`.
    inner: Stream,
    tls: Arc<Tls>,
    /// How long a read may wait, as with the sockets below.
    grace: Duration,
    state: Mutex<State>,
    /// There once the handshake is over.
    facts: OnceLock<Arc<Facts>>,
}

/// How the handshake is getting on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// It is over: bytes may be read and written. Some may have arrived with it, see [`Stream::wait`].
    Done,
    /// It goes on when something has come.
    Read,
    /// It goes on when there is room to write.
    Write,
    /// It could go on at once, but has had its share.
    Again,
    /// The client does not speak TLS but, as it looks, HTTP. From here on bytes go in and out as they are, so that it can be told.
    Plain,
    /// It has failed, for a reason that is for the log; the client has been told as far as that was possible at once. From here on bytes
    /// come in as they are, to be dropped.
    Failed(String),
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Whether the end is to look like a break: without `close_notify`.
    is_mute: bool,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come. A connection that stays silent costs no session.
    Fresh,
    Handshaking(Box<dyn Session>),
    Open(Open),
    /// Past TLS, see [`Handshake::Plain`].
    Clear,
}

#[derive(Debug)]
struct Open {
    session: Box<dyn Session>,
    /// Why nothing more can be read.
    failure: Option<String>,
}

impl Secure {
    /// Takes over `inner`, whose socket it makes non-blocking.
    pub(crate) fn new(inner: Stream, tls: Arc<Tls>, grace: Duration) -> io::Result<Self> {
        if let Some(fd) = inner.fd() {
            SockRef::from(&fd).set_nonblocking(true)?;
        }
        let state = Mutex::new(State { phase: Phase::Fresh, is_mute: false });
        Ok(Self { inner, tls, grace, state, facts: OnceLock::new() })
    }

    /// The connection below.
    pub(crate) fn inner(&self) -> &Stream {
        &self.inner
    }

    /// What the handshake has settled; `None` before.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.facts.get()
    }

    /// Goes on with the handshake as far as it gets without waiting.
    pub(crate) fn handshake(&self) -> Handshake {
        let mut state = self.state();
        let mut wire = Wire::new(&self.inner);
        for _ in 0..SHARE {
            let stepped = match &mut state.phase {
                Phase::Fresh => self.begin(&mut wire),
                Phase::Handshaking(session) => step(&mut **session, &mut wire).map(|()| None),
                Phase::Open(_) => return Handshake::Done,
                Phase::Clear => return Handshake::Failed("there is no TLS on this connection".to_owned()),
            };
            match stepped {
                Ok(Some(session)) => state.phase = Phase::Handshaking(session),
                Ok(None) => {}
                Err(Handshake::Done) => self.open(&mut state),
                Err(end @ (Handshake::Plain | Handshake::Failed(_))) => {
                    if let Phase::Handshaking(session) = &mut state.phase {
                        // The alert, if there is one; the client may be gone.
                        let _ = transmit(&mut **session, &mut wire);
                    }
                    state.phase = Phase::Clear;
                    return end;
                }
                Err(pause) => return pause,
            }
        }
        Handshake::Again
    }

    /// Looks at the first bytes; the session that they begin.
    fn begin(&self, wire: &mut Wire<'_>) -> Result<Option<Box<dyn Session>>, Handshake> {
        let mut first = [0; FIRST];
        let count = match io::Read::read(wire, &mut first) {
            Ok(0) => return Err(Handshake::Failed("the client has left".to_owned())),
            Ok(count) => count,
            Err(error) => return Err(pause_or_fail(&error, Handshake::Read)),
        };
        // A handshake begins with 0x16, SSL 2 with a byte above 0x7F.
        if first[0].is_ascii_alphabetic() {
            return Err(Handshake::Plain);
        }
        let mut session = self.tls.session().map_err(Handshake::Failed)?;
        let mut rest = &first[..count];
        while !rest.is_empty() {
            let taken = session.receive(&mut rest).map_err(|error| error.to_string());
            let advanced = match taken {
                Ok(0) => Err("the session takes no more".to_owned()),
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

    /// The handshake is over.
    fn open(&self, state: &mut State) {
        if let Phase::Handshaking(session) = std::mem::replace(&mut state.phase, Phase::Clear) {
            // It happens once.
            let _ = self.facts.set(Arc::new(session.facts()));
            state.phase = Phase::Open(Open { session, failure: None });
        }
    }

    /// Reads what has come: the whole buffer full, or everything. So less than a full buffer means, as with a socket, that what comes
    /// later will be reported. `Ok(0)`: the client has ended its side by `close_notify`.
    ///
    /// # Errors
    /// `WouldBlock` if nothing came within the grace; `UnexpectedEof` if the connection ended without `close_notify`.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut has_waited = self.grace.is_zero();
        loop {
            match self.read_now(buffer) {
                Err(error) if would_wait(&error) && !has_waited => {
                    has_waited = true;
                    if !self.inner.wait(Interest::Read, self.grace)? {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Open(open) => open.read(buffer, &mut Wire::new(&self.inner)),
            Phase::Clear => self.inner.read(buffer),
            Phase::Fresh | Phase::Handshaking(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Takes some of `parts` and sends what the socket takes of it; the rest, at most some 64 KiB, goes with the next write or
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    /// `WouldBlock` if something taken before is still there and the socket takes nothing.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state();
        let mut wire = Wire::new(&self.inner);
        let open = match &mut state.phase {
            Phase::Open(open) => open,
            Phase::Clear => return self.inner.write(parts),
            Phase::Fresh | Phase::Handshaking(_) => return Err(io::ErrorKind::NotConnected.into()),
        };
        transmit(&mut *open.session, &mut wire)?;
        let mut taken = 0;
        for part in parts {
            let count = open.session.write(part)?;
            taken += count;
            if count < part.len() {
                break;
            }
        }
        match transmit(&mut *open.session, &mut wire) {
            Err(error) if !would_wait(&error) => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends what was taken and not yet sent.
    ///
    /// # Errors
    /// `WouldBlock` until all of it is out.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match &mut self.state().phase {
            Phase::Open(open) => transmit(&mut *open.session, &mut Wire::new(&self.inner)),
            _ => Ok(()),
        }
    }

    /// Whether a read would give something though the socket has nothing.
    pub(crate) fn holds_input(&self) -> bool {
        match &mut self.state().phase {
            Phase::Open(open) => open.failure.is_some() || open.session.has_plaintext(),
            _ => false,
        }
    }

    /// Ends one direction or both. Our side ends with `close_notify`; both at once are a break, and the client can tell.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        {
            let mut state = self.state();
            match how {
                Shutdown::Read => {}
                Shutdown::Write => state.say_goodbye(&self.inner),
                Shutdown::Both => state.is_mute = true,
            }
        }
        self.inner.shutdown(how)
    }

    /// Has the client find a break, not an end.
    pub(crate) fn abort(&self) {
        self.state().is_mute = true;
        self.inner.abort();
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.say_goodbye(&self.inner);
    }
}

impl State {
    /// Sends `close_notify`, behind what is outgoing, if that goes at once. To be called again does no harm.
    fn say_goodbye(&mut self, inner: &Stream) {
        if let (Phase::Open(open), false) = (&mut self.phase, self.is_mute) {
            self.is_mute = true;
            open.session.close();
            // What does not go out now never will, and the client can tell.
            let _ = transmit(&mut *open.session, &mut Wire::new(inner));
        }
    }
}

impl Open {
    fn read(&mut self, buffer: &mut [u8], wire: &mut Wire<'_>) -> io::Result<usize> {
        let (mut filled, mut barren) = (0, 0);
        while barren < SHARE {
            match self.session.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(filled),
                Ok(count) => {
                    (filled, barren) = (filled + count, 0);
                    if filled == buffer.len() {
                        return Ok(filled);
                    }
                }
                Err(error) if !would_wait(&error) => return if filled > 0 { Ok(filled) } else { Err(error) },
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

/// One step of a handshake; `Err` says where it has come to.
fn step(session: &mut dyn Session, wire: &mut Wire<'_>) -> Result<(), Handshake> {
    transmit(session, wire).map_err(|error| pause_or_fail(&error, Handshake::Write))?;
    if !session.is_handshaking() {
        return Err(Handshake::Done);
    }
    match session.receive(wire) {
        Ok(0) => Err(Handshake::Failed("the client has left".to_owned())),
        Ok(_) => session.advance().map_err(Handshake::Failed),
        Err(error) => Err(pause_or_fail(&error, Handshake::Read)),
    }
}

fn pause_or_fail(error: &io::Error, pause: Handshake) -> Handshake {
    if would_wait(error) { pause } else { Handshake::Failed(error.to_string()) }
}

/// Sends all that is outgoing.
fn transmit(session: &mut dyn Session, wire: &mut Wire<'_>) -> io::Result<()> {
    while session.has_outgoing() {
        if session.transmit(wire)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// How many steps a handshake or a read may take before it is somebody else's turn.
const SHARE: u32 = 64;
/// What is looked at to see who it is.
const FIRST: usize = 1024;
