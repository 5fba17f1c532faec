//! A request's content, read from its connection while the handler asks for it.
//!
//! While a request with content is handled, what can still be received belongs to its [`Intake`]: the body that the handler
//! holds reads through it, on whatever thread it has been taken to. When the exchange is over the connection takes it back,
//! and a body that is still held reads nothing more. It is handed over by moving, so no lock is held while anybody waits.

use std::io::{self, IoSlice};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::ClientConnection;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::preemption::Waiting;
use crate::engine::wire::input::{InputBuffer, Received};
use crate::engine::wire::output::{MOMENT, RETRY};
use crate::engine::wire::pace::Pace;
use crate::h1::decode::Decoder;
use crate::h1::encode;
use crate::h1::error::ProtocolError;
use crate::message::body::IncomingContent;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

/// How much of some content has been received.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) decoder: Box<Decoder>,
    /// What was received before the handler ran.
    pub(super) ahead: Vec<u8>,
    pub(super) pace: Pace,
    /// True while the client waits for `100 Continue` before it sends.
    pub(super) wants_continue: bool,
}

impl Reception {
    pub(super) fn new(decoder: Box<Decoder>, pace: Pace, wants_continue: bool) -> Self {
        Self { decoder, ahead: Vec::new(), pace, wants_continue }
    }

    /// Whether all that is still to come is known to be in `input`.
    pub(super) fn is_within(&self, input: &InputBuffer) -> bool {
        self.decoder.remaining().is_some_and(|left| left <= input.unread().len() as u64)
    }
}

/// The receiving half of a connection and how far the content is decoded.
#[derive(Debug)]
pub(crate) struct RequestContent {
    pub(crate) stream: Arc<Stream>,
    pub(crate) input: InputBuffer,
    pub(crate) decoder: Box<Decoder>,
    /// Content that was received before the handler ran, and has not been read.
    pub(crate) ahead: Bytes,
    pub(crate) pace: Pace,
    pub(crate) waiting: Waiting,
    /// Whether the client waits for `100 Continue` before it sends.
    pub(crate) wants_continue: bool,
    /// Whether the last read left nothing behind in the socket.
    pub(crate) is_drained: bool,
    /// What was wrong; then nothing more is read, and the connection closes.
    pub(crate) failure: Option<ContentFailure>,
    /// Bytes received, as on the wire.
    pub(crate) received: u64,
    /// Bytes sent, which are those of `100 Continue`.
    pub(crate) sent: u64,
}

/// Why there will be no more content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentFailure {
    /// The client did something wrong, and has a right to be told.
    Refused(ProtocolError),
    /// The client is gone.
    Gone,
}

impl ClientConnection {
    /// Gives the receiving side to the content of a request.
    pub(super) fn lend_content(&mut self, reception: Reception, context: &WorkerContext) -> RequestContent {
        let Reception { decoder, ahead, pace, wants_continue } = reception;
        RequestContent {
            stream: Arc::clone(&self.stream),
            input: mem::take(&mut self.input),
            decoder,
            ahead: ahead.into(),
            pace,
            waiting: Waiting::new(&context.service.preemption),
            wants_continue,
            is_drained: self.is_drained,
            failure: None,
            received: 0,
            sent: 0,
        }
    }

    /// Takes the receiving side back.
    pub(super) fn take_back(&mut self, content: RequestContent, context: &mut WorkerContext) -> Box<Decoder> {
        if content.received > 0 {
            // The next head may have come with it.
            context.meter.receive(false);
        }
        context.counters.bytes_read.add(content.received);
        context.counters.bytes_written.add(content.sent);
        context.counters.content_read.add(content.decoder.produced());
        self.input = content.input;
        self.is_drained = content.is_drained;
        self.has_ended = content.failure == Some(ContentFailure::Refused(ProtocolError::Truncated));
        content.decoder
    }
}

