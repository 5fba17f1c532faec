//! Streams without threads: content from any thread, server-sent events, broadcasts, and connections
//! that have left HTTP.
//!
//! | the content is for | use |
//! |---|---|
//! | one client, as bytes | [`Body::channel`](crate::Body::channel) and its [`Sender`] |
//! | one client, as server-sent events | [`Events`] and its [`EventSender`] |
//! | many clients, as server-sent events | [`Broadcast`] |
//! | one client in both directions, after an upgrade | [`upgrade_parked`] |
//!
//! In all cases the handler returns at once, and the connection waits without a thread. Each
//! waiting client costs its connection and the content that waits. The example
//! [`log_tail`](crate::tour::log_tail) is a complete program.
//!
//! Clients of one origin are browsers with at most six connections to a server over HTTP/1.1: a
//! page open in seven tabs does not get a seventh stream. A proxy in front that speaks HTTP/2 to
//! browsers lifts this limit.

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
