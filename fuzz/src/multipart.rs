//! Forms as uploads send them: read back as planned, wherever the content is cut, and compared with
//! multer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use drupe::http::HeaderMap;
use drupe::multipart::Multipart;
use drupe::{Body, Request};
use multer::bytes::Bytes;

/// Content to read.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    boundary: Boundary,
    content: Content,
    /// Sizes of the pieces that arrive, in turn.
    pieces: Vec<u8>,
    /// The bytes to read at a time.
    step: u8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Boundary {
    Short,
    Hyphen,
    Browser,
    Odd,
    Longest,
}

#[derive(Arbitrary, Clone, Debug)]
enum Content {
    Form(Form),
    /// A form with changes: there is no prediction.
    Changed(Form, Vec<Change>),
    Raw(Vec<Scrap>),
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Clone, Debug)]
struct Form {
    preamble: Vec<Scrap>,
    parts: Vec<Planned>,
    padding: [bool; 2],
    epilogue: Vec<Scrap>,
}

#[derive(Arbitrary, Clone, Debug)]
struct Planned {
    name: Name,
    file: Option<Name>,
    has_type: bool,
    content: Vec<Scrap>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    Plain,
    Empty,
    Unicode,
    Percent,
    Quotes,
    Separators,
    Path,
    Token,
}

#[derive(Arbitrary, Clone, Debug)]
enum Scrap {
    Bytes(Vec<u8>),
    Cr,
    Lf,
    End,
    Hyphens,
    Boundary,
    Delimiter,
    Final,
    Field,
    Blank,
    Many,
}

#[derive(Arbitrary, Clone, Debug)]
struct Change {
    at: u16,
    removed: u8,
    inserted: Option<Scrap>,
}

/// A part as read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    name: Option<String>,
    file: Option<String>,
    fields: HeaderMap,
    content: Vec<u8>,
}

/// The parts, and the error after them.
type Outcome = (Vec<Told>, Option<String>);

/// Reads as planned, and compares.
///
/// # Panics
/// If the cuts matter, a form is not read as written, or multer reads another form for a reason
/// that is not listed.
pub fn check(plan: &Plan) {
    let boundary = plan.boundary.text();
    let content = plan.content.bytes(boundary);
    let shown = || format!("{plan:?}\n{}", content.escape_ascii());
    let ours = read(boundary, vec![content.clone()], 4096);
    let cut = read(boundary, cut(&content, &plan.pieces), usize::from(plan.step).max(least(&content)));
    assert_eq!(ours, cut, "{}", shown());
    if let Content::Form(form) = &plan.content {
        assert_eq!(ours.1, None, "{}", shown());
        let read: Vec<_> =
            ours.0.iter().map(|told| (told.name.as_deref(), told.file.as_deref(), &*told.content)).collect();
        let written: Vec<_> =
            form.parts().map(|part| (part.name.text(), part.file.map(Name::text), part.bytes(boundary))).collect();
        let written: Vec<_> = written.iter().map(|(name, file, content)| (Some(*name), *file, &**content)).collect();
        assert_eq!(read, written, "{}", shown());
    }
    if !is_read_differently(boundary, &content) {
        let theirs = by_multer(boundary, &content);
        compare(&ours, &theirs, &shown);
    }
}

/// Compares the forms that both read in the same way, with the differences listed here.
///
/// Refused by drupe only: see [`ALLOWED_BY_MULTER`]. Read in another way: a file name from
/// `filename*`, or with a backslash; text that is not UTF-8; `name` inside of a value.
fn compare(ours: &Outcome, theirs: &Outcome, shown: &dyn Fn() -> String) {
    match (&ours.1, &theirs.1) {
        (None, Some(error)) => panic!("only multer refuses: {error}: {}", shown()),
        (Some(error), None) => {
            assert!(
                ALLOWED_BY_MULTER.iter().any(|text| error.contains(text)),
                "only drupe refuses: {error}: {}",
                shown()
            );
        }
        _ => {}
    }
    for (at, told) in ours.0.iter().enumerate() {
        let Some(other) = theirs.0.get(at) else { panic!("multer has no part {at}: {}", shown()) };
        assert_eq!((&told.fields, &told.content), (&other.fields, &other.content), "{}", shown());
        let disposition = told.fields.get("content-disposition").expect("a part without it is refused").as_bytes();
        if is_plain(disposition, told.file.is_some()) {
            assert_eq!((&told.name, &told.file), (&other.name, &other.file), "{}", shown());
        }
    }
    if ours.1.is_none() {
        assert_eq!(ours.0.len(), theirs.0.len(), "{}", shown());
    }
}