impl RequestContent {
    /// Reads decoded content; `Ok(0)` is its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(failure) = self.failure {
                return Err(failure.into());
            }
            if !self.ahead.is_empty() {
                let count = buffer.len().min(self.ahead.len());
                self.ahead.copy_to_slice(&mut buffer[..count]);
                return Ok(count);
            }
            match self.decoder.decode(self.input.unread(), buffer) {
                Err(error) => self.failure = Some(ContentFailure::Refused(error)),
                Ok(step) => {
                    self.input.consume(step.consumed);
                    if step.consumed > 0 {
                        // It came unasked: there is nothing left to wait for.
                        self.wants_continue = false;
                    }
                    if step.produced > 0 || self.decoder.is_ended() {
                        return Ok(step.produced);
                    }
                    if self.input.is_empty() && buffer.len() >= DIRECT && self.decoder.plain() >= DIRECT as u64 {
                        return self.receive_directly(buffer);
                    }
                    self.receive(InputBuffer::read);
                }
            }
        }
    }

    /// Receives content to where it is wanted, without a copy on the way.
    fn receive_directly(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.decoder.plain()).unwrap_or(usize::MAX));
        let received = self.receive(|_, stream| {
            let count = stream.read(&mut buffer[..room])?;
            Ok(Received::of(stream, count, room))
        });
        match self.failure {
            Some(failure) => Err(failure.into()),
            None => {
                self.decoder.pass(received);
                Ok(received)
            }
        }
    }

    /// Reads to the end and drops what is there; more than `most` bytes are a failure.
    pub(crate) fn skip(&mut self, mut most: u64) {
        let mut hole = [0; 4096];
        while let Ok(got @ 1..) = self.read(&mut hole) {
            match most.checked_sub(got as u64) {
                Some(left) => most = left,
                None => self.failure = Some(ContentFailure::Refused(ProtocolError::ContentTooLarge)),
            }
        }
    }

    /// Waits for more, as long as the client may keep us waiting; the number of bytes `read` got, or 0 after a failure.
    fn receive(&mut self, mut read: impl FnMut(&mut InputBuffer, &Stream) -> io::Result<Received>) -> usize {
        if self.wants_continue {
            self.failure = self.send_continue().err();
        }
        let mut below = self.stream.moved_below(Interest::Read);
        while self.failure.is_none() {
            let begun = Instant::now();
            let received = read(&mut self.input, &self.stream);
            if let (Some(before), Some(now)) = (&mut below, self.stream.moved_below(Interest::Read)) {
                self.pace.moved_to(now, before);
            }
            let result = match received {
                // What has come until now has come in time, so the socket is read before the time is judged.
                Err(error) if would_wait(&error) => match self.patience() {
                    Some(left) => self.stream.wait(Interest::Read, left.min(RETRY)).map(|_| None),
                    None => {
                        self.failure = Some(ContentFailure::Refused(ProtocolError::Timeout));
                        break;
                    }
                },
                done => done.map(Some),
            };
            self.pace.waited(begun.elapsed());
            match result {
                Ok(None) => {}
                Ok(Some(received)) if received.count > 0 => {
                    if below.is_none() {
                        self.pace.moved(received.count);
                    }
                    self.is_drained = received.is_all;
                    self.received += received.count as u64;
                    return received.count;
                }
                // It may have ended only its sending side, and read on.
                Ok(Some(_)) => self.failure = Some(ContentFailure::Refused(ProtocolError::Truncated)),
                Err(_) => self.failure = Some(ContentFailure::Gone),
            }
        }
        0
    }

    /// How long the client may be waited for now; `None` if it has had its time, or has to give way.
    fn patience(&mut self) -> Option<Duration> {
        let left = self.pace.left()?;
        if self.waiting.gives_way(self.pace.rate()) { None } else { Some(left) }
    }

    /// Tells the client to go on. While it has not taken an earlier answer there may be no room even for that: it is waited for as for its
    /// content.
    pub(crate) fn send_continue(&mut self) -> Result<(), ContentFailure> {
        self.wants_continue = false;
        let mut line = Vec::with_capacity(32);
        encode::interim_continue(&mut line);
        let mut rest = line.as_slice();
        loop {
            let sent = match rest {
                [] => self.stream.flush().map(|()| None),
                _ => self.stream.write(&[IoSlice::new(rest)]).map(Some),
            };
            match sent {
                Ok(None) => return Ok(()),
                Ok(Some(count @ 1..)) => {
                    self.sent += count as u64;
                    rest = &rest[count..];
                }
                Err(error) if would_wait(&error) => {
                    let left = self.patience().ok_or(ContentFailure::Refused(ProtocolError::Timeout))?;
                    let begun = Instant::now();
                    self.stream.wait(Interest::Write, left.min(RETRY)).map_err(|_| ContentFailure::Gone)?;
                    // At least a moment, as with an answer: else a wait that ends without room could go on for ever.
                    self.pace.waited(begun.elapsed().max(MOMENT));
                }
                _ => return Err(ContentFailure::Gone),
            }
        }
    }
}

