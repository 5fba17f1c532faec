//! The state between the parts: limits, counts, and the first error.

use http::{HeaderMap, StatusCode};

use super::head::{PartHead, add};
use super::input::ContentBuffer;
use crate::message::Body;
use crate::message::multipart_error::{Cause, MultipartError, Place};

/// Parts one after the other.
pub(crate) struct PartsReader {
    input: ContentBuffer,
    state: State,
    pub(crate) limits: Limits,
    place: Place,
    /// Bytes that the part may still have.
    left: u64,
    /// The limit of the part.
    most: u64,
}

/// The limits of [`Multipart`](super::Multipart).
pub(crate) struct Limits {
    pub(crate) parts: usize,
    pub(crate) head_bytes: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) part_bytes: u64,
}

#[derive(Clone, Copy)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// In the content of a part.
    Content,
    /// Behind a delimiter.
    Delimited,
    /// Behind the final boundary.
    End,
    /// Behind an error of this status.
    Failed(StatusCode),
}

impl PartsReader {
    pub(crate) fn new(body: Body, boundary: &[u8]) -> Self {
        let limits = Limits {
            parts: DEFAULT_PARTS,
            head_bytes: DEFAULT_HEAD_BYTES,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            part_bytes: u64::MAX,
        };
        let input = ContentBuffer::new(body, boundary);
        Self { input, state: State::Preamble, limits, place: Place::default(), left: 0, most: 0 }
    }

    /// Limits the bytes of the whole content.
    pub(crate) fn limit_total(&mut self, bytes: u64) {
        self.input.limit = bytes;
    }

    /// Lowers the limit of the current part, of which nothing has been read.
    pub(crate) fn limit_part(&mut self, bytes: u64) {
        self.most = self.most.min(bytes);
        self.left = self.left.min(bytes);
    }

    /// Skips the rest of the current part, and reads the head of the next; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<PartHead>, MultipartError> {
        let result = self.advance();
        result.map_err(|cause| self.fail(cause))
    }

    /// Reads content of the current part into `buffer`; 0 at the end of the part.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, MultipartError> {
        let length = self.at_hand().map_err(|cause| self.fail(cause))?.min(buffer.len());
        self.input.take(&mut buffer[..length]);
        self.left -= length as u64;
        Ok(length)
    }

    /// Ends the reading with an error.
    pub(crate) fn fail(&mut self, cause: Cause) -> MultipartError {
        self.state = State::Failed(cause.status());
        let offset = Some(self.input.offset());
        MultipartError::new(cause, Place { offset, ..self.place.clone() })
    }

    fn advance(&mut self) -> Result<Option<PartHead>, Cause> {
        match self.state {
            State::Preamble => self.skip_preamble()?,
            State::Content | State::Delimited => self.skip_part()?,
            State::End => return Ok(None),
            State::Failed(status) => return Err(Cause::Again(status)),
        }
        self.place.name = None;
        if self.input.is_final() {
            self.place.part = 0;
            self.input.discard()?;
            self.state = State::End;
            return Ok(None);
        }
        self.place.part += 1;
        if self.place.part > self.limits.parts {
            return Err(Cause::TooMuch { most: self.limits.parts as u64, of: "parts" });
        }
        let head = self.head()?;
        self.place.name = Some(head.name.clone());
        (self.left, self.most) = (self.limits.part_bytes, self.limits.part_bytes);
        self.state = if self.input.is_delimited()? { State::Delimited } else { State::Content };
        Ok(Some(head))
    }

    fn skip_preamble(&mut self) -> Result<(), Cause> {
        if self.input.is_delimited()? {
            return Ok(());
        }
        loop {
            match self.input.content()? {
                0 => return Ok(()),
                length => self.input.pass(length),
            }
        }
    }

    fn skip_part(&mut self) -> Result<(), Cause> {
        loop {
            match self.at_hand()? {
                0 => return Ok(()),
                length => {
                    self.input.pass(length);
                    self.left -= length as u64;
                }
            }
        }
    }

    /// The number of bytes of the part that can be taken now; 0 at the end of the part.
    fn at_hand(&mut self) -> Result<usize, Cause> {
        match self.state {
            State::Content => {}
            State::Failed(status) => return Err(Cause::Again(status)),
            _ => return Ok(0),
        }
        let length = self.input.content()?;
        if length == 0 {
            self.state = State::Delimited;
        } else if self.left == 0 {
            return Err(Cause::TooMuch { most: self.most, of: "bytes in a part" });
        }
        Ok(length.min(usize::try_from(self.left).unwrap_or(usize::MAX)))
    }

    /// Reads the rest of the delimiter's line, and the field lines up to the empty line.
    fn head(&mut self) -> Result<PartHead, Cause> {
        let mut left = self.limits.head_bytes;
        let mut line = Vec::new();
        self.line(&mut line, &mut left)?;
        if !line.iter().all(|byte| b" \t".contains(byte)) {
            return Err(Cause::Malformed("text behind a boundary"));
        }
        let mut fields = HeaderMap::new();
        loop {
            self.line(&mut line, &mut left)?;
            if line.is_empty() {
                return PartHead::new(fields);
            }
            add(&line, &mut fields)?;
        }
    }

    /// Reads a line without its end. `left` is the rest of the limit.
    fn line(&mut self, line: &mut Vec<u8>, left: &mut usize) -> Result<(), Cause> {
        line.clear();
        self.input.line(line, *left)?;
        if !line.ends_with(b"\n") {
            return Err(Cause::TooMuch { most: self.limits.head_bytes as u64, of: "bytes in the head of a part" });
        }
        *left -= line.len();
        line.pop();
        match line.pop() {
            Some(b'\r') => Ok(()),
            _ => Err(Cause::Malformed("a line that does not end in CR LF")),
        }
    }
}

const DEFAULT_PARTS: usize = 1000;
const DEFAULT_HEAD_BYTES: usize = 8 * 1024;
const DEFAULT_MEMORY_BYTES: usize = 1024 * 1024;
