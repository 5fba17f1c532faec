//! Streams without threads: the senders of a [channel body](crate::Body::channel), and connections
//! that have left HTTP and wait without a thread.

pub use crate::message::channel::{Overflow, SendError, Sender};
pub use crate::message::inbox::Inbox;
pub use crate::message::parked::{ParkedStream, Wait};
pub use crate::message::switch::upgrade_parked;
