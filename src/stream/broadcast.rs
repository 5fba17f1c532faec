//! The same events to many clients, also to those that come back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::events::{EventSender, Events, last_event_id};
use super::history::History;
use super::{Event, SendError};
use crate::message::{Failure, IntoResponse, Request, Response};
use crate::sync::{Mutex, MutexGuard};

/// Sends the same [events](Event) to all subscribers.
///
/// ```
/// use drupe::stream::Broadcast;
/// use drupe::{IntoResponse, handler, testing};
///
/// let news = Broadcast::new();
/// let subscribers = news.clone();
/// let page = handler(move |request| match request.uri().path() {
///     "/events" => subscribers.subscribe(request),
///     _ => "the page with new EventSource('/events')\n".into_response(),
/// });
///
/// // Any thread, at any time:
/// news.send("hello")?;
/// # assert_eq!(testing::call(&page, Default::default()).status(), 200);
/// # Ok::<(), drupe::stream::SendError>(())
/// ```
///
/// A subscriber costs no thread. All clones are the same broadcast. Dropping the last clone ends
/// all streams. A stop of a server ends the streams of its own clients, and the broadcast goes on.
/// For events to one client only, use [`Events`].
///
/// # Clients that come back
///
/// Each event gets an id, and the latest events are [kept](Self::history). A browser that was
/// disconnected sends the last id in `Last-Event-ID`, and [`subscribe`](Self::subscribe) begins
/// with the missed events. As long as these events are kept, each client gets every event once and
/// in order, even if a client was disconnected because it read too slowly.
///
/// If a missed event is no longer kept, the stream begins with a *gap*: an event named `gap`. The
/// data of the gap is the number of lost events. The data is `unknown` if the id is not of this
/// broadcast, for example after a restart of the program. All events that are kept follow the gap.
/// The gap has the id of the last lost event, so a client that comes back is told of a gap once.
/// A page can reload at a gap:
///
/// ```text
/// source.addEventListener('gap', () => location.reload());
/// ```
///
/// A new client gets an id without data at first, and then the events sent from now on.
///
/// # Slow clients
///
/// A broadcast never waits for a client. A client that reads too slowly is disconnected, and a
/// browser comes back. With [`Overflow::DropOldest`](super::Overflow::DropOldest) the client stays
/// connected, and loses events without being sent a gap. Use `DropOldest` for events that replace
/// earlier ones, such as prices.
///
/// # Memory
///
/// An event is formatted once, and its bytes are shared by the history and all subscribers. For any
/// number of subscribers, the events take at most the [capacity](Events::capacity) plus the bytes
/// of the history, because the same latest events wait for all slow clients.
///
/// With `DropOldest` and events larger than 64 KiB, each slow client may hold one older event in
/// addition: the one partly sent.
///
/// Two parts count for [`max_parked_size`](crate::Settings::max_parked_size): the entries in the
/// queues of the clients, and the events that wait for a stream that has ended.
#[derive(Clone, Default)]
pub struct Broadcast(Arc<Shared>);

/// A broadcast, as all its clones share it.
#[derive(Default)]
struct Shared {
    /// Locked while an event goes to all, so that all get the events in one order, and a new
    /// subscriber misses none.
    state: Mutex<State>,
    /// The numbers of subscribers that have left. A leaving connection takes no other lock.
    left: Arc<Mutex<Vec<u64>>>,
}

struct State {
    events: Events,
    gap: String,
    max_subscribers: usize,
    history: History,
    /// The subscribers by number, in the order in which they came.
    subscribers: BTreeMap<u64, EventSender>,
    /// The number of the next subscriber.
    next: u64,
}

impl Broadcast {
    /// Makes a broadcast with the default [`Events`], a history of 1,000 events in at most 1 MiB,
    /// and without a limit for subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets capacity, heartbeat, overflow and retry time of the streams of later subscribers.
    #[must_use]
    pub fn events(self, events: Events) -> Self {
        self.0.state.lock().events = events;
        self
    }

    /// Keeps the latest events for clients that come back: at most `events` of them, in at most
    /// `bytes` as sent. Zero keeps none. The default is 1,000 events in 1 MiB (1048576 bytes).
    #[must_use]
    pub fn history(self, events: usize, bytes: usize) -> Self {
        self.0.state.lock().history.limit(events, bytes);
        self
    }

    /// Names the event sent to a client whose missed events are no longer kept. The default is
    /// `gap`.
    #[must_use]
    pub fn gap(self, name: impl Into<String>) -> Self {
        self.0.state.lock().gap = name.into();
        self
    }

    /// Limits the number of subscribers. Further clients get a `503` with `Retry-After: 10`. The
    /// `EventSource` of a browser gives up at a `503`, so the page must make a new one. The default
    /// is no limit.
    #[must_use]
    pub fn max_subscribers(self, number: usize) -> Self {
        self.0.state.lock().max_subscribers = number;
        self
    }

