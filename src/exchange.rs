//! Types around an exchange: records of the access log, the request id and route that layers and
//! routers add to a record, refusals by the server, reason phrases, no answer at all, waits that a
//! stop ends, and handlers that take turns.

pub use crate::message::access::AccessRecord;
pub use crate::message::no_answer::NoAnswer;
pub use crate::message::reason::{InvalidReasonPhrase, ReasonPhrase};
pub use crate::message::refusal::Refusal;
pub use crate::message::refusal_kind::RefusalKind;
pub use crate::message::request_id::RequestId;
pub use crate::message::route::MatchedRoute;
pub use crate::message::shutdown::OnStop;
pub use crate::message::turn::note_turn;
pub use crate::message::upgrade::Readiness;
