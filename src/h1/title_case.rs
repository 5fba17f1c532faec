//! Field names in title case, for clients that compare names byte by byte (names have no case by
//! RFC 9110 §5.1).

use http::HeaderName;

/// Appends `name` as registered, such as `ETag`, else each word with a capital letter.
pub(super) fn write(out: &mut Vec<u8>, name: &HeaderName) {
    let name = name.as_str();
    if let Some(registered) = REGISTERED.iter().find(|registered| registered.eq_ignore_ascii_case(name)) {
        return out.extend_from_slice(registered.as_bytes());
    }
    let mut begins = true;
    for byte in name.bytes() {
        out.push(if begins { byte.to_ascii_uppercase() } else { byte });
        begins = byte == b'-';
    }
}

/// The names of responses that are registered in another form (the field name registry of IANA).
const REGISTERED: [&str; 19] = [
    "Accept-CH",
    "CDN-Cache-Control",
    "CDN-Loop",
    "Content-ID",
    "Content-MD5",
    "DASL",
    "DAV",
    "ETag",
    "IM",
    "MIME-Version",
    "NEL",
    "OData-Version",
    "P3P",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "SourceMap",
    "WWW-Authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_title_case_or_as_registered() {
        for (name, expected) in [
            ("content-type", "Content-Type"),
            ("Date", "Date"),
            ("x-request-id", "X-Request-Id"),
            ("set-cookie", "Set-Cookie"),
            ("etag", "ETag"),
            ("www-authenticate", "WWW-Authenticate"),
            ("sec-websocket-accept", "Sec-WebSocket-Accept"),
            ("mime-version", "MIME-Version"),
            ("x_own", "X_own"),
            ("a--b-", "A--B-"),
            ("1st-p2p", "1st-P2p"),
        ] {
            let mut out = b"before ".to_vec();
            write(&mut out, &name.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), format!("before {expected}"));
        }
    }

    #[test]
    fn registered_names_differ_from_plain_title_case() {
        for name in REGISTERED {
            let plain = |word: &str| word.chars().skip(1).all(|letter| !letter.is_ascii_uppercase());
            assert!(!name.split('-').all(plain), "{name} needs no row");
        }
    }
}
