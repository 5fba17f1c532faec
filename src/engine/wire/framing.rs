//! Framing of outgoing content.

use std::error;
use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::output::Output;
use crate::h1::encode;
use crate::h1::exchange::{BodyFraming, CloseReason, Exchange};
use crate::message::body::Body;
use crate::message::content_error::refusal;
use crate::message::shutdown::Shutdown;
use crate::message::writer::{Sink, incomplete};
use crate::sync::catch;

/// The framing of content on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// Content of a declared length. The number counts the bytes still to be sent.
    Length(u64),
    Chunks,
    /// Content that ends when the connection closes.
    Raw,
}

impl Framed {
    /// Returns the framing; `None` if no content is sent.
    pub(super) fn of(framing: BodyFraming) -> Option<Self> {
        match framing {
            BodyFraming::None => None,
            BodyFraming::Length { length, send } => send.then_some(Self::Length(length)),
            BodyFraming::Chunked { send } => send.then_some(Self::Chunks),
            BodyFraming::Close { send } => send.then_some(Self::Raw),
        }
    }
}

/// The difference between a body and the answer that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Flaw {
    /// This many bytes of the declared length are missing.
    Short(u64),
    /// The body was longer than declared, and cut.
    Surplus,
    /// These trailer fields are not allowed, and left out.
    Trailers(Vec<HeaderName>),
}

impl Flaw {
    /// Returns the flaw of an answer whose trailers have lost these fields; `None` if none is lost.
    pub(super) fn of_trailers(lost: Vec<HeaderName>) -> Option<Self> {
        (!lost.is_empty()).then_some(Self::Trailers(lost))
    }
}

/// The error of an answer whose body has failed, as opposed to one whose client has left.
#[derive(Debug)]
pub(in crate::engine) struct BodyFailed(pub(in crate::engine) io::Error);

impl fmt::Display for BodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for BodyFailed {}

/// Frames outgoing content.
pub(super) struct FramedWriter<'o, 'a> {
    output: &'o mut Output<'a>,
    pub(super) framed: Framed,
    /// A buffer for content that becomes one chunk or segment.
    pending: &'o mut Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
    /// Bytes of content.
    pub(super) sent: u64,
    /// True if the body was longer than declared.
    surplus: bool,
    /// The error after which the client cannot get the rest. Content is lost even if the body
    /// ignores the error.
    failed: Option<io::ErrorKind>,
    /// True if content is missing although the client takes it.
    is_abandoned: bool,
    shutdown: &'o Shutdown,
}

impl<'o, 'a> FramedWriter<'o, 'a> {
    pub(super) fn new(
        output: &'o mut Output<'a>,
        framed: Framed,
        pending: &'o mut Vec<u8>,
        sent: u64,
        shutdown: &'o Shutdown,
    ) -> Self {
        Self {
            output,
            framed,
            pending,
            trailers: None,
            sent,
            surplus: false,
            failed: None,
            is_abandoned: false,
            shutdown,
        }
    }

    /// Sends content, cut to the declared length. Small content is only gathered.
    pub(super) fn emit(&mut self, content: &[u8]) -> io::Result<()> {
        self.check()?;
        let content = self.cut(content);
        if content.is_empty() {
            return Ok(());
        }
        self.sent += content.len() as u64;
        let is_small = self.output.gathered.len() + content.len() <= GATHER;
        let is_chunk = self.framed == Framed::Chunks;
        if is_chunk {
            encode::chunk_head(self.output.gathered, content.len());
        }
        if is_small {
            self.output.gathered.extend_from_slice(content);
            self.output.content += content.len() as u64;
        } else {
            self.output.send(content).inspect_err(|error| self.failed = Some(error.kind()))?;
        }
        if is_chunk {
            // The end of a sent chunk goes out with the next output.
            encode::chunk_end(self.output.gathered);
        }
        Ok(())
    }

    /// Sends the gathered output.
    pub(super) fn push(&mut self) -> io::Result<()> {
        self.check()?;
        self.output.flush().inspect_err(|error| self.failed = Some(error.kind()))
    }

    /// Returns an error if content is lost.
    fn check(&self) -> io::Result<()> {
        match self.failed {
            Some(kind) => Err(kind.into()),
            None if self.is_abandoned => Err(incomplete()),
            None => Ok(()),
        }
    }

