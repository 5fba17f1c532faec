//! Input and output of one connection, and the time limits of both.
//!
//! | file | step |
//! |---|---|
//! | [`input`] | receives into a buffer that belongs to the connection |
//! | [`response`] | sends a response: the head, then the body as it is produced |
//! | [`framing`] | frames content on its way out, in chunks or by its length |
//! | [`remainder`] | holds complete content, and sends it in parts |
//! | [`live`] | takes, filters and frames content of a channel |
//! | [`output`] | gathers and writes; leaves output for later if the client is slow |
//! | [`pace`] | limits the time spent waiting for a client |
//! | [`socket`] | reads and writes of upgraded connections, waiting for the client |
//! | [`parked`] | reads and writes of upgraded connections, without waiting |

pub(in crate::engine) mod framing;
pub(in crate::engine) mod input;
pub(in crate::engine) mod live;
pub(in crate::engine) mod output;
pub(in crate::engine) mod pace;
pub(in crate::engine) mod parked;
pub(in crate::engine) mod remainder;
pub(in crate::engine) mod response;
pub(in crate::engine) mod socket;
