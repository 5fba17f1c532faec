//! The syntax of a client, a scheme and a host in forwarding fields (RFC 7239 §5 and §6).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::h1::{error::ProtocolError, grammar, target};

/// The claims about a request's client; the connection supplies missing values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) client: Option<Node>,
    /// `http` or `https`.
    pub(crate) scheme: Option<&'static str>,
    /// A host with an optional port, as in the field Host.
    pub(crate) host: Option<Box<str>>,
    /// True if the request had a field reserved for proxies, trusted or not: an intermediary is
    /// likely.
    pub(crate) is_relayed: bool,
}

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Not disclosed by the proxy: `unknown`, or an obfuscated name.
    Hidden,
    /// An address; never an IPv4 address mapped to IPv6.
    At(IpAddr),
}

/// The rule for brackets around IPv6 addresses. `X-Forwarded-For` seldom has ports and often omits
/// brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brackets {
    Demanded,
    Optional,
}

/// Reads `nodename [ ":" node-port ]` (RFC 7239 §6). The port is checked and dropped.
///
/// # Errors
/// `Forwarded` (400) for anything else.
pub(super) fn node(text: &[u8], brackets: Brackets) -> Result<Node, ProtocolError> {
    let text = core::str::from_utf8(text).map_err(|_| ProtocolError::Forwarded)?;
    if brackets == Brackets::Optional {
        // nginx writes this for a client at a Unix socket.
        if text.as_bytes() == UNIX {
            return Ok(Node::Hidden);
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Node::At(address.to_canonical()));
        }
    }
    let (node, rest) = match text.strip_prefix('[') {
        Some(text) => {
            let (address, rest) = text.split_once(']').ok_or(ProtocolError::Forwarded)?;
            (Node::At(address.parse::<Ipv6Addr>().map_err(|_| ProtocolError::Forwarded)?.to_canonical()), rest)
        }
        None => {
            let (name, rest) =
                text.split_at_checked(text.find(':').unwrap_or(text.len())).ok_or(ProtocolError::Forwarded)?;
            let node = match name.parse::<Ipv4Addr>() {
                Ok(address) => Node::At(address.into()),
                Err(_) if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) => Node::Hidden,
                Err(_) => return Err(ProtocolError::Forwarded),
            };
            (node, rest)
        }
    };
    let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| is_port(port) || is_obfuscated(port));
    if is_whole { Ok(node) } else { Err(ProtocolError::Forwarded) }
}

/// Reads a scheme. Maps `ws` and `wss`, sent by some proxies for WebSocket requests, to `http` and
/// `https`.
///
/// # Errors
/// `Forwarded` (400) for any other scheme.
pub(super) fn scheme(text: &[u8]) -> Result<&'static str, ProtocolError> {
    let is = |scheme: &[u8]| text.eq_ignore_ascii_case(scheme);
    match () {
        () if is(b"http") || is(b"ws") => Ok("http"),
        () if is(b"https") || is(b"wss") => Ok("https"),
        () => Err(ProtocolError::Forwarded),
    }
}

/// Reads a host, as in the field Host.
///
/// # Errors
/// `Forwarded` (400) for an invalid Host value.
pub(super) fn host(text: &[u8]) -> Result<Box<str>, ProtocolError> {
    let host = core::str::from_utf8(text).map_err(|_| ProtocolError::Forwarded)?;
    if target::is_authority(text) { Ok(host.into()) } else { Err(ProtocolError::Forwarded) }
}

/// The entry for a client at a Unix socket.
pub(super) const UNIX: &[u8] = b"unix:";

/// True for `"_" 1*( ALPHA / DIGIT / "." / "_" / "-")` (RFC 7239 §6.3).
fn is_obfuscated(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_part))
}

/// True for `1*5DIGIT` up to 65,535.
fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && grammar::decimal(text.as_bytes()).is_some_and(|port| port <= 65_535)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, brackets: Brackets, expected: Option<Node>) {
        assert_eq!(node(text.as_bytes(), brackets).ok(), expected, "{text:?}, brackets {brackets:?}");
    }

    #[test]
    fn nodes_are_addresses_or_hidden() {
        let at = |text: &str| Some(Node::At(text.parse().unwrap()));
        for brackets in [Brackets::Demanded, Brackets::Optional] {
            check("192.0.2.43", brackets, at("192.0.2.43"));
            check("192.0.2.43:47011", brackets, at("192.0.2.43"));
            check("192.0.2.43:_x", brackets, at("192.0.2.43"));
            check("[2001:db8:cafe::17]", brackets, at("2001:db8:cafe::17"));
            check("[2001:db8:cafe::17]:4711", brackets, at("2001:db8:cafe::17"));
            for text in ["unknown", "Unknown", "unknown:80", "_gazonk", "_a.b-c_d:_e", "_SEVKISEK:80"] {
                check(text, brackets, Some(Node::Hidden));
            }
        }
        check("2001:db8:cafe::17", Brackets::Optional, at("2001:db8:cafe::17"));
        check("::ffff:192.0.2.1", Brackets::Optional, at("192.0.2.1"));
        check("[::ffff:192.0.2.1]:80", Brackets::Demanded, at("192.0.2.1"));
        check("[::ffff:c000:201]", Brackets::Optional, at("192.0.2.1"));
        check("unix:", Brackets::Optional, Some(Node::Hidden));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":",
            ":80",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:123456",
            "192.0.2.1:+1",
            "192.0.2.1:80:80",
            "192.0.2.01",
            "[192.0.2.1]",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:",
            "[]",
            "[fe80::1%1]",
            "_",
            "_a b",
            "_a/b",
            "localhost",
            "unknown ",
            " unknown",
            "unix",
            "unix:/a",
            "::1:",
            "[::1]:80:80",
            "\u{661}",
        ] {
            for brackets in [Brackets::Demanded, Brackets::Optional] {
                check(text, brackets, None);
            }
        }
        check("2001:db8:cafe::17", Brackets::Demanded, None);
        check("unix:", Brackets::Demanded, None);
        assert_eq!(node(b"\xff", Brackets::Optional), Err(ProtocolError::Forwarded));
    }

    #[test]
    fn schemes_are_two_and_hosts_those_of_the_field() {
        for (text, expected) in
            [("http", Some("http")), ("HTTPS", Some("https")), ("ws", Some("http")), ("wss", Some("https"))]
        {
            assert_eq!(scheme(text.as_bytes()).ok(), expected);
        }
        for text in ["", "ftp", "https ", "httpss", "https,http"] {
            assert_eq!(scheme(text.as_bytes()), Err(ProtocolError::Forwarded), "{text:?}");
        }
        for text in ["example.org", "example.org:8443", "[::1]:80", "192.0.2.1", "a,b", "[v1.x:y]"] {
            assert_eq!(host(text.as_bytes()).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a/b", "user@a", "a:b", "a:70000", "::1", "\u{e9}"] {
            assert_eq!(host(text.as_bytes()), Err(ProtocolError::Forwarded), "{text:?}");
        }
    }
}
