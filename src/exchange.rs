//! Exchanges as seen around a handler: the id of a request, for logs.

pub use crate::message::request_id::RequestId;
