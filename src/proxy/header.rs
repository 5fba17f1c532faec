//! The header of the PROXY protocol: both versions have the same meaning.
//!
//! Follows `proxy-protocol.txt` of HAProxy, of 2020/03/05, and cites its sections.

use core::fmt;
use core::net::SocketAddr;

/// The contents of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The length of the header in bytes; the client's bytes follow.
    pub(crate) length: usize,
    pub(crate) source: ProxiedSource,
    /// True if the client used TLS to the proxy; version 2 only.
    pub(crate) is_secure: bool,
}

/// The origin of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxiedSource {
    /// The proxy itself, for example for a health check: there is no client (`LOCAL`).
    Proxy,
    /// A client without details: `UNKNOWN`, `UNSPEC`, or a protocol without connections.
    Unknown,
    /// A client that reached the proxy over a Unix socket.
    Unix,
    /// A client that reached the proxy over TCP.
    Tcp {
        /// The client's address.
        client: SocketAddr,
        /// The address that the client connected to.
        server: SocketAddr,
    },
}

/// The reason for refusing a connection's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRefusal {
    /// The peer is not a trusted proxy.
    Untrusted,
    /// No signature.
    Missing,
    /// The connection ended within the header.
    Truncated,
    /// The header did not arrive in time.
    Late,
    /// Version 1: more than 107 bytes.
    LineTooLong,
    /// Version 1: not the line of §2.1.
    Line,
    /// A binary header of a version other than 2.
    Version,
    /// A command other than `LOCAL` and `PROXY`.
    Command,
    /// An unassigned pair of family and protocol.
    Family,
    /// Version 2: a length over the limit.
    TooLong,
    /// Version 2: a length too short for the addresses.
    TooShort,
    /// Version 2: an extension that is repeated or has a wrong length.
    Extension,
    /// Version 2: a wrong checksum.
    Checksum,
}

impl fmt::Display for HeaderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted => "not among trusted_proxies",
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

#[cfg(test)]
mod tests;