    /// Sends an event to all subscribers, without waiting, and returns its number. The first event
    /// has the number 1.
    ///
    /// The id of the event becomes that of the broadcast.
    ///
    /// # Errors
    /// [`SendError::TooLarge`]: the event, with its id, is larger than the
    /// [capacity](Events::capacity), and no subscriber gets the event.
    pub fn send(&self, event: impl Into<Event>) -> Result<u64, SendError> {
        let event = event.into();
        let mut state = self.lock();
        let (number, id) = state.history.next();
        let event = Bytes::from(event.id(id));
        state.events.check(&event)?;
        state.subscribers.retain(|_, subscriber| match subscriber.share(event.clone()) {
            // A slow subscriber has just been disconnected.
            Err(SendError::Closed) => false,
            // The capacity was smaller when the subscriber came. The client comes back for the event.
            Err(SendError::TooLarge(_)) => {
                subscriber.sender().fail("an event is larger than the capacity");
                false
            }
            _ => true,
        });
        state.history.push(event);
        Ok(number)
    }

    /// Makes the client of `request` a subscriber, and returns the response. A client that comes
    /// back first gets the events missed since its `Last-Event-ID`. For a `HEAD` request, the
    /// subscription ends at once.
    #[must_use = "the response is for the client"]
    pub fn subscribe(&self, request: &Request) -> Response {
        self.subscribe_after(last_event_id(request))
    }

    /// As [`subscribe`](Self::subscribe), for a client that knows the events up to the one with
    /// `id`.
    ///
    /// A page can then show a state, and follow its changes without missing one. The handler of the
    /// page reads [`latest_id`](Self::latest_id) before the state, and puts the id into the page.
    /// The page sends the id in the query of its `EventSource`. If a browser comes back, its
    /// `Last-Event-ID` takes precedence over the query:
    ///
    /// ```
    /// # use drupe::stream::{Broadcast, last_event_id};
    /// # use drupe::{Request, Response};
    /// fn follow(news: &Broadcast, request: &Request) -> Response {
    ///     news.subscribe_after(last_event_id(request).or(request.uri().query()))
    /// }
    /// # let news = Broadcast::new();
    /// # let mut request = Request::default();
    /// # *request.uri_mut() = format!("/?{}", news.latest_id()).parse().unwrap();
    /// # news.send("later").unwrap();
    /// # let response = follow(&news, &request);
    /// # drop(news);
    /// # assert!(response.into_body().into_string().unwrap().starts_with("data: later\n"));
    /// ```
    #[must_use = "the response is for the client"]
    pub fn subscribe_after(&self, id: Option<&str>) -> Response {
        let mut state = self.lock();
        if state.subscribers.len() >= state.max_subscribers {
            drop(state);
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many subscribers\n");
            return ([(RETRY_AFTER, RETRY_SECONDS)], failure).into_response();
        }
        let number = state.next;
        state.next += 1;
        let (sender, response) = state.open(id);
        let left = Arc::clone(&self.0.left);
        sender.sender().on_close(move || left.lock().push(number));
        state.subscribers.insert(number, sender);
        response
    }

    /// Returns the number of subscribers.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.lock().subscribers.len()
    }

    /// Returns the id of the latest event. Before the first event, returns an id after which all
    /// events follow.
    #[must_use]
    pub fn latest_id(&self) -> String {
        self.lock().history.latest_id()
    }

    /// Locks the state, without the subscribers that have left.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock();
        let left = std::mem::take(&mut *self.0.left.lock());
        for number in left {
            state.subscribers.remove(&number);
        }
        state
    }
}

impl State {
    /// Makes a stream that begins with the events after that with `id`.
    fn open(&self, id: Option<&str>) -> (EventSender, Response) {
        let Some(id) = id else {
            // A client that loses its connection before the first event can name the place too.
            return self.events.open_with(Event::default().id(self.history.latest_id()), 0);
        };
        let missed = self.history.after(id);
        // With an id, or a client that leaves before the next event would be told of the gap again.
        let place = self.history.id_before_kept();
        let gap = missed.gap.map(|gap| Event::new(gap.to_string()).named(&self.gap).id(place));
        let length = missed.events().map(Bytes::len).sum();
        let (sender, response) = self.events.open_with(gap.unwrap_or_default(), length);
        for event in missed.events() {
            // There is room, and the stream is open.
            let _ = sender.share(event.clone());
        }
        (sender, response)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            events: Events::new(),
            gap: "gap".to_owned(),
            max_subscribers: usize::MAX,
            history: History::new(KEPT_EVENTS, KEPT_BYTES),
            subscribers: BTreeMap::new(),
            next: 0,
        }
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Broadcast")
            .field("subscribers", &state.subscribers.len())
            .field("latest_id", &state.history.latest_id())
            .finish_non_exhaustive()
    }
}

const KEPT_EVENTS: usize = 1000;
const KEPT_BYTES: usize = 1 << 20;
/// The value of `Retry-After` for a client beyond the limit.
const RETRY_SECONDS: u64 = 10;

#[cfg(test)]
mod tests;
