//! Streams without threads: the senders of a [channel body](crate::Body::channel).

pub use crate::message::channel::{Overflow, SendError, Sender};
