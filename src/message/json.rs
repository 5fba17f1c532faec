//! The reader of JSON.

use std::error::Error;
use std::fmt::Display;

use http::{Request, StatusCode};
use serde::de::DeserializeOwned;

use super::body::Body;
use super::content_error::ContentError;
use super::content_place;
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

/// Returns status and text of an error of `serde_json::from_reader` if the request's content is at
/// fault. JSON from elsewhere, such as a file of the server, is not judged.
pub(super) fn of_content(error: &(dyn Error + 'static)) -> Option<(StatusCode, String)> {
    let error = error.downcast_ref::<serde_json::Error>()?;
    let (line, column) = (error.line(), error.column());
    // After a value that does not fit, the brackets around the value are still read.
    let is_content = content_place::is_last(line, column) || error.is_data() && content_place::is_passed(line, column);
    // Without the error's own text, which may quote a value: the place could be the same in a file of
    // the server.
    is_content.then(|| {
        let at = format!("line {line} column {column}");
        (StatusCode::BAD_REQUEST, format!("{}\n", ContentError::malformed("the JSON content", at)))
    })
}

/// True for `application/json` and types in `+json` (RFC 6839 §3.1).
fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"))
}
