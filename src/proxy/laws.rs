//! Invariants of proxy input for any bytes, as `h1::laws` for client input.

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::header::{Header, HeaderRefusal};
use super::legacy;
use super::network::Networks;
use super::node::{Claims, Node};
use super::trust::Trust;
use super::{LONGEST, read_header};

/// Checks a PROXY header: the same for every cut, never longer than the limit, and independent of
/// the bytes after it.
pub fn proxy_header(bytes: &[u8]) {
    let whole = read_header(bytes);
    let mut first = Ok(None);
    for length in 0..=bytes.len() {
        first = read_header(&bytes[..length]);
        if first != Ok(None) {
            assert!(length <= LONGEST + 1, "{length} bytes were waited for");
            break;
        }
    }
    assert_eq!(first, whole, "byte by byte");
    match whole {
        Ok(Some(Header { length, .. })) => {
            assert!(length <= bytes.len() && length <= LONGEST);
            assert_eq!(read_header(&bytes[..length]), whole, "what follows");
        }
        Ok(None) => assert!(bytes.len() < LONGEST),
        Err(refusal) => {
            assert!(!matches!(refusal, HeaderRefusal::Untrusted | HeaderRefusal::Truncated | HeaderRefusal::Late));
        }
    }
}

/// Checks forwarding fields: only trusted fields count, lines before the last `hops` do not matter,
/// and each claim reads the same after being written again.
pub fn forwarded(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let hops = usize::from(choice & 3) + 1;
    let all = Networks::read(["::/0", "unix"]).expect("they are networks");
    let proxies = if choice & 4 == 0 { all } else { Networks::default() };
    for names in [&[FORWARDED][..], &[legacy::FOR, legacy::PROTO, legacy::HOST]] {
        let mut fields = HeaderMap::new();
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let Ok(value) = HeaderValue::from_bytes(line) else { return };
            fields.append(names[at % names.len()].clone(), value);
        }
        let trust = |names: &[HeaderName]| Trust { proxies: proxies.clone(), hops, fields: names.to_vec() };
        let mut untrusted = fields.clone();
        assert_eq!(trust(names).judge(false, &mut untrusted), Ok(Claims { is_relayed: true, ..Claims::default() }));
        assert!(untrusted.is_empty());
        let before = fields.clone();
        let Ok(claims) = trust(names).judge(true, &mut fields) else { continue };
        assert_eq!(fields, before, "what is believed stays as it is");
        reads_the_same_again(&claims, &trust(names), names.contains(&FORWARDED));
    }
}

fn reads_the_same_again(claims: &Claims, trust: &Trust, is_standard: bool) {
    let client = claims.client.map(|node| match node {
        Node::Hidden => "unknown".to_owned(),
        Node::At(address) if address.is_ipv6() => format!("[{address}]"),
        Node::At(address) => address.to_string(),
    });
    let pairs = [
        ("for", legacy::FOR, client.as_deref()),
        ("proto", legacy::PROTO, claims.scheme),
        ("host", legacy::HOST, claims.host.as_deref()),
    ];
    let mut fields = HeaderMap::new();
    let mut element = String::new();
    for (name, field, value) in pairs {
        let Some(value) = value else { continue };
        element.push_str(&format!("{name}=\"{value}\";"));
        fields.insert(field, HeaderValue::from_str(value).expect("a claim is visible ASCII"));
    }
    if is_standard {
        fields.clear();
        if !element.is_empty() {
            fields.insert(FORWARDED, HeaderValue::from_str(&element).expect("a claim is visible ASCII"));
        }
    }
    let is_relayed = !fields.is_empty();
    assert_eq!(trust.judge(true, &mut fields), Ok(Claims { is_relayed, ..claims.clone() }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_hold_for_noise() {
        const WORDS: &[&[u8]] = &[
            b"PROXY ",
            b"TCP4 ",
            b"TCP6 ",
            b"UNKNOWN",
            b"1.2.3.4 ",
            b"::1 ",
            b"80 ",
            b"443",
            b"\r\n",
            b"\r",
            b"\n",
            b"GET / ",
            b"\r\n\r\n\0\r\nQUIT\n",
            b"\x20",
            b"\x21",
            b"\x11",
            b"\x00\x0c",
            b"\x00\x00",
            b"\x10\x01",
            b"\x03\x00\x04abcd",
            b"for=",
            b"proto=https",
            b"host=",
            b"a.b:80",
            b"\"[::1]\"",
            b"unknown",
            b"_x",
            b"https",
            b";",
            b",",
            b", ",
            b"\"",
            b"\\",
        ];
        // The same noise in each run, so a failure is reproducible.
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            let count = 1 + next(9);
            let text: Vec<u8> = (0..count).flat_map(|_| WORDS[next(WORDS.len())]).copied().collect();
            proxy_header(&text);
            forwarded(&[&[3][..], &text].concat());
        }
    }
}
