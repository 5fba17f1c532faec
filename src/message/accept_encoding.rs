//! The choice of a content coding by `Accept-Encoding` (RFC 9110 §12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::weight::weight;

/// Returns the client's preferred coding among `offered`, each with its name, the best one first;
/// `None` stands for no coding.
///
/// - The coding of the highest weight is chosen: on a tie, the first one offered.
/// - `*` stands for all unlisted codings.
/// - Without the field, or with an empty one, no coding is chosen.
/// - No coding is chosen if `identity` is listed with a higher weight.
/// - A malformed weight refuses the coding.
///
/// The result is also `None` if the client refuses `identity` and all codings: a server may
/// disregard the field (RFC 9110 §12.1).
pub(crate) fn preferred<C: Copy>(fields: &HeaderMap, offered: &[(&str, C)]) -> Option<C> {
    let others = weight_of(fields, "*").unwrap_or(0);
    let mut best = (None, 0);
    for (name, coding) in offered {
        let weight = weight_of(fields, name).unwrap_or(others);
        if weight > best.1 {
            best = (Some(*coding), weight);
        }
    }
    best.0.filter(|_| weight_of(fields, "identity").is_none_or(|identity| identity <= best.1))
}

/// Returns the weight of the coding `name` in thousandths, the highest one if the coding is listed
/// several times; `None` for an unlisted coding.
fn weight_of(fields: &HeaderMap, name: &str) -> Option<u16> {
    let lines = fields.get_all(ACCEPT_ENCODING).iter();
    // Members that are not ASCII name no known coding.
    let members = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    let weights = members.filter_map(|member| {
        let (listed, parameter) = member.split_once(';').map_or((member, None), |(listed, rest)| (listed, Some(rest)));
        let listed = listed.trim_matches(BLANKS);
        // RFC 9110 §8.4.1.3: the same coding.
        let listed = if listed.eq_ignore_ascii_case("x-gzip") { "gzip" } else { listed };
        listed
            .eq_ignore_ascii_case(name)
            .then(|| parameter.map_or(Some(1000), |parameter| weight(parameter.trim_matches(BLANKS))?).unwrap_or(0))
    });
    weights.max()
}

const BLANKS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    const OFFERED: [(&str, &str); 2] = [("gzip", "gzip"), ("deflate", "deflate")];

    fn fields(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[track_caller]
    fn check(lines: &[&str], expected: Option<&str>) {
        assert_eq!(preferred(&fields(lines), &OFFERED), expected, "{lines:?}");
    }

    #[test]
    fn first_offered_coding_is_preferred_on_a_tie() {
        let offered = [("br", 1), ("zstd", 2), ("gzip", 3)];
        for (line, expected) in [
            ("gzip, deflate, br, zstd", Some(1)),
            ("gzip, zstd", Some(2)),
            ("gzip;q=0.9, zstd;q=0.5, br;q=0.1", Some(3)),
            ("br;q=0, *", Some(2)),
            ("*;q=0", None),
            ("identity;q=0", None),
            ("identity;q=1, *;q=0", None),
        ] {
            assert_eq!(preferred(&fields(&[line]), &offered), expected, "{line}");
        }
        assert_eq!(preferred::<u8>(&fields(&["gzip"]), &[]), None);
    }

    #[test]
    fn preferred_coding_follows_the_weights() {
        let (gzip, deflate) = (Some("gzip"), Some("deflate"));
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
        check(&["br", "gzip;q=0.5"], Some("gzip"));
        check(&["gzip;q=0.5", "deflate"], Some("deflate"));
        check(&["identity", "gzip;q=0.5"], None);
        check(&["\u{ef}", "gzip"], Some("gzip"));
    }
}
