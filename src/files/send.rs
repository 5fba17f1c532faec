//! A file as a response: conditions, ranges and the fields of the file.

use std::fs::{File, Metadata};
use std::time::SystemTime;

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{Method, StatusCode};

use super::encoded::EncodedForm;
use super::kept::KeptFile;
use super::parts;
use super::range::{self, Wanted};
use super::response::{refuse, with, with_text};
use super::validators::{Precondition, Validators};
use crate::message::file_length::known_length;
use crate::message::unsent::UnsentContent;
use crate::message::{Body, IntoResponse, Request, Response};

/// A file to be sent, or a compressed form of a file.
pub(super) struct OpenFile<'a> {
    pub(super) file: File,
    pub(super) facts: Metadata,
    /// The type of the content without compression.
    pub(super) content_type: &'a str,
    pub(super) form: Option<EncodedForm>,
}

/// Sends a file, according to the request's conditions and `Range`.
pub(super) fn send(request: &Request, sent: OpenFile<'_>, now: SystemTime) -> Response {
    let length = known_length(&sent.file, &sent.facts);
    let validators = if length.is_some() { Validators::of(&sent.facts, now) } else { Validators::unknown() };
    let validators = sent.form.map_or(validators.clone(), |form| validators.of_form(form.name()));
    let fields = request.headers();
    let unsent = unsent(sent.content_type, length, sent.form.is_some());
    judged(request, &validators, unsent, || match length {
        None => described(Body::from_reader(sent.file).into_response(), sent.content_type, sent.form),
        Some(length) => {
            // Ranges are defined for GET alone (RFC 9110 §14.2).
            let has_range = request.method() == Method::GET && validators.permits_range(fields);
            let wanted = if has_range { range::of(fields, length) } else { Wanted::Whole };
            content(sent, length, wanted)
        }
    })
}

/// Sends a kept file, whole, according to the request's conditions.
pub(super) fn send_kept(request: &Request, kept: KeptFile, content_type: &str, now: SystemTime) -> Response {
    let length = u64::try_from(kept.content.len()).ok();
    judged(request, &Validators::of(&kept.facts, now), unsent(content_type, length, false), || {
        with(described(kept.content.into_response(), content_type, None), ACCEPT_RANGES, "bytes")
    })
}

/// Returns a function that describes content, for a 304.
fn unsent(content_type: &str, length: Option<u64>, is_encoded: bool) -> impl FnOnce() -> UnsentContent + use<'_> {
    move || UnsentContent { media_type: content_type.to_owned(), length, is_encoded }
}

/// Responds with `content` if the request's conditions allow, and adds the validators.
fn judged(
    request: &Request,
    validators: &Validators,
    unsent: impl FnOnce() -> UnsentContent,
    content: impl FnOnce() -> Response,
) -> Response {
    let mut response = match validators.judge(request.headers()) {
        Precondition::Failed => return refuse(StatusCode::PRECONDITION_FAILED),
        Precondition::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            response.extensions_mut().insert(unsent());
            response
        }
        Precondition::Send => content(),
    };
    validators.describe(response.headers_mut());
    response
}

/// Sends a file as the content of a 404: whole, and without validators.
pub(super) fn send_missing(file: File, facts: &Metadata, content_type: &str) -> Response {
    let body = match known_length(&file, facts) {
        Some(length) => Body::from_file_range(file, 0..length),
        None => Body::from_reader(file),
    };
    described((StatusCode::NOT_FOUND, body).into_response(), content_type, None)
}

/// Responds with the `wanted` part of a file that is `length` bytes long.
fn content(sent: OpenFile<'_>, length: u64, wanted: Wanted) -> Response {
    let OpenFile { file, content_type, form, .. } = sent;
    let response = match wanted {
        // A part of several has no coding of its own: RFC 9110 §15.3.7.2 names no field for it.
        Wanted::Several(ranges) if form.is_none() => parts::response(file, length, ranges, content_type),
        Wanted::Whole | Wanted::Several(_) => {
            described(Body::from_file_range(file, 0..length).into_response(), content_type, form)
        }
        Wanted::One(range) => {
            let shown = range::describe(&range, length);
            let part = (StatusCode::PARTIAL_CONTENT, Body::from_file_range(file, range)).into_response();
            with_text(described(part, content_type, form), CONTENT_RANGE, &shown)
        }
        Wanted::Unsatisfiable => {
            let refused = refuse(StatusCode::RANGE_NOT_SATISFIABLE);
            with_text(refused, CONTENT_RANGE, &format!("bytes */{length}"))
        }
    };
    with(response, ACCEPT_RANGES, "bytes")
}

/// Adds the type and the coding of the content.
fn described(response: Response, content_type: &str, form: Option<EncodedForm>) -> Response {
    let response = with_text(response, CONTENT_TYPE, content_type);
    match form {
        Some(form) => with(response, CONTENT_ENCODING, form.name()),
        None => response,
    }
}
