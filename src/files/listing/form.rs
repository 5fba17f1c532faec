//! The form of a listing, chosen by `Accept` (RFC 9110 §12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

use crate::message::weight::weight;

/// The form of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::files) enum ListingForm {
    #[default]
    Html,
    Json,
}

/// The preference for a form: the weight in thousandths, then the precision of the range that has
/// matched. The derived order is the order of preference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    weight: u16,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    #[default]
    Absent,
    /// `*/*`.
    Any,
    /// Such as `text/*`.
    Type,
    /// Such as `text/html`.
    Exact,
}

impl ListingForm {
    /// Returns the form that the client prefers.
    ///
    /// - The most precise range of a form counts, then its highest weight.
    /// - Of equal weights, a named type goes before a wildcard: `application/json, */*` is JSON.
    /// - HTML wins a tie, and stands for an absent field, for `*/*`, and if neither is acceptable.
    /// - Parameters other than the weight are ignored. A malformed weight refuses the range.
    pub(super) fn of(fields: &HeaderMap) -> Self {
        let json = preference(fields, "application", "json");
        let is_json = json.weight > 0 && json > preference(fields, "text", "html");
        if is_json { Self::Json } else { Self::Html }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

fn preference(fields: &HeaderMap, kind: &str, subtype: &str) -> Preference {
    let mut best = Preference::default();
    for value in fields.get_all(ACCEPT) {
        for member in value.to_str().unwrap_or_default().split(',') {
            let mut parts = member.split(';').map(str::trim_ascii);
            let precision = precision(parts.next().unwrap_or_default(), kind, subtype);
            let weight = parts.find_map(weight).unwrap_or(Some(1000)).unwrap_or(0);
            if (precision, weight) > (best.precision, best.weight) {
                best = Preference { weight, precision };
            }
        }
    }
    best
}

fn precision(range: &str, kind: &str, subtype: &str) -> Precision {
    match range.split_once('/') {
        Some(("*", "*")) => Precision::Any,
        Some((found, "*")) if found.eq_ignore_ascii_case(kind) => Precision::Type,
        Some((found, other)) if found.eq_ignore_ascii_case(kind) && other.eq_ignore_ascii_case(subtype) => {
            Precision::Exact
        }
        _ => Precision::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: ListingForm) {
        let fields = lines.iter().map(|line| (ACCEPT, http::HeaderValue::from_bytes(line.as_bytes()).unwrap()));
        assert_eq!(ListingForm::of(&fields.collect()), expected, "{lines:?}");
    }

    #[test]
    fn form_of_a_listing_follows_the_weights_and_html_wins_a_tie() {
        check(&[], ListingForm::Html);
        for (line, expected) in [
            // As browsers, curl and libraries send it.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", ListingForm::Html),
            ("*/*", ListingForm::Html),
            ("application/json, text/plain, */*", ListingForm::Json),
            ("application/json, text/javascript, */*; q=0.01", ListingForm::Json),
            ("application/json", ListingForm::Json),
            ("Application/JSON;charset=utf-8", ListingForm::Json),
            ("text/html, */*; q=0.01", ListingForm::Html),
            // Weights and ties.
            ("application/json, text/html", ListingForm::Html),
            ("text/html;q=0.9, application/json", ListingForm::Json),
            ("text/html, application/json;q=0.9", ListingForm::Html),
            ("text/html;q=0.8, application/json;q=0.800", ListingForm::Html),
            ("text/html;q=0.8, application/json;q=0.801", ListingForm::Json),
            ("application/json;q=0, */*", ListingForm::Html),
            ("text/html;q=0, */*", ListingForm::Json),
            ("text/html;q=0", ListingForm::Html),
            ("application/json;q=0", ListingForm::Html),
            ("application/*", ListingForm::Json),
            ("text/*, application/json;q=0.5", ListingForm::Html),
            ("application/json;q=0.2, application/json;q=0.9, text/html;q=0.5", ListingForm::Json),
            // A malformed weight refuses; other types say nothing.
            ("application/json;q=2", ListingForm::Html),
            ("application/json;q=", ListingForm::Html),
            ("application/json;q=1.0001", ListingForm::Html),
            ("application/json;q=0.5;v=1", ListingForm::Json),
            ("application/json;v=1;Q=0.5, text/html;q=0.4", ListingForm::Json),
            ("application/jsonp, application/ld+json, text/json", ListingForm::Html),
            ("json", ListingForm::Html),
            ("*/json", ListingForm::Html),
            (",;,/,", ListingForm::Html),
            ("", ListingForm::Html),
        ] {
            check(&[line], expected);
        }
        check(&["text/html;q=0.1", "application/json"], ListingForm::Json);
        check(&["\u{e4}", "application/json"], ListingForm::Json);
    }
}
