//! The framing of a request body: RFC 9112 §6.3 in rule order.

use http::{
    HeaderMap, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::{error::ProtocolError, grammar};

/// The end of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    /// After this many bytes.
    Length(u64),
    /// After the last chunk and the trailer section.
    Chunked,
}

/// Determines the framing of a request with these fields by RFC 9112 §6.3, from rule 3 on (1 and 2
/// are about responses). The method does not matter.
///
/// Contradictory framing is refused rather than repaired: a guess allows request smuggling.
///
/// # Errors
/// * `CodingVersion` (400) for Transfer-Encoding in HTTP/1.0: some peers ignore the field there
///   (§6.1).
/// * `Ambiguous` (400) for a length *and* a coding (rule 3 allows to refuse).
/// * `Coding` (501) for unsupported codings before a final `chunked` (§6.1).
/// * `CodingEnd` (400) for other codings than one `chunked` (rule 4): the end of the body is
///   unknown.
/// * `LengthRepeated` (400) for two lines, even if equal.
/// * `Length` (400) for anything but digits, lists included (rule 5).
/// * `ContentTooLarge` (413) for a length beyond `u64`.
pub(crate) fn of_request(version: Version, fields: &HeaderMap) -> Result<Framing, ProtocolError> {
    let mut codings = grammar::values(fields, TRANSFER_ENCODING);
    if let Some(coding) = codings.next() {
        if version == Version::HTTP_10 {
            return Err(ProtocolError::CodingVersion);
        }
        if fields.contains_key(CONTENT_LENGTH) {
            return Err(ProtocolError::Ambiguous);
        }
        let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if is_chunked { Ok(Framing::Chunked) } else { Err(coding_refusal(fields)) };
    }
    Ok(length(fields)?.map_or(Framing::None, Framing::Length))
}

/// The error for codings other than one plain `chunked`.
#[cold]
fn coding_refusal(fields: &HeaderMap) -> ProtocolError {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let mut before = 0_usize;
    let mut last = false;
    for coding in grammar::members(fields, TRANSFER_ENCODING) {
        if last {
            return ProtocolError::CodingEnd;
        }
        last = is_chunked(coding);
        before = before.saturating_add(usize::from(!last));
    }
    if last && before > 0 { ProtocolError::Coding } else { ProtocolError::CodingEnd }
}

