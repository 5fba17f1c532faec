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

use self::header::{Header, HeaderRefusal};

/// Reads the header at the start of `unread`; `None` if the header is incomplete.
///
/// The outcome depends on the bytes alone, never on how they were cut. An error is reported as soon
/// as it is certain, so at most [`LONGEST`] bytes are buffered.
///
/// # Errors
/// Every deviation from the format: the protocol allows no guessing (§2).
pub(crate) fn read_header(unread: &[u8]) -> Result<Option<Header>, HeaderRefusal> {
    if begins(unread, v1::SIGNATURE) {
        return if unread.len() < v1::SIGNATURE.len() { Ok(None) } else { v1::read(unread) };
    }
    if begins(unread, v2::SIGNATURE) {
        return if unread.len() < v2::SIGNATURE.len() { Ok(None) } else { v2::read(unread) };
    }
    Err(HeaderRefusal::Missing)
}

/// True if `unread` and `signature` agree over the shorter length.
fn begins(unread: &[u8], signature: &[u8]) -> bool {
    unread.iter().zip(signature).all(|(one, other)| one == other)
}

/// The most bytes waited for: a header of version 2 with the most extensions allowed.
#[cfg(any(test, fuzzing))]
const LONGEST: usize = v2::FIXED + v2::MOST;
