//! Sends a response: its head, then its body as that comes, straight from the worker to the socket.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use http::{HeaderMap, Response as Head, StatusCode};

use super::output::Output;
use super::rest::{Left, Rest};
use crate::h1::encode::{self, Stamp};
use crate::h1::error::Error;
use crate::h1::exchange::{BodyFraming, CloseReason, Exchange};
use crate::message::body::{Body, Kind};
use crate::message::response::refusal;
use crate::message::shutdown::Shutdown;
use crate::message::writer::{BodyWriter, Sink};

/// What became of an answer.
#[derive(Debug)]
pub(crate) enum Sent {
    /// It is out, or gathered. The number counts bytes of content.
    Whole(u64),
    /// The client is slow to take it: this is left of it, and of what is gathered.
    Partly(Rest, u64),
    /// Nothing of it is out: its body failed first, or its framing contradicts itself.
    Unsent(Error),
}

/// Sends `head` and `body` as the answer of `exchange`; small ones are only gathered.
///
/// `scratch` is memory to use. What goes wrong on the way that the client must be able to tell, such as a body shorter than
/// declared, is entered in `exchange` as a reason to close.
///
/// # Errors
/// The client is gone or does not read, or the body failed half way: the connection is of no use any more.
///
/// # Panics
/// Where the body does.
pub(crate) fn send(
    output: &mut Output<'_>,
    exchange: &mut Exchange,
    head: Head<Body>,
    stamp: &Stamp<'_>,
    scratch: &mut Vec<u8>,
    shutdown: &Shutdown,
) -> io::Result<Sent> {
    let (head, mut body) = head.into_parts();
    let length = body.len();
    let framing = match exchange.answer(head.status, &head.headers, length) {
        Ok(framing) => framing,
        Err(error) => return Ok(Sent::Unsent(error)),
    };
    let framed = Framed::of(framing);
    // A body that fails at its first read still gets an honest status, and one that has to send `100 Continue` for it does so
    // before the head.
    scratch.clear();
    if framed.is_some() && body.is_read_first() {
        let room = length.map_or(GATHER, |length| usize::try_from(length).unwrap_or(usize::MAX).min(COPY));
        scratch.resize(room, 0);
        match read_patiently(&mut body, scratch) {
            Ok(got) => scratch.truncate(got),
            Err(error) => {
                log::debug!("a body failed at its first read: {error}");
                return Ok(Sent::Unsent(
                    refusal(&error).unwrap_or(Error::HandlerFraming("the body failed at its first read")),
                ));
            }
        }
    }
    encode::head(output.gathered, exchange, framing, head.status, &head.headers, stamp);
    let Some(framed) = framed else { return Ok(Sent::Whole(0)) };
    let body = match Rest::of(body) {
        Ok(rest) => return send_known(output, exchange, rest),
        Err(body) => body,
    };
    let writer = Framing { output, framed, pending: scratch, trailers: None, sent: 0, surplus: false, shutdown };
    writer.pass(exchange, |writer| write_body(writer, body))
}

/// Sends `body` behind what has been sent of an answer that began before.
///
/// # Errors
/// As [`send`].
///
/// # Panics
/// Where the body does.
pub(crate) fn resume(
    output: &mut Output<'_>,
    exchange: &mut Exchange,
    begun: Begun,
    mut body: Body,
    scratch: &mut Vec<u8>,
    shutdown: &Shutdown,
) -> io::Result<Sent> {
    let Some(framed) = begun.framed else { return Ok(Sent::Whole(0)) };
    scratch.clear();
    let writer =
        Framing { output, framed, pending: scratch, trailers: None, sent: begun.sent, surplus: false, shutdown };
    writer.pass(exchange, |writer| {
        if body.is_stream() {
            return write_body(writer, body);
        }
        if !body.is_empty() {
            writer.copy(&mut body)?;
        }
        writer.trailers = body.trailers();
        Ok(())
    })
}

/// Runs `send`; `None`, and a line in the log, if what is sent panicked.
pub(super) fn caught<T>(send: impl FnOnce() -> T) -> Option<T> {
    let sent = catch_unwind(AssertUnwindSafe(send)).ok();
    if sent.is_none() {
        log::error!("a body panicked; its connection is cut");
    }
    sent
}

/// An answer whose head is settled, and what of its content has been sent.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) status: StatusCode,
    /// `None`: content is dropped.
    framed: Option<Framed>,
    sent: u64,
}

impl Begun {
    pub(crate) fn new(status: StatusCode, framing: BodyFraming) -> Self {
        Self { status, framed: Framed::of(framing), sent: 0 }
    }

    /// Sends what of `content` is owed at once, and says how much that is.
    pub(crate) fn send(&mut self, output: &mut Output<'_>, content: &[u8], shutdown: &Shutdown) -> io::Result<usize> {
        let Some(framed) = self.framed else { return Ok(content.len()) };
        let (sent, mut pending) = (self.sent, Vec::new());
        let mut writer =
            Framing { output, framed, pending: &mut pending, trailers: None, sent, surplus: false, shutdown };
        let done = writer.emit(content).and_then(|()| writer.output.flush());
        (self.framed, self.sent) = (Some(writer.framed), writer.sent);
        done.map(|()| usize::try_from(self.sent - sent).unwrap_or(usize::MAX))
    }

