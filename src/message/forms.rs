//! The readers of queries and forms.

use http::Request;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::content_error::ContentError;
use super::media_type::MediaType;
use super::readers::whole;

/// Reads the pairs of the query.
pub(super) fn query_pairs(request: &Request<Body>) -> Result<Vec<(String, String)>, ContentError> {
    pairs("the query", request.uri().query().unwrap_or_default().as_bytes())
}

/// Reads the query as a value.
pub(super) fn query<T: DeserializeOwned>(request: &Request<Body>) -> Result<T, ContentError> {
    value("the query", request.uri().query().unwrap_or_default().as_bytes())
}

/// Reads the pairs of a form.
pub(super) fn form_pairs(request: &mut Request<Body>) -> Result<Vec<(String, String)>, ContentError> {
    pairs("the form", &form_content(request)?)
}

/// Reads a form as a value.
pub(super) fn form<T: DeserializeOwned>(request: &mut Request<Body>) -> Result<T, ContentError> {
    value("the form", &form_content(request)?)
}

fn form_content(request: &mut Request<Body>) -> Result<Vec<u8>, ContentError> {
    match MediaType::of(request.headers()) {
        Some(media_type) if media_type.essence == FORM => whole(request),
        other => Err(ContentError::wrong_type(FORM, other.map(|found| found.essence))),
    }
}

/// Decodes pairs, as browsers send them (WHATWG URL, `application/x-www-form-urlencoded`).
fn pairs(what: &'static str, encoded: &[u8]) -> Result<Vec<(String, String)>, ContentError> {
    check(what, encoded)?;
    Ok(form_urlencoded::parse(encoded).into_owned().collect())
}

fn value<T: DeserializeOwned>(what: &'static str, encoded: &[u8]) -> Result<T, ContentError> {
    check(what, encoded)?;
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(encoded));
    serde_path_to_error::deserialize(pairs).map_err(|error| ContentError::malformed(what, error))
}

/// Checks that all pairs are UTF-8 once decoded. Other bytes would silently become U+FFFD. Many
/// small pairs are refused: as strings they take forty times the memory of the content.
fn check(what: &'static str, encoded: &[u8]) -> Result<(), ContentError> {
    for (at, pair) in encoded.split(|byte| *byte == b'&').enumerate() {
        if at == MOST_PAIRS {
            return Err(ContentError::malformed(what, format_args!("more than {MOST_PAIRS} pairs")));
        }
        if percent_encoding::percent_decode(pair).decode_utf8().is_err() {
            return Err(ContentError::malformed(what, format_args!("pair {} is not UTF-8", at + 1)));
        }
    }
    Ok(())
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The most pairs of a query or form.
const MOST_PAIRS: usize = 10_000;
