//! The request line of a refused head, as sent, for the access log.

use super::grammar;
use super::head::without_empty_lines;

/// The request line of a refused head, as sent: at most 4 KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentLine<'t> {
    pub(crate) line: &'t [u8],
    /// True if the end of the line is missing.
    pub(crate) is_cut: bool,
    /// A token.
    pub(crate) method: &'t [u8],
    /// The target, perhaps with forbidden bytes; cut if the line is cut there.
    pub(crate) target: &'t [u8],
    /// The text behind `HTTP/`; `None` if the line is cut.
    pub(crate) version: Option<&'t [u8]>,
}

/// Finds the request line of a head that is refused for this line; `None` for anything but a complete
/// line of three parts without control characters.
///
/// A line longer than 4 KiB need not be complete, because its end is not kept.
#[cold]
pub(crate) fn sent_line(text: &[u8]) -> Option<SentLine<'_>> {
    let text = without_empty_lines(text);
    let (line, is_cut) = match text.iter().position(u8::is_ascii_control) {
        Some(end) if !text.get(end..)?.starts_with(CRLF) => return None,
        None if text.len() <= KEPT_LINE_BYTES => return None,
        end => {
            let line = text.get(..end.unwrap_or(text.len()))?;
            (line.get(..KEPT_LINE_BYTES).unwrap_or(line), line.len() > KEPT_LINE_BYTES)
        }
    };
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next());
    let version = match version {
        None if is_cut => None,
        version => Some(version?.strip_prefix(b"HTTP/")?),
    };
    let is_line = grammar::TOKEN.spans(method) && !method.is_empty() && !target.is_empty() && parts.next().is_none();
    is_line.then_some(SentLine { line, is_cut, method, target, version: version.filter(|_| !is_cut) })
}

const CRLF: &[u8] = b"\r\n";
/// The most bytes kept of the request line of a refused head.
const KEPT_LINE_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the parts of a refused request line; the version is `-` if it is unknown.
    fn parts_sent(text: &[u8]) -> Option<[String; 4]> {
        let SentLine { line, is_cut, method, target, version } = sent_line(text)?;
        assert!(is_cut == (line.len() == KEPT_LINE_BYTES) && line.starts_with(method), "{text:?}");
        let text = |part: &[u8]| part.escape_ascii().to_string();
        Some([text(line), text(method), text(target), text(version.unwrap_or(b"-"))])
    }

    #[test]
    fn refused_request_line_is_found_if_it_has_three_parts_without_controls() {
        for (text, expected) in [
            (&b"GET / HTTP/2.0\r\n"[..], Some(["GET / HTTP/2.0", "GET", "/", "2.0"])),
            (b"\r\n\r\nGET / HTTP/9\r\nHost: a", Some(["GET / HTTP/9", "GET", "/", "9"])),
            (b"CONNECT a:80 HTTP/1.1\r\n\r\n", Some(["CONNECT a:80 HTTP/1.1", "CONNECT", "a:80", "1.1"])),
            (b"get /\"<\xe9 HTTP/1.0\r\n", Some([r#"get /\"<\xe9 HTTP/1.0"#, "get", r#"/\"<\xe9"#, "1.0"])),
            (b"GET / HTTP/\r\n", Some(["GET / HTTP/", "GET", "/", ""])),
            (b"GET / HTTP/2.0", None),
            (b"GET / HTTP/2.0\r", None),
            (b"GET / HTTP/2.0\n", None),
            (b"GET / HTTP/2.0\r\r\n", None),
            (b"GET /\x1b[31m HTTP/2.0\r\n", None),
            (b"GET /\x7f HTTP/2.0\r\n", None),
            (b"GET /\tHTTP/2.0\r\n", None),
            (b"GET / RTSP/1.0\r\n", None),
            (b"GET /\r\n", None),
            (b"GET  HTTP/2.0\r\n", None),
            (b" / HTTP/2.0\r\n", None),
            (b"GET / a HTTP/2.0\r\n", None),
            (b"G(T / HTTP/2.0\r\n", None),
            (b"what a forger sends\" 200\r\n", None),
            (b"\x16\x03\x01\x02\x00\x01", None),
            (b"", None),
        ] {
            assert_eq!(parts_sent(text), expected.map(|parts| parts.map(str::to_owned)), "{text:?}");
        }
    }

    #[test]
    fn long_refused_request_line_is_cut_wherever_its_end_is() {
        let begin = "GET /".to_owned() + &"x".repeat(KEPT_LINE_BYTES - 5);
        for (rest, is_found) in [
            ("x", true),
            ("x HTTP/1.1\r\n", true),
            (" HTTP/1.1\r\n", true),
            ("x y z\r\n", true),
            ("", false),
            ("x\0", false),
            ("x HTTP/1.1\n", false),
        ] {
            let expected = is_found.then(|| [&begin, "GET", &begin[4..], "-"].map(str::to_owned));
            assert_eq!(parts_sent((begin.clone() + rest).as_bytes()), expected, "{rest:?}");
        }
        let version = "GET / HTTP/".to_owned() + &"1".repeat(KEPT_LINE_BYTES);
        let expected = Some([&version[..KEPT_LINE_BYTES], "GET", "/", "-"].map(str::to_owned));
        assert_eq!(parts_sent(version.as_bytes()), expected);
        assert_eq!(parts_sent("G".repeat(KEPT_LINE_BYTES + 1).as_bytes()), None, "a method alone");
    }
}
