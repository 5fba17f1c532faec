//! What a proxy says of the client behind it: before the first request of a connection, or with each request. Without any I/O.
//!
//! | what | file |
//! |---|---|
//! | a header of the PROXY protocol, before everything else | [`header`], as text [`v1`], as bytes [`v2`] |
//! | who is believed, and in what | [`trust`], [`network`] |
//! | the field `Forwarded` of RFC 7239 | [`forwarded`] |
//! | the fields `X-Forwarded-For`, `-Proto` and `-Host` | [`legacy`] |
//! | what either of them calls a client, a scheme, a host | [`node`] |
//!
//! Whoever can write these can pass for anybody. So nothing is guessed: it is read where it was said to be, and refused where it could be
//! read in two ways. Nothing here reads a clock, takes a lock or can panic.

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
