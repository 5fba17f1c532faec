//! The response of an event stream, and the sender that feeds it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use super::{Event, Overflow, SendError, Sender};
use crate::message::{Body, Request, Response};

/// A stream of [events](Event) to one client, and its settings.
///
/// The handler returns the response at once. The stream then waits without a thread:
///
/// ```
/// use std::thread;
/// use drupe::stream::{Event, Events};
/// use drupe::{Request, Response};
///
/// fn countdown(_: &mut Request) -> Response {
///     let (events, response) = Events::new().open();
///     thread::spawn(move || {
///         for number in (0..=3).rev() {
///             if events.send(number.to_string()).is_err() {
///                 return; // the client has left
///             }
///         }
///         let _ = events.send(Event::new("").named("lift-off"));
///     });
///     response
/// }
/// # assert_eq!(countdown(&mut Request::default()).status(), 200);
/// ```
///
/// For the same events to many clients, use a [`Broadcast`](super::Broadcast). For content of
/// another type, use [`Body::channel`].
///
/// # The response
///
/// The status is 200, with these fields. The handler may add others:
///
/// | field | purpose |
/// |---|---|
/// | `Content-Type: text/event-stream` | the type that `EventSource` needs; the content is UTF-8 |
/// | `Cache-Control: no-store` | no cache keeps the events, or gives old events to a new client |
/// | `X-Accel-Buffering: no` | nginx and proxies like it pass each event on at once |
///
/// [`compress`](crate::layers) compresses the stream event by event, with about 350 KiB of memory
/// for each stream. To exclude the response, set `Cache-Control: no-store, no-transform`.
///
/// The stream ends when all senders are dropped, at [`Sender::finish`], or when the server is told
/// to stop. A browser then reconnects after the [`retry`](Self::retry) time. If the handler answers
/// this request with status 204, the browser does not reconnect again.
#[derive(Clone, Debug)]
#[must_use]
pub struct Events {
    capacity: usize,
    heartbeat: Option<Duration>,
    overflow: Overflow,
    retry: Option<Duration>,
}

/// Sends [events](Event) to the client of one [stream](Events).
///
/// All clones feed the same stream. Dropping the last one ends the stream.
#[derive(Clone, Debug)]
pub struct EventSender {
    sender: Sender,
    overflow: Overflow,
}

impl Events {
    /// The defaults: a capacity of 64 KiB, a heartbeat every 15 seconds, and
    /// [`Overflow::Disconnect`].
    pub fn new() -> Self {
        Self { capacity: CAPACITY, heartbeat: Some(HEARTBEAT), overflow: Overflow::Disconnect, retry: None }
    }

