//! The content behind a buffer, and the search for delimiters.

use std::io::{self, BufRead, Read};

use crate::message::Body;
use crate::message::multipart_error::Cause;

/// Content as it arrives, up to the next delimiter.
///
/// A delimiter is CR LF, two hyphens and the boundary (RFC 2046 §5.1.1), followed by two hyphens,
/// CR LF, a space or a tab. The boundary with anything else behind it is content.
pub(crate) struct ContentBuffer {
    body: Body,
    /// CR LF, two hyphens, the boundary.
    delimiter: Vec<u8>,
    /// Unread bytes are `start..end`; `start..known` are content. `LENT <= start <= known <= end`.
    bytes: Box<[u8]>,
    start: usize,
    known: usize,
    end: usize,
    /// Bytes read from the body.
    received: u64,
    /// The most bytes to read from the body.
    pub(crate) limit: u64,
}

/// The next bytes of the buffer.
enum Found {
    /// Content, at least a byte.
    Content(usize),
    Delimiter,
    /// A possible beginning of a delimiter, or nothing.
    Unknown,
}

/// The comparison of bytes with a delimiter.
enum Compared {
    Equal,
    Different,
    /// Equal as far as there are bytes.
    Short,
}

impl ContentBuffer {
    pub(crate) fn new(body: Body, boundary: &[u8]) -> Self {
        let delimiter = [b"\r\n--", boundary].concat();
        let bytes = vec![0; SIZE].into_boxed_slice();
        Self { body, delimiter, bytes, start: LENT, known: LENT, end: LENT, received: 0, limit: u64::MAX }
    }

    /// The number of bytes of content before the unread ones.
    pub(crate) fn offset(&self) -> u64 {
        self.received.saturating_sub((self.end - self.start) as u64)
    }

    /// Puts a line end in front of the unread bytes: a delimiter may stand at the beginning of the
    /// content and right behind a head.
    ///
    /// Returns true if a delimiter is there, and passes the delimiter.
    pub(crate) fn is_delimited(&mut self) -> Result<bool, Cause> {
        self.start -= LENT;
        self.known = self.start;
        self.bytes[self.start..][..LENT].copy_from_slice(b"\r\n");
        loop {
            match self.compare(&self.bytes[self.start..self.end]) {
                Compared::Equal => break,
                Compared::Different => {
                    self.pass(LENT);
                    return Ok(false);
                }
                Compared::Short => self.fill()?,
            }
        }
        self.pass(self.delimiter.len());
        Ok(true)
    }

    /// Returns the number of bytes of content at hand; 0 at a delimiter, which is then passed.
    pub(crate) fn content(&mut self) -> Result<usize, Cause> {
        while self.known == self.start {
            match self.find() {
                Found::Content(length) => self.known += length,
                Found::Delimiter => {
                    self.pass(self.delimiter.len());
                    return Ok(0);
                }
                Found::Unknown => self.fill()?,
            }
        }
        Ok(self.known - self.start)
    }

    /// Moves content at hand into `buffer`.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.bytes[self.start..][..buffer.len()]);
        self.pass(buffer.len());
    }

    /// Passes bytes at hand.
    pub(crate) fn pass(&mut self, length: usize) {
        self.start += length;
        self.known = self.known.max(self.start);
    }

    /// True if two hyphens follow a delimiter, which are then passed: the final boundary.
    pub(crate) fn is_final(&mut self) -> bool {
        let is_final = self.bytes[self.start..self.end].starts_with(b"--");
        if is_final {
            self.pass(2);
        }
        is_final
    }

    /// Appends bytes to `line` until its LF, or until `most` bytes have been appended.
    pub(crate) fn line(&mut self, line: &mut Vec<u8>, most: usize) -> Result<(), Cause> {
        while line.len() < most {
            if self.start == self.end {
                self.fill()?;
            }
            let unread = &self.bytes[self.start..self.end];
            let unread = &unread[..unread.len().min(most - line.len())];
            let length = find_byte(unread, b'\n').map_or(unread.len(), |at| at + 1);
            line.extend_from_slice(&unread[..length]);
            self.pass(length);
            if line.ends_with(b"\n") {
                break;
            }
        }
        Ok(())
    }

    /// Reads to the end of the content, and discards what comes.
    pub(crate) fn discard(&mut self) -> Result<(), Cause> {
        loop {
            self.pass(self.end - self.start);
            match self.fill() {
                Ok(()) => {}
                Err(Cause::Ended) => return Ok(()),
                Err(cause) => return Err(cause),
            }
        }
    }

    fn find(&self) -> Found {
        let unread = &self.bytes[self.start..self.end];
        let mut at = 0;
        // The delimiter has one CR, so bytes that were compared are not compared again.
        while let Some(next) = find_byte(&unread[at..], b'\r') {
            at += next;
            match self.compare(&unread[at..]) {
                Compared::Different => at += 1,
                _ if at > 0 => return Found::Content(at),
                Compared::Equal => return Found::Delimiter,
                Compared::Short => return Found::Unknown,
            }
        }
        if unread.is_empty() { Found::Unknown } else { Found::Content(unread.len()) }
    }

    fn compare(&self, bytes: &[u8]) -> Compared {
        let length = bytes.len().min(self.delimiter.len());
        let (beginning, behind) = bytes.split_at(length);
        if beginning != &self.delimiter[..length] {
            return Compared::Different;
        }
        match behind {
            [b' ' | b'\t', _, ..] | [b'\r', b'\n', ..] | [b'-', b'-', ..] => Compared::Equal,
            [] | [b' ' | b'\t' | b'\r' | b'-'] => Compared::Short,
            _ => Compared::Different,
        }
    }

    /// Reads more bytes.
    ///
    /// # Errors
    /// `Ended` at the end of the content; `TooMuch` if there are more bytes than the limit. There
    /// are then no unread bytes.
    fn fill(&mut self) -> Result<(), Cause> {
        let result = self.receive();
        if result.is_err() {
            self.pass(self.end - self.start);
        }
        result
    }

    fn receive(&mut self) -> Result<(), Cause> {
        // Few bytes: the beginning of a delimiter.
        self.bytes.copy_within(self.start..self.end, LENT);
        self.end = LENT + (self.end - self.start);
        (self.start, self.known) = (LENT, LENT);
        let left = usize::try_from(self.limit.saturating_sub(self.received)).unwrap_or(usize::MAX);
        let room = self.bytes.len() - self.end;
        let got = self.read(room.min(left.max(1)))?;
        if got == 0 {
            return Err(Cause::Ended);
        }
        if left == 0 {
            return Err(Cause::TooMuch { most: self.limit, of: "bytes in all" });
        }
        self.end += got;
        self.received += got as u64;
        Ok(())
    }

    fn read(&mut self, most: usize) -> Result<usize, Cause> {
        loop {
            match self.body.read(&mut self.bytes[self.end..][..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(Cause::Read),
            }
        }
    }
}

/// The place of the first `byte`. The standard library's search for a line end is fast.
fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut rest = bytes;
    let passed = rest.skip_until(byte).unwrap_or_default();
    passed.checked_sub(1).filter(|last| bytes[*last] == byte)
}

/// Bytes in front of the unread ones, for a line end that [`ContentBuffer::is_delimited`] puts
/// there.
const LENT: usize = 2;

/// The size of the buffer.
const SIZE: usize = 32 * 1024;
