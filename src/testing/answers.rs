//! Answers of a conversation, taken apart strictly.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode, Uri, Version};

use crate::message::{Handler, Request};
use crate::sync::Mutex;

/// A handler that notes the methods of its requests.
pub(super) struct Noting<H> {
    pub(super) handler: H,
    pub(super) methods: Arc<Mutex<Vec<Method>>>,
}

impl<H: Handler> Handler for Noting<H> {
    fn handle(&self, request: &mut Request) -> crate::message::Response {
        self.methods.lock().push(request.method().clone());
        self.handler.handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.handler.body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.handler.is_prompt(method, target)
    }
}

/// Takes apart the final answers to requests of these methods, in order; a further answer is a
/// refusal, which no handler has seen. Interim answers are left out.
///
/// # Errors
/// The first violation of RFC 9112.
pub(super) fn parse(mut bytes: &[u8], methods: &[Method]) -> Result<Vec<Response<Vec<u8>>>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (mut answer, rest) = head(bytes)?;
        if answer.status().is_informational() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            bytes = rest;
            continue;
        }
        // A refusal is the last answer; without content it may answer HEAD.
        let has_none = methods.get(answers.len()).map_or(rest.is_empty(), |method| method == Method::HEAD);
        (*answer.body_mut(), bytes) = content(&answer, has_none, rest)?;
        answers.push(answer);
    }
    Ok(answers)
}

/// Parses the head of an answer; returns the rest of the bytes, too.
fn head(bytes: &[u8]) -> Result<(Response<Vec<u8>>, &[u8]), String> {
    let (status_line, mut rest) = line(bytes)?;
    let mut answer = Response::new(Vec::new());
    let (version, status) = status_line.split_at_checked(9).ok_or("a status line is too short")?;
    *answer.version_mut() = match version {
        "HTTP/1.1 " => Version::HTTP_11,
        "HTTP/1.0 " => Version::HTTP_10,
        _ => return Err(format!("the status line {status_line:?} has no version of HTTP/1")),
    };
    let (code, _) = status.split_once(' ').ok_or("a status line has no blank after the status")?;
    *answer.status_mut() = code.parse().map_err(|_| format!("{code:?} is no status"))?;
    loop {
        let (field, after) = line(rest)?;
        rest = after;
        if field.is_empty() {
            return Ok((answer, rest));
        }
        append(answer.headers_mut(), field)?;
    }
}

fn append(fields: &mut HeaderMap, line: &str) -> Result<(), String> {
    let wrong = || format!("{line:?} is no field");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name: HeaderName = name.parse().map_err(|_| wrong())?;
    let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).map_err(|_| wrong())?;
    fields.append(name, value);
    Ok(())
}

/// Takes the content of an answer from `bytes` (RFC 9112 §6.3); returns the rest of the bytes, too.
fn content<'b>(answer: &Response<Vec<u8>>, has_none: bool, bytes: &'b [u8]) -> Result<(Vec<u8>, &'b [u8]), String> {
    let status = answer.status();
    let length = answer.headers().get(CONTENT_LENGTH);
    let coding = answer.headers().get(TRANSFER_ENCODING);
    if has_none || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok((Vec::new(), bytes));
    }
    match (coding, length) {
        // The stream of another protocol, or content until the end.
        (None, None) => Ok((bytes.to_vec(), &[])),
        (None, Some(length)) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            let cut = length.and_then(|length| bytes.split_at_checked(length));
            let (content, rest) = cut.ok_or("content ends before its Content-Length, or the length is no number")?;
            Ok((content.to_vec(), rest))
        }
        (Some(coding), None) if coding == "chunked" => chunks(bytes),
        _ => Err("an answer has an unknown Transfer-Encoding, or a Content-Length beside it".to_owned()),
    }
}

/// Joins chunks up to the last; trailer fields are checked and dropped.
fn chunks(mut bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut content = Vec::new();
    loop {
        let (size, rest) = line(bytes)?;
        let is_hexadecimal = size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(size, 16).ok().filter(|_| is_hexadecimal);
        let size = size.ok_or("a chunk size is no hexadecimal number")?;
        if size == 0 {
            bytes = rest;
            break;
        }
        let (chunk, rest) = rest.split_at_checked(size).ok_or("a chunk ends early")?;
        content.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n").ok_or("a chunk does not end in CR LF")?;
    }
    loop {
        let (trailer, rest) = line(bytes)?;
        bytes = rest;
        if trailer.is_empty() {
            return Ok((content, bytes));
        }
        append(&mut HeaderMap::new(), trailer)?;
    }
}

/// Returns a line without its CR LF, and the rest of the bytes.
fn line(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").ok_or("a line does not end in CR LF")?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a line is not UTF-8")?;
    if text.contains(['\r', '\n', '\0']) {
        return Err(format!("the line {text:?} has a control character"));
    }
    Ok((text, &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart_by_their_framing() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: 1\r\nA:2 \r\n\r\ntea\
            HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\
            HTTP/1.1 204 \r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n\
            HTTP/1.0 400 Bad Request\r\n\r\nto the end";
        let answers = parse(bytes, &[Method::GET, Method::HEAD, Method::GET, Method::GET]).unwrap();
        let seen: Vec<_> = answers.iter().map(|answer| (answer.status().as_u16(), &answer.body()[..])).collect();
        assert_eq!(seen, [(200, &b"tea"[..]), (200, b""), (204, b""), (200, b"ab0123456789"), (400, b"to the end")]);
        assert_eq!(answers[0].headers().get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(answers[4].version(), Version::HTTP_10);
    }

    #[test]
    fn violations_are_refused() {
        for (bytes, reason) in [
            (&b"HTTP/1.1 200 OK\nA: b\r\n\r\n"[..], "control character"),
            (b"HTTP/1.1 200\r\n\r\n", "no blank"),
            (b"HTTP/2 200 OK\r\n\r\n", "no version"),
            (b"HTTP/1.1 20 OK\r\n\r\n", "no status"),
            (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "no field"),
            (b"HTTP/1.1 200 OK\r\nA: b", "CR LF"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntea", "Content-Length"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "beside"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", "chunk size"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", "does not end in CR LF"),
        ] {
            let error = parse(bytes, &[Method::GET]).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
