//! The readers of a request's content as bytes and as text.

use std::mem;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::body::Body;
use super::content_error::ContentError;
use super::media_type::MediaType;

/// Takes the content out of `request`.
///
/// # Errors
/// The content has been taken before, although the head announces some.
pub(super) fn take(request: &mut Request<Body>) -> Result<Body, ContentError> {
    let announces = request.headers().get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
        || request.headers().contains_key(TRANSFER_ENCODING);
    let body = mem::take(request.body_mut());
    if announces && body.is_none() { Err(ContentError::taken()) } else { Ok(body) }
}

/// Reads the content.
pub(super) fn bytes(request: &mut Request<Body>) -> Result<Bytes, ContentError> {
    Ok(take(request)?.into_vec()?.into())
}

/// Reads the content as text in the charset of `Content-Type`, UTF-8 without one.
pub(super) fn text(request: &mut Request<Body>) -> Result<String, ContentError> {
    let charset = MediaType::of(request.headers()).and_then(|media_type| media_type.charset);
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Ok(take(request)?.into_string()?),
        Some("iso-8859-1" | "latin1") => Ok(take(request)?.into_vec()?.into_iter().map(char::from).collect()),
        Some(other) => Err(ContentError::charset(other.to_owned())),
    }
}

#[cfg(test)]
mod tests;
