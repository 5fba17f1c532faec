//! Several ranges of a file as `multipart/byteranges` (RFC 9110 §14.6).

use std::fmt::Write;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::range;
use super::response::with_text;
use crate::message::pieces::{Piece, Pieces};
use crate::message::{Body, IntoResponse, Response};

/// Responds with `ranges` of `file`; `length` is the length of the file.
pub(super) fn response(file: File, length: u64, ranges: Vec<Range<u64>>, content_type: &str) -> Response {
    // Seeded by the system, so that no file can be prepared to contain the boundary.
    let boundary = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
    let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        let mut head = format!("\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: ");
        // Writing to a string cannot fail.
        let _ = write!(head, "{}\r\n\r\n", range::describe(&range, length));
        pieces.push(Piece::Text(head.into_boxed_str().into_boxed_bytes().into()));
        pieces.push(Piece::Range(range));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
    let body = Body::from_pieces(Pieces::new(file, pieces));
    let response = (StatusCode::PARTIAL_CONTENT, body).into_response();
    with_text(response, CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"))
}
