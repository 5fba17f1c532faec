//! What a handler sees: requests, responses, bodies, and the handler itself.
//!
//! Messages are the `http` crate's, with a [`Body`] of ours. Nothing here knows of sockets or threads: where content
//! comes from the network it is read through [`body::IncomingContent`], and what an upgraded connection does goes through
//! [`upgrade::Socket`], and what begins early through [`early::EarlyOutput`]; `engine` stands behind all of them.

pub(crate) mod body;
pub(crate) mod early;
pub(crate) mod handler;
pub(crate) mod memory;
pub(crate) mod permits;
pub(crate) mod pieces;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod shutdown;
pub(crate) mod upgrade;
pub(crate) mod writer;

pub use body::Body;
pub use handler::Handler;
pub use request::{Connection, Request, RequestExt};
pub use response::{IntoResponse, Response};
pub use upgrade::{Upgraded, upgrade};
pub use writer::BodyWriter;
