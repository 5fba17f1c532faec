//! Ranges and conditions of requests for a file, by RFC 9110 §13 and §14.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use drupe::http::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use drupe::{Body, Files, Request, Response, testing};

use crate::range::{Asked, Expected};

/// A request for a file.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    is_head: bool,
    size: Size,
    range: Option<Asked>,
    /// A second line, which has both ignored.
    again: bool,
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<Date>,
    if_unmodified_since: Option<Date>,
    if_range: Option<State>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Empty,
    One,
    Ten,
    Many,
}

#[derive(Arbitrary, Clone, Debug)]
enum Tags {
    Any,
    List(Vec<Tag>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Tag {
    Ours,
    OursWeakly,
    Other,
    WithComma,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Date {
    Before,
    Exactly,
    ExactlyOldFormat,
    After,
    Malformed,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum State {
    Tag(Tag),
    Date(Date),
}

/// Asks as planned, and compares.
///
/// # Panics
/// Where something else was sent.
pub fn check(plan: &Plan) {
    let place = place();
    let length = plan.size.bytes();
    let response = testing::call(&place.files, plan.request(&place.tag(plan.size)));
    let status = response.status().as_u16();
    let expected = plan.expected();
    let told = || format!("{plan:?}\n{:?}", response.headers());
    assert_eq!(response.headers().get(ETAG).is_some(), matches!(status, 200 | 206 | 304 | 416), "{}", told());
    match (&expected, status) {
        (Expected::Unknown, 200 | 206 | 416) => {}
        (Expected::Whole, 200) | (Expected::Part(_) | Expected::Parts(_), 206) => {}
        (Expected::Unsatisfiable, 416) | (Expected::NotModified, 304) | (Expected::Failed, 412) => {}
        _ => panic!("{status}, not {expected:?}: {}", told()),
    }
    let described = response.headers().get(CONTENT_RANGE).map(|value| value.to_str().expect("ASCII").to_owned());
    let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().expect("ASCII").to_owned());
    let whole: Vec<u8> = (0..length).map(in_file).collect();
    let content = read(response);
    match expected {
        Expected::Whole => assert_eq!((content, described), (whole, None)),
        Expected::Part(range) => {
            assert_eq!(described, Some(describe(&range, length)));
            assert_eq!(content, whole[range]);
        }
        Expected::Parts(ranges) => {
            let boundary = content_type.expect("a type");
            let boundary = boundary.strip_prefix("multipart/byteranges; boundary=").expect("parts");
            assert_eq!((parts(&content, boundary), described), (ranges_of(&ranges, &whole), None));
        }
        Expected::Unsatisfiable => assert_eq!(described, Some(format!("bytes */{length}"))),
        Expected::NotModified => assert_eq!((content.len(), described), (0, None)),
        Expected::Failed => assert_eq!(described, None),
        Expected::Unknown => {
            assert!(status != 200 || content == whole);
            if let Some(described) = described.filter(|_| status == 206) {
                let range = described.strip_prefix("bytes ").and_then(|text| text.strip_suffix(&format!("/{length}")));
                let (first, last) = range.and_then(|range| range.split_once('-')).expect("a range");
                let (first, last): (usize, usize) = (first.parse().expect("digits"), last.parse().expect("digits"));
                assert_eq!(content, whole[first..=last]);
            }
        }
    }
}

impl Plan {
    fn request(&self, known: &Known) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = if self.is_head { "HEAD" } else { "GET" }.parse().expect("a method");
        *request.uri_mut() = format!("/{}", self.size.bytes()).parse().expect("a target");
        let mut put = |name: HeaderName, value: Option<Vec<u8>>| {
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        };
        put(RANGE, self.range.as_ref().map(Asked::text));
        put(RANGE, self.again.then(|| b"bytes=0-0".to_vec()));
        put(IF_MATCH, self.if_match.as_ref().map(|tags| tags.text(known)));
        put(IF_NONE_MATCH, self.if_none_match.as_ref().map(|tags| tags.text(known)));
        put(IF_MODIFIED_SINCE, self.if_modified_since.map(|date| date.text(known)));
        put(IF_UNMODIFIED_SINCE, self.if_unmodified_since.map(|date| date.text(known)));
        put(IF_RANGE, self.if_range.map(|state| state.text(known)));
        request
    }

    /// In the order of RFC 9110 §13.2.2.
    fn expected(&self) -> Expected {
        let failed = match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => !tags.have(|tag| matches!(tag, Tag::Ours)),
            (None, Some(Date::Before)) => true,
            _ => false,
        };
        if failed {
            return Expected::Failed;
        }
        let is_known = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => tags.have(|tag| matches!(tag, Tag::Ours | Tag::OursWeakly)),
            (None, Some(date)) => matches!(date, Date::Exactly | Date::ExactlyOldFormat | Date::After),
            (None, None) => false,
        };
        if is_known {
            return Expected::NotModified;
        }
        let is_stale = match self.if_range {
            None => false,
            Some(State::Tag(tag)) => !matches!(tag, Tag::Ours),
            Some(State::Date(date)) => !matches!(date, Date::Exactly | Date::ExactlyOldFormat),
        };
        let again = self.again.then(Asked::first_byte);
        let sent: Vec<&Asked> = self.range.iter().filter(|asked| asked.is_value()).chain(&again).collect();
        match sent[..] {
            [asked] if !self.is_head && !is_stale => asked.of(self.size.bytes()),
            _ => Expected::Whole,
        }
    }
}

