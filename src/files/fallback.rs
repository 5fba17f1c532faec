//! The page of a single-page application, for the paths that the application knows itself.

use std::path::Path;

use http::HeaderMap;
use http::header::ACCEPT;

use super::content_type;
use crate::message::weight::weight;

/// True if a client that found nothing at `path` gets the page of the application.
///
/// - `text/html` or `text/*` in `Accept` asks for a page, as browsers do if they go to an address:
///   every path gets the page, except one with the extension of a file that pages load, such as
///   `app.js`.
/// - `*/*`, or no `Accept`, can ask for anything, as scripts, images and command lines do: only a
///   path whose last name has no dot gets the page.
/// - Paths below `/.well-known/` have no page, because their status has a meaning (RFC 8615).
pub(super) fn is_page(path: &Path, fields: &HeaderMap) -> bool {
    if path.starts_with(".well-known") {
        return false;
    }
    match Wish::of(fields) {
        Wish::Page => !is_loaded_by_pages(content_type::of(path)),
        Wish::Anything => path.file_name().is_none_or(|name| !name.as_encoded_bytes().contains(&b'.')),
        Wish::Other => false,
    }
}

/// The kind of content that a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Page,
    Anything,
    Other,
}

impl Wish {
    /// Reads `Accept` (RFC 9110 §12.5.1). A media range with the weight 0 is not wanted.
    fn of(fields: &HeaderMap) -> Self {
        let mut wish = if fields.contains_key(ACCEPT) { Self::Other } else { Self::Anything };
        for line in fields.get_all(ACCEPT) {
            for member in line.to_str().unwrap_or_default().split(',') {
                let mut parts = member.split(';').map(str::trim);
                let range = parts.next().unwrap_or_default();
                if parts.find_map(weight).is_some_and(|weight| weight.unwrap_or(0) == 0) {
                    continue;
                }
                if range.eq_ignore_ascii_case("text/html") || range.eq_ignore_ascii_case("text/*") {
                    return Self::Page;
                }
                if range == "*/*" {
                    wish = Self::Anything;
                }
            }
        }
        wish
    }
}

/// True for the types of scripts, styles, data, images, fonts and media.
fn is_loaded_by_pages(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    match media_type.split_once('/') {
        Some(("image" | "font" | "audio" | "video", _)) => true,
        Some((_, subtype)) => ["javascript", "css", "json", "wasm"].contains(&subtype) || subtype.ends_with("+json"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

    #[track_caller]
    fn check(path: &str, accept: Option<&str>, expected: bool) {
        let fields = accept.iter().map(|value| (ACCEPT, HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect();
        assert_eq!(is_page(Path::new(path), &fields), expected, "{path} {accept:?}");
    }

    #[test]
    fn page_goes_to_browsers_that_visit_an_address() {
        for (path, expected) in [
            ("users/7", true),
            ("users/jane.doe", true),
            ("release/v1.2", true),
            ("docs/readme.md", true),
            ("about.html", true),
            ("", true),
            ("assets/app.123.js", false),
            ("assets/app.mjs", false),
            ("assets/app.css", false),
            ("assets/app.js.map", false),
            ("logo.svg", false),
            ("font.woff2", false),
            ("manifest.webmanifest", false),
            ("module.wasm", false),
            ("data.json", false),
            ("film.mp4", false),
            (".well-known/change-password", false),
        ] {
            check(path, Some(BROWSER), expected);
        }
    }

    #[test]
    fn page_goes_to_others_for_names_without_a_dot_only() {
        for accept in [None, Some("*/*"), Some("image/webp, */*;q=0.5"), Some("text/html;q=0, */*")] {
            check("users/7", accept, true);
            check("users/jane.doe", accept, false);
            check("assets/app.123.js", accept, false);
        }
        for accept in ["", "application/json", "text/css", "text/html;q=0", "*/*;q=0.0", "\u{ef}"] {
            check("users/7", Some(accept), false);
        }
        for accept in ["TEXT/HTML", "text/*", "text/html;q=0.001", "text/html; charset=utf-8", "a/b, text/html ;q=0.5"]
        {
            check("users/jane.doe", Some(accept), true);
        }
    }
}
