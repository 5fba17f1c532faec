//! A proxy's description of its client, at the start of a connection or with each request. Without
//! any I/O.
//!
//! | what | file |
//! |---|---|
//! | a header of the PROXY protocol, before everything else | [`header`], as text [`v1`], as bytes [`v2`] |
//! | trusted proxies and their fields | [`trust`], [`network`] |
//! | the field `Forwarded` of RFC 7239 | [`forwarded`] |
//! | the fields `X-Forwarded-For`, `-Proto` and `-Host` | [`legacy`] |
//! | the syntax of a client, a scheme, a host | [`node`] |
//!
//! A sender of these headers can impersonate any client. So a header is read only from trusted
//! proxies, and refused if ambiguous. No code here reads a clock, takes a lock or can panic.

pub(crate) mod forwarded;
pub(crate) mod header;
#[cfg(any(test, fuzzing))]
pub mod laws;
pub(crate) mod legacy;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod trust;
mod v1;
mod v2;
