//! Base64 (RFC 4648 §4), decoded strictly: with its padding, and with one text for each content.

/// Decodes `text`; `None` if a byte, the padding or the last bits are wrong.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 4 != 0 {
        return None;
    }
    let mut content = Vec::with_capacity(text.len() / 4 * 3);
    let last = (text.len() / 4).saturating_sub(1);
    for (at, group) in text.chunks_exact(4).enumerate() {
        let padding = if at == last { group.iter().rev().take_while(|byte| **byte == b'=').count() } else { 0 };
        let digits = group.get(..4 - padding.min(2))?;
        let mut bits = 0_u32;
        for digit in digits {
            bits = bits << 6 | u32::from(value(*digit)?);
        }
        // Two digits hold one byte and four bits, three digits hold two bytes and two bits.
        let spare = digits.len() * 6 % 8;
        if bits & ((1 << spare) - 1) != 0 {
            return None;
        }
        let bytes = (bits >> spare).to_be_bytes();
        content.extend_from_slice(&bytes[4 - digits.len() * 6 / 8..]);
    }
    Some(content)
}

/// Returns the six bits of a digit.
fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, content: Option<&[u8]>) {
        assert_eq!(decode(text.as_bytes()).as_deref(), content, "{text}");
    }

    /// RFC 4648 §10, and all digits.
    #[test]
    fn base64_of_the_rfc_is_decoded() {
        for (text, content) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            check(text, Some(content.as_bytes()));
        }
        check("+/+/", Some(b"\xfb\xff\xbf"));
        check("AAAA", Some(b"\0\0\0"));
        check("////", Some(b"\xff\xff\xff"));
        check("AZaz", Some(b"\x01\x96\xb3"));
        check("0189", Some(b"\xd3\x5f\x3d"));
    }

    #[test]
    fn malformed_base64_is_refused() {
        for text in [
            "Z",
            "Zg",
            "Zg=",
            "Zm8",
            "Zg===",
            "Zg==Zg==",
            "=",
            "==",
            "===",
            "====",
            "Z===",
            "Z=g=",
            "=Zg=",
            "Zm9v====",
            "Zm9v=",
            "Zg= =",
            " Zg==",
            "Zg==\n",
            "Zg..",
            "Zm-_",
            "Zm9v\u{e9}",
            "Zm9\0",
        ] {
            check(text, None);
        }
        // The unused bits are not zero: "Zg==" has the same byte.
        for text in ["Zh==", "Zn==", "Zm9=", "Zm+="] {
            check(text, None);
        }
    }
}
