//! Sends a response from the worker to the socket: the head, then the body as it is produced.

use std::io;
use std::sync::Arc;

use http::{Response as Head, StatusCode};

pub(in crate::engine) use super::framing::{BodyFailed, Flaw};
use super::framing::{COPY, Framed, FramedWriter, GATHER, read_patiently};
use super::live::Live;
use super::output::Output;
use super::remainder::{Progress, Remainder};
use crate::h1::encode::{self, AnswerStatus, Stamp};
use crate::h1::error::ProtocolError;
use crate::h1::exchange::{BodyFraming, CloseReason, Exchange};
use crate::message::body::Body;
use crate::message::content_error::refusal;
use crate::message::reason::ReasonPhrase;
use crate::message::shutdown::Shutdown;
use crate::message::writer::BodyWriter;

/// The outcome of sending an answer.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The answer is sent or gathered. The number counts bytes of content.
    Whole(u64, Option<Flaw>),
    /// The client is slow: the remainder, and possibly gathered output, is unsent.
    Partly(Remainder, u64),
    /// The head is gathered, and content will come from a channel.
    Live(Live),
    /// No byte is sent: the body failed at its first read, with this error, or the framing
    /// contradicts itself.
    Unsent(ProtocolError, Option<io::Error>),
}

/// Sends `head` and `body` as the answer of `exchange`. Small answers are only gathered.
///
/// `scratch` is a buffer to reuse. An error that the client must notice, such as a body shorter
/// than declared, is noted in `exchange` as a reason to close.
///
/// # Errors
/// The client is gone or does not read, or the body failed half way. The connection is unusable.
///
/// # Panics
/// Panics if the body panics.
pub(crate) fn send(
    output: &mut Output<'_>,
    exchange: &mut Exchange,
    head: Head<Body>,
    stamp: &Stamp<'_>,
    scratch: &mut Vec<u8>,
    shutdown: &Arc<Shutdown>,
) -> io::Result<Sent> {
    let (head, mut body) = head.into_parts();
    let length = body.content_length();
    let framing = match exchange.answer(head.status, &head.headers, length) {
        Ok(framing) => framing,
        Err(error) => return Ok(Sent::Unsent(error, None)),
    };
    let framed = Framed::of(framing);
    // The first read comes before the head: if it fails, the status can still say so, and `100
    // Continue` must precede the head.
    scratch.clear();
    if framed.is_some() && body.is_read_first() {
        let room = length.map_or(GATHER, |length| usize::try_from(length).unwrap_or(usize::MAX).min(COPY));
        scratch.resize(room, 0);
        match read_patiently(body.source(), scratch) {
            Ok(got) => {
                scratch.truncate(got);
                body.put_back(scratch);
            }
            Err(error) => {
                let refused = ProtocolError::HandlerFraming("the body failed at its first read");
                return Ok(Sent::Unsent(refusal(&error).unwrap_or(refused), Some(error)));
            }
        }
    }
    let reason = head.extensions.get().map(ReasonPhrase::as_bytes);
    let status = AnswerStatus { code: head.status, reason };
    encode::head(output.gathered, exchange, framing, status, &head.headers, stamp);
    let Some(framed) = framed else { return Ok(Sent::Whole(0, None)) };
    let body = match Remainder::of(body) {
        Ok(rest) => return send_known(output, exchange, rest),
        Err(body) => body,
    };
    let body = match body.into_channel() {
        Ok((receiver, filters)) => return Ok(Sent::Live(Live::new(receiver, filters, framed, shutdown))),
        Err(body) => body,
    };
    let writer = FramedWriter::new(output, framed, scratch, 0, shutdown);
    writer.pass(exchange, |writer| write_body(writer, body)).map(|(sent, flaw)| Sent::Whole(sent, flaw))
}

/// Sends `body` as the rest of an answer that has begun.
///
/// # Errors
/// As [`send`].
///
/// # Panics
/// Panics if the body panics.
pub(crate) fn resume(
    output: &mut Output<'_>,
    exchange: &mut Exchange,
    begun: Begun,
    mut body: Body,
    scratch: &mut Vec<u8>,
    shutdown: &Shutdown,
) -> io::Result<Sent> {
    let Some(framed) = begun.framed else { return Ok(Sent::Whole(0, None)) };
    scratch.clear();
    let writer = FramedWriter::new(output, framed, scratch, begun.sent, shutdown);
    let pass = |writer: &mut FramedWriter<'_, '_>| {
        if body.is_stream() {
            return write_body(writer, body);
        }
        if !body.is_empty() {
            writer.copy(&mut body)?;
        }
        writer.trailers = body.trailers();
        Ok(())
    };
    writer.pass(exchange, pass).map(|(sent, flaw)| Sent::Whole(sent, flaw))
}

/// An answer whose head is fixed, and the progress of its content.
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

    /// Sends `content` at once, cut to the declared length. Returns the number of bytes sent.
    pub(crate) fn send(&mut self, output: &mut Output<'_>, content: &[u8], shutdown: &Shutdown) -> io::Result<usize> {
        let Some(framed) = self.framed else { return Ok(content.len()) };
        if framed == Framed::Raw {
            output.abort();
        }
        let (sent, mut pending) = (self.sent, Vec::new());
        let mut writer = FramedWriter::new(output, framed, &mut pending, sent, shutdown);
        let done = writer.emit(content).and_then(|()| writer.push());
        (self.framed, self.sent) = (Some(writer.framed), writer.sent);
        done.map(|()| usize::try_from(self.sent - sent).unwrap_or(usize::MAX))
    }

    /// The bytes of content sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Makes the close a reset if the content has no framing, so that the client notices.
    pub(crate) fn cut(&self, output: &Output<'_>) {
        if self.framed == Some(Framed::Raw) {
            output.abort();
        }
    }
}

fn write_body(writer: &mut FramedWriter<'_, '_>, mut body: Body) -> io::Result<()> {
    writer.pass_pending()?;
    if body.is_read_first() && !body.is_stream() {
        if writer.framed != Framed::Length(0) {
            // Bytes already read must not wait for more, because the exchange may be interactive.
            writer.push()?;
        }
        writer.copy(&mut body)?;
        writer.trailers = body.trailers();
        return Ok(());
    }
    body.write_to(&mut BodyWriter::new(writer))?;
    writer.pass_pending()
}

/// Sends complete content of known length.
fn send_known(output: &mut Output<'_>, exchange: &mut Exchange, mut rest: Remainder) -> io::Result<Sent> {
    let length = rest.len();
    let sent = rest.send(output);
    output.content = length.saturating_sub(rest.len());
    match sent? {
        Progress::Nothing => Ok(Sent::Whole(length, None)),
        Progress::More | Progress::Share => Ok(Sent::Partly(rest, length)),
        Progress::Missing(missing) => {
            exchange.close(CloseReason::BodyShort);
            // Only a close can report that the declared content will not come.
            output.flush()?;
            Ok(Sent::Whole(length - missing, Some(Flaw::Short(missing))))
        }
    }
}