    /// Limits the events that wait for the client, in bytes as sent. A larger event is refused with
    /// [`SendError::TooLarge`]. The default is 64 KiB (65536 bytes).
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sends an empty comment whenever nothing else was sent for `every`, so that proxies and
    /// clients keep the connection. Zero sends none. The default is 15 seconds.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every).filter(|every| !every.is_zero());
        self
    }

    /// Sets the treatment of a client that reads too slowly. The default is
    /// [`Overflow::Disconnect`]: a browser then reconnects, and sends the id of the last event that
    /// it has received.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Begins the stream with the time that the client waits before it reconnects, in whole
    /// milliseconds. By default the browser chooses the time.
    pub fn retry(mut self, time: Duration) -> Self {
        self.retry = Some(time);
        self
    }

    /// Makes a stream: the sender of its events, and the response for the client.
    #[must_use = "the response is for the client"]
    pub fn open(&self) -> (EventSender, Response) {
        self.open_with(Event::default(), 0)
    }

    /// As [`open`](Self::open), with the `first` event, and room for it and `more` bytes beside the
    /// capacity.
    pub(super) fn open_with(&self, first: Event, more: usize) -> (EventSender, Response) {
        let first = self.retry.iter().fold(first, |event, time| event.retry(*time));
        let is_blank = first == Event::default();
        let first = Bytes::from(first);
        let (sender, body) = Body::channel(self.capacity.saturating_add(more).saturating_add(first.len()));
        if let Some(every) = self.heartbeat {
            sender.heartbeat(every, COMMENT);
        }
        sender.end_at_stop();
        let mut response = Response::new(body);
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(BUFFERING, HeaderValue::from_static("no"));
        let sender = EventSender { sender, overflow: self.overflow };
        if !is_blank {
            // There is room, and the stream is open.
            let _ = sender.sender.try_send(first);
        }
        (sender, response)
    }

    /// Returns an error for an event too large to be sent.
    pub(super) fn check(&self, event: &Bytes) -> Result<(), SendError> {
        if event.len() > self.capacity { Err(SendError::TooLarge(self.capacity)) } else { Ok(()) }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl EventSender {
    /// Sends an event without waiting, and returns the number of older events dropped to make room.
    /// A client that reads too slowly is treated as set by [`Events::overflow`].
    ///
    /// # Errors
    /// As of [`Sender::send_or`].
    pub fn send(&self, event: impl Into<Event>) -> Result<usize, SendError> {
        self.sender.send_or(event.into(), self.overflow)
    }

    /// Sends an event, and waits for room for at most `timeout`. [`Events::overflow`] does not
    /// apply.
    ///
    /// # Errors
    /// As of [`Sender::send`].
    pub fn send_within(&self, event: impl Into<Event>, timeout: Duration) -> Result<(), SendError> {
        self.sender.send(event.into(), timeout)
    }

    /// Returns the sender of the bytes, for [`Sender::is_closed`], [`Sender::on_close`] and
    /// [`Sender::finish`].
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Sends an event that others get too, without waiting.
    pub(super) fn share(&self, event: Bytes) -> Result<usize, SendError> {
        self.sender.send_shared(event, self.overflow)
    }
}

/// Returns the id of the last event that the client has received: the field `Last-Event-ID`.
/// Returns `None` for a new client, and for an id that is not UTF-8.
///
/// A client may send any text as an id.
#[must_use]
pub fn last_event_id(request: &Request) -> Option<&str> {
    let value = request.headers().get(LAST_EVENT_ID)?;
    std::str::from_utf8(value.as_bytes()).ok().filter(|id| !id.is_empty())
}

const CAPACITY: usize = 64 << 10;
/// Shorter than the silence after which common proxies end a connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// An empty comment.
const COMMENT: &str = ":\n\n";
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: Response) -> String {
        response.into_body().into_string().unwrap()
    }

    #[test]
    fn stream_has_the_fields_and_events_so_far() {
        let (events, response) = Events::new().open();
        assert_eq!(response.status(), 200);
        let field = |name| response.headers()[name].to_str().unwrap().to_owned();
        let fields = ["content-type", "cache-control", "x-accel-buffering"].map(field);
        assert_eq!(fields, ["text/event-stream", "no-store", "no"]);
        assert_eq!(events.clone().send("one"), Ok(0));
        events.send_within(Event::new("two").id("2"), Duration::ZERO).unwrap();
        drop(events);
        assert_eq!(text(response), "data: one\n\ndata: two\nid: 2\n\n");
    }

    #[test]
    fn retry_time_comes_first_and_beside_the_capacity() {
        let (events, response) = Events::new().capacity(9).retry(Duration::from_secs(2)).open();
        assert_eq!(events.send("1"), Ok(0));
        assert_eq!(events.send("longer than both together"), Err(SendError::TooLarge(9 + 13)));
        events.sender().finish();
        assert_eq!(text(response), "retry: 2000\n\ndata: 1\n\n");
    }

    #[test]
    fn slow_client_is_disconnected_or_loses_the_oldest_events() {
        let (events, response) = Events::new().capacity(20).open();
        assert_eq!(events.send("1"), Ok(0));
        assert_eq!(events.send("2"), Ok(0));
        assert_eq!(events.send("3"), Err(SendError::Closed));
        assert!(events.sender().is_closed() && response.into_body().into_string().is_err());
        let (events, response) = Events::new().capacity(20).overflow(Overflow::DropOldest).open();
        assert_eq!((events.send("1"), events.send("2"), events.send("3")), (Ok(0), Ok(0), Ok(1)));
        drop(events);
        assert_eq!(text(response), "data: 2\n\ndata: 3\n\n");
    }

    #[test]
    fn last_event_id_is_text_or_nothing() {
        for (value, expected) in [
            ("7", Some("7")),
            ("", None),
            ("a b", Some("a b")),
            ("\u{e9}", Some("\u{e9}")),
            ("\u{1f350}", Some("\u{1f350}")),
        ] {
            let mut request = Request::default();
            assert_eq!(last_event_id(&request), None);
            request.headers_mut().insert(LAST_EVENT_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            assert_eq!(last_event_id(&request), expected);
        }
        let mut request = Request::default();
        request.headers_mut().insert(LAST_EVENT_ID, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(last_event_id(&request), None);
    }
}
