//! Exchanges as seen around a handler: records of the access log, and the notes that layers and
//! routers leave for the record.

pub use crate::message::access::AccessRecord;
pub use crate::message::request_id::RequestId;
pub use crate::message::route::MatchedRoute;
