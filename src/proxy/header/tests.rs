//! Headers of both versions, each cut at every byte.

use super::super::v2::{self, CHECKSUM, TLS, crc32c};
use super::super::{LONGEST, read_header};
use super::*;

/// Reads `bytes` in every way to cut them: the fewest bytes needed decide, and the bytes after them
/// change nothing.
fn read_in_every_way(bytes: &[u8]) -> Result<Option<Header>, HeaderRefusal> {
    let whole = read_header(bytes);
    let shown = String::from_utf8_lossy(bytes);
    let decided = (0..=bytes.len()).map(|length| read_header(&bytes[..length])).find(|found| *found != Ok(None));
    assert_eq!(decided.unwrap_or(Ok(None)), whole, "{shown:?} byte by byte");
    if whole != Ok(None) {
        assert_eq!(read_header(&[bytes, b"GET / HTTP/1.1\r\n"].concat()), whole, "{shown:?} and what follows");
    }
    whole
}

#[track_caller]
fn reads(bytes: &[u8], source: ProxiedSource, is_secure: bool) {
    let header = Header { length: bytes.len(), source, is_secure };
    assert_eq!(read_in_every_way(bytes), Ok(Some(header)), "{:?}", String::from_utf8_lossy(bytes));
}

#[track_caller]
fn refuses(bytes: &[u8], refusal: HeaderRefusal) {
    assert_eq!(read_in_every_way(bytes), Err(refusal), "{:?}", String::from_utf8_lossy(bytes));
}

#[track_caller]
fn waits(bytes: &[u8]) {
    assert_eq!(read_in_every_way(bytes), Ok(None), "{:?}", String::from_utf8_lossy(bytes));
}

fn tcp(client: &str, server: &str) -> ProxiedSource {
    ProxiedSource::Tcp { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

/// A header of version 2 with a correct length.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &length, body].concat()
}

fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

/// The TLS extension as written by HAProxy: version, flags, the result of the verification, and a
/// part with a name.
fn tls(flags: u8) -> Vec<u8> {
    extension(TLS, &[&[flags, 0, 0, 0, 0][..], &extension(0x21, b"TLSv1.3")].concat())
}

/// A header of version 2 with `extensions` and then its checksum.
fn summed(extensions: &[u8]) -> Vec<u8> {
    let mut header = v2(0x21, 0x11, &[INET, extensions, &extension(CHECKSUM, &[0; 4])].concat());
    let sum = crc32c(&[&header]).to_be_bytes();
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum);
    header
}

const INET: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 9, 0xdc, 0x04, 0x01, 0xbb];

