//! Responses from the output of CGI programs (RFC 3875 §6).

use std::io::{BufRead, BufReader, Read};

use super::ApplicationError;
use super::application::Content;
use super::start_response::StartResponse;

impl Content {
    /// Begins a response with the head in a CGI program's `output`, and returns the rest, sent as
    /// it is read. With [`Environ::variables`](super::Environ::variables) it makes a CGI gateway;
    /// see the example `cgi`.
    ///
    /// The status is that of `Status`, else 302 with a `Location` and 200 without. A `Location`
    /// with only a path is sent to the client unchanged, without a local redirect (§6.2.2).
    ///
    /// # Errors
    /// - The head is empty, incomplete, or longer than 64 KiB.
    /// - A line is no field, or `Status` is repeated.
    /// - Those of [`StartResponse::start`].
    pub fn from_cgi(
        output: impl Read + Send + 'static,
        start_response: &StartResponse,
    ) -> Result<Self, ApplicationError> {
        let mut output = BufReader::new(output);
        let (mut status, mut fields) = (None, Vec::new());
        let mut left = LONGEST_HEAD;
        loop {
            let mut line = Vec::new();
            left -= output.by_ref().take(left).read_until(b'\n', &mut line)? as u64;
            if line.pop() != Some(b'\n') {
                return Err("the head of the program's output has no end".into());
            }
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                break;
            }
            match field(line).ok_or("the head of the program's output has a line that is not a field")? {
                (b"status", value) if status.is_none() => status = Some(String::from_utf8(value.to_vec())?),
                (b"status", _) => return Err("the head of the program's output has two statuses".into()),
                (name, value) => fields.push((name.to_vec(), value.to_vec())),
            }
        }
        if status.is_none() && fields.is_empty() {
            return Err("the head of the program's output is empty".into());
        }
        let is_elsewhere = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"location"));
        let usual = if is_elsewhere { "302 Found" } else { "200 OK" };
        start_response.start(status.as_deref().unwrap_or(usual), fields)?;
        Ok(Self::reader(output))
    }
}

/// Returns the name and value of a field; the name is lowercased if it is `status`.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    Some((if name.eq_ignore_ascii_case(b"status") { b"status" } else { name }, value))
}

const LONGEST_HEAD: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Handler, Request, Response};
    use crate::wsgi::{Environ, Gateway};

    fn answered(said: &'static [u8]) -> Response {
        let program = move |_: Environ, start_response: StartResponse| Content::from_cgi(said, &start_response);
        Gateway::new(program).handle(&mut Request::default())
    }

    #[test]
    fn output_of_a_program_becomes_an_answer() {
        for (said, status, fields, content) in [
            ("Content-Type: text/plain\n\nhello\n", 200, "content-type=text/plain", "hello\n"),
            ("Content-Type:text/plain\r\n\r\nhello\r\n", 200, "content-type=text/plain", "hello\r\n"),
            ("STATUS: 404 Not Found\nA: b\n\n", 404, "a=b", ""),
            ("Status: 204\n\n", 204, "", ""),
            ("Location: http://a/b\n\n", 302, "location=http://a/b", ""),
            ("Location: /b\nStatus: 303 See Other\n\n", 303, "location=/b", ""),
            ("A: b\nA: c:d \n\n\nx", 200, "a=b a=c:d", "\nx"),
            ("\nhello", 500, "", ""),
            ("", 500, "", ""),
            ("A: b\n", 500, "", ""),
            ("A: b", 500, "", ""),
            ("hello\n\n", 500, "", ""),
            ("Status: OK\n\n", 500, "", ""),
            ("Status: 200\nStatus: 404\n\n", 500, "", ""),
            ("A : b\n\n", 500, "", ""),
            ("A: b\n c\n\n", 500, "", ""),
            ("A: b\rC: d\n\n", 500, "", ""),
            ("Transfer-Encoding: chunked\n\n", 500, "", ""),
        ] {
            let response = answered(said.as_bytes());
            let found: Vec<String> =
                response.headers().iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
            assert_eq!((response.status().as_u16(), found.join(" ").as_str()), (status, fields), "{said:?}");
            assert_eq!(response.into_body().into_string().unwrap(), content, "{said:?}");
        }
        assert_eq!(answered(b"A: \xe9\n\n").headers()["a"].as_bytes(), b"\xe9");
    }

    #[test]
    fn head_of_a_program_is_bounded() {
        let endless = |_: Environ, start_response: StartResponse| {
            let lines = b"A: b\n".iter().copied().cycle();
            Content::from_cgi(Lines(lines), &start_response)
        };
        assert_eq!(Gateway::new(endless).handle(&mut Request::default()).status(), 500);
    }

    struct Lines<I>(I);

    impl<I: Iterator<Item = u8>> Read for Lines<I> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            Ok(buffer.iter_mut().zip(&mut self.0).map(|(room, byte)| *room = byte).count())
        }
    }
}
