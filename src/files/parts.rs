//! Several ranges of a file as `multipart/byteranges` (RFC 9110 §14.6).

use std::collections::VecDeque;
use std::fmt::Write;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::ops::Range;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::{range, with_text};
use crate::message::body::read_range;
use crate::message::{Body, IntoResponse, Response};

/// Answers with `ranges` of `file`, read as they are sent; `length` is the file's.
pub(super) fn response(file: File, length: u64, ranges: Vec<Range<u64>>, content_type: &str) -> Response {
    // Seeded by the system, so that nobody can write a file that has it in it.
    let boundary = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
    let mut bodies = VecDeque::with_capacity(2 * ranges.len() + 1);
    let mut total = 0_u64;
    for range in ranges {
        let mut head = format!("\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: ");
        // Writing to a string cannot fail.
        let _ = write!(head, "{}\r\n\r\n", range::describe(&range, length));
        total += head.len() as u64 + (range.end - range.start);
        bodies.push_back(Piece::Text(io::Cursor::new(head)));
        bodies.push_back(Piece::Range(range));
    }
    let end = format!("\r\n--{boundary}--\r\n");
    total += end.len() as u64;
    bodies.push_back(Piece::Text(io::Cursor::new(end)));
    let body = Body::sized(Parts { file, pieces: bodies }, total);
    let response = (StatusCode::PARTIAL_CONTENT, body).into_response();
    with_text(response, CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"))
}

/// Reads the pieces one after the other.
struct Parts {
    file: File,
    /// Those not yet read to their end.
    pieces: VecDeque<Piece>,
}

enum Piece {
    Text(io::Cursor<String>),
    Range(Range<u64>),
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.front_mut() {
            let got = match piece {
                Piece::Text(text) => text.read(buffer)?,
                Piece::Range(range) if range.is_empty() => 0,
                Piece::Range(range) => match read_range(&self.file, range, buffer)? {
                    // The file has become shorter. Ending here tells the client; the next part would be taken for this one.
                    0 => return Ok(0),
                    got => got,
                },
            };
            if got > 0 || buffer.is_empty() {
                return Ok(got);
            }
            self.pieces.pop_front();
        }
        Ok(0)
    }
}
