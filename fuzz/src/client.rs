//! A strict client that reads answers by RFC 9112, and shares no code with the server.

/// One answer, interim ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The minor version.
    pub version: u8,
    pub status: u16,
    /// Names in lower case, values without the blanks around them.
    pub fields: Vec<(String, Vec<u8>)>,
    pub content: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
    pub end: End,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The answer has no body.
    Head,
    Length,
    Chunks,
    /// The end of the connection, as was to be expected.
    Close,
    /// The end of the connection, in the middle.
    Cut,
}

impl Answer {
    /// The values of the field `name`, which is in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| &value[..])
    }

    /// The value of the field `name`, which must not be there twice.
    pub fn one(&self, name: &str) -> Option<&[u8]> {
        let values: Vec<_> = self.fields.iter().filter(|(found, _)| found == name).collect();
        assert!(values.len() < 2, "{name} is there twice: {self:?}");
        values.first().map(|(_, value)| &value[..])
    }

    /// True if `Connection` has `option`, in any case.
    pub fn connection_has(&self, option: &str) -> bool {
        let mut options = self.all("connection").flat_map(|list| list.split(|byte| *byte == b','));
        options.any(|found| found.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    }

    pub fn is_interim(&self) -> bool {
        self.status < 200
    }
}

/// Reads all bytes of a connection until its end. `is_head` returns true for the number of a HEAD
/// request.
///
/// # Panics
/// If the bytes are not a sequence of well-formed answers.
pub fn read(mut bytes: &[u8], is_head: impl Fn(usize) -> bool) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut asked = 0;
    while !bytes.is_empty() {
        let (mut answer, rest) = head(bytes);
        bytes = rest;
        if answer.is_interim() {
            assert!(answer.status != 101, "nobody asked for another protocol");
            assert!(answer.fields.is_empty(), "an interim answer with fields: {answer:?}");
        } else {
            bytes = if is_head(asked) { bytes } else { body(&mut answer, bytes) };
            asked += 1;
        }
        answers.push(answer);
    }
    answers
}

/// Takes a head off the front.
fn head(bytes: &[u8]) -> (Answer, &[u8]) {
    let (status_line, mut rest) = line(bytes).expect("a status line ends");
    let text = std::str::from_utf8(status_line).expect("a status line is ASCII");
    let version = match text.get(..9) {
        Some("HTTP/1.1 ") => 1,
        Some("HTTP/1.0 ") => 0,
        _ => panic!("no status line: {text:?}"),
    };
    let (code, reason) = text[9..].split_at_checked(3).expect("a status");
    assert!(code.bytes().all(|byte| byte.is_ascii_digit()) && reason.starts_with(' '), "{text:?}");
    let status = code.parse().expect("three digits");
    let fields = section(&mut rest).expect("a head ends");
    (Answer { version, status, fields, content: Vec::new(), trailers: Vec::new(), end: End::Head }, rest)
}

/// Takes the body off the front, by RFC 9112 §6.3.
fn body<'a>(answer: &mut Answer, bytes: &'a [u8]) -> &'a [u8] {
    let length = answer.one("content-length").map(|digits| {
        assert!(!digits.is_empty() && digits.iter().all(u8::is_ascii_digit), "{digits:?} is no length");
        std::str::from_utf8(digits).expect("digits").parse::<usize>().expect("a length that we know of")
    });
    let coding = answer.one("transfer-encoding").map(<[u8]>::to_vec);
    if matches!(answer.status, 204 | 304) {
        assert!(coding.is_none() && (length.is_none() || answer.status == 304), "{answer:?}");
        return bytes;
    }
    match (coding, length) {
        (Some(coding), length) => {
            assert!(coding == b"chunked" && length.is_none(), "{answer:?}");
            assert!(answer.version == 1, "chunks in HTTP/1.0");
            answer.end = End::Chunks;
            chunks(answer, bytes).unwrap_or_else(|| {
                answer.end = End::Cut;
                &[]
            })
        }
        (None, Some(length)) => {
            let (content, rest) = bytes.split_at(length.min(bytes.len()));
            answer.content = content.to_vec();
            answer.end = if content.len() < length { End::Cut } else { End::Length };
            rest
        }
        (None, None) => {
            answer.content = bytes.to_vec();
            answer.end = End::Close;
            &[]
        }
    }
}

/// Takes chunks and trailers off the front; `None` if they are incomplete.
fn chunks<'a>(answer: &mut Answer, mut bytes: &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let (size, rest) = line(bytes)?;
        assert!(!size.is_empty() && size.len() <= 16 && size.iter().all(u8::is_ascii_hexdigit), "{size:?} is no size");
        let size = usize::from_str_radix(std::str::from_utf8(size).expect("digits"), 16).expect("a size");
        bytes = rest;
        if size == 0 {
            answer.trailers = section(&mut bytes)?;
            return Some(bytes);
        }
        answer.content.extend_from_slice(&bytes[..size.min(bytes.len())]);
        let end = bytes.get(size..size + 2)?;
        assert_eq!(end, b"\r\n", "the end of a chunk");
        bytes = &bytes[size + 2..];
    }
}

/// Takes field lines and the empty line off the front; `None` if they are incomplete.
fn section(bytes: &mut &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::new();
    loop {
        let (text, rest) = line(bytes)?;
        *bytes = rest;
        if text.is_empty() {
            return Some(fields);
        }
        let colon = text.iter().position(|byte| *byte == b':').expect("a field line has a colon");
        let (name, value) = (&text[..colon], &text[colon + 1..]);
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        assert!(!name.is_empty() && name.iter().all(is_token), "{name:?} is not a field name");
        assert!(value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f), "{value:?} is no value");
        let name = std::str::from_utf8(name).expect("a token").to_ascii_lowercase();
        fields.push((name, value.trim_ascii().to_vec()));
    }
}

/// The first line without its end, and the following bytes; `None` if the line is incomplete.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = bytes[..end].strip_suffix(b"\r").expect("a line ends in CR LF");
    assert!(!text.contains(&b'\r'), "a bare CR");
    Some((text, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(bytes: &str) -> Vec<(u16, String, End)> {
        let answers = read(bytes.as_bytes(), |asked| asked == 3);
        let told = |answer: Answer| (answer.status, String::from_utf8(answer.content).unwrap(), answer.end);
        answers.into_iter().map(told).collect()
    }

    #[test]
    fn answers_are_separated() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab\
            HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\nA: b\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.0 404 Not\r\n\r\nrest";
        let expected = [
            (100, "", End::Head),
            (200, "ab", End::Length),
            (204, "", End::Head),
            (200, "cd", End::Chunks),
            (200, "", End::Head),
            (404, "rest", End::Close),
        ];
        assert_eq!(ends(text), expected.map(|(status, content, end)| (status, content.to_owned(), end)));
    }

    #[test]
    fn truncated_answers_are_reported() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        ] {
            assert_eq!(ends(text), [(200, "ab".to_owned(), End::Cut)], "{text}");
        }
    }

    #[test]
    fn malformed_answers_are_refused() {
        for text in [
            "HTTP/1.1 200 OK\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\na\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
        ] {
            let read = std::panic::catch_unwind(|| ends(text));
            assert!(read.is_err(), "{text:?}: {read:?}");
        }
    }
}
