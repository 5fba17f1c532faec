//! The handler's interface: requests, responses, bodies, and the handler trait.
//!
//! Messages are the `http` crate's, with drupe's [`Body`]. This module has no sockets and no
//! threads. `engine` implements the traits that connect it to the network:
//!
//! - [`body::IncomingContent`]: reads request content.
//! - [`upgrade::Socket`]: reads and writes upgraded connections.
//! - [`parked::ParkedSocket`]: the same without waiting.
//! - [`early::EarlyOutput`]: sends responses that begin before the handler returns.

#[cfg(not(all(feature = "forms", feature = "json")))]
#[macro_use]
mod absent;
#[cfg(any(feature = "compression", feature = "files"))]
pub(crate) mod accept_encoding;
pub(crate) mod access;
pub(crate) mod body;
mod body_from;
pub(crate) mod channel;
pub(crate) mod connection;
pub(crate) mod content_error;
#[cfg_attr(not(feature = "json"), expect(dead_code, reason = "JSON alone has errors with places"))]
pub(crate) mod content_place;
mod cookies;
mod delivery;
pub(crate) mod dot_segments;
pub(crate) mod early;
mod failure;
mod fields;
pub(crate) mod file_length;
#[cfg(feature = "forms")]
mod forms;
pub(crate) mod handler;
pub(crate) mod inbox;
#[cfg(feature = "json")]
mod json;
#[cfg_attr(not(any(test, feature = "wsgi")), expect(dead_code, reason = "applications alone keep values"))]
pub(crate) mod kept;
pub(crate) mod mailbox;
mod media_type;
pub(crate) mod memory;
#[cfg(feature = "multipart")]
pub(crate) mod multipart_error;
pub(crate) mod named;
pub(crate) mod no_answer;
pub(crate) mod parked;
pub(crate) mod permits;
pub(crate) mod pieces;
pub(crate) mod readers;
pub(crate) mod reason;
mod receiver;
pub(crate) mod refusal;
pub(crate) mod refusal_kind;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod routing;
pub(crate) mod server_handle;
pub(crate) mod shutdown;
pub(crate) mod switch;
pub(crate) mod time_limit;
mod transfer;
pub(crate) mod turn;
pub(crate) mod unsent;
pub(crate) mod upgrade;
pub(crate) mod user;
pub(crate) mod wake;
#[cfg(any(feature = "compression", feature = "files"))]
pub(crate) mod weight;
pub(crate) mod writer;

pub use body::Body;
pub use connection::Connection;
pub use content_error::ContentError;
pub use cookies::Cookies;
pub use failure::{Failure, OrStatus};
pub use handler::{Handler, handler, try_handler};
pub use request::{Request, RequestExt};
pub use response::{IntoResponse, Response};
pub use server_handle::ServerHandle;
pub use switch::upgrade;
pub use upgrade::Upgraded;
pub use writer::BodyWriter;