    /// Cuts `content` to the declared length.
    fn cut<'c>(&mut self, content: &'c [u8]) -> &'c [u8] {
        let Framed::Length(left) = &mut self.framed else { return content };
        let owed = usize::try_from(*left).unwrap_or(usize::MAX).min(content.len());
        *left -= owed as u64;
        self.surplus |= owed < content.len();
        &content[..owed]
    }

    pub(super) fn pass_pending(&mut self) -> io::Result<()> {
        let mut pending = std::mem::take(self.pending);
        let result = self.emit(&pending);
        pending.clear();
        *self.pending = pending;
        result
    }

    /// Reads `body` to the end, and sends each part as it is read.
    pub(super) fn copy(&mut self, body: &mut Body) -> io::Result<()> {
        if self.framed == Framed::Length(0) {
            return self.probe(body);
        }
        let mut room = std::mem::take(self.pending);
        room.resize(COPY, 0);
        let result = loop {
            if self.framed == Framed::Length(0) {
                break self.probe(body);
            }
            match read_patiently(body, &mut room) {
                Ok(0) => break Ok(()),
                Ok(got) => match self.emit(&room[..got]).and_then(|()| self.push()) {
                    Ok(()) => {}
                    failed => break failed,
                },
                Err(error) => break Err(error),
            }
        };
        room.clear();
        *self.pending = room;
        result
    }

    /// Reads the end of a request's content, with its trailers, after the declared length is sent.
    fn probe(&mut self, body: &mut Body) -> io::Result<()> {
        if body.is_incoming() {
            let surplus = body.read(&mut [0])?;
            self.surplus |= surplus > 0;
        }
        Ok(())
    }

    /// Sends the content with `write` and ends the body. Returns the bytes of content sent.
    ///
    /// # Errors
    /// Those of the output, and [`BodyFailed`] for an error of `write` itself, unless the client's
    /// content was at fault.
    pub(super) fn pass(
        mut self,
        exchange: &mut Exchange,
        write: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<(u64, Option<Flaw>)> {
        if self.framed == Framed::Raw {
            // Until the body is complete, an orderly close by any thread would look like its end.
            self.output.abort();
        }
        let written = catch(|| write(&mut self));
        match (written, self.failed) {
            (Err(panic), _) => panic.resume(),
            (Ok(_), Some(kind)) => Err(kind.into()),
            (Ok(Err(error)), None) if refusal(&error).is_some() => Err(error),
            (Ok(Err(error)), None) => Err(io::Error::other(BodyFailed(error))),
            (Ok(Ok(())), None) if self.is_abandoned => Err(io::Error::other(BodyFailed(incomplete()))),
            (Ok(Ok(())), None) => self.finish(exchange),
        }
    }

    /// Ends the body, and notes a body that was too short or too long.
    fn finish(self, exchange: &mut Exchange) -> io::Result<(u64, Option<Flaw>)> {
        let mut flaw = self.surplus.then_some(Flaw::Surplus);
        match self.framed {
            Framed::Chunks => {
                let trailers = self.trailers.filter(|_| exchange.wants_trailers()).unwrap_or_default();
                let lost = encode::last_chunk(self.output.gathered, &trailers, exchange.is_title_case());
                flaw = Flaw::of_trailers(lost);
            }
            Framed::Length(left) if left > 0 => {
                flaw = Some(Flaw::Short(left));
                exchange.close(CloseReason::BodyShort);
                // Only a close can report that the declared content will not come.
                self.output.flush()?;
            }
            Framed::Length(_) => {}
            Framed::Raw => self.output.restore(),
        }
        Ok((self.sent, flaw))
    }
}

impl Write for FramedWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        if self.pending.len() + bytes.len() > GATHER {
            self.pass_pending()?;
        }
        if bytes.len() > GATHER {
            self.emit(bytes)?;
        } else {
            self.pending.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_pending()?;
        self.push()
    }
}

impl Sink for FramedWriter<'_, '_> {
    fn set_trailers(&mut self, fields: HeaderMap) {
        self.trailers = Some(fields);
    }

    fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    fn stops_within(&self, time: Duration) -> bool {
        self.shutdown.wait(time)
    }

    fn abandon(&mut self) {
        self.is_abandoned = true;
    }
}

/// Reads once, and retries after a signal.
pub(super) fn read_patiently(body: &mut Body, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match body.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The most bytes gathered before they are sent: a few segments.
pub(crate) const GATHER: usize = 16 * 1024;
/// The most bytes copied at a time. Measured, an echo of 1 MiB over 8 connections: 349 ms of
/// processor time for a thousand with 64 KiB, 336 with 128, 257 with 256 (a blocking loop with the
/// whole content in memory: 222).
pub(super) const COPY: usize = 256 * 1024;
