//! One connection with TLS: what [`Stream`] does for its `Tls`.
//!
//! The session stands behind a lock, because content may be read on one thread while an answer is written on another. The lock is
//! held while bytes are turned into other bytes and while the socket takes or gives what it can at once, never while anybody waits:
//! the socket is not blocking, and who waits does so with `poll`, outside.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use socket2::SockRef;

use super::Tls;
use super::open::{OpenSession, transmit};
use super::wire::{Below, Wire};
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};
use crate::tls::{Facts, Session};

/// A connection whose bytes are encrypted.
#[derive(Debug)]
pub(crate) struct Secure {
    /// The connection itself; never another `Secure`.
    below: Below,
    tls: Arc<Tls>,
    /// How long a read may wait for bytes, and a write for room.
    waits: (Duration, Duration),
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
    /// Whether nothing more is to be said: `close_notify` has been, or the end is to look like a break.
    is_mute: bool,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come, but for these bytes that were read in clear. A connection that stays silent costs no session.
    Fresh(Vec<u8>),
    Handshaking(Box<dyn Session>),
    Open(OpenSession),
    /// Past TLS, see [`Handshake::Plain`].
    Clear,
}

impl Secure {
    /// Takes over `inner`, whose socket it makes non-blocking: `grace` bounds each read, `send_slice` each write.
    pub(crate) fn new(inner: Stream, tls: Arc<Tls>, grace: Duration, send_slice: Duration) -> io::Result<Self> {
        if let Some(fd) = inner.fd() {
            SockRef::from(&fd).set_nonblocking(true)?;
        }
        let (below, waits) = (Below::new(inner), (grace, send_slice));
        let state = Mutex::new(State { phase: Phase::Fresh(Vec::new()), is_mute: false });
        Ok(Self { below, tls, waits, state, facts: OnceLock::new() })
    }

    /// Has a handshake that has not begun go by `tls`.
    pub(crate) fn follow(&mut self, tls: &Arc<Tls>) {
        self.tls = Arc::clone(tls);
    }

    /// The connection below.
    pub(crate) fn inner(&self) -> &Stream {
        &self.below.stream
    }

    /// Bytes that have moved below so far: a client may get on for long before that shows above, where records come whole.
    pub(crate) fn moved(&self, way: Interest) -> u64 {
        self.below.moved(way)
    }

