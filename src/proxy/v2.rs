//! Version 2: sixteen bytes, the addresses, and extensions of a type, a length and a value each
//! (§2.2).
//!
//! Two extensions are read: the checksum, which is verified, and the client's use of TLS. All
//! others are skipped.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::header::{Header, HeaderRefusal, ProxiedSource};

/// The first bytes of a header.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of the signature, version and command, family and protocol, and the length of the rest.
pub(super) const FIXED: usize = 16;
/// The most bytes of addresses and extensions. Addresses take up to 216; the rest exceeds a chain
/// of names plus a certificate.
pub(super) const MOST: usize = 4096;

/// Reads a header that begins with [`SIGNATURE`]; `None` if the header is incomplete.
pub(super) fn read(unread: &[u8]) -> Result<Option<Header>, HeaderRefusal> {
    match unread.get(SIGNATURE.len()) {
        Some(byte) if byte >> 4 != 2 => return Err(HeaderRefusal::Version),
        Some(byte) if byte & 15 > PROXY => return Err(HeaderRefusal::Command),
        _ => {}
    }
    let Some((fixed, rest)) = unread.split_first_chunk::<FIXED>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let count = usize::from(u16::from_be_bytes([high, low]));
    let is_local = command & 15 != PROXY;
    let addresses = if is_local { Addresses::Ignored } else { Addresses::of(family)? };
    if count > MOST {
        return Err(HeaderRefusal::TooLong);
    }
    if count < addresses.length() {
        return Err(HeaderRefusal::TooShort);
    }
    let Some(body) = rest.get(..count) else { return Ok(None) };
    let source = if is_local { ProxiedSource::Proxy } else { addresses.read(body).ok_or(HeaderRefusal::TooShort)? };
    let length = FIXED.saturating_add(count);
    // The extensions of ignored addresses are ignored too.
    let is_secure = match addresses {
        Addresses::Ignored => false,
        _ => {
            let whole = unread.get(..length).unwrap_or_default();
            extensions(whole, FIXED.saturating_add(addresses.length()))?
        }
    };
    Ok(Some(Header { length, source, is_secure }))
}

/// The kind of addresses after the fixed part.
#[derive(Clone, Copy)]
enum Addresses {
    /// No usable addresses.
    Ignored,
    Inet,
    Inet6,
    Unix,
}

impl Addresses {
    /// The kind for a family (high half) and a protocol. A connectionless protocol counts as
    /// unspecified, as the specification requires for all that a receiver does not implement.
    fn of(family: u8) -> Result<Self, HeaderRefusal> {
        match family {
            0x00 | 0x12 | 0x22 | 0x32 => Ok(Self::Ignored),
            0x11 => Ok(Self::Inet),
            0x21 => Ok(Self::Inet6),
            0x31 => Ok(Self::Unix),
            _ => Err(HeaderRefusal::Family),
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Ignored => 0,
            Self::Inet => 12,
            Self::Inet6 => 36,
            Self::Unix => 216,
        }
    }

    fn read(self, body: &[u8]) -> Option<ProxiedSource> {
        let (client, server) = match self {
            Self::Ignored => return Some(ProxiedSource::Unknown),
            Self::Unix => return Some(ProxiedSource::Unix),
            Self::Inet => {
                let (client, rest) = body.split_first_chunk::<4>()?;
                let (server, rest) = rest.split_first_chunk::<4>()?;
                let ports = ports(rest)?;
                (
                    SocketAddr::new(Ipv4Addr::from(*client).into(), ports.0),
                    SocketAddr::new(Ipv4Addr::from(*server).into(), ports.1),
                )
            }
            Self::Inet6 => {
                let (client, rest) = body.split_first_chunk::<16>()?;
                let (server, rest) = rest.split_first_chunk::<16>()?;
                let ports = ports(rest)?;
                (
                    SocketAddr::new(Ipv6Addr::from(*client).to_canonical(), ports.0),
                    SocketAddr::new(Ipv6Addr::from(*server).to_canonical(), ports.1),
                )
            }
        };
        Some(ProxiedSource::Tcp { client, server })
    }
}

fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *bytes.first_chunk::<4>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Reads the extensions of `header` from `at` on; returns true if the client used TLS.
fn extensions(header: &[u8], mut at: usize) -> Result<bool, HeaderRefusal> {
    let (mut checksum, mut tls) = (None, None);
    while let Some(rest) = header.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, value) = extension(rest).ok_or(HeaderRefusal::Extension)?;
        let begin = at.saturating_add(EXTENSION_HEAD);
        let before = match kind {
            CHECKSUM => checksum.replace((begin, value)).map(|_| ()),
            TLS => tls.replace(*value.first().ok_or(HeaderRefusal::Extension)? & OVER_TLS != 0).map(|_| ()),
            _ => None,
        };
        if before.is_some() {
            return Err(HeaderRefusal::Extension);
        }
        at = begin.saturating_add(value.len());
    }
    if let Some((begin, value)) = checksum {
        let stated = u32::from_be_bytes(value.try_into().map_err(|_| HeaderRefusal::Extension)?);
        let (before, rest) = header.split_at_checked(begin).ok_or(HeaderRefusal::Extension)?;
        let after = rest.get(value.len()..).unwrap_or_default();
        if stated != crc32c(&[before, &[0; 4], after]) {
            return Err(HeaderRefusal::Checksum);
        }
    }
    Ok(tls.unwrap_or(false))
}

/// The type and the value of the first extension.
fn extension(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([kind, high, low], rest) = bytes.split_first_chunk::<EXTENSION_HEAD>()?;
    Some((*kind, rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?))
}

/// The checksum of RFC 4960 appendix B over the concatenated `parts`.
pub(super) fn crc32c(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ POLYNOMIAL })
    })
}

/// The command other than `LOCAL`.
const PROXY: u8 = 1;
const EXTENSION_HEAD: usize = 3;
/// `PP2_TYPE_CRC32C`.
pub(super) const CHECKSUM: u8 = 0x03;
/// `PP2_TYPE_SSL`; its first byte is a set of flags.
pub(super) const TLS: u8 = 0x20;
/// `PP2_CLIENT_SSL`.
const OVER_TLS: u8 = 1;
/// Castagnoli's polynomial, bit-reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
