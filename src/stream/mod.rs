//! Streams without threads: content from any thread, server-sent events, broadcasts, and connections
//! that have left HTTP.
//!
//! | the content is | use | a thread is held |
//! |---|---|---|
//! | server-sent events for many clients | [`Broadcast`] | no |
//! | server-sent events for one client | [`Events`] and its [`EventSender`] | no |
//! | bytes for one client, from any thread | [`Body::channel`](crate::Body::channel) and its [`Sender`] | no |
//! | bytes for one client, written by one function from beginning to end | [`Body::stream`](crate::Body::stream) | a worker, until the end |
//! | in both directions, for many silent clients, such as WebSockets | [`upgrade_parked`] | no |
//! | in both directions, for a few clients or with code that blocks | [`upgrade`](crate::upgrade()) | one thread for each connection |
//!
//! Without a thread, the handler returns at once, and the connection waits like an idle connection.
//! Each waiting client costs its connection and the content that waits for it. The examples
//! [`log_tail`](crate::tour::log_tail) and [`chat`](crate::tour::chat) are complete programs.
//!
//! # What to expect
//!
//! For responses fed by a [`Sender`], an [`EventSender`] or a [`Broadcast`]:
//!
//! | case | behaviour |
//! |---|---|
//! | slow client | at most the capacity waits: chosen for a channel, 64 KiB by default for events. Beyond it, a channel refuses content, or treats the client by [`Overflow`]; events disconnect the client by default |
//! | client that takes nothing | disconnected after [`write_timeout`](crate::Settings::write_timeout) (10 s), and also if it reads below [`minimum_rate`](crate::Settings::minimum_rate). Silence of the sender does not count |
//! | memory of all clients | [`max_parked_size`](crate::Settings::max_parked_size) (256 MiB) |
//! | number of clients | [`max_connections`](crate::Settings::max_connections) |
//! | stop of the server | events end at once, after the content already accepted. A channel has [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s) to end, unless set by [`Sender::end_at_stop`] |
//! | HTTP/1.1 | chunks, unless the handler sets `Content-Length` |
//! | HTTP/1.0 | the end of the connection ends the content; if the content is incomplete, the server resets the connection. A Unix socket has no reset: there incomplete content ends like complete content |
//! | HEAD, and status 204, 205 or 304 | the fields are sent, and the stream closes at once |
//!
//! Over HTTP/1.1, a browser opens at most six connections to one origin, for all its tabs together.
//! A page open in seven tabs gets six streams, and further requests of this browser wait too. A
//! proxy that speaks HTTP/2 to browsers lifts this limit.

mod broadcast;
mod event;
mod events;
mod history;
#[cfg(feature = "json")]
mod json;

pub use self::broadcast::Broadcast;
pub use self::event::Event;
pub use self::events::{EventSender, Events, last_event_id};
pub use crate::message::channel::{Overflow, SendError, Sender};
pub use crate::message::inbox::Inbox;
pub use crate::message::parked::{ParkedStream, Wait};
pub use crate::message::switch::upgrade_parked;
