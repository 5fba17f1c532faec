//! Bytes in and bytes out of one connection, and how long each may take.
//!
//! | file | step |
//! |---|---|
//! | [`input`] | receives into a buffer that belongs to the connection |
//! | [`response`] | sends a response: its head, then its body as it comes |
//! | [`framing`] | frames content on its way out, in chunks or by its length |
//! | [`remainder`] | holds content that is at hand, and sends it a part at a time |
//! | [`output`] | gathers and writes; leaves for later what the client is slow to take |
//! | [`pace`] | keeps the account of time that a client may be waited for |
//! | [`socket`] | reads and writes of upgraded connections |

pub(in crate::engine) mod framing;
pub(in crate::engine) mod input;
pub(in crate::engine) mod output;
pub(in crate::engine) mod pace;
pub(in crate::engine) mod remainder;
pub(in crate::engine) mod response;
pub(in crate::engine) mod socket;
