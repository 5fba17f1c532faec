//! The reader of JSON.

use http::Request;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::content_error::ContentError;
use super::media_type::MediaType;
use super::readers::take;

/// Reads the content as JSON.
pub(super) fn json<T: DeserializeOwned>(request: &mut Request<Body>) -> Result<T, ContentError> {
    match MediaType::of(request.headers()) {
        Some(media_type) if is_json(&media_type.essence) => {}
        other => return Err(ContentError::wrong_type("application/json", other.map(|found| found.essence))),
    }
    let content = take(request)?.into_vec()?;
    serde_json::from_slice(&content).map_err(|error| ContentError::malformed("the JSON content", error))
}

/// True for `application/json` and types in `+json` (RFC 6839 §3.1).
fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"))
}
