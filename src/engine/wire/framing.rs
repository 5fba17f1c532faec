//! Frames content on its way out, as long as the client gets it.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use http::HeaderMap;

use super::output::Output;
use crate::h1::encode;
use crate::h1::exchange::{BodyFraming, CloseReason, Exchange};
use crate::message::body::Body;
use crate::message::shutdown::Shutdown;
use crate::message::writer::Sink;

/// How content goes onto the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// This many bytes are still owed.
    Length(u64),
    Chunks,
    /// Until the connection closes.
    Raw,
}

impl Framed {
    /// `None`: no content is sent.
    pub(super) fn of(framing: BodyFraming) -> Option<Self> {
        match framing {
            BodyFraming::None => None,
            BodyFraming::Length { length, send } => send.then_some(Self::Length(length)),
            BodyFraming::Chunked { send } => send.then_some(Self::Chunks),
            BodyFraming::Close { send } => send.then_some(Self::Raw),
        }
    }
}

/// Frames content on its way out.
pub(super) struct FramedWriter<'o, 'a> {
    output: &'o mut Output<'a>,
    pub(super) framed: Framed,
    /// Content that is gathered into one chunk or segment.
    pending: &'o mut Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
    /// Bytes of content.
    pub(super) sent: u64,
    /// Whether there was more than declared.
    surplus: bool,
    /// Why the client cannot get the rest, once that is so: what was on its way is lost, whether or not the body heeds it.
    failed: Option<io::ErrorKind>,
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
        Self { output, framed, pending, trailers: None, sent, surplus: false, failed: None, shutdown }
    }

    /// Puts content out, cut to what is owed; small content is only gathered.
    pub(super) fn emit(&mut self, content: &[u8]) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
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
        } else {
            self.output.send(content).inspect_err(|error| self.failed = Some(error.kind()))?;
        }
        if is_chunk {
            // Of a chunk that has been sent, this goes out with what follows.
            encode::chunk_end(self.output.gathered);
        }
        Ok(())
    }

    /// Sends what is gathered.
    pub(super) fn push(&mut self) -> io::Result<()> {
        match self.failed {
            Some(kind) => Err(kind.into()),
            None => self.output.flush().inspect_err(|error| self.failed = Some(error.kind())),
        }
    }

    /// What of `content` is owed.
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

    /// Reads `body` to its end and sends it as it comes.
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

    /// All that was declared is out. The end of a request's content is read even so: its trailers, its last chunk.
    fn probe(&mut self, body: &mut Body) -> io::Result<()> {
        if body.is_incoming() {
            let surplus = body.read(&mut [0])?;
            self.surplus |= surplus > 0;
        }
        Ok(())
    }

    /// Has `write` put the content out, and ends it. Says how many bytes of content there were.
    pub(super) fn pass(
        mut self,
        exchange: &mut Exchange,
        write: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<u64> {
        if self.framed == Framed::Raw {
            // Until it is whole, an ordinary end would look like that of the content, whoever brings it about.
            self.output.abort();
        }
        let written = catch_unwind(AssertUnwindSafe(|| write(&mut self)))
            .map(|written| self.failed.map_or(written, |kind| Err(kind.into())));
        match written {
            Ok(written) => written?,
            Err(panic) => resume_unwind(panic),
        }
        self.finish(exchange)
    }

    /// Ends the body and settles what became of it.
    fn finish(self, exchange: &mut Exchange) -> io::Result<u64> {
        match self.framed {
            Framed::Chunks => {
                let trailers = self.trailers.filter(|_| exchange.wants_trailers()).unwrap_or_default();
                encode::last_chunk(self.output.gathered, &trailers);
            }
            Framed::Length(left) if left > 0 => {
                log::error!("a body ended {left} bytes short of its declared length; closing the connection");
                exchange.close(CloseReason::BodyShort);
                // What the head has promised will not come: only the end of the connection can say so.
                self.output.flush()?;
            }
            Framed::Length(_) => {}
            Framed::Raw => self.output.restore(),
        }
        if self.surplus {
            log::error!("a body was longer than its declared length; the surplus was not sent");
        }
        Ok(self.sent)
    }
}

impl Write for FramedWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
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
}

/// Reads once, again where a signal came in between.
pub(super) fn read_patiently(body: &mut Body, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match body.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// How much is gathered before it is sent: what fits a few segments.
pub(crate) const GATHER: usize = 16 * 1024;
/// How much is copied at a time. Measured, an echo of 1 MiB over 8 connections: 349 ms of processor time for a thousand with 64 KiB,
/// 336 with 128, 257 with 256 (a blocking loop that keeps the whole of it in memory: 222).
pub(super) const COPY: usize = 256 * 1024;
