//! Exchanges as seen around a handler: records of the access log, the notes that layers and routers
//! leave for the record, and refusals by the server, and reason phrases.

pub use crate::message::access::AccessRecord;
pub use crate::message::reason::{InvalidReasonPhrase, ReasonPhrase};
pub use crate::message::refusal::Refusal;
pub use crate::message::request_id::RequestId;
pub use crate::message::route::MatchedRoute;
