//! Invariants of the protocol code for any input.
//!
//! Each law is a function that panics if its invariant is broken. The tests run the laws over the
//! cases of `tests/data` and over noise, the fuzzers over their own input. The first law: the
//! outcome never depends on how the bytes are cut into pieces.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::{
    decode::{self, Decoder},
    encode::{self, Stamp},
    error::ProtocolError,
    exchange::{BodyFraming, Exchange, Policy},
    framing::{self, Framing},
    head::{HeadLimits, RequestHead, Scan, parse, without_empty_lines},
};

pub(crate) mod talk;

/// Checks scanning and reading a head: an accepted head is one message, and reads the same after
/// being written again.
pub fn head(bytes: &[u8]) {
    for limits in [NARROW, WIDE] {
        let whole = Scan::default().advance(bytes, &limits);
        assert_eq!(scan_bytewise(bytes, &limits), whole, "byte by byte");
        for cut in cuts(bytes.len()) {
            assert_eq!(scan_in_two(bytes, cut, &limits), whole, "cut at {cut}");
        }
        let length = match whole {
            Ok(Some(length)) => length,
            Ok(None) => continue,
            Err(error) => {
                assert!(error.status().is_client_error() || error.status().is_server_error());
                continue;
            }
        };
        let text = &bytes[..length];
        // Empty lines before the request line do not count.
        assert!(without_empty_lines(text).len() <= limits.max_request_header_size && text.ends_with(b"\r\n\r\n"));
        assert!(
            !text.contains(&0) && text.split(|byte| *byte == b'\n').rev().skip(1).all(|line| line.ends_with(b"\r"))
        );
        match parse(Bytes::copy_from_slice(text), &limits, HeaderMap::new()) {
            Ok(head) => reads_the_same_again(&head),
            Err(error) => assert!(error.status().is_client_error() || error.status().is_server_error()),
        }
    }
}

