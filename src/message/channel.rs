//! Bodies fed from any thread, without a thread of their own.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::body::{Body, BodyKind, Filters};
use super::mailbox::{Beat, End, Heartbeat, Mailbox, QueuedPiece, Receiver};

impl Body {
    /// A body whose content comes from any thread at any time, and the first [`Sender`] of the
    /// content.
    ///
    /// The handler returns the body at once. While nothing is sent, the connection waits without a
    /// thread. `capacity` is the limit for content that waits for the client, in bytes.
    ///
    /// The content ends when all senders are dropped, or by [`Sender::finish`]. If the client
    /// leaves, the stream closes: [`Sender::is_closed`].
    ///
    /// Use [`Body::stream`] if one function writes the content from beginning to end and may hold a
    /// worker meanwhile. Use [`Events`](crate::stream::Events) for server-sent events. The page of
    /// [`stream`](crate::stream) compares all choices, and lists the behaviour at HEAD, over
    /// HTTP/1.0 and at a stop.
    ///
    /// ```
    /// use std::time::Duration;
    /// use drupe::{Body, Request};
    ///
    /// fn report(_request: &mut Request) -> Body {
    ///     let (sender, body) = Body::channel(64 << 10);
    ///     std::thread::spawn(move || {
    ///         for part in ["first\n", "second\n"] {
    ///             if sender.send(part, Duration::from_secs(10)).is_err() {
    ///                 return;
    ///             }
    ///         }
    ///     });
    ///     body
    /// }
    /// # assert_eq!(report(&mut Request::default()).into_string().unwrap(), "first\nsecond\n");
    /// ```
    #[must_use]
    pub fn channel(capacity: usize) -> (Sender, Self) {
        let (mailbox, receiver) = Mailbox::new(capacity);
        (Sender(mailbox), BodyKind::Channel(receiver).into())
    }

    /// Takes a body fed by a channel apart: the channel, and the filters, the innermost first.
    ///
    /// # Errors
    /// Any other body.
    pub(crate) fn into_channel(mut self) -> Result<(Receiver, Filters), Self> {
        if !self.source().is_channel() {
            return Err(self);
        }
        let mut filters = Filters::new();
        loop {
            match self.into_kind() {
                BodyKind::Filtered { body, filter, .. } => {
                    filters.insert(0, filter);
                    self = *body;
                }
                BodyKind::Channel(receiver) => return Ok((receiver, filters)),
                kind => return Err(kind.into()),
            }
        }
    }
}

/// Sends content to the client of a response whose body is a [channel](Body::channel).
///
/// All clones feed the same body. Dropping the last clone ends the content. If a panic drops the
/// last clone, the connection is cut instead, so that the client can detect the truncation.
///
/// Content is sent soon; pieces that come quickly are sent together. Only [`send`](Self::send)
/// waits for the client. A client that takes nothing for
/// [`write_timeout`](crate::Settings::write_timeout) is disconnected.
pub struct Sender(pub(super) Arc<Mailbox>);

/// The reason for which content was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// No room for more content: too much waits for this client, which reads too slowly, or for all
    /// clients together ([`max_parked_size`](crate::Settings::max_parked_size)).
    Full,
    /// The stream is over: the client has left, the content has ended, or the server has stopped.
    Closed,
    /// The piece is larger than the capacity, given here in bytes.
    TooLarge(usize),
}

/// The treatment of a client without room for more content, because the client reads too slowly or
/// because the content for all clients has reached
/// [`max_parked_size`](crate::Settings::max_parked_size).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Drops the oldest waiting pieces. A piece of which a part has been sent is not dropped.
    DropOldest,
    /// Drops all waiting content, and disconnects the client.
    Disconnect,
}

impl Sender {
    /// Sends `content` if there is room for all of it.
    ///
    /// # Errors
    /// All of [`SendError`]. Nothing has been accepted then.
    pub fn try_send(&self, content: impl Into<Bytes>) -> Result<(), SendError> {
        self.offer(content.into(), false, None).map(drop)
    }

    /// Sends `content`, and waits for room for at most `timeout`.
    ///
    /// The stop of a server does not end the wait. Use a timeout shorter than
    /// [`shutdown_timeout`](crate::Settings::shutdown_timeout).
    ///
    /// # Errors
    /// [`SendError::Full`] after `timeout`; `Closed`; `TooLarge`. Nothing has been accepted then.
    pub fn send(&self, content: impl Into<Bytes>, timeout: Duration) -> Result<(), SendError> {
        let content = content.into();
        let until = Instant::now().checked_add(timeout);
        loop {
            match self.try_send(content.clone()) {
                Err(SendError::Full) => {}
                done => return done,
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(SendError::Full);
            }
            let state = self.0.lock();
            if !state.is_over() && !state.has_room(content.len(), false) {
                // The memory of all connections may become free without a notification.
                drop(self.0.wait(state, left.min(LOOK)));
            }
        }
    }

