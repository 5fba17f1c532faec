//! The `Range` field (RFC 9110 §14).

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

/// The requested part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    One(Range<u64>),
    /// At least two ranges, in the order requested, together no longer than the file.
    Several(Vec<Range<u64>>),
    Unsatisfiable,
}

/// Returns the part of a file of `length` bytes requested by `fields`.
///
/// The field is ignored if it is malformed, repeated or in another unit, and for an empty file,
/// because no range can be expressed (RFC 9110 §14.2). It is also ignored if several ranges together
/// are longer than the file, or if the heads of their parts take more than [`MOST_OF_HEADS`] bytes:
/// such a request is an attack or a mistake (RFC 9110 §17.15, CVE-2011-3192).
pub(super) fn of(fields: &HeaderMap, length: u64) -> Wanted {
    let mut values = fields.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Wanted::Whole };
    value.to_str().ok().and_then(|text| parse(text, length)).unwrap_or(Wanted::Whole)
}

/// Formats a range for `Content-Range`.
pub(super) fn describe(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1))
}

/// Parses the field; `None` if the field is to be ignored.
fn parse(text: &str, length: u64) -> Option<Wanted> {
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || length == 0 {
        return None;
    }
    let mut ranges = Vec::new();
    let mut is_empty = true;
    let mut total = 0_u64;
    // A list may have empty elements (RFC 9110 §5.6.1.2).
    for element in set.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty())
    {
        is_empty = false;
        if let Some(range) = satisfiable(element, length)? {
            total = total.saturating_add(range.end - range.start);
            ranges.push(range);
            if ranges.len() > 1 && (total > length || ranges.len() * HEAD > MOST_OF_HEADS) {
                return None;
            }
        }
    }
    match ranges.as_slice() {
        [] if is_empty => None,
        [] => Some(Wanted::Unsatisfiable),
        [range] => Some(Wanted::One(range.clone())),
        _ => Some(Wanted::Several(ranges)),
    }
}

/// Parses one range. The outer `None` is for a malformed range, the inner one for a range outside
/// the file.
fn satisfiable(element: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = element.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some((suffix > 0).then(|| length.saturating_sub(suffix)..length));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    let end = last.saturating_add(1);
    Some((first < length).then(|| first..end.min(length)))
}

/// Parses digits only; a number too large for `u64` becomes the maximum.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// The most bytes of memory for the heads of parts: 256 parts.
const MOST_OF_HEADS: usize = 64 * 1024;
/// The memory counted for the head of a part: some 150 bytes of text, and its place in a list.
const HEAD: usize = 256;
