//! The readers of a request's content as bytes and as text.

use std::mem;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};

use super::body::{self, Body};
use super::content_error::{ContentError, refusal};
use super::media_type::MediaType;
use crate::h1::error::ProtocolError;

/// Takes the content out of `request`.
///
/// # Errors
/// The content has been taken before, although the head announces some.
pub(crate) fn take(request: &mut Request<Body>) -> Result<Body, ContentError> {
    // Zero may have several digits.
    let is_zero = |length: &HeaderValue| length.as_bytes().iter().all(|digit| *digit == b'0');
    let announces = request.headers().get(CONTENT_LENGTH).is_some_and(|length| !is_zero(length))
        || request.headers().contains_key(TRANSFER_ENCODING);
    let body = mem::take(request.body_mut());
    if announces && body.is_none() { Err(ContentError::taken()) } else { Ok(body) }
}

/// Reads the content.
pub(super) fn bytes(request: &mut Request<Body>) -> Result<Bytes, ContentError> {
    Ok(take(request)?.into_vec()?.into())
}

/// Reads content that is decoded as a whole: at most [`WHOLE_MOST`] bytes from a client, unless route
/// or handler have a limit for the request.
pub(super) fn whole(request: &mut Request<Body>) -> Result<Vec<u8>, ContentError> {
    let mut body = take(request)?;
    let is_bounded = body.set_default_limit(WHOLE_MOST);
    body.into_vec().map_err(|error| match refusal(&error) {
        Some(ProtocolError::ContentTooLarge) if is_bounded => ContentError::too_large(error),
        _ => error.into(),
    })
}

/// Reads the content as text in the charset of `Content-Type`, UTF-8 without one.
pub(super) fn text(request: &mut Request<Body>) -> Result<String, ContentError> {
    let charset = MediaType::of(request.headers()).and_then(|media_type| media_type.charset);
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Ok(body::text(whole(request)?)?),
        Some("iso-8859-1" | "latin1") => Ok(whole(request)?.into_iter().map(char::from).collect()),
        Some(other) => Err(ContentError::charset(other.to_owned())),
    }
}

/// The most bytes of text, JSON and forms: 2 MiB. As a value, JSON takes many times its text.
const WHOLE_MOST: u64 = 2 << 20;

#[cfg(test)]
mod tests;