/// Errors of drupe for content that multer accepts.
const ALLOWED_BY_MULTER: &[&str] = &[
    // The name is optional.
    "a part without Content-Disposition",
    "a part without a name",
    "a name that is not UTF-8",
    "a Content-Disposition other than form-data",
    // Parameters are searched for, not parsed.
    "a parameter without a value",
    "a malformed parameter name",
    "text behind the value of a parameter",
    "two parameters of one name",
    "a quote without its end",
    "extended value",
    // The last one counts.
    "a field that is repeated in a part",
    // LF alone ends a line.
    "a line that does not end in CR LF",
    // Encodings are ignored.
    "a part with a Content-Transfer-Encoding",
];

/// True if multer finds other boundaries: the first one is anywhere, those behind a part are not
/// checked for the byte that follows, and a part without content needs an empty line.
fn is_read_differently(boundary: &str, content: &[u8]) -> bool {
    let whole = [b"\r\n", content].concat();
    let dashed = format!("--{boundary}");
    let mut has_begun = false;
    for at in 2..=whole.len().saturating_sub(dashed.len()) {
        if !whole[at..].starts_with(dashed.as_bytes()) {
            continue;
        }
        let behind = &whole[at + dashed.len()..];
        let is_line = whole[..at].ends_with(b"\r\n");
        let is_delimiter = matches!(behind, [b' ' | b'\t', _, ..] | [b'\r', b'\n', ..] | [b'-', b'-', ..]);
        if (is_line && !is_delimiter) || (!is_line && !has_begun) || whole[..at].ends_with(b"\r\n\r\n") {
            return true;
        }
        has_begun |= is_line;
    }
    false
}

/// True for parameters that both find in the same way.
fn is_plain(disposition: &[u8], has_file: bool) -> bool {
    let Ok(text) = std::str::from_utf8(disposition) else { return false };
    let names = text.to_ascii_lowercase().matches("name").count();
    let is_same = names == text.matches("name").count() && names == 1 + usize::from(has_file);
    is_same && !text.contains(['\\', '*'])
}

fn read(boundary: &str, pieces: Vec<Vec<u8>>, step: usize) -> Outcome {
    let mut request = Request::new(Body::from_reader(Pieces(pieces.into())));
    let value = format!("multipart/form-data; boundary=\"{boundary}\"");
    request.headers_mut().insert("content-type", value.parse().expect("visible"));
    let mut form = Multipart::new(&mut request).expect("a boundary");
    let mut parts = Vec::new();
    let error = loop {
        let mut part = match form.next() {
            Ok(None) => break None,
            Ok(Some(part)) => part,
            Err(error) => break Some(error.to_string()),
        };
        let (name, file) = (Some(part.name().to_owned()), part.file_name().map(str::to_owned));
        if let Some(safe) = part.safe_file_name() {
            assert!(!safe.is_empty() && safe != "." && safe != ".." && !safe.contains(['/', '\\', '\0']), "{safe:?}");
        }
        let mut told = Told { name, file, fields: part.headers().clone(), content: Vec::new() };
        let mut buffer = vec![0; step];
        let end = loop {
            match part.read(&mut buffer) {
                Ok(0) => break None,
                Ok(length) => told.content.extend(&buffer[..length]),
                Err(error) => break Some(error.to_string()),
            }
        };
        if end.is_some() {
            break end;
        }
        parts.push(told);
    };
    (parts, error)
}

/// The second opinion.
fn by_multer(boundary: &str, content: &[u8]) -> Outcome {
    let content = Bytes::copy_from_slice(content);
    let stream = futures_util::stream::iter([Ok::<_, Infallible>(content)]);
    let mut form = multer::Multipart::new(stream, boundary);
    let mut parts = Vec::new();
    loop {
        let field = match wait(form.next_field()) {
            Ok(None) => return (parts, None),
            Ok(Some(field)) => field,
            Err(error) => return (parts, Some(error.to_string())),
        };
        let (name, file) = (field.name().map(str::to_owned), field.file_name().map(str::to_owned));
        let fields = field.headers().clone();
        match wait(field.bytes()) {
            Ok(content) => parts.push(Told { name, file, fields, content: content.to_vec() }),
            Err(error) => return (parts, Some(error.to_string())),
        }
    }
}

/// Runs a future whose input is in memory.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("multer waits for more than there is");
}

/// Content that arrives in pieces.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(length)
    }
}

/// The least size of a piece: a byte, but more for large content, because of the time.
fn least(content: &[u8]) -> usize {
    1 + content.len() / 1000
}