    /// Has the connection end so that the client can tell.
    pub(crate) fn cut(&self, output: &Output<'_>) {
        if self.framed == Some(Framed::Raw) {
            output.abort();
        }
    }
}

fn write_body(writer: &mut Framing<'_, '_>, mut body: Body) -> io::Result<()> {
    writer.pass_pending()?;
    if body.is_read_first() {
        if writer.framed != Framed::Length(0) {
            // What was read must not wait for what comes: the reader may be a conversation.
            writer.output.flush()?;
        }
        writer.copy(&mut body)?;
        writer.trailers = body.trailers();
        return Ok(());
    }
    if let Kind::Stream(produce) = body.into_kind() {
        produce(&mut BodyWriter::new(writer))?;
    }
    writer.pass_pending()
}

/// Sends content that is at hand and whose length is known.
fn send_known(output: &mut Output<'_>, exchange: &mut Exchange, mut rest: Rest) -> io::Result<Sent> {
    let length = rest.len();
    match rest.send(output)? {
        Left::Nothing => Ok(Sent::Whole(length)),
        Left::More | Left::Share => Ok(Sent::Partly(rest, length)),
        Left::Missing(missing) => {
            log::error!("a file ended {missing} bytes short of its declared length; closing the connection");
            exchange.close(CloseReason::BodyShort);
            // What the head has promised will not come: only the end of the connection can say so.
            output.flush()?;
            Ok(Sent::Whole(length - missing))
        }
    }
}

/// Reads once, again where a signal came in between.
fn read_patiently(body: &mut Body, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match body.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// How content goes onto the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    /// This many bytes are still owed.
    Length(u64),
    Chunks,
    /// Until the connection closes.
    Raw,
}

impl Framed {
    /// `None`: no content is sent.
    fn of(framing: BodyFraming) -> Option<Self> {
        match framing {
            BodyFraming::None => None,
            BodyFraming::Length { length, send } => send.then_some(Self::Length(length)),
            BodyFraming::Chunked { send } => send.then_some(Self::Chunks),
            BodyFraming::Close { send } => send.then_some(Self::Raw),
        }
    }
}

/// Frames content on its way out.
struct Framing<'o, 'a> {
    output: &'o mut Output<'a>,
    framed: Framed,
    /// Content that is gathered into one chunk or segment.
    pending: &'o mut Vec<u8>,
    trailers: Option<HeaderMap>,
    /// Bytes of content.
    sent: u64,
    /// Whether there was more than declared.
    surplus: bool,
    shutdown: &'o Shutdown,
}

impl Framing<'_, '_> {
    /// Puts content out, cut to what is owed; small content is only gathered.
    fn emit(&mut self, content: &[u8]) -> io::Result<()> {
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
            self.output.send(content)?;
        }
        if is_chunk {
            // Of a chunk that has been sent, this goes out with what follows.
            encode::chunk_end(self.output.gathered);
        }
        Ok(())
    }

    /// What of `content` is owed.
    fn cut<'c>(&mut self, content: &'c [u8]) -> &'c [u8] {
        let Framed::Length(left) = &mut self.framed else { return content };
        let owed = usize::try_from(*left).unwrap_or(usize::MAX).min(content.len());
        *left -= owed as u64;
        self.surplus |= owed < content.len();
        &content[..owed]
    }

    fn pass_pending(&mut self) -> io::Result<()> {
        let mut pending = std::mem::take(self.pending);
        let result = self.emit(&pending);
        pending.clear();
        *self.pending = pending;
        result
    }

    /// Reads `body` to its end and sends it as it comes.
    fn copy(&mut self, body: &mut Body) -> io::Result<()> {
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
                Ok(got) => match self.emit(&room[..got]).and_then(|()| self.output.flush()) {
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

    /// Has `write` put the content out, and ends it.
    fn pass(mut self, exchange: &mut Exchange, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<Sent> {
        let written = catch_unwind(AssertUnwindSafe(|| write(&mut self)));
        if self.framed == Framed::Raw && !matches!(written, Ok(Ok(()))) {
            // An ordinary end would look like the end of the content.
            self.output.abort();
        }
        match written {
            Ok(written) => written?,
            Err(panic) => resume_unwind(panic),
        }
        self.finish(exchange)
    }

    /// Ends the body and settles what became of it.
    fn finish(self, exchange: &mut Exchange) -> io::Result<Sent> {
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
            Framed::Length(_) | Framed::Raw => {}
        }
        if self.surplus {
            log::error!("a body was longer than its declared length; the surplus was not sent");
        }
        Ok(Sent::Whole(self.sent))
    }
}

impl Write for Framing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
        self.output.flush()
    }
}

impl Sink for Framing<'_, '_> {
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

/// How much is gathered before it is sent: what fits a few segments.
pub(crate) const GATHER: usize = 16 * 1024;
/// How much is copied at a time. Measured, an echo of 1 MiB over 8 connections: 349 ms of processor time for a thousand with 64 KiB,
/// 336 with 128, 257 with 256 (a blocking loop that keeps the whole of it in memory: 222).
const COPY: usize = 256 * 1024;
