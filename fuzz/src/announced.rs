//! PROXY headers before a request: the handler sees the announced client, and a malformed header is
//! never answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arbitrary::Arbitrary;
use drupe::testing::Conversation;
use drupe::{Peer, Request, RequestExt, Settings};

use crate::client;
use crate::cut::Cuts;

/// A header, its flaw if any, and the way of its bytes.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    header: Header,
    flaw: Option<Flaw>,
    cuts: Cuts,
}

#[derive(Arbitrary, Clone, Debug)]
enum Header {
    Line(Line),
    Binary { source: Source, extensions: Vec<Extension>, checksum: Option<u8> },
}

#[derive(Arbitrary, Clone, Debug)]
enum Line {
    Unknown(Vec<u8>),
    Tcp4([u8; 4], [u8; 4], u16, u16),
    Tcp6([u16; 8], [u16; 8], u16, u16),
}

#[derive(Arbitrary, Clone, Debug)]
enum Source {
    Local(u8),
    Unspecified,
    Datagram,
    Tcp4([u8; 4], [u8; 4], u16, u16),
    Tcp6([u16; 8], [u16; 8], u16, u16),
    Unix(u8),
}

#[derive(Arbitrary, Clone, Debug)]
enum Extension {
    Authority(Vec<u8>),
    Nothing(u8),
    Tls(u8, Vec<u8>),
    Own(u8, Vec<u8>),
}

#[derive(Arbitrary, Clone, Debug)]
enum Flaw {
    /// Another value of a byte; the header may stay valid.
    Byte(u16, u8),
    /// The header ends early, and so does the connection.
    End(u16),
    /// There is none.
    Missing,
    /// A second header, which is not a request.
    Twice,
    Version(u8),
    Command(u8),
    Family(u8),
    /// A wrong length, of a line or of the addresses.
    Long,
    Short,
    Checksum,
    TlsTwice,
}

/// The expected outcome.
#[derive(Debug, PartialEq)]
enum Expected {
    /// An answer that says this.
    Met(String),
    Silence,
    /// A request that is none.
    Refusal(u16),
    Anything,
}