/// What is left of a request's content when its handler has returned.
#[derive(Clone, Copy)]
pub(super) enum UnreadContent {
    /// So many bytes of the body, as far as is known, or nothing.
    Known(u64),
    /// The client waits for `100 Continue` before it sends any.
    Awaited,
    /// It was malformed, too large or too late.
    Refused(ProtocolError),
    /// The client is gone.
    Lost,
}

impl UnreadContent {
    /// `None` if a reader on another thread is just using it.
    pub(super) fn of(intake: &Arc<Intake>) -> Option<Self> {
        // Somebody other than us holds on to it: the response's body, or a thread. It is theirs to read, and the client must not be
        // left waiting for leave to send it.
        let is_held = Arc::strong_count(intake) > 1;
        intake.with(|content| match content.failure {
            Some(ContentFailure::Refused(error)) => Self::Refused(error),
            Some(ContentFailure::Gone) => Self::Lost,
            None if content.wants_continue && is_held => {
                // Should it fail, so will the answer.
                let _ = content.send_continue();
                Self::Known(0)
            }
            None if is_held => Self::Known(0),
            None if content.wants_continue => Self::Awaited,
            None => Self::Known(content.decoder.remaining().unwrap_or(0)),
        })
    }
}

impl From<ContentFailure> for io::Error {
    fn from(failure: ContentFailure) -> Self {
        let (kind, error) = match failure {
            // Nobody will see the status; but it was not the handler that failed.
            ContentFailure::Gone | ContentFailure::Refused(ProtocolError::Truncated) => {
                (io::ErrorKind::UnexpectedEof, ProtocolError::Truncated)
            }
            ContentFailure::Refused(ProtocolError::Timeout) => (io::ErrorKind::TimedOut, ProtocolError::Timeout),
            ContentFailure::Refused(ProtocolError::ContentTooLarge) => {
                (io::ErrorKind::FileTooLarge, ProtocolError::ContentTooLarge)
            }
            ContentFailure::Refused(error) => (io::ErrorKind::InvalidData, error),
        };
        Self::new(kind, error)
    }
}

/// Where the content is while it is read: here, or with the reader that is just using it.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// `None` while a reader uses it, and before and after the exchange.
    content: Option<Box<RequestContent>>,
    /// Whether the exchange is over; what a late reader brings back is dropped.
    is_over: bool,
}

impl Intake {
    pub(crate) fn new(content: Box<RequestContent>) -> Self {
        Self { place: Mutex::new(Place { content: Some(content), is_over: false }) }
    }

    /// Takes the content back at the end of the exchange; `None` if a reader on another thread is just using it.
    pub(crate) fn end(&self) -> Option<Box<RequestContent>> {
        let mut place = self.place();
        place.is_over = true;
        place.content.take()
    }