/// The Content-Length among `fields`, if any (RFC 9110 §8.6).
///
/// # Errors
/// `LengthRepeated`, `Length`, `ContentTooLarge` as above.
pub(crate) fn length(fields: &HeaderMap) -> Result<Option<u64>, ProtocolError> {
    let mut lengths = grammar::values(fields, CONTENT_LENGTH);
    let Some(length) = lengths.next() else {
        return Ok(None);
    };
    if lengths.next().is_some() {
        return Err(ProtocolError::LengthRepeated);
    }
    let digits = length.as_bytes();
    if digits.is_empty() || !grammar::DIGIT.spans(digits) {
        return Err(ProtocolError::Length);
    }
    grammar::decimal(digits).map(Some).ok_or(ProtocolError::ContentTooLarge)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(version: Version, lines: &[(&'static str, &'static str)], expected: Result<Framing, ProtocolError>) {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_static(value));
        }
        assert_eq!(of_request(version, &fields), expected, "{version:?} {lines:?}");
    }

    #[test]
    fn one_length_of_digits_or_one_chunked_frames_a_body() {
        let ok = |lines: &[_], framing| check(Version::HTTP_11, lines, Ok(framing));
        ok(&[], Framing::None);
        ok(&[("content-length", "0")], Framing::Length(0));
        ok(&[("content-length", "5")], Framing::Length(5));
        ok(&[("content-length", "0005")], Framing::Length(5));
        ok(&[("content-length", "18446744073709551615")], Framing::Length(u64::MAX));
        ok(&[("transfer-encoding", "chunked")], Framing::Chunked);
        ok(&[("transfer-encoding", "Chunked")], Framing::Chunked);
        ok(&[("transfer_encoding", "chunked")], Framing::None);
        ok(&[("content_length", "5")], Framing::None);
        check(Version::HTTP_10, &[("content-length", "5")], Ok(Framing::Length(5)));
        check(Version::HTTP_10, &[], Ok(Framing::None));
    }

    #[test]
    fn a_length_that_is_not_one_number_is_refused() {
        let bad = |value, error| {
            check(Version::HTTP_11, &[("content-length", value)], Err(error));
            check(Version::HTTP_10, &[("content-length", value)], Err(error));
        };
        bad("", ProtocolError::Length);
        bad("+5", ProtocolError::Length);
        bad("-5", ProtocolError::Length);
        bad("-0", ProtocolError::Length);
        bad("abc", ProtocolError::Length);
        bad("5 5", ProtocolError::Length);
        bad("5,5", ProtocolError::Length);
        bad("5, 5", ProtocolError::Length);
        bad("5,", ProtocolError::Length);
        bad("0x5", ProtocolError::Length);
        bad("1_000", ProtocolError::Length);
        bad("5.0", ProtocolError::Length);
        bad("5e3", ProtocolError::Length);
        bad("\"5\"", ProtocolError::Length);
        bad("18446744073709551616", ProtocolError::ContentTooLarge);
        bad("99999999999999999999999999999999", ProtocolError::ContentTooLarge);
        let twice = |a, b| {
            check(
                Version::HTTP_11,
                &[("content-length", a), ("content-length", b)],
                Err(ProtocolError::LengthRepeated),
            );
        };
        twice("5", "0");
        twice("5", "5");
        twice("5", "");
    }

    #[test]
    fn a_coding_before_chunked_is_not_implemented_and_any_other_end_is_refused() {
        let unknown = |value| check(Version::HTTP_11, &[("transfer-encoding", value)], Err(ProtocolError::Coding));
        unknown("gzip, chunked");
        unknown("identity,chunked");
        unknown("a, b;c=d, CHUNKED");
        unknown(", gzip,, chunked,");
        let bad = |value| check(Version::HTTP_11, &[("transfer-encoding", value)], Err(ProtocolError::CodingEnd));
        bad("");
        bad(",");
        bad("identity");
        bad("xchunked");
        bad("chunkedx");
        bad("gzip");
        bad("chunked, gzip");
        bad("chunked, gzip, chunked");
        bad("chunked, chunked");
        bad("chunked,");
        bad(", chunked");
        bad("chunked, identity");
        bad("chunked;q=1");
        bad("\"chunked\"");
        bad("chun ked");
        let twice =
            |a, b, error| check(Version::HTTP_11, &[("transfer-encoding", a), ("transfer-encoding", b)], Err(error));
        twice("chunked", "chunked", ProtocolError::CodingEnd);
        twice("chunked", "identity", ProtocolError::CodingEnd);
        twice("gzip", "chunked", ProtocolError::Coding);
        twice("", "chunked", ProtocolError::CodingEnd);
    }

    #[test]
    fn contradictions_are_refused_before_anything_is_understood() {
        let both = |version, length, coding, error| {
            check(version, &[("content-length", length), ("transfer-encoding", coding)], Err(error));
            check(version, &[("transfer-encoding", coding), ("content-length", length)], Err(error));
        };
        both(Version::HTTP_11, "5", "chunked", ProtocolError::Ambiguous);
        both(Version::HTTP_11, "0", "chunked", ProtocolError::Ambiguous);
        both(Version::HTTP_11, "x", "gzip", ProtocolError::Ambiguous);
        both(Version::HTTP_10, "5", "chunked", ProtocolError::CodingVersion);
        check(Version::HTTP_10, &[("transfer-encoding", "chunked")], Err(ProtocolError::CodingVersion));
        check(Version::HTTP_10, &[("transfer-encoding", "identity")], Err(ProtocolError::CodingVersion));
    }
}