/// Begins a connection as planned, and compares.
///
/// # Panics
/// If the handler saw another client, or was called in error.
pub fn check(plan: &Plan) {
    let mut bytes = plan.header.write();
    let mut expected = Expected::Met(plan.header.met());
    if let Some(flaw) = &plan.flaw {
        expected = flaw.put(&plan.header, &mut bytes);
    }
    if !matches!(plan.flaw, Some(Flaw::End(_))) {
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mut settings = Settings::default();
    settings.proxy_protocol = true;
    let conversation = Conversation::new(meet, &settings).expect("they are sound");
    for pieces in [vec![bytes.clone()], plan.cuts.apply(&bytes)] {
        let answers = client::read(&conversation.run(pieces), |_| false);
        let found = match &answers[..] {
            [] => Expected::Silence,
            [answer] if answer.status == 200 => Expected::Met(String::from_utf8_lossy(&answer.content).into_owned()),
            [answer] if answer.status >= 400 => Expected::Refusal(answer.status),
            _ => panic!("{answers:?} to {plan:?}"),
        };
        assert!(found == expected || expected == Expected::Anything, "{found:?}, not {expected:?}: {plan:?}");
    }
}

fn meet(request: &mut Request) -> String {
    let connection = request.connection();
    let peer = connection.peer().map(|peer| match peer {
        Peer::Tcp(address) => address.to_string(),
        _ => "unix".to_owned(),
    });
    told(peer, connection.local_addr(), connection.scheme() == "https")
}

fn told(peer: Option<String>, local: Option<SocketAddr>, is_secure: bool) -> String {
    format!("{} {local:?} {is_secure}", peer.unwrap_or_default())
}

impl Header {
    fn write(&self) -> Vec<u8> {
        let (source, extensions, checksum) = match self {
            Self::Line(line) => return line.text().into_bytes(),
            Self::Binary { source, extensions, checksum } => (source, extensions, checksum),
        };
        let (command, family, mut rest) = source.parts();
        let mut has_tls = false;
        let mut sum_at = None;
        for (at, extension) in extensions.iter().take(MOST).enumerate() {
            if checksum.is_some_and(|place| usize::from(place) % MOST == at) {
                sum_at = Some(16 + rest.len() + 3);
                rest.extend([3, 0, 4, 0, 0, 0, 0]);
            }
            let is_second_tls = matches!(extension, Extension::Tls(..)) && std::mem::replace(&mut has_tls, true);
            if !is_second_tls {
                extension.write(&mut rest);
            }
        }
        let length = u16::try_from(rest.len()).expect("it is short").to_be_bytes();
        let mut bytes = [SIGNATURE, &[0x20 | command, family], &length, &rest].concat();
        if let Some(at) = sum_at {
            let sum = checksum_of(&bytes).to_be_bytes();
            bytes[at..at + 4].copy_from_slice(&sum);
        }
        bytes
    }

    fn met(&self) -> String {
        match self {
            Self::Line(Line::Unknown(_)) => told(None, None, false),
            Self::Line(Line::Tcp4(from, to, port, at)) => tcp(*from, *to, *port, *at, false),
            Self::Line(Line::Tcp6(from, to, port, at)) => tcp(*from, *to, *port, *at, false),
            Self::Binary { source, extensions, .. } => {
                let mut tls = extensions.iter().take(MOST).filter_map(|extension| match extension {
                    Extension::Tls(flags, _) => Some(flags & 1 != 0),
                    _ => None,
                });
                let is_secure = tls.next().unwrap_or(false);
                match source {
                    Source::Local(_) | Source::Unspecified | Source::Datagram => told(None, None, false),
                    Source::Unix(_) => told(Some("unix".to_owned()), None, is_secure),
                    Source::Tcp4(from, to, port, at) => tcp(*from, *to, *port, *at, is_secure),
                    Source::Tcp6(from, to, port, at) => tcp(*from, *to, *port, *at, is_secure),
                }
            }
        }
    }
}

/// An IPv4 address that is written as an IPv6 one is reported as IPv4.
fn tcp(from: impl Into<IpAddr>, to: impl Into<IpAddr>, port: u16, at: u16, is_secure: bool) -> String {
    let [from, to] = [from.into(), to.into()].map(|address| address.to_canonical());
    told(Some(SocketAddr::new(from, port).to_string()), Some(SocketAddr::new(to, at)), is_secure)
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Unknown(text) => {
                let rest: String = text.iter().map(|byte| char::from(b' ' + byte % 95)).take(90).collect();
                if rest.is_empty() { "PROXY UNKNOWN\r\n".to_owned() } else { format!("PROXY UNKNOWN {rest}\r\n") }
            }
            Self::Tcp4(from, to, port, at) => {
                format!("PROXY TCP4 {} {} {port} {at}\r\n", Ipv4Addr::from(*from), Ipv4Addr::from(*to))
            }
            Self::Tcp6(from, to, port, at) => {
                format!("PROXY TCP6 {} {} {port} {at}\r\n", Ipv6Addr::from(*from), Ipv6Addr::from(*to))
            }
        }
    }
}

impl Source {
    /// The command, the family with the protocol, and the addresses.
    fn parts(&self) -> (u8, u8, Vec<u8>) {
        let ports = |port: u16, at: u16| [port.to_be_bytes(), at.to_be_bytes()].concat();
        match self {
            Self::Local(family) => (0, *family, Vec::new()),
            Self::Unspecified => (1, 0, Vec::new()),
            Self::Datagram => (1, 0x12, Vec::new()),
            Self::Tcp4(from, to, port, at) => (1, 0x11, [&from[..], to, &ports(*port, *at)].concat()),
            Self::Tcp6(from, to, port, at) => {
                let octets = |words: &[u16; 8]| Ipv6Addr::from(*words).octets();
                (1, 0x21, [&octets(from)[..], &octets(to), &ports(*port, *at)].concat())
            }
            Self::Unix(byte) => (1, 0x31, vec![*byte; 216]),
        }
    }
}