impl Tags {
    fn text(&self, known: &Known) -> Vec<u8> {
        match self {
            Self::Any => b"*".to_vec(),
            Self::List(tags) => {
                let tags: Vec<String> = tags.iter().take(MOST).map(|tag| tag.text(known)).collect();
                tags.join(" ,\t, ").into_bytes()
            }
        }
    }

    fn have(&self, is_it: fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().take(MOST).any(is_it),
        }
    }
}

impl Tag {
    fn text(self, known: &Known) -> String {
        match self {
            Self::Ours => known.tag.clone(),
            Self::OursWeakly => format!("W/{}", known.tag),
            Self::Other => "\"other\"".to_owned(),
            Self::WithComma => "W/\"a, *, b\"".to_owned(),
        }
    }
}

impl Date {
    fn text(self, known: &Known) -> Vec<u8> {
        match self {
            Self::Before => b"Fri, 31 Dec 1999 23:59:59 GMT".to_vec(),
            Self::Exactly => known.date.clone(),
            Self::ExactlyOldFormat => b"Sun Sep  9 01:46:40 2001".to_vec(),
            Self::After => b"Tue, 01 Jan 2030 00:00:00 GMT".to_vec(),
            Self::Malformed => b"yesterday".to_vec(),
        }
    }
}

impl State {
    fn text(self, known: &Known) -> Vec<u8> {
        match self {
            Self::Tag(tag) => tag.text(known).into_bytes(),
            Self::Date(date) => date.text(known),
        }
    }
}

impl Size {
    fn bytes(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One => 1,
            Self::Ten => 10,
            Self::Many => 1000,
        }
    }
}

/// Splits a multipart answer into the description and the content of each part.
fn parts(content: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let begin = format!("\r\n--{boundary}\r\n");
    let mut rest = content;
    let mut found = Vec::new();
    while let Some(part) = rest.strip_prefix(begin.as_bytes()) {
        let end = part.windows(4).position(|end| end == b"\r\n\r\n").expect("the head of a part");
        let head = std::str::from_utf8(&part[..end]).expect("ASCII");
        let line = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).expect("its range");
        let mark = format!("\r\n--{boundary}");
        let length = part[end + 4..].windows(mark.len()).position(|end| end == mark.as_bytes()).expect("its end");
        found.push((line.to_owned(), part[end + 4..end + 4 + length].to_vec()));
        rest = &part[end + 4 + length..];
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
    found
}

fn ranges_of(ranges: &[Range<usize>], whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    ranges.iter().map(|range| (describe(range, whole.len()), whole[range.clone()].to_vec())).collect()
}

fn describe(range: &Range<usize>, length: usize) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end - 1)
}

fn read(response: Response) -> Vec<u8> {
    let body = response.into_body();
    let length = body.content_length().expect("it is known");
    let content = body.into_vec().expect("it can be read");
    assert_eq!(content.len() as u64, length);
    content
}

/// The validators known to a client.
struct Known {
    tag: String,
    date: Vec<u8>,
}

/// Files that were last changed in 2001.
struct Place {
    files: Files,
}

impl Place {
    fn tag(&self, size: Size) -> Known {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = format!("/{}", size.bytes()).parse().expect("a target");
        let response = testing::call(&self.files, request);
        let field = |name: HeaderName| response.headers()[name].to_str().expect("ASCII").to_owned();
        Known { tag: field(ETAG), date: field(LAST_MODIFIED).into_bytes() }
    }
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        // The same for all that run, now and later; whoever comes first makes it, whole.
        let path = std::env::temp_dir().join("drupe-fuzz-ranges");
        if !path.is_dir() {
            let made = path.with_extension(std::process::id().to_string());
            make(&made).expect("there is room");
            if fs::rename(&made, &path).is_err() {
                fs::remove_dir_all(&made).expect("it is ours");
            }
        }
        Place { files: Files::new(&path).expect("it is there") }
    })
}

fn make(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for size in [Size::Empty, Size::One, Size::Ten, Size::Many] {
        let path = path.join(size.bytes().to_string());
        fs::write(&path, (0..size.bytes()).map(in_file).collect::<Vec<_>>())?;
        File::options().write(true).open(path)?.set_modified(time)?;
    }
    Ok(())
}

fn in_file(at: usize) -> u8 {
    b'a' + (at % 23) as u8
}

/// Tags of a list.
const MOST: usize = 20;

#[cfg(test)]
mod tests {
    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, super::check);
    }
}