#[test]
fn lines_of_version_1_are_read() {
    reads(b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n", tcp("192.0.2.1:56324", "192.0.2.9:443"), false);
    reads(
        b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n",
        tcp("255.255.255.255:65535", "255.255.255.255:0"),
        false,
    );
    reads(b"PROXY TCP6 2001:db8::1 ::1 1 80\r\n", tcp("[2001:db8::1]:1", "[::1]:80"), false);
    reads(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 80\r\n", tcp("192.0.2.1:1", "[::1]:80"), false);
    let longest = "ffff:f...f:ffff".replace("f...f", "ffff:ffff:ffff:ffff:ffff:ffff");
    let line = format!("PROXY TCP6 {longest} {longest} 65535 65535\r\n");
    let end = format!("[{longest}]:65535");
    reads(line.as_bytes(), tcp(&end, &end), false);
    for line in ["UNKNOWN", "UNKNOWN ", "UNKNOWN whatever  it says", "UNKNOWN TCP4 1.2.3.4 1.2.3.4 1 1"] {
        reads(format!("PROXY {line}\r\n").as_bytes(), ProxiedSource::Unknown, false);
    }
    // The longest line of the specification, with its CR LF.
    let unknown = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    assert_eq!(unknown.len(), 107);
    reads(unknown.as_bytes(), ProxiedSource::Unknown, false);
}

#[test]
fn lines_of_version_1_are_awaited_for_at_most_107_bytes() {
    for part in ["", "P", "PROXY", "PROXY ", "PROXY TCP4 1.2.3.4", "PROXY UNKNOWN\r"] {
        waits(part.as_bytes());
    }
    let line = format!("PROXY {}", "x".repeat(99));
    waits(line.as_bytes());
    waits(format!("{line}\r").as_bytes());
    refuses(format!("{line}xx").as_bytes(), HeaderRefusal::LineTooLong);
    refuses(format!("{line}x\r").as_bytes(), HeaderRefusal::LineTooLong);
    refuses(format!("{line}x\r\n").as_bytes(), HeaderRefusal::LineTooLong);
    refuses(format!("{line}x\x7f").as_bytes(), HeaderRefusal::LineTooLong);
}

#[test]
fn malformed_lines_of_version_1_are_refused() {
    for line in [
        "",
        " ",
        "TCP4",
        "TCP4 ",
        "tcp4 1.2.3.4 1.2.3.4 1 1",
        "TCP5 1.2.3.4 1.2.3.4 1 1",
        "UNKNOWNS",
        "unknown",
        "UDP4 1.2.3.4 1.2.3.4 1 1",
        "TCP4 1.2.3.4 1.2.3.4 1",
        "TCP4 1.2.3.4 1.2.3.4 1 1 ",
        "TCP4 1.2.3.4 1.2.3.4 1 1 1",
        "TCP4  1.2.3.4 1.2.3.4 1 1",
        " TCP4 1.2.3.4 1.2.3.4 1 1",
        "TCP4 1.2.3.4 1.2.3.4 01 1",
        "TCP4 1.2.3.4 1.2.3.4 1 00",
        "TCP4 1.2.3.4 1.2.3.4 65536 1",
        "TCP4 1.2.3.4 1.2.3.4 -1 1",
        "TCP4 1.2.3.4 1.2.3.4 +1 1",
        "TCP4 1.2.3.4 1.2.3.4 1  ",
        "TCP4 1.2.3.04 1.2.3.4 1 1",
        "TCP4 1.2.3 1.2.3.4 1 1",
        "TCP4 1.2.3.4 256.2.3.4 1 1",
        "TCP4 ::1 ::1 1 1",
        "TCP6 1.2.3.4 1.2.3.4 1 1",
        "TCP6 ::1 1.2.3.4 1 1",
        "TCP6 [::1] [::1] 1 1",
        "TCP6 fe80::1%1 ::1 1 1",
        "TCP6 ::g ::1 1 1",
    ] {
        refuses(format!("PROXY {line}\r\n").as_bytes(), HeaderRefusal::Line);
    }
    for line in [
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN\rX",
        "PROXY UNKNOWN\r\r\n",
        "PROXY UNKN\0WN\r\n",
        "PROXY UNKNOWN \t\r\n",
        "PROXY UNKNOWN \u{e9}\r\n",
    ] {
        refuses(line.as_bytes(), HeaderRefusal::Line);
    }
}

#[test]
fn other_first_bytes_are_no_header() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"proxy TCP4 ",
        b"PROXY\r\n",
        b"PROXYTCP4",
        b"POST / HTTP/1.1\r\n",
        b"\0",
        b"\n",
        b"\x16\x03\x01",
        b"\xff",
    ] {
        refuses(bytes, HeaderRefusal::Missing);
    }
    for (at, _) in v2::SIGNATURE.iter().enumerate() {
        let mut header = v2(0x21, 0x11, INET);
        header[at] ^= 0x80;
        refuses(&header, HeaderRefusal::Missing);
    }
}

#[test]
fn headers_of_version_2_are_read() {
    let client = tcp("192.0.2.1:56324", "192.0.2.9:443");
    reads(&v2(0x21, 0x11, INET), client, false);
    let six: Vec<u8> = [[0x20; 16], [0xfe; 16]].concat().into_iter().chain([0, 1, 0, 80]).collect();
    reads(
        &v2(0x21, 0x21, &six),
        tcp("[2020:2020:2020:2020:2020:2020:2020:2020]:1", "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:80"),
        false,
    );
    let mapped =
        [&[0; 10][..], &[0xff, 0xff, 192, 0, 2, 1], &[0; 10], &[0xff, 0xff, 10, 0, 0, 1], &[0, 1, 0, 80]].concat();
    reads(&v2(0x21, 0x21, &mapped), tcp("192.0.2.1:1", "10.0.0.1:80"), false);
    reads(&v2(0x21, 0x31, &[b'/'; 216]), ProxiedSource::Unix, false);
    reads(&v2(0x21, 0x31, &[&[0; 216][..], &tls(1)].concat()), ProxiedSource::Unix, true);
    for family in [0x00, 0x12, 0x22, 0x32] {
        for body in [&b""[..], INET, b"whatever it says"] {
            reads(&v2(0x21, family, body), ProxiedSource::Unknown, false);
        }
    }
    // A connection of the proxy itself: the rest of the header is ignored.
    for (family, body) in [(0x00, &b""[..]), (0x11, INET), (0x11, b"short"), (0xff, b"\xff\xff\xff\xff")] {
        reads(&v2(0x20, family, body), ProxiedSource::Proxy, false);
    }
}