impl Extension {
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, value) = match self {
            Self::Authority(name) => (0x02, name.clone()),
            Self::Nothing(count) => (0x04, vec![0; usize::from(*count)]),
            Self::Tls(flags, more) => (0x20, [&[*flags, 0, 0, 0, 0], &more[..]].concat()),
            Self::Own(kind, value) => (0xe0 | kind & 0x0f, value.clone()),
        };
        let value = &value[..value.len().min(200)];
        out.push(kind);
        out.extend(u16::try_from(value.len()).expect("it is short").to_be_bytes());
        out.extend_from_slice(value);
    }
}

impl Flaw {
    /// Applies the flaw to `bytes`, the written header. Returns the expected outcome.
    fn put(&self, header: &Header, bytes: &mut Vec<u8>) -> Expected {
        let is_binary = matches!(header, Header::Binary { .. });
        let is_read =
            !matches!(header, Header::Binary { source: Source::Local(_) | Source::Unspecified | Source::Datagram, .. });
        match self {
            Self::Byte(at, value) => {
                let at = usize::from(*at) % bytes.len();
                bytes[at] ^= *value;
                Expected::Anything
            }
            Self::End(count) => {
                bytes.truncate(bytes.len().saturating_sub(1 + usize::from(*count)));
                Expected::Silence
            }
            Self::Missing => {
                bytes.clear();
                Expected::Silence
            }
            Self::Twice => {
                bytes.extend_from_slice(b"PROXY UNKNOWN\r\n");
                Expected::Refusal(400)
            }
            Self::Version(version) if is_binary && version & 15 != 2 => {
                bytes[12] = version << 4 | 1;
                Expected::Silence
            }
            Self::Command(command) if is_binary && command & 15 > 1 => {
                bytes[12] = 0x20 | command & 15;
                Expected::Silence
            }
            Self::Family(family) if is_binary && bytes[12] == 0x21 && !FAMILIES.contains(family) => {
                bytes[13] = *family;
                Expected::Silence
            }
            Self::Long if is_binary => {
                bytes[14] = 0x7f;
                Expected::Silence
            }
            Self::Long => {
                let end = bytes.len() - 2;
                bytes.splice(end..end, vec![b' '; 107]);
                Expected::Silence
            }
            Self::Short if is_binary && is_read => {
                bytes[14..16].copy_from_slice(&[0, 11]);
                Expected::Silence
            }
            Self::Checksum if is_binary && is_read => {
                let wrong = checksum_of(bytes).wrapping_add(1).to_be_bytes();
                append(bytes, &[&[3, 0, 4][..], &wrong].concat());
                // One that was there before it is there twice, which is as wrong.
                Expected::Silence
            }
            Self::TlsTwice if is_binary && is_read => {
                append(bytes, &[0x20, 0, 5, 1, 0, 0, 0, 0, 0x20, 0, 5, 1, 0, 0, 0, 0]);
                Expected::Silence
            }
            _ => Expected::Met(header.met()),
        }
    }
}

/// Adds to a binary header, and to its stated length.
fn append(bytes: &mut Vec<u8>, extension: &[u8]) {
    bytes.extend_from_slice(extension);
    let length = u16::try_from(bytes.len() - 16).expect("it is short").to_be_bytes();
    bytes[14..16].copy_from_slice(&length);
}

/// CRC-32C, bit by bit.
fn checksum_of(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// All that are assigned.
const FAMILIES: &[u8] = &[0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32];
const MOST: usize = 6;

#[cfg(test)]
mod tests {
    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(6000, super::check);
    }

    #[test]
    fn mapped_address_is_reported_as_ipv4() {
        let mapped = [0, 0, 0, 0, 0, 0xffff, 0x7f00, 1];
        for header in [
            super::Header::Line(super::Line::Tcp6([1; 8], mapped, 1, 2)),
            super::Header::Line(super::Line::Tcp6(mapped, [1; 8], 1, 2)),
        ] {
            super::check(&super::Plan { header, flaw: None, cuts: super::Cuts::default() });
        }
    }
}