/// Checks framing: a request has a body only if exactly one field declares one, in exactly one
/// form.
pub fn framing(bytes: &[u8]) {
    for version in ["0", "1"] {
        let text = [b"POST / HTTP/1.", version.as_bytes(), b"\r\nHost: a\r\n", bytes, b"\r\n\r\n"].concat();
        let Ok(Some(length)) = Scan::default().advance(&text, &WIDE) else { continue };
        let Ok(head) = parse(Bytes::copy_from_slice(&text[..length]), &WIDE, HeaderMap::new()) else { continue };
        let values = |name| head.fields.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
        match framing::of_request(head.version, &head.fields) {
            Ok(Framing::None) => assert!(lengths.is_empty() && codings.is_empty()),
            Ok(Framing::Length(length)) => {
                assert!(lengths.len() == 1 && codings.is_empty() && lengths[0].iter().all(u8::is_ascii_digit));
                let digits = lengths[0].iter().skip_while(|digit| **digit == b'0').copied().collect();
                let digits = String::from_utf8(digits).expect("digits are text");
                assert_eq!(if digits.is_empty() { "0" } else { &digits }, length.to_string());
            }
            Ok(Framing::Chunked) => {
                assert!(lengths.is_empty() && codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked"));
                assert_eq!(head.version, Version::HTTP_11);
            }
            Err(error) => assert!(matches!(error.status().as_u16(), 400 | 413 | 501)),
        }
    }
}

/// Checks decoding of bodies: the result is the same for every cut, within the limits and equal to
/// that of a simple decoder; a written body is read back, and a limit for it holds wherever it is set.
pub fn decode(bytes: &[u8]) {
    let [kind, limit, body @ ..] = bytes else { return };
    let framing = if kind % 4 == 0 { Framing::Length(u64::from(*limit)) } else { Framing::Chunked };
    let max_request_body_size = (kind % 2 == 0).then(|| u64::from(*limit) * 2);
    let limits =
        decode::ContentLimits { max_request_body_size, extension_bytes: 64, trailer_bytes: 128, trailer_fields: 4 };
    let whole = decoded(framing, limits, body, usize::MAX, 4096);
    for (piece, room) in [(1, 1), (1, 64), (3, 2), (7, 5), (usize::MAX, 1)] {
        assert_eq!(decoded(framing, limits, body, piece, room), whole, "{piece} in, {room} out");
    }
    if let Ok(Decoded { content: found, consumed, ended, .. }) = &whole {
        assert!(*consumed <= body.len() && max_request_body_size.is_none_or(|limit| found.len() as u64 <= limit));
        if *ended && framing == Framing::Chunked {
            assert_eq!(simple_minded(body), Some((found.clone(), *consumed)));
        }
    }
    let mut written = Vec::new();
    for chunk in body.chunks(usize::from(*limit).max(1)) {
        encode::chunk_head(&mut written, chunk.len());
        written.extend_from_slice(chunk);
        encode::chunk_end(&mut written);
    }
    let mut fields = HeaderMap::new();
    fields.insert("checksum", HeaderValue::from(body.len()));
    fields.insert("content-length", HeaderValue::from(1));
    encode::last_chunk(&mut written, &fields, false);
    fields.remove("content-length");
    let end = written.len();
    written.extend_from_slice(b"GET ");
    let limits = decode::ContentLimits { max_request_body_size: Some(body.len() as u64), ..limits };
    let expected = Decoded { content: body.to_vec(), consumed: end, ended: true, trailers: fields };
    assert_eq!(decoded(Framing::Chunked, limits, &written, usize::MAX, 4096), Ok(expected));
    let length = body.len() as u64;
    for cut in cuts(end) {
        for limit in [length, length.saturating_sub(1)] {
            let is_over = decoded_with_limit(&written[..end], cut, limit, limits).is_err();
            assert_eq!(is_over, length > limit, "{length} bytes over {limit}, set after {cut}");
        }
    }
}

/// Checks a whole connection: the same answers for every cut of the input, and no answer after a
/// closing one.
pub fn exchange(bytes: &[u8]) {
    for policy in [Version::HTTP_11, Version::HTTP_10] {
        let settings =
            talk::TalkSettings { head: NARROW, version: policy, content: Some(64), ..talk::TalkSettings::default() };
        let whole = talk::Talk::over(&settings, [bytes]);
        assert_eq!(talk::Talk::over(&settings, bytes.chunks(1)), whole, "byte by byte");
        for cut in cuts(bytes.len()) {
            let (one, two) = bytes.split_at(cut);
            assert_eq!(talk::Talk::over(&settings, [one, two]), whole, "cut at {cut}");
        }
        assert!(whole.unread.len() <= bytes.len());
        for (at, answer) in whole.answers.iter().enumerate() {
            let is_last = at + 1 == whole.answers.len();
            assert!(answer.status < 400 || is_last && whole.is_closed, "a refusal is the last word");
        }
    }
}

/// Checks writing heads: any answer of a handler becomes exactly one head, with the settled framing
/// only.
pub fn encode(bytes: &[u8]) {
    let [request, status, length, fields @ ..] = bytes else { return };
    let policy = if request & 1 == 0 { Version::HTTP_11 } else { Version::HTTP_10 };
    let Ok(mut exchange) = Exchange::begin(&some_request(*request), Policy { version: policy, is_title_case: false })
    else {
        return;
    };
    let status = StatusCode::from_u16(STATUSES[usize::from(*status) % STATUSES.len()]).expect("a status");
    let length = (length % 3 != 0).then_some(u64::from(length / 3));
    let fields = some_fields(fields);
    let framing = match exchange.answer(status, &fields, length) {
        Ok(framing) => framing,
        Err(error) => return assert_eq!(error.status(), 500),
    };
    let mut out = b"before".to_vec();
    let software = HeaderValue::from_static("drupe");
    let date = encode::date(0);
    let stamp = Stamp { date: &date, software: Some(&software), keep_alive_secs: 75 };
    encode::head(&mut out, &exchange, framing, status, &fields, &stamp);
    let text = out.strip_prefix(b"before").expect("what was there stays");
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut lines);
    assert_eq!(response.parse(text), Ok(httparse::Status::Complete(text.len())));
    assert_eq!(response.version, Some(if policy == Version::HTTP_10 { 0 } else { 1 }));
    assert_eq!(response.code, Some(status.as_u16()));
    let values = |name: &str| {
        let lines = response.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        lines.map(|line| String::from_utf8_lossy(line.value).into_owned()).collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match framing {
        BodyFraming::None => assert!(codings.is_empty() && (lengths.is_empty() || status == 304)),
        BodyFraming::Length { length, .. } => assert!(codings.is_empty() && lengths == [length.to_string()]),
        BodyFraming::Chunked { send: true } => assert!(codings == ["chunked"] && lengths.is_empty()),
        BodyFraming::Chunked { send: false } => assert!(codings.is_empty() && lengths.is_empty()),
        BodyFraming::Close { .. } => assert!(codings.is_empty() && lengths.is_empty()),
    }
    let is_old = policy == Version::HTTP_10 || request & 2 != 0;
    assert!(!(is_old && matches!(framing, BodyFraming::Chunked { .. })));
    assert!(exchange.is_persistent() || !matches!(framing, BodyFraming::Close { send: false }) || is_old);
    assert_eq!((values("date").len(), values("server").len()), (1, 1));
    let options = values("connection");
    assert!(options.len() <= 1);
    let options = options.first().map(String::as_str).unwrap_or_default().to_ascii_lowercase();
    let has = |option| options.split(", ").any(|found| found == option);
    assert!(!has("close") || !exchange.is_persistent() && !has("keep-alive"));
    assert!(status == 101 || is_old || has("close") != exchange.is_persistent());
    assert_eq!(has("keep-alive"), is_old && exchange.is_persistent());
    assert_eq!(values("keep-alive").len(), usize::from(has("keep-alive")));
    assert!(values("upgrade").is_empty() || has("upgrade"));
}

fn scan_bytewise(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, ProtocolError> {
    let mut scan = Scan::default();
    for length in 0..=bytes.len() {
        let found = scan.advance(&bytes[..length], limits);
        if found != Ok(None) {
            return found;
        }
    }
    Ok(None)
}

fn scan_in_two(bytes: &[u8], cut: usize, limits: &HeadLimits) -> Result<Option<usize>, ProtocolError> {
    let mut scan = Scan::default();
    match scan.advance(&bytes[..cut], limits) {
        Ok(None) => scan.advance(bytes, limits),
        found => found,
    }
}

fn reads_the_same_again(head: &RequestHead) {
    assert!(!head.method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()));
    let target = head.target.to_string();
    let is_own_form = target == "*" && head.method == Method::OPTIONS || head.method == Method::CONNECT;
    assert!(target.starts_with('/') || is_own_form, "{target}");
    assert!(head.version == Version::HTTP_10 || head.fields.get_all("host").iter().count() == 1);
    let mut text = format!("{} {target} {:?}\r\n", head.method, head.version).into_bytes();
    for (name, value) in &head.fields {
        text.extend([name.as_str().as_bytes(), b":", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    assert_eq!(Scan::default().advance(&text, &WIDE), Ok(Some(text.len())));
    let again = parse(Bytes::from(text), &WIDE, HeaderMap::new()).expect("what was accepted once is accepted again");
    assert_eq!((&again.method, &again.target, again.version), (&head.method, &head.target, head.version));
    assert_eq!(again.fields, head.fields);
}

/// The result of decoding a body.
#[derive(Debug, PartialEq)]
struct Decoded {
    content: Vec<u8>,
    consumed: usize,
    ended: bool,
    trailers: HeaderMap,
}

/// Decodes chunks with a limit of content that is set after `cut` bytes.
fn decoded_with_limit(body: &[u8], cut: usize, limit: u64, limits: decode::ContentLimits) -> Result<(), ProtocolError> {
    let mut decoder = Decoder::new(Framing::Chunked, limits)?;
    let mut output = vec![0; body.len()];
    let step = decoder.decode(&body[..cut], &mut output)?;
    assert_eq!(step.consumed, cut);
    decoder.set_content_limit(limit)?;
    decoder.decode(&body[cut..], &mut output).map(drop)
}

fn decoded(
    framing: Framing,
    limits: decode::ContentLimits,
    body: &[u8],
    piece: usize,
    room: usize,
) -> Result<Decoded, ProtocolError> {
    let mut decoder = Decoder::new(framing, limits)?;
    let mut content = Vec::new();
    let (mut consumed, mut seen) = (0, 0);
    let mut output = vec![0; room];
    while !decoder.is_ended() {
        let step = decoder.decode(&body[consumed..seen], &mut output)?;
        assert!(step.consumed <= seen - consumed && step.produced <= room);
        consumed += step.consumed;
        content.extend_from_slice(&output[..step.produced]);
        if step.consumed == 0 {
            if seen == body.len() {
                break;
            }
            seen = seen.saturating_add(piece).min(body.len());
        }
    }
    let ended = decoder.is_ended();
    let idle = decoder.decode(&body[consumed..], &mut output);
    assert!(!ended || matches!(idle, Ok(decode::DecodeStep { consumed: 0, produced: 0 })));
    Ok(Decoded { content, consumed, ended, trailers: decoder.take_trailers() })
}

/// Decodes a chunked body known to be well-formed and whole.
fn simple_minded(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut at = 0;
    let line = |at: usize| Some(at + body.get(at..)?.windows(2).position(|two| two == b"\r\n")?);
    loop {
        let end = line(at)?;
        let text = core::str::from_utf8(body.get(at..end)?.split(|byte| *byte == b';').next()?).ok()?;
        let size = usize::from_str_radix(text, 16).ok()?;
        at = end + 2;
        if size == 0 {
            break;
        }
        content.extend_from_slice(body.get(at..at + size)?);
        at += size + 2;
    }
    loop {
        let end = line(at)?;
        let is_last = end == at;
        at = end + 2;
        if is_last {
            return Some((content, at));
        }
    }
}

fn some_request(choice: u8) -> RequestHead {
    let mut fields = HeaderMap::new();
    let connection = ["", "close", "keep-alive", "Keep-Alive, Upgrade"][usize::from(choice >> 2 & 3)];
    fields.insert("connection", HeaderValue::from_static(connection));
    RequestHead {
        method: if choice & 16 == 0 { Method::GET } else { Method::HEAD },
        target: "/".parse().expect("a target"),
        version: if choice & 2 == 0 { Version::HTTP_11 } else { Version::HTTP_10 },
        fields,
        length: 0,
    }
}

fn some_fields(choices: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for choice in choices.iter().take(24) {
        let (name, value) = FIELDS[usize::from(*choice) % FIELDS.len()];
        fields.append(name, HeaderValue::from_static(value));
    }
    fields
}

/// Every cut position of a short input, and a few of a long one: each position costs a whole run,
/// and the fuzzers try many inputs.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by((length / 16).max(1))
}

const NARROW: HeadLimits = HeadLimits {
    max_request_header_size: 256,
    max_request_target_size: 32,
    max_request_header_fields: 6,
    header_overflow_status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    accept_connect: false,
};
const WIDE: HeadLimits = HeadLimits {
    max_request_header_size: 1 << 20,
    max_request_target_size: 1 << 16,
    max_request_header_fields: 1024,
    header_overflow_status: StatusCode::PAYLOAD_TOO_LARGE,
    accept_connect: true,
};
const STATUSES: [u16; 12] = [200, 404, 204, 304, 205, 101, 100, 103, 206, 500, 426, 599];
const FIELDS: [(&str, &str); 20] = [
    ("content-length", "0"),
    ("content-length", "5"),
    ("content-length", "x"),
    ("transfer-encoding", "chunked"),
    ("connection", "close"),
    ("connection", "Keep-Alive, CLOSE"),
    ("connection", "upgrade"),
    ("connection", "keep-alive"),
    ("connection", "x-private, \u{20}, bad token"),
    ("keep-alive", "timeout=1"),
    ("upgrade", "websocket"),
    ("trailer", "checksum"),
    ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("server", "other"),
    ("content-type", "text/plain"),
    ("x-empty", ""),
    ("set-cookie", "a=b"),
    ("set-cookie", "c=d"),
    ("x-private", "1"),
    ("vary", "accept"),
];

#[cfg(test)]
#[path = "../../tests/data/reader.rs"]
mod reader;
#[cfg(test)]
mod tests;