#[test]
fn headers_of_version_2_are_awaited_only_within_the_limit() {
    let whole = v2(0x21, 0x11, INET);
    for length in 0..whole.len() {
        waits(&whole[..length]);
    }
    let most = [INET, &extension(0xe0, &[0; 4096 - 12 - 3])].concat();
    assert_eq!(v2(0x21, 0x11, &most).len(), LONGEST);
    reads(&v2(0x21, 0x11, &most), tcp("192.0.2.1:56324", "192.0.2.9:443"), false);
    // Refused by the length alone, before any of the addresses has arrived.
    for command in [0x20, 0x21] {
        refuses(&[v2::SIGNATURE, &[command, 0x11, 0x10, 0x01]].concat(), HeaderRefusal::TooLong);
        refuses(&[v2::SIGNATURE, &[command, 0x11, 0xff, 0xff]].concat(), HeaderRefusal::TooLong);
    }
}

#[test]
fn malformed_headers_of_version_2_are_refused() {
    for command in [0x00, 0x01, 0x11, 0x31, 0xf1] {
        refuses(&v2(command, 0x11, INET), HeaderRefusal::Version);
    }
    for command in [0x22, 0x2f] {
        refuses(&v2(command, 0x11, INET), HeaderRefusal::Command);
    }
    for family in [0x01, 0x02, 0x03, 0x10, 0x13, 0x20, 0x23, 0x30, 0x33, 0x41, 0xf1, 0xff] {
        refuses(&v2(0x21, family, INET), HeaderRefusal::Family);
    }
    for (family, least) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        for length in [0, 1, least - 1] {
            refuses(&v2(0x21, family, &vec![0; length]), HeaderRefusal::TooShort);
        }
    }
}

#[test]
fn extensions_other_than_two_are_skipped() {
    let client = tcp("192.0.2.1:56324", "192.0.2.9:443");
    let with = |extensions: &[Vec<u8>]| v2(0x21, 0x11, &[INET, &extensions.concat()].concat());
    reads(&with(&[extension(0x02, b"example.org"), extension(0x04, b""), extension(0xee, &[0; 300])]), client, false);
    reads(&with(&[extension(0x04, b""), extension(0x04, b"")]), client, false);
    reads(&with(&[tls(1)]), client, true);
    reads(&with(&[extension(0x01, b"h2"), tls(7), extension(0x05, b"id")]), client, true);
    reads(&with(&[tls(0)]), client, false);
    reads(&with(&[tls(6)]), client, false);
    for wrong in [vec![0x04], vec![0x04, 0], vec![0x04, 0, 1], extension(TLS, b""), vec![0x20, 0xff, 0xff, 1]] {
        refuses(&with(std::slice::from_ref(&wrong)), HeaderRefusal::Extension);
        refuses(&with(&[tls(1), wrong]), HeaderRefusal::Extension);
    }
    refuses(&with(&[tls(1), tls(1)]), HeaderRefusal::Extension);
    refuses(&with(&[extension(CHECKSUM, b"abc")]), HeaderRefusal::Extension);
}

#[test]
fn checksum_covers_the_whole_header() {
    // RFC 3720 appendix B.4, and the common check value.
    assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
    assert_eq!(crc32c(&[b"1234", b"", b"56789"]), 0xe306_9283);
    let client = tcp("192.0.2.1:56324", "192.0.2.9:443");
    reads(&summed(b""), client, false);
    let header = summed(&tls(1));
    reads(&header, client, true);
    // Without the type of the checksum, the extension is an unknown one.
    let own = header.len() - 7;
    for at in (v2::FIXED..header.len()).filter(|at| *at != own) {
        let mut header = header.clone();
        header[at] ^= 1;
        assert!(read_in_every_way(&header).is_err(), "byte {at}");
    }
    let mut twice = summed(&extension(CHECKSUM, &[0; 4]));
    refuses(&twice, HeaderRefusal::Extension);
    twice.truncate(twice.len() - 7);
    waits(&twice);
}
