//! The header of the PROXY protocol: its two forms have one meaning.
//!
//! After `proxy-protocol.txt` of HAProxy, of 2020/03/05; sections as there.

use core::fmt;
use core::net::SocketAddr;

use super::{v1, v2};

/// What a header says of the connection that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its bytes; what follows is the client's.
    pub(crate) length: usize,
    pub(crate) source: ProxiedSource,
    /// Whether the client came to the proxy over TLS; only version 2 can say so.
    pub(crate) is_secure: bool,
}

/// For whom a proxy has opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxiedSource {
    /// For itself, such as to see whether the server is well: there is no client (`LOCAL`).
    Proxy,
    /// For a client of whom it does not say more: `UNKNOWN`, `UNSPEC`, or a protocol without connections.
    Unknown,
    /// For a client that came to it over a Unix socket.
    Unix,
    /// For a client that came to it over TCP.
    Tcp {
        /// The client's address.
        client: SocketAddr,
        /// The address that the client connected to.
        server: SocketAddr,
    },
}

/// Reads the header that `unread` begins with; `None` while it is not all there.
///
/// The outcome depends on the bytes alone, never on how they were cut. What is wrong is told as soon as it is certain, so that little ever
/// has to be kept: no more than [`LONGEST`] bytes are waited for.
///
/// # Errors
/// Whatever is no header, to the letter: the protocol leaves nothing to be guessed (§2).
pub(crate) fn read(unread: &[u8]) -> Result<Option<Header>, HeaderRefusal> {
    if begins(unread, v1::SIGNATURE) {
        return if unread.len() < v1::SIGNATURE.len() { Ok(None) } else { v1::read(unread) };
    }
    if begins(unread, v2::SIGNATURE) {
        return if unread.len() < v2::SIGNATURE.len() { Ok(None) } else { v2::read(unread) };
    }
    Err(HeaderRefusal::Missing)
}

/// Whether `unread` begins with `signature`, as far as it goes.
fn begins(unread: &[u8], signature: &[u8]) -> bool {
    unread.iter().zip(signature).all(|(one, other)| one == other)
}

/// Why a connection does not begin with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRefusal {
    /// It comes from somewhere else than a trusted proxy.
    Untrusted,
    /// It begins with something else.
    Missing,
    /// It ended in the middle.
    Truncated,
    /// It did not come in time.
    Late,
    /// Of version 1: more than 107 bytes.
    LineTooLong,
    /// Of version 1: not the line that §2.1 describes.
    Line,
    /// A binary header of another version than 2.
    Version,
    /// A command that is neither `LOCAL` nor `PROXY`.
    Command,
    /// A family and a protocol that are not assigned to each other.
    Family,
    /// Of version 2: a longer one than anybody needs.
    TooLong,
    /// Of version 2: a length that leaves no room for the addresses.
    TooShort,
    /// Of version 2: an extension that is not as long as it says, or is there twice.
    Extension,
    /// Of version 2: a checksum of something else.
    Checksum,
}

impl fmt::Display for HeaderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted => "it is not among trusted_proxies",
            Self::Missing => "no PROXY header",
            Self::Truncated => "a PROXY header that ends before its end",
            Self::Late => "a PROXY header that did not arrive in time",
            Self::LineTooLong => "a PROXY line of more than 107 bytes",
            Self::Line => "a malformed PROXY line",
            Self::Version => "a PROXY header of a version other than 1 and 2",
            Self::Command => "a PROXY header with an unknown command",
            Self::Family => "a PROXY header with an unknown family or protocol",
            Self::TooLong => "a PROXY header over the limit",
            Self::TooShort => "a PROXY header that is too short for its addresses",
            Self::Extension => "a PROXY header with a malformed extension",
            Self::Checksum => "a PROXY header with a wrong checksum",
        })
    }
}

/// The most that is ever waited for: a header of version 2 with as many extensions as are let pass.
#[cfg(any(test, fuzzing))]
pub(super) const LONGEST: usize = v2::FIXED + v2::MOST;

#[cfg(test)]
mod tests;