    /// Runs `use_it` on the content if it is here; `None` also once the exchange is over.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut RequestContent) -> T) -> Option<T> {
        let mut content = self.place().content.take()?;
        let result = use_it(&mut content);
        let mut place = self.place();
        if !place.is_over {
            place.content = Some(content);
        }
        Some(result)
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IncomingContent for Intake {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|content| content.read(buffer))
            .unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::NotConnected, "the exchange is over")))
    }

    fn remaining(&self) -> Option<u64> {
        // Where trailers follow, the content that is given back is to go out in chunks too.
        self.with(|content| {
            let left = content.decoder.remaining().filter(|_| !content.decoder.has_trailers())?;
            Some(left + content.ahead.len() as u64)
        })
        .flatten()
    }

    fn trailers(&self) -> Option<HeaderMap> {
        self.with(|content| {
            if !content.ahead.is_empty() {
                // Its end has been received, but not yet been read.
                return None;
            }
            let trailers = content.decoder.take_trailers();
            (!trailers.is_empty()).then_some(trailers)
        })
        .flatten()
    }

    fn set_limit(&self, bytes: u64) {
        self.with(|content| {
            if let Err(error) = content.decoder.set_content_limit(bytes) {
                content.failure.get_or_insert(ContentFailure::Refused(error));
            }
        });
    }
}

/// Content is received directly where at least so much of it is wanted, and is to come.
pub(super) const DIRECT: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;
    use crate::engine::wire::output::PATIENCE;
    use crate::h1::decode::ContentLimits;
    use crate::h1::framing::Framing;

    const LIMITS: ContentLimits =
        ContentLimits { content: None, extension_bytes: 0, trailer_bytes: 0, trailer_fields: 0 };

    /// Content of five bytes whose client has been told nothing yet; the client, and all that has been sent to it before.
    fn awaited(allowance: Duration) -> (RequestContent, UnixStream, usize) {
        let (mut ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(count) = ours.write(&[b'x'; 1000]) {
            sent += count;
        }
        ours.set_nonblocking(false).unwrap();
        ours.set_write_timeout(Some(PATIENCE)).unwrap();
        let content = RequestContent {
            stream: Arc::new(Stream::unix(ours, PATIENCE).unwrap()),
            input: InputBuffer::default(),
            decoder: Box::new(Decoder::new(Framing::Length(5), LIMITS).unwrap()),
            ahead: Bytes::new(),
            pace: Pace::new(allowance, None),
            waiting: Waiting::new(&Arc::default()),
            wants_continue: true,
            is_drained: false,
            failure: None,
            received: 0,
            sent: 0,
        };
        (content, client, sent)
    }

    #[test]
    fn leave_to_go_on_waits_for_room() {
        let (mut content, mut client, earlier) = awaited(Duration::from_secs(20));
        let reading = thread::spawn(move || content.read(&mut [0; 5]).map_err(|error| error.kind()));
        // It has to find no room, more than once.
        thread::sleep(5 * PATIENCE);
        client.write_all(b"hello").unwrap();
        let mut told = vec![0; earlier + 25];
        client.read_exact(&mut told).unwrap();
        assert_eq!(reading.join().unwrap(), Ok(5));
        assert!(told.ends_with(b"xHTTP/1.1 100 Continue\r\n\r\n"));
    }

    /// The time of the process, which was stopped or had no processor, is not the client's.
    #[test]
    fn content_that_is_there_is_read_although_its_time_is_over() {
        for (wants_continue, size) in [(false, 5), (true, 5), (false, DIRECT)] {
            let (mut content, mut client, earlier) = awaited(Duration::from_secs(20));
            client.read_exact(&mut vec![0; earlier]).unwrap();
            content.wants_continue = wants_continue;
            *content.decoder = Decoder::new(Framing::Length(size as u64), LIMITS).unwrap();
            content.pace.waited(Duration::from_secs(3600));
            client.write_all(&vec![b'x'; size - 1]).unwrap();
            assert_eq!(content.read(&mut vec![0; size]).unwrap(), size - 1);
            content.pace.waited(Duration::from_secs(3600));
            assert_eq!(content.read(&mut [0; 5]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn who_makes_no_room_has_had_its_time() {
        let (mut content, client, _) = awaited(5 * PATIENCE);
        assert_eq!(content.read(&mut [0; 5]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(content.failure, Some(ContentFailure::Refused(ProtocolError::Timeout)));
        drop(client);
        let (mut content, client, _) = awaited(Duration::from_secs(20));
        client.shutdown(Shutdown::Both).unwrap();
        drop(client);
        assert_eq!(content.read(&mut [0; 5]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(content.failure, Some(ContentFailure::Gone));
    }
}
