//! The handler's interface: requests, responses, bodies, and the handler trait.
//!
//! Messages are the `http` crate's, with drupe's [`Body`]. This module has no sockets and no
//! threads. `engine` implements the traits that connect it to the network:
//!
//! - [`body::IncomingContent`]: reads request content.
//! - [`upgrade::Socket`]: reads and writes upgraded connections.
//! - [`early::EarlyOutput`]: sends responses that begin before the handler returns.

pub(crate) mod body;
pub(crate) mod early;
pub(crate) mod handler;
pub(crate) mod memory;
pub(crate) mod permits;
pub(crate) mod pieces;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod shutdown;
mod switch;
pub(crate) mod upgrade;
pub(crate) mod writer;

pub use body::Body;
pub use handler::Handler;
pub use request::{Connection, Request, RequestExt};
pub use response::{IntoResponse, Response};
pub use switch::upgrade;
pub use upgrade::Upgraded;
pub use writer::BodyWriter;