fn cut(content: &[u8], sizes: &[u8]) -> Vec<Vec<u8>> {
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(least(content))).cycle();
    let (mut rest, mut pieces) = (content, Vec::new());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(sizes.next().unwrap_or(usize::MAX).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces
}

impl Content {
    fn bytes(&self, boundary: &str) -> Vec<u8> {
        match self {
            Self::Form(form) => form.bytes(boundary),
            Self::Changed(form, changes) => {
                let mut bytes = form.bytes(boundary);
                for change in changes.iter().take(MOST) {
                    let at = usize::from(change.at) % (bytes.len() + 1);
                    let end = (at + usize::from(change.removed % 8)).min(bytes.len());
                    bytes.splice(at..end, change.inserted.iter().flat_map(|scrap| scrap.bytes(boundary)));
                }
                bytes
            }
            Self::Raw(scraps) => joined(scraps, boundary),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl Form {
    fn parts(&self) -> impl Iterator<Item = &Planned> {
        self.parts.iter().take(MOST)
    }

    fn bytes(&self, boundary: &str) -> Vec<u8> {
        let dashed = format!("--{boundary}");
        let padding = |at: usize| if self.padding[at] { " \t" } else { "" };
        let mut bytes = before(joined(&self.preamble, boundary), &dashed);
        if !bytes.is_empty() {
            bytes.extend(b"\r\n");
        }
        for part in self.parts() {
            bytes.extend(format!("{dashed}{}\r\n{}\r\n", padding(0), part.head()).into_bytes());
            bytes.extend(part.bytes(boundary));
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("{dashed}--{}", padding(1)).into_bytes());
        bytes.extend(joined(&self.epilogue, boundary));
        bytes
    }
}

impl Planned {
    fn head(&self) -> String {
        let file = self.file.map(|file| format!("; filename={}", file.written())).unwrap_or_default();
        let content_type = if self.has_type { "Content-Type: text/plain\r\n" } else { "" };
        format!("{content_type}Content-Disposition: form-data; name={}{file}\r\n", self.name.written())
    }

    /// Content without a boundary.
    fn bytes(&self, boundary: &str) -> Vec<u8> {
        before(joined(&self.content, boundary), &format!("--{boundary}"))
    }
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Plain => "a b",
            Self::Empty => "",
            Self::Unicode => "caf\u{e9} \u{2603}",
            Self::Percent => "a%22b",
            Self::Quotes => "a\"b\\\"",
            Self::Separators => "a;b=c; d",
            Self::Path => "..\\dir/../c.txt",
            Self::Token => "a.txt",
        }
    }

    fn written(self) -> String {
        match self {
            Self::Token => self.text().to_owned(),
            // As browsers do.
            Self::Path => format!("\"{}\"", self.text()),
            _ => format!("\"{}\"", self.text().replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

impl Boundary {
    fn text(self) -> &'static str {
        match self {
            Self::Short => "b",
            Self::Hyphen => "-",
            Self::Browser => "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            Self::Odd => "a '()+_,-./:=?b",
            Self::Longest => "0123456789012345678901234567890123456789012345678901234567890123456789",
        }
    }
}

impl Scrap {
    fn bytes(&self, boundary: &str) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Cr => b"\r".to_vec(),
            Self::Lf => b"\n".to_vec(),
            Self::End => b"\r\n".to_vec(),
            Self::Hyphens => b"\r\n--".to_vec(),
            Self::Boundary => boundary.into(),
            Self::Delimiter => format!("\r\n--{boundary}\r\n").into_bytes(),
            Self::Final => format!("\r\n--{boundary}--").into_bytes(),
            Self::Field => b"Content-Disposition: form-data; name=x; filename*=UTF-8''%20\r\n".to_vec(),
            Self::Blank => b" ".to_vec(),
            // More than the buffer of the server together with others.
            Self::Many => b"\r\n-".repeat(MANY / 3),
        }
    }
}

fn joined(scraps: &[Scrap], boundary: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for scrap in scraps.iter().take(4 * MOST) {
        bytes.extend(scrap.bytes(boundary));
        // More takes time, and finds nothing else.
        if bytes.len() > MANY {
            break;
        }
    }
    bytes
}

/// The bytes before `mark`.
fn before(mut bytes: Vec<u8>, mark: &str) -> Vec<u8> {
    if let Some(at) = bytes.windows(mark.len()).position(|part| part == mark.as_bytes()) {
        bytes.truncate(at);
    }
    bytes
}

/// Bytes of a part, more or less.
const MANY: usize = 12_000;

/// Parts of a form, and changes.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, super::check);
    }
}
