//! Request content, read from the connection on demand of the handler.
//!
//! While a handler runs, the request's [`Intake`] owns the receiving side of the connection. The
//! body reads through the intake, on any thread. At the end of the exchange the connection takes
//! the receiving side back, and a body still held reads nothing more. The receiving side is moved
//! between owners, so no lock is held during a wait.

use std::io::{self, IoSlice};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::reception::Reception;
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::preemption::Waiting;
use crate::engine::wire::input::{InputBuffer, Received};
use crate::engine::wire::output::{MOMENT, RETRY};
use crate::engine::wire::pace::Pace;
use crate::h1::decode::Decoder;
use crate::h1::encode;
use crate::h1::error::ProtocolError;
use crate::message::body::IncomingContent;
use crate::message::content_error::RefusedContent;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};
use crate::sync::Mutex;

/// The receiving half of a connection and its decoder.
#[derive(Debug)]
pub(crate) struct RequestContent {
    pub(crate) stream: Arc<Stream>,
    pub(crate) input: InputBuffer,
    pub(crate) decoder: Box<Decoder>,
    /// Content received before the handler ran and not read yet.
    pub(crate) ahead: Bytes,
    pub(crate) pace: Pace,
    pub(crate) waiting: Waiting,
    /// True if the client waits for `100 Continue` before sending.
    pub(crate) wants_continue: bool,
    /// True if the handler has given a limit for the content of this request.
    pub(crate) has_own_limit: bool,
    /// True if the last read emptied the socket.
    pub(crate) is_drained: bool,
    /// The failure that ended reading. The connection closes after a failure.
    pub(crate) failure: Option<ContentFailure>,
    /// Bytes received on the wire.
    pub(crate) received: u64,
    /// Bytes sent, all of them of `100 Continue`.
    pub(crate) sent: u64,
}

/// The reason for the early end of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentFailure {
    /// The client made an error and is answered.
    Refused(ProtocolError),
    /// The client is gone.
    Gone,
}

impl RequestContent {
    /// Lends the receiving side of a connection to the content of a request.
    pub(super) fn lend(transport: &mut Transport, reception: Reception, context: &WorkerContext) -> Self {
        let Reception { decoder, ahead, pace, wants_continue, has_own_limit } = reception;
        Self {
            stream: Arc::clone(&transport.stream),
            input: mem::take(&mut transport.input),
            decoder,
            ahead: ahead.into(),
            pace,
            waiting: Waiting::new(&context.service.preemption),
            wants_continue,
            has_own_limit,
            is_drained: transport.is_drained,
            failure: None,
            received: 0,
            sent: 0,
        }
    }

    /// Gives the receiving side back to the connection.
    pub(super) fn give_back(self, transport: &mut Transport, context: &mut WorkerContext) -> Box<Decoder> {
        if self.received > 0 {
            // The next head may have come with the content.
            context.meter.receive(false);
        }
        context.counters.bytes_read.add(self.received);
        context.counters.bytes_written.add(self.sent);
        context.counters.content_read.add(self.decoder.produced());
        transport.input = self.input;
        transport.is_drained = self.is_drained;
        transport.has_ended = self.failure == Some(ContentFailure::Refused(ProtocolError::Truncated));
        self.decoder
    }

    /// Limits the content. Content that is over the limit fails.
    fn limit(&mut self, bytes: u64) {
        if let Err(error) = self.decoder.set_content_limit(bytes) {
            self.failure.get_or_insert(ContentFailure::Refused(error));
        }
    }

    /// Reads decoded content. `Ok(0)` is the end.
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
                        // The client has sent content without `100 Continue`.
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

    /// Receives content straight into `buffer`.
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

    /// Reads to the end and drops the content. More than `most` bytes are a failure.
    pub(crate) fn skip(&mut self, mut most: u64) {
        let mut hole = [0; 4096];
        while let Ok(got @ 1..) = self.read(&mut hole) {
            match most.checked_sub(got as u64) {
                Some(left) => most = left,
                None => self.failure = Some(ContentFailure::Refused(ProtocolError::ContentTooLarge)),
            }
        }
    }

    /// Waits for more input within the client's time. Returns the bytes read, or 0 after a failure.
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
                // Input received until now is in time, so the socket is read first.
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
                    match below {
                        None => self.pace.moved(received.count),
                        // Counted above, but perhaps before the charge.
                        Some(_) => self.pace.pardon(),
                    }
                    self.is_drained = received.is_all;
                    self.received += received.count as u64;
                    return received.count;
                }
                // The client may have half-closed only, and still read.
                Ok(Some(_)) => self.failure = Some(ContentFailure::Refused(ProtocolError::Truncated)),
                Err(_) => self.failure = Some(ContentFailure::Gone),
            }
        }
        0
    }

    /// Returns the time left to the client. `None` if it is spent or the worker is wanted.
    fn patience(&mut self) -> Option<Duration> {
        let left = self.pace.left()?;
        if self.waiting.gives_way(self.pace.rate()) { None } else { Some(left) }
    }

    /// Sends `100 Continue`. Earlier answers may fill the socket. The wait for room is charged to
    /// the client like a wait for content.
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
                    self.pace.pardon();
                    rest = &rest[count..];
                }
                Err(error) if would_wait(&error) => {
                    let left = self.patience().ok_or(ContentFailure::Refused(ProtocolError::Timeout))?;
                    let begun = Instant::now();
                    self.stream.wait(Interest::Write, left.min(RETRY)).map_err(|_| ContentFailure::Gone)?;
                    // At least `MOMENT` is charged, or waits without room could go on for ever.
                    self.pace.waited(begun.elapsed().max(MOMENT));
                }
                _ => return Err(ContentFailure::Gone),
            }
        }
    }
}

