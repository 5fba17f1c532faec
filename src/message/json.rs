//! The reader of JSON.

use std::fmt::Display;

use http::Request;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::content_error::ContentError;
use super::media_type::MediaType;
use super::readers::whole;

/// Reads the content as JSON.
pub(super) fn json<T: DeserializeOwned>(request: &mut Request<Body>) -> Result<T, ContentError> {
    match MediaType::of(request.headers()) {
        Some(media_type) if is_json(&media_type.essence) => {}
        other => return Err(ContentError::wrong_type("application/json", other.map(|found| found.essence))),
    }
    let content = whole(request)?;
    let mut json = serde_json::Deserializer::from_slice(&content);
    let malformed = |error: &dyn Display| ContentError::malformed("the JSON content", error);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| malformed(&error))?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// True for `application/json` and types in `+json` (RFC 6839 §3.1).
fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"))
}
