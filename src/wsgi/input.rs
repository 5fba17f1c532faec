//! `wsgi.input`: the content of a request.

use std::io::{self, BufRead, Read};

use http::HeaderMap;

use crate::message::Body;
use crate::message::body::{append, text};

/// The content of a request: `wsgi.input`.
///
/// The methods of PEP 3333 have Rust's names: `read`, and from [`BufRead`] `read_line` and `lines`.
/// To read a line of bounded length, use `input.by_ref().take(most).read_until(b'\n', ..)`. Reading
/// ends with the content, however the content is framed (`wsgi.input_terminated`).
///
/// # Errors
/// As [`Body`]: too large, too late, malformed, or invalid UTF-8 in methods returning text. If the
/// application returns the error with `?`, the client gets the matching status.
#[derive(Debug, Default)]
pub struct Input {
    body: Body,
    /// Bytes read ahead, only used by [`BufRead`].
    ahead: Vec<u8>,
    /// The number of bytes of `ahead` already consumed.
    taken: usize,
}

impl Input {
    pub(super) fn new(body: Body) -> Self {
        Self { body, ahead: Vec::new(), taken: 0 }
    }

    /// The number of bytes still to come, if known: from a `Content-Length`, or 0 without content.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.body.content_length().map(|length| length + self.ahead().len() as u64)
    }

    /// True if the input is known to be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Reads the rest of the content.
    ///
    /// # Errors
    /// As [`Input`].
    pub fn into_vec(mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        Ok(content)
    }

    /// Reads the rest of the content as UTF-8.
    ///
    /// # Errors
    /// As [`Input`]; `InvalidData` if the content is not UTF-8.
    pub fn into_string(self) -> io::Result<String> {
        text(self.into_vec()?)
    }

    /// The trailer fields of a request (RFC 9110 §6.5), after the end of the content; returned once.
    pub fn trailers(&mut self) -> Option<HeaderMap> {
        self.body.trailers()
    }

    fn ahead(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead().is_empty() {
            return self.body.read(buffer);
        }
        let got = self.ahead().read(buffer)?;
        self.consume(got);
        Ok(got)
    }

    /// Like [`Body`]'s.
    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        append(content, buffer)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ahead().is_empty() {
            self.taken = 0;
            self.ahead.resize(AHEAD, 0);
            let got = self.body.read(&mut self.ahead);
            self.ahead.truncate(*got.as_ref().unwrap_or(&0));
            got?;
        }
        Ok(self.ahead())
    }

    fn consume(&mut self, bytes: usize) {
        self.taken = (self.taken + bytes).min(self.ahead.len());
    }

    /// Like the standard library's, but invalid UTF-8 is the client's error: a 400 if the
    /// application returns the error.
    fn read_line(&mut self, buffer: &mut String) -> io::Result<usize> {
        let mut line = Vec::new();
        self.read_until(b'\n', &mut line)?;
        append(line, buffer)
    }
}

/// The size of the read-ahead buffer.
const AHEAD: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::content_error::refusal;

    #[test]
    fn lines_and_bytes_come_in_order() {
        let mut input = Input::new("one\ntwo\r\nthree".into());
        assert_eq!(input.len(), Some(14));
        let mut line = String::new();
        assert_eq!(input.read_line(&mut line).unwrap(), 4);
        assert_eq!((line.as_str(), input.len()), ("one\n", Some(10)));
        let mut room = [0; 3];
        input.read_exact(&mut room).unwrap();
        assert_eq!(&room, b"two");
        let mut bounded = Vec::new();
        input.by_ref().take(2).read_until(b'\n', &mut bounded).unwrap();
        assert_eq!(bounded, b"\r\n");
        assert_eq!(input.by_ref().lines().map(Result::unwrap).collect::<Vec<_>>(), ["three"]);
        assert!(input.is_empty());
        assert_eq!(input.into_vec().unwrap(), b"");
    }

    #[test]
    fn bytes_read_ahead_are_not_lost() {
        let mut input = Input::new(Body::from_reader("a\nb\u{e9}".as_bytes()));
        assert_eq!((input.len(), input.is_empty()), (None, false));
        input.read_line(&mut String::new()).unwrap();
        assert_eq!(input.into_string().unwrap(), "b\u{e9}");
    }

    #[test]
    fn non_utf8_input_is_refused_and_the_rest_can_be_read() {
        let mut input = Input::new(b"caf\xe9\none\ntwo\nth\xe9".to_vec().into());
        let mut text = "kept".to_owned();
        let is_refused = |error: io::Error| error.kind() == io::ErrorKind::InvalidData && refusal(&error).is_some();
        assert!(is_refused(input.read_line(&mut text).unwrap_err()));
        assert_eq!(input.read_line(&mut text).unwrap(), 4);
        assert_eq!(input.by_ref().lines().next().unwrap().unwrap(), "two");
        assert!(is_refused(input.read_to_string(&mut text).unwrap_err()));
        assert_eq!((text.as_str(), input.read_line(&mut String::new()).unwrap()), ("keptone\n", 0));
        assert!(is_refused(Input::new(b"\xe9".to_vec().into()).into_string().unwrap_err()));
    }

    #[test]
    fn failed_read_is_reported_and_leaves_no_partial_line() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("no more"))
            }
        }
        let mut input = Input::new(Body::from_reader(Failing));
        assert_eq!(input.read_line(&mut String::new()).unwrap_err().to_string(), "no more");
        assert_eq!(input.read(&mut [0]).unwrap_err().to_string(), "no more");
    }
}