    /// Sends `content` without waiting, and returns the number of older pieces dropped to make
    /// room. If there is no room, the client is treated by `overflow`.
    ///
    /// # Errors
    /// In each case, `content` has not been accepted:
    ///
    /// - [`SendError::Closed`], also if this call has disconnected the client;
    /// - [`SendError::TooLarge`];
    /// - [`SendError::Full`], with [`Overflow::DropOldest`] only, if dropping all waiting pieces
    ///   would not make room. Either the client has taken a part of a large piece, or other clients
    ///   use up [`max_parked_size`](crate::Settings::max_parked_size). No piece has been dropped.
    pub fn send_or(&self, content: impl Into<Bytes>, overflow: Overflow) -> Result<usize, SendError> {
        self.offer(content.into(), false, Some(overflow))
    }

    /// As [`send_or`](Self::send_or), for content whose memory is counted elsewhere.
    pub(crate) fn send_shared(&self, content: Bytes, overflow: Overflow) -> Result<usize, SendError> {
        self.offer(content, true, Some(overflow))
    }

    fn offer(&self, content: Bytes, is_shared: bool, overflow: Option<Overflow>) -> Result<usize, SendError> {
        // Outlives the lock: dropping the content may be a handler's own code.
        let piece = QueuedPiece::new(content, is_shared);
        let length = piece.bytes.len();
        let mut state = self.0.lock();
        if state.is_over() {
            return Err(SendError::Closed);
        }
        if length > state.capacity {
            return Err(SendError::TooLarge(state.capacity));
        }
        if length == 0 && !state.keeps_empty {
            return Ok(0);
        }
        let mut oldest = Vec::new();
        if !state.has_room(length, is_shared) {
            match overflow {
                None => return Err(SendError::Full),
                Some(Overflow::DropOldest) => oldest = state.take_oldest(&piece).ok_or(SendError::Full)?,
                Some(Overflow::Disconnect) => {
                    drop(state);
                    self.0.disconnect("the client reads too slowly");
                    return Err(SendError::Closed);
                }
            }
        }
        state.push(piece);
        self.0.wake(state);
        Ok(oldest.len())
    }

    /// Ends the content, although other senders exist. Content accepted before is sent.
    pub fn finish(&self) {
        self.0.end(End::Complete(None));
    }

    /// Ends the content with trailer fields, sent as by
    /// [`BodyWriter::trailers`](crate::BodyWriter::trailers).
    pub fn finish_with(&self, trailers: HeaderMap) {
        self.0.end(End::Complete(Some(trailers)));
    }

    /// Ends the content as incomplete. Content accepted before is sent. Then the connection is cut,
    /// so that the client can detect the truncation, and `reason` is logged as a warning. An HTTP/1.0
    /// client over a Unix socket cannot detect the truncation, because such a socket has no reset.
    pub fn fail(&self, reason: impl fmt::Display) {
        self.0.end(End::Failed(reason.to_string()));
    }

    /// True if no more content is accepted: the client has left, the content has ended, or the
    /// server has stopped. Content accepted before is still sent.
    ///
    /// A half-close by the client counts as leaving, because most clients leave by a half-close.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().is_over()
    }

    /// Calls `callback` once, as soon as the client has left or the response is complete. If the
    /// stream is already closed, calls `callback` at once on the calling thread.
    ///
    /// Otherwise the callback runs on a thread that serves other clients, so the callback must not
    /// wait. A panic of the callback is logged.
    pub fn on_close(&self, callback: impl FnOnce() + Send + 'static) {
        self.0.on_close(Box::new(callback));
    }

    /// Sends `content` whenever nothing else has been sent for `every`, for clients and proxies
    /// that end silent connections. A heartbeat needs no thread. The default is no heartbeat.
    ///
    /// The shortest `every` is a millisecond, also for zero. A response with `Content-Length` gets
    /// no heartbeats.
    pub fn heartbeat(&self, every: Duration, content: impl Into<Bytes>) {
        let every = every.max(Duration::from_millis(1));
        self.0.set_heartbeat(Heartbeat { every, content: Beat::Same(content.into()) });
    }

    /// Sends the content made by `make` whenever nothing was sent for `every`. `make` must not
    /// block.
    pub(crate) fn beat(&self, every: Duration, make: impl Fn() -> String + Send + Sync + 'static) {
        let make = move || make().into();
        self.0.set_heartbeat(Heartbeat { every, content: Beat::Made(Arc::new(make)) });
    }

    /// Makes the content end by itself when the server is told to stop. Content accepted before is
    /// still sent. Without this call, the senders have
    /// [`shutdown_timeout`](crate::Settings::shutdown_timeout) to finish.
    pub fn end_at_stop(&self) {
        self.0.end_at_stop();
    }

    /// True if the server is shutting down. False before the handler has returned the body.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.0.lock().shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told())
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders > 0 {
            return;
        }
        drop(state);
        if thread::panicking() {
            self.fail("a panic dropped the last sender");
        } else {
            self.finish();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("Sender")
            .field("queued", &state.queued)
            .field("is_closed", &state.is_over())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the client reads too slowly: no room for more content"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::TooLarge(capacity) => write!(f, "the content is larger than the capacity of {capacity} bytes"),
        }
    }
}

impl std::error::Error for SendError {}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Full => io::ErrorKind::TimedOut,
            SendError::Closed => io::ErrorKind::BrokenPipe,
            SendError::TooLarge(_) => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// The interval between looks for memory freed by other connections.
const LOOK: Duration = Duration::from_millis(50);
