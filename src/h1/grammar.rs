//! The byte classes of RFC 9110 §5.6, RFC 9112 and RFC 3986 as one table, with the grammar of each.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A set of bytes; a test costs one table lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class(u8);

/// `tchar`: the bytes of tokens (RFC 9110 §5.6.2).
pub(crate) const TOKEN: Class = Class(1);
/// `tchar` without the lower-case letters: the bytes of accepted methods.
pub(crate) const METHOD: Class = Class(1 << 1);
/// `pchar / "/"` (RFC 3986 §3.3) and `[ ] ^ |`, sent unescaped by browsers.
pub(crate) const PATH: Class = Class(1 << 2);
/// The bytes allowed by the query state of the WHATWG URL standard: visible ASCII without
/// `" # < >`.
pub(crate) const QUERY: Class = Class(1 << 3);
/// `unreserved / pct-encoded / sub-delims` (RFC 3986 §3.2.2).
pub(crate) const REG_NAME: Class = Class(1 << 4);
/// `qdtext` (RFC 9110 §5.6.4).
pub(crate) const QUOTED: Class = Class(1 << 5);
/// `HTAB / SP / VCHAR / obs-text`: field values and quoted pairs (RFC 9110 §5.5, §5.6.4).
pub(crate) const TEXT: Class = Class(1 << 6);
/// `DIGIT` (RFC 5234 appendix B.1).
pub(crate) const DIGIT: Class = Class(1 << 7);

impl Class {
    /// True if the byte belongs to the class.
    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        CLASSES[usize::from(byte)] & self.0 != 0
    }

    /// True if every byte belongs to the class; true for an empty slice.
    #[inline]
    pub(crate) fn spans(self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.has(*byte))
    }

    /// The first byte that does not belong to the class.
    pub(crate) fn first_other(self, bytes: &[u8]) -> Option<u8> {
        bytes.iter().copied().find(|byte| !self.has(*byte))
    }
}

