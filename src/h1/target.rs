//! The four forms of a request target (RFC 9112 §3.2), and Host.

use bytes::{BufMut, Bytes, BytesMut};
use http::{Method, Uri};

use super::{
    error::ProtocolError,
    grammar::{self, PATH, QUERY, REG_NAME},
};

/// A validated request target.
#[derive(Debug)]
pub(crate) struct Target {
    /// Path and query, `*`, or the authority of CONNECT.
    pub(crate) uri: Uri,
    /// The authority of an absolute-form target; overrides Host.
    pub(crate) authority: Option<Bytes>,
}

/// Reads the request target `text`, a slice of `head`.
///
/// The scheme of an absolute-form target is checked and dropped: the client does not decide if a
/// connection is secure.
///
/// # Errors
/// `Connect` (405) for CONNECT, whose authority-form is for proxies, unless `accept_connect`;
/// `Authority` (400) for an accepted CONNECT without host and port; `TargetByte` (400) for a path
/// or query with a forbidden byte; `TargetEscape` (400) for a path with an incomplete percent
/// escape; `Target` (400) for a target in none of the forms.
pub(crate) fn read(head: &Bytes, method: &Method, text: &str, accept_connect: bool) -> Result<Target, ProtocolError> {
    let bytes = text.as_bytes();
    if *method == Method::CONNECT {
        return if accept_connect { authority(head.slice_ref(bytes)) } else { Err(ProtocolError::Connect) };
    }
    match bytes.first() {
        Some(b'/') => Ok(Target { uri: path_and_query(head.slice_ref(bytes))?, authority: None }),
        Some(b'*') if bytes.len() == 1 && *method == Method::OPTIONS => Ok(Target { uri: asterisk(), authority: None }),
        _ => absolute(head, method, bytes),
    }
}

/// True if `value` is `uri-host [ ":" port ]` with a host (RFC 9110 §7.2, RFC 3986 §3.2.2).
///
/// Stricter than the grammar in one point: an http URI has no empty host (RFC 9110 §4.2.1).
pub(crate) fn is_authority(value: &[u8]) -> bool {
    let (is_host, rest) = match value.strip_prefix(b"[") {
        Some(literal) => match split_at_byte(literal, b']') {
            (address, Some(rest)) => (is_ipv6(address) || is_ip_future(address), rest),
            (_, None) => return false,
        },
        None => {
            let end = value.iter().position(|byte| !REG_NAME.has(*byte)).unwrap_or(value.len());
            let (host, rest) = value.split_at_checked(end).unwrap_or_default();
            (!host.is_empty() && grammar::has_whole_escapes(host), rest)
        }
    };
    is_host && (rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

/// Reads `authority-form = uri-host ":" port` (RFC 9112 §3.2.3).
fn authority(bytes: Bytes) -> Result<Target, ProtocolError> {
    let has_port = bytes
        .rsplit(|byte| *byte == b':')
        .next()
        .is_some_and(|port| port.len() < bytes.len() && port.iter().all(u8::is_ascii_digit) && !port.is_empty());
    if !has_port || !is_authority(&bytes) {
        return Err(ProtocolError::Authority);
    }
    let uri = Uri::from_maybe_shared(bytes).map_err(|_| ProtocolError::Authority)?;
    Ok(Target { uri, authority: None })
}

/// Reads `absolute-form = absolute-URI` with the schemes http and https (RFC 9112 §3.2.2).
fn absolute(head: &Bytes, method: &Method, bytes: &[u8]) -> Result<Target, ProtocolError> {
    let hierarchy =
        strip_scheme(bytes, b"http://").or_else(|| strip_scheme(bytes, b"https://")).ok_or(ProtocolError::Target)?;
    let end = hierarchy.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(hierarchy.len());
    let (authority, rest) = hierarchy.split_at_checked(end).ok_or(ProtocolError::Target)?;
    // Refuses user information too: no host contains `@` (RFC 9110 §4.2.4).
    if !is_authority(authority) {
        return Err(ProtocolError::Target);
    }
    let uri = match rest.first() {
        Some(b'/') => path_and_query(head.slice_ref(rest))?,
        // The form that the last proxy would send (RFC 9112 §3.2.4).
        None if *method == Method::OPTIONS => asterisk(),
        None => Uri::default(),
        Some(_) => {
            let mut rooted = BytesMut::with_capacity(rest.len().saturating_add(1));
            rooted.put_u8(b'/');
            rooted.put_slice(rest);
            path_and_query(rooted.freeze())?
        }
    };
    Ok(Target { uri, authority: Some(head.slice_ref(authority)) })
}

/// Reads `origin-form = absolute-path [ "?" query ]` (RFC 9112 §3.2.1).
fn path_and_query(bytes: Bytes) -> Result<Uri, ProtocolError> {
    let (path, query) = split_at_byte(&bytes, b'?');
    let is_path = PATH.spans(path) && grammar::has_whole_escapes(path);
    if !is_path || !query.is_none_or(|query| QUERY.spans(query)) {
        return Err(flaw(path, query));
    }
    Uri::from_maybe_shared(bytes).map_err(|_| ProtocolError::Target)
}

/// The error for a malformed path or query: the first forbidden byte, else an incomplete escape.
#[cold]
fn flaw(path: &[u8], query: Option<&[u8]>) -> ProtocolError {
    let forbidden = PATH.first_other(path).or_else(|| QUERY.first_other(query?));
    forbidden.map_or(ProtocolError::TargetEscape, ProtocolError::TargetByte)
}

fn asterisk() -> Uri {
    Uri::from_static("*")
}

fn strip_scheme<'a>(bytes: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Splits at the first `byte`; the second part is `None` if there is no such byte.
fn split_at_byte(bytes: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |other| *other == byte);
    (parts.next().unwrap_or_default(), parts.next())
}

fn is_ipv6(address: &[u8]) -> bool {
    core::str::from_utf8(address).is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
}

/// True for `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )` (RFC 3986 §3.2.2).
fn is_ip_future(address: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = address else { return false };
    let (version, rest) = split_at_byte(rest, b'.');
    let is_part = |byte: &u8| *byte == b':' || (*byte != b'%' && REG_NAME.has(*byte));
    let is_address = |rest: &[u8]| !rest.is_empty() && rest.iter().all(is_part);
    !version.is_empty() && version.iter().all(u8::is_ascii_hexdigit) && rest.is_some_and(is_address)
}

/// True for `port = *DIGIT` up to 65,535.
fn is_port(digits: &[u8]) -> bool {
    grammar::decimal(digits).is_some_and(|port| port <= 65_535)
}

#[cfg(test)]
mod tests;
