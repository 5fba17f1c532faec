//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.9 56324 443`, at most 107 bytes with
//! its CR LF (§2.1).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::header::{Header, HeaderRefusal, ProxiedSource};

/// The first bytes of a header.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// Reads a header that begins with [`SIGNATURE`]; `None` if the header is incomplete.
pub(super) fn read(unread: &[u8]) -> Result<Option<Header>, HeaderRefusal> {
    let window = unread.get(..LONGEST).unwrap_or(unread);
    let end = window.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(window.len());
    let (line, rest) = window.split_at_checked(end).ok_or(HeaderRefusal::Line)?;
    // No end of the line can follow within the limit.
    if end.saturating_add(CRLF) > LONGEST {
        return Err(HeaderRefusal::LineTooLong);
    }
    match rest {
        [b'\r', b'\n', ..] => {}
        [] | [b'\r'] => return Ok(None),
        _ => return Err(HeaderRefusal::Line),
    }
    let text = line.strip_prefix(SIGNATURE).and_then(|text| core::str::from_utf8(text).ok());
    let source = text.and_then(source).ok_or(HeaderRefusal::Line)?;
    Ok(Some(Header { length: end.saturating_add(CRLF), source, is_secure: false }))
}

/// Reads the text after `PROXY `. Text after `UNKNOWN` is ignored.
fn source(text: &str) -> Option<ProxiedSource> {
    let mut parts = text.split(' ');
    let ip: fn(&str) -> Option<IpAddr> = match parts.next()? {
        "UNKNOWN" => return Some(ProxiedSource::Unknown),
        "TCP4" => |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return None,
    };
    let (client, server) = (ip(parts.next()?)?, ip(parts.next()?)?);
    let (client_port, server_port) = (port(parts.next()?)?, port(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    Some(ProxiedSource::Tcp {
        client: SocketAddr::new(client.to_canonical(), client_port),
        server: SocketAddr::new(server.to_canonical(), server_port),
    })
}

/// Parses digits without a leading zero.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// The length of the longest possible line, its CR LF included.
const LONGEST: usize = 107;
const CRLF: usize = 2;