    /// What the handshake has settled; `None` before.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.facts.get()
    }

    /// Takes bytes that were read in clear as the first of the handshake.
    pub(crate) fn begin_with(&self, bytes: &[u8]) {
        if let Phase::Fresh(ahead) = &mut self.state().phase {
            ahead.extend_from_slice(bytes);
        }
    }

    /// Goes on with the handshake as far as it gets without waiting.
    pub(crate) fn handshake(&self) -> Handshake {
        let mut state = self.state();
        let mut wire = Wire::new(&self.below);
        for _ in 0..SHARE {
            let stepped = match &mut state.phase {
                Phase::Fresh(ahead) => {
                    let ahead = std::mem::take(ahead);
                    self.begin(ahead, &mut wire)
                }
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
    fn begin(&self, mut first: Vec<u8>, wire: &mut Wire<'_>) -> Result<Option<Box<dyn Session>>, Handshake> {
        if first.is_empty() {
            let mut room = [0; FIRST];
            match wire.read(&mut room) {
                Ok(0) => return Err(Handshake::Failed("the client has left".to_owned())),
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
            state.phase = Phase::Open(OpenSession::new(session));
        }
    }

    /// Reads what has come: the whole buffer full, or everything. So less than a full buffer means, as with a socket, that what comes
    /// later will be reported. `Ok(0)`: the client has ended its side by `close_notify`. Before the handshake begins, bytes come in clear.
    ///
    /// # Errors
    /// `WouldBlock` if nothing came within the grace, or only a part of a record; `UnexpectedEof` if the connection ended without
    /// `close_notify`.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.moved(Interest::Read);
        match self.try_read(buffer) {
            // Who sends parts of records is not waited for: each would take the grace.
            Err(error) if would_wait(&error) && self.moved(Interest::Read) == before => {
                if self.wait(Interest::Read, self.waits.0)? { self.try_read(buffer) } else { Err(error) }
            }
            done => done,
        }
    }

    /// Reads what has come already; `WouldBlock` if nothing has.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Open(open) => open.read(buffer, &mut Wire::new(&self.below)),
            Phase::Clear | Phase::Fresh(_) => self.below.read(buffer),
            Phase::Handshaking(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Takes `parts`, all of them unless the socket takes no more within the send slice. Of what is taken, some 64 KiB may still be
    /// here: they go with the next write or [`flush`](Self::flush).
    ///
    /// # Errors
    /// `WouldBlock` if something taken before is still there and the socket takes nothing.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_within(parts, self.waits.1)
    }

    /// As [`write`](Self::write), without a wait for room.
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
                // What is wrong shows again the next time.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Takes what comes behind the first `skip` bytes, as far as it gets without waiting and 64 KiB at the most.
    fn write_now(&self, parts: &[IoSlice<'_>], mut skip: usize) -> io::Result<usize> {
        let mut state = self.state();
        let mut wire = Wire::new(&self.below);
        let session = match &mut state.phase {
            Phase::Open(open) => &mut *open.session,
            Phase::Clear if skip == 0 => return self.below.write(parts),
            // The rest of it is for the next call.
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

    /// Sends what was taken and not yet sent.
    ///
    /// # Errors
    /// `WouldBlock` if the socket did not take all of it within the send slice.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match self.try_flush() {
            Err(error) if would_wait(&error) && self.wait(Interest::Write, self.waits.1)? => self.try_flush(),
            done => done,
        }
    }

    /// As [`flush`](Self::flush), without a wait for room.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match &mut self.state().phase {
            Phase::Open(open) => transmit(&mut *open.session, &mut Wire::new(&self.below)),
            _ => Ok(()),
        }
    }

    /// Waits for up to `time`; true if there is anything to read or any room then.
    fn wait(&self, interest: Interest, time: Duration) -> io::Result<bool> {
        if time.is_zero() { Ok(false) } else { self.inner().wait(interest, time) }
    }

    /// Whether a read would give something though the socket has nothing.
    pub(crate) fn holds_input(&self) -> bool {
        match &mut self.state().phase {
            Phase::Open(open) => open.holds_input(),
            _ => false,
        }
    }

    /// Has `close_notify` follow what was written, to go out with it. To be called again does no harm.
    pub(crate) fn finish(&self) {
        self.state().finish();
    }

    /// Ends one direction or both. Our side ends with `close_notify`; both at once are a break, and the client can tell.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        {
            let mut state = self.state();
            match how {
                Shutdown::Read => {}
                Shutdown::Write => state.say_goodbye(&self.below),
                Shutdown::Both => state.is_mute = true,
            }
        }
        self.inner().shutdown(how)
    }

    /// Has the client find a break, not an end.
    pub(crate) fn abort(&self) {
        self.state().is_mute = true;
        self.inner().abort();
    }

    /// As [`Stream::restore`].
    pub(crate) fn restore(&self) {
        self.state().is_mute = false;
        self.inner().restore();
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.say_goodbye(&self.below);
    }
}

impl State {
    /// Has `close_notify` come behind what is outgoing; says whether it did just now.
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

    /// Sends `close_notify`, unless that was done, if it goes at once.
    fn say_goodbye(&mut self, below: &Below) {
        if self.finish() {
            if let Phase::Open(open) = &mut self.phase {
                // What does not go out now never will, and the client can tell.
                let _ = transmit(&mut *open.session, &mut Wire::new(below));
            }
        }
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

/// How many steps a handshake may take before it is somebody else's turn.
const SHARE: u32 = 64;
/// What is looked at to see who it is.
const FIRST: usize = 1024;
