//! The choice of a content coding by `Accept-Encoding` (RFC 9110 §12.5.3).

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// The zlib format.
    Deflate,
}

impl Coding {
    pub(super) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

/// Returns the client's preferred coding; `None` stands for no coding.
///
/// - The coding of the highest weight is chosen: on a tie gzip, then deflate.
/// - `*` stands for all unlisted codings.
/// - Without the field, or with an empty one, no coding is chosen.
/// - No coding is chosen if `identity` is listed with a higher weight.
/// - A malformed weight refuses the coding.
///
/// The result is also `None` if the client refuses `identity` and both codings: a server may
/// disregard the field (RFC 9110 §12.1).
pub(super) fn preferred(fields: &HeaderMap) -> Option<Coding> {
    let mut weights = Weights::default();
    for value in fields.get_all(ACCEPT_ENCODING) {
        // Members that are not ASCII name no known coding.
        value.to_str().unwrap_or_default().split(',').for_each(|member| weights.note(member));
    }
    weights.choose()
}

/// The weights of codings, in thousandths; `None` for unlisted codings.
#[derive(Default)]
struct Weights {
    gzip: Option<u16>,
    deflate: Option<u16>,
    identity: Option<u16>,
    others: Option<u16>,
}

impl Weights {
    /// Notes a member of the list. The highest weight of a coding counts.
    fn note(&mut self, member: &str) {
        let (name, weight) = member.split_once(';').map_or((member, None), |(name, weight)| (name, Some(weight)));
        let name = name.trim_matches(BLANKS).to_ascii_lowercase();
        let place = match &*name {
            // RFC 9110 §8.4.1.3: the same coding.
            "gzip" | "x-gzip" => &mut self.gzip,
            "deflate" => &mut self.deflate,
            "identity" => &mut self.identity,
            "*" => &mut self.others,
            _ => return,
        };
        let weight = weight.map_or(Some(1000), thousandths).unwrap_or(0);
        *place = (*place).max(Some(weight));
    }

    fn choose(&self) -> Option<Coding> {
        let weight = |listed: Option<u16>| listed.or(self.others).unwrap_or(0);
        let (gzip, deflate) = (weight(self.gzip), weight(self.deflate));
        let (coding, best) = if gzip >= deflate { (Coding::Gzip, gzip) } else { (Coding::Deflate, deflate) };
        (best > 0 && self.identity.is_none_or(|identity| identity <= best)).then_some(coding)
    }
}

/// Parses a weight such as `q=0.5`, in thousandths (RFC 9110 §12.4.2); `None` if malformed.
fn thousandths(weight: &str) -> Option<u16> {
    let (name, value) = weight.trim_matches(BLANKS).split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    if digits.len() > 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{digits:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: Option<Coding>) {
        let fields = lines.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_bytes(line.as_bytes()).unwrap()));
        assert_eq!(preferred(&fields.collect()), expected, "{lines:?}");
    }

    #[test]
    fn preferred_coding_follows_the_weights() {
        let (gzip, deflate) = (Some(Coding::Gzip), Some(Coding::Deflate));
        for (line, expected) in [
            // As browsers, curl and libraries send it.
            ("gzip, deflate, br, zstd", gzip),
            ("deflate, gzip", gzip),
            ("gzip", gzip),
            ("deflate", deflate),
            ("GZIP", gzip),
            ("x-gzip", gzip),
            ("x-gzip;q=0, gzip", gzip),
            ("br", None),
            ("compress, gzip", gzip),
            ("gzip,", gzip),
            (",,gzip", gzip),
            ("", None),
            (" ", None),
            // Weights.
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("gzip;q=0.001", gzip),
            ("gzip;q=1.000", gzip),
            ("gzip;q=0, deflate", deflate),
            ("gzip;q=0.5, deflate;q=0.6", deflate),
            ("gzip;q=0.5, deflate;q=0.50", gzip),
            ("gzip;q=0.5;q=1", None),
            ("gzip ; q=0.5", gzip),
            ("gzip\t;\tQ=0.5", gzip),
            ("gzip;q=.5", None),
            ("gzip;q=0.", None),
            ("gzip;q=1.", gzip),
            ("gzip;q=0.0001", None),
            ("gzip;q=1.001", None),
            ("gzip;q=2", None),
            ("gzip;q=-1", None),
            ("gzip;q=", None),
            ("gzip;q=abc", None),
            ("gzip;q= 1", None),
            ("gzip;", None),
            ("gzip;level=9", None),
            ("gzip;q=x, deflate", deflate),
            ("gzip;q=0, gzip;q=1", gzip),
            // Anything.
            ("*", gzip),
            ("*;q=0.1", gzip),
            ("*;q=0", None),
            ("*;q=0, gzip", gzip),
            ("gzip;q=0, *", deflate),
            ("gzip;q=x, *", deflate),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", gzip),
            // No coding.
            ("identity", None),
            ("identity, gzip", gzip),
            ("identity;q=1, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", gzip),
            ("identity;q=0", None),
            ("identity;q=0, gzip", gzip),
            ("identity;q=0, *;q=0", None),
            ("identity;q=0.5, *", gzip),
            // No list of codings.
            ("gzip deflate", None),
            ("gzipped", None),
            ("\"gzip\"", None),
            ("gzip=1", None),
            ("gz\u{ef}p, gzip", None),
        ] {
            check(&[line], expected);
        }
    }

    #[test]
    fn several_field_lines_are_one_list() {
        check(&[], None);
        check(&["br", "gzip;q=0.5"], Some(Coding::Gzip));
        check(&["gzip;q=0.5", "deflate"], Some(Coding::Deflate));
        check(&["identity", "gzip;q=0.5"], None);
        check(&["\u{ef}", "gzip"], Some(Coding::Gzip));
    }
}