/// The unread content of a request after its handler has returned.
#[derive(Clone, Copy)]
pub(super) enum UnreadContent {
    /// The number of unread bytes, as far as known, or 0.
    Known(u64),
    /// The client waits for `100 Continue` before sending.
    Awaited,
    /// The content was malformed, too large or too late.
    Refused(ProtocolError),
    /// The client is gone.
    Lost,
}

impl UnreadContent {
    /// Returns the state; `None` if a reader on another thread is using the content.
    pub(super) fn of(intake: &Arc<Intake>) -> Option<Self> {
        // The response's body or another thread may hold the content too. That holder may still
        // read, so the client must not be left waiting for `100 Continue`.
        let is_held = Arc::strong_count(intake) > 1;
        intake.with(|content| match content.failure {
            Some(ContentFailure::Refused(error)) => Self::Refused(error),
            Some(ContentFailure::Gone) => Self::Lost,
            None if content.wants_continue && is_held => {
                // If this fails, sending the answer fails too.
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
            // The client will not see the status, but the handler is not at fault.
            ContentFailure::Gone | ContentFailure::Refused(ProtocolError::Truncated) => {
                (io::ErrorKind::UnexpectedEof, ProtocolError::Truncated)
            }
            ContentFailure::Refused(ProtocolError::Timeout) => (io::ErrorKind::TimedOut, ProtocolError::Timeout),
            ContentFailure::Refused(ProtocolError::ContentTooLarge) => {
                (io::ErrorKind::FileTooLarge, ProtocolError::ContentTooLarge)
            }
            ContentFailure::Refused(error) => (io::ErrorKind::InvalidData, error),
        };
        Self::new(kind, RefusedContent(error))
    }
}

/// A shared slot for the content of a request. The slot is empty while a reader uses the content.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// `None` while a reader uses the content, and before and after the exchange.
    content: Option<Box<RequestContent>>,
    /// True if the exchange is over. Content returned by a late reader is dropped.
    is_over: bool,
}

impl Intake {
    /// Lends the receiving side of a connection to the content of a request.
    pub(super) fn lend(reception: Reception, transport: &mut Transport, context: &WorkerContext) -> Arc<Self> {
        Arc::new(Self::new(Box::new(RequestContent::lend(transport, reception, context))))
    }

    pub(crate) fn new(content: Box<RequestContent>) -> Self {
        Self { place: Mutex::new(Place { content: Some(content), is_over: false }) }
    }

    /// Takes the content back at the end of the exchange; `None` if another thread is reading.
    pub(crate) fn end(&self) -> Option<Box<RequestContent>> {
        let mut place = self.place.lock();
        place.is_over = true;
        place.content.take()
    }

    /// Runs `use_it` on the content. Returns `None` if the content is in use or the exchange over.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut RequestContent) -> T) -> Option<T> {
        let mut content = self.place.lock().content.take()?;
        let result = use_it(&mut content);
        let mut place = self.place.lock();
        if !place.is_over {
            place.content = Some(content);
        }
        Some(result)
    }
}

impl IncomingContent for Intake {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|content| content.read(buffer))
            .unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::NotConnected, "the exchange is over")))
    }

    fn remaining(&self) -> Option<u64> {
        // If trailers follow, a body that is echoed must be sent in chunks too.
        self.with(|content| {
            let left = content.decoder.remaining().filter(|_| !content.decoder.has_trailers())?;
            Some(left + content.ahead.len() as u64)
        })
        .flatten()
    }

    fn trailers(&self) -> Option<HeaderMap> {
        self.with(|content| {
            if !content.ahead.is_empty() {
                // The end has been received but not read.
                return None;
            }
            let trailers = content.decoder.take_trailers();
            (!trailers.is_empty()).then_some(trailers)
        })
        .flatten()
    }

    fn set_limit(&self, bytes: u64) {
        self.with(|content| {
            content.has_own_limit = true;
            // The limit of the route or of the server stays above all.
            let most = content.decoder.content_limit().unwrap_or(u64::MAX);
            content.limit(bytes.min(most));
        });
    }

    fn set_default_limit(&self, bytes: u64) -> bool {
        let lower = |content: &mut RequestContent| {
            let is_lower = content.decoder.content_limit().is_none_or(|limit| bytes < limit);
            let is_due = is_lower && !content.has_own_limit;
            if is_due {
                content.limit(bytes);
            }
            is_due
        };
        self.with(lower).unwrap_or(false)
    }
}

/// The least content, wanted and still to come, for a direct read.
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
        ContentLimits { max_request_body_size: None, extension_bytes: 0, trailer_bytes: 0, trailer_fields: 0 };

    /// Returns five bytes of content not yet asked for, the client, and the number of bytes already
    /// sent.
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
            has_own_limit: false,
            is_drained: false,
            failure: None,
            received: 0,
            sent: 0,
        };
        (content, client, sent)
    }

    #[test]
    fn continue_line_waits_for_room() {
        let (mut content, mut client, earlier) = awaited(Duration::from_secs(20));
        let reading = thread::spawn(move || content.read(&mut [0; 5]).map_err(|error| error.kind()));
        // The socket must be found full more than once.
        thread::sleep(5 * PATIENCE);
        client.write_all(b"hello").unwrap();
        let mut told = vec![0; earlier + 25];
        client.read_exact(&mut told).unwrap();
        assert_eq!(reading.join().unwrap(), Ok(5));
        assert!(told.ends_with(b"xHTTP/1.1 100 Continue\r\n\r\n"));
    }

    /// Time during which the process was stopped or had no processor is not charged to the client.
    #[test]
    fn content_that_is_there_is_read_past_its_deadline() {
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
    fn full_socket_counts_against_the_deadline() {
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