/// True if two hexadecimal digits follow each `%` (RFC 3986 §2.1).
pub(crate) fn has_whole_escapes(bytes: &[u8]) -> bool {
    // Most texts have no escapes. The comparison of all bytes is faster than a search.
    if !bytes.iter().fold(false, |any, byte| any | (*byte == b'%')) {
        return true;
    }
    let mut pieces = bytes.split(|byte| *byte == b'%');
    pieces.next();
    pieces.all(|after| matches!(after, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

/// The values of the field lines of this name.
///
/// Most requested names are absent, and most messages have few fields: comparing every name is
/// faster than hashing one.
pub(crate) fn values(fields: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    let is_absent = fields.keys_len() <= FEW && fields.keys().all(|key| *key != name);
    let lines = if is_absent { None } else { Some(fields.get_all(name)) };
    lines.into_iter().flatten()
}

/// The members of a list-based field over all its lines, trimmed and without empty members (RFC
/// 9110 §5.6.1).
///
/// For lists of tokens only: a comma in a quoted string splits the string.
pub(crate) fn members(fields: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    values(fields, name)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// The most fields compared one by one.
const FEW: usize = 4;

/// Parses decimal digits; `None` for an overflow or for any other byte.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The value of one hexadecimal digit.
#[inline]
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The number of leading bytes that are not below `least`.
///
/// Compares sixteen bytes at a time, in a form that compilers vectorize.
#[inline]
pub(crate) fn run_of(bytes: &[u8], least: u8) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if block.iter().fold(false, |any, byte| any | (*byte < least)) {
            break;
        }
        rest = after;
    }
    let tail = rest.iter().position(|byte| *byte < least).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = class(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn class(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let unreserved = alphanumeric || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let sub_delims = matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
    let token = alphanumeric
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_')
        || matches!(byte, b'`' | b'|' | b'~');
    let pchar = unreserved || sub_delims || matches!(byte, b'%' | b':' | b'@');
    let text = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    set(TOKEN, token)
        | set(METHOD, token && !byte.is_ascii_lowercase())
        | set(PATH, pchar || matches!(byte, b'/' | b'[' | b']' | b'^' | b'|'))
        | set(QUERY, byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>'))
        | set(REG_NAME, unreserved || sub_delims || byte == b'%')
        | set(QUOTED, text && byte != b'"' && byte != b'\\')
        | set(TEXT, text)
        | set(DIGIT, byte.is_ascii_digit())
}

const fn set(class: Class, belongs: bool) -> u8 {
    if belongs { class.0 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_among_few_fields_and_among_many() {
        for others in [0, 2, 3, 4, 20] {
            let mut fields = HeaderMap::new();
            for other in 0..others {
                fields.insert(HeaderName::try_from(format!("x-{other}")).unwrap(), HeaderValue::from_static("no"));
            }
            let found =
                |fields: &HeaderMap| values(fields, http::header::TE).map(HeaderValue::to_owned).collect::<Vec<_>>();
            assert!(found(&fields).is_empty());
            fields.append(http::header::TE, HeaderValue::from_static("a"));
            fields.append(http::header::TE, HeaderValue::from_static("b"));
            assert_eq!(found(&fields), ["a", "b"], "beside {others}");
        }
    }

    fn check(class: Class, count: usize, within: &[u8], without: &[u8]) {
        assert_eq!((0..=255_u8).filter(|byte| class.has(*byte)).count(), count, "{class:?}");
        // The table is built at compile time; building it at run time gives the same.
        assert_eq!(classes().map(|classes| classes & class.0 != 0), CLASSES.map(|classes| classes & class.0 != 0));
        assert!(class.spans(within), "{class:?}");
        assert_eq!(class.first_other(within), None, "{class:?}");
        assert_eq!(class.first_other(&[within, without].concat()), without.first().copied(), "{class:?}");
        assert!(!without.iter().any(|byte| class.has(*byte)), "{class:?}");
    }

    #[test]
    fn each_class_holds_the_bytes_of_its_rule_and_no_other() {
        check(TOKEN, 15 + 62, b"aZ0!#$%&'*+-.^_`|~", b"\0\t\r\n \"(),/:;<=>?@[\\]{}\x7f\x80\xff");
        check(METHOD, 15 + 36, b"M-SEARCH", b"abz /");
        check(PATH, 62 + 4 + 11 + 3 + 5, b"/a%20:@!$&'()*+,;=-._~[]^|", b" \"#<>?\\`{}\x7f\x80\0");
        check(QUERY, 94 - 4, b"?/{}|^[]\\`%'&=", b" \"#<>\t\x7f\x80\0");
        check(REG_NAME, 62 + 4 + 11 + 1, b"a.b-c_d~%41!$&'()*+,;=", b":@[]/?# \t\xff");
        check(QUOTED, 1 + 95 + 128 - 2, b"\t !#[]~\x80\xff", b"\"\\\r\n\0\x7f");
        check(TEXT, 1 + 95 + 128, b"\t !\"\\~\x80\xff", b"\r\n\0\x0b\x7f");
        check(DIGIT, 10, b"0123456789", b"/:aA");
    }

    #[test]
    fn escapes_are_whole_or_refused() {
        for whole in [&b""[..], b"/", b"%41", b"/a%2Fb%2f", b"%25%32%35"] {
            assert!(has_whole_escapes(whole), "{whole:?}");
        }
        for broken in [&b"%"[..], b"%4", b"%zz", b"%4z", b"%%41", b"/%", b"%41%"] {
            assert!(!has_whole_escapes(broken), "{broken:?}");
        }
    }

    #[test]
    fn lists_run_over_all_lines_of_a_field() {
        let mut fields = HeaderMap::new();
        for value in ["a, b", "", " ,,\tc ,", "d"] {
            fields.append("connection", value.parse().unwrap());
        }
        let found: Vec<_> = members(&fields, http::header::CONNECTION).collect();
        assert_eq!(found, [b"a", b"b", b"c", b"d"]);
        assert_eq!(members(&fields, http::header::TE).count(), 0);
    }

    #[test]
    fn numbers_fit_or_are_none() {
        let check = |text: &str, expected| assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        check("0", Some(0));
        check("007", Some(7));
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
        check("99999999999999999999999999", None);
        check("1a", None);
        check("-1", None);
    }

    #[test]
    fn hexadecimal_digits_are_those_of_the_standard() {
        for byte in 0..=255_u8 {
            let expected = char::from(byte).to_digit(16).filter(|_| byte.is_ascii());
            assert_eq!(hex_digit(byte).map(u32::from), expected);
        }
    }

    #[test]
    fn runs_end_at_the_first_byte_below_at_any_position() {
        for length in 0..70 {
            assert_eq!(run_of(&vec![b'a'; length], b' '), length);
            for at in 0..length {
                let mut bytes = vec![0xff; length];
                bytes[at] = 0x1f;
                assert_eq!(run_of(&bytes, b' '), at);
            }
        }
    }
}
