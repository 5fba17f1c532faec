//! The bytes of answers.

use http::{Method, Uri};

use super::*;
use crate::h1::{
    exchange::{CloseReason, Policy},
    head::RequestHead,
};

const DATE_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn stamp() -> Stamp<'static> {
    Stamp { date: DATE_TEXT.as_bytes(), software: None, keep_alive_secs: 75 }
}

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(*name, HeaderValue::from_static(value));
    }
    fields
}

/// A request such as `HEAD 1.0 keep-alive`, to a server of this version.
fn exchange(kind: &str, policy: Version) -> Exchange {
    let mut words = kind.split(' ');
    let (method, version) = (words.next().unwrap(), words.next().unwrap());
    let mut asked = HeaderMap::new();
    if let Some(connection) = words.next() {
        asked.insert(CONNECTION, connection.parse().unwrap());
    }
    let version = if version == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let head =
        RequestHead { method: method.parse().unwrap(), target: Uri::default(), version, fields: asked, length: 0 };
    Exchange::begin(&head, Policy { version: policy, is_title_case: false }).unwrap()
}

/// The lines of an answer without its Date.
fn check(
    (kind, policy): (&str, Version),
    (status, lines, length): (u16, &[(&'static str, &'static str)], Option<u64>),
    expected: &[&str],
) {
    let mut exchange = exchange(kind, policy);
    let (status, fields) = (StatusCode::from_u16(status).unwrap(), fields(lines));
    let framing = exchange.answer(status, &fields, length).unwrap();
    let mut out = Vec::new();
    head(&mut out, &exchange, framing, status, &fields, &stamp());
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_suffix("\r\n\r\n").unwrap();
    let date = format!("Date: {DATE_TEXT}");
    let found: Vec<_> = text.split("\r\n").filter(|line| *line != date).collect();
    assert_eq!(found, expected, "{kind} {policy:?} {status} {lines:?} {length:?}");
    assert_eq!(text.matches(&date).count(), 1);
}

const NEW: Version = Version::HTTP_11;
const OLD: Version = Version::HTTP_10;

#[test]
fn the_framing_that_was_settled_is_written_and_no_other() {
    let ok = "HTTP/1.1 200 OK";
    check(("GET 1.1", NEW), (200, &[], Some(0)), &[ok, "Content-Length: 0"]);
    check(("GET 1.1", NEW), (200, &[], Some(u64::MAX)), &[ok, "Content-Length: 18446744073709551615"]);
    check(("GET 1.1", NEW), (200, &[("content-length", "005")], Some(5)), &[ok, "Content-Length: 5"]);
    check(("GET 1.1", NEW), (200, &[], None), &[ok, "Transfer-Encoding: chunked"]);
    check(("HEAD 1.1", NEW), (200, &[("content-length", "7")], Some(0)), &[ok, "Content-Length: 7"]);
    check(("HEAD 1.1", NEW), (200, &[], None), &[ok]);
    check(("GET 1.0", NEW), (200, &[], None), &[ok]);
    check(("GET 1.1", OLD), (200, &[], None), &["HTTP/1.0 200 OK"]);
    check(("GET 1.1", NEW), (204, &[("content-length", "0")], Some(0)), &["HTTP/1.1 204 No Content"]);
    check(("GET 1.1", NEW), (304, &[], Some(0)), &["HTTP/1.1 304 Not Modified"]);
    check(
        ("GET 1.1", NEW),
        (304, &[("content-length", "7")], None),
        &["HTTP/1.1 304 Not Modified", "content-length: 7"],
    );
    check(("GET 1.1", NEW), (205, &[], Some(5)), &["HTTP/1.1 205 Reset Content", "Content-Length: 0"]);
    check(("GET 1.1", NEW), (299, &[], Some(1)), &["HTTP/1.1 299 ", "Content-Length: 1"]);
}

#[test]
fn connection_field_announces_persistence() {
    let length = "Content-Length: 0";
    let plain = (200, &[][..], Some(0));
    check(("GET 1.1 close", NEW), plain, &["HTTP/1.1 200 OK", length, "Connection: close"]);
    check(("GET 1.1 keep-alive", NEW), plain, &["HTTP/1.1 200 OK", length]);
    check(("GET 1.0", NEW), plain, &["HTTP/1.1 200 OK", length]);
    check(("GET 1.0 close", NEW), plain, &["HTTP/1.1 200 OK", length]);
    let kept = [length, "Connection: keep-alive", "Keep-Alive: timeout=75"];
    check(("GET 1.0 keep-alive", NEW), plain, &[&["HTTP/1.1 200 OK"][..], &kept].concat());
    check(("GET 1.1 keep-alive", OLD), plain, &[&["HTTP/1.0 200 OK"][..], &kept].concat());
    check(("GET 1.1", OLD), plain, &["HTTP/1.0 200 OK", length]);
    check(("GET 1.0 keep-alive", NEW), (200, &[], None), &["HTTP/1.1 200 OK", "Connection: close"]);
}

#[test]
fn connection_options_of_handler_and_server_are_merged() {
    let ok = ["HTTP/1.1 200 OK", "Content-Length: 0"];
    let merged = |kind, lines: &[_], connection: &[&str]| {
        let others = lines.iter().filter(|(name, _)| !matches!(*name, "connection" | "keep-alive"));
        let others: Vec<_> = others.map(|(name, value)| format!("{name}: {value}")).collect();
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        check((kind, NEW), (200, lines, Some(0)), &[&ok[..1], &others[..], &ok[1..], connection].concat());
    };
    merged("GET 1.1", &[("connection", "close")], &["Connection: close"]);
    merged("GET 1.1", &[("connection", "keep-alive"), ("keep-alive", "timeout=1")], &[]);
    merged("GET 1.1", &[("connection", "x-a, x-b")], &["Connection: x-a, x-b"]);
    merged("GET 1.1", &[("connection", "x-a"), ("connection", "x-b, CLOSE")], &["Connection: x-a, x-b, close"]);
    merged("GET 1.1 close", &[("connection", "x-a")], &["Connection: x-a, close"]);
    merged("GET 1.1", &[("connection", "bad token, ok")], &["Connection: ok"]);
    merged("GET 1.1", &[("connection", "")], &[]);
    merged("GET 1.1", &[("upgrade", "h2c")], &["Connection: upgrade"]);
    merged("GET 1.0 keep-alive", &[("connection", "x-a")], &["Connection: x-a, keep-alive", "Keep-Alive: timeout=75"]);
}

#[test]
fn a_switch_of_protocols_has_its_fields_and_neither_length_nor_close() {
    let switch = "HTTP/1.1 101 Switching Protocols";
    let upgrade = ("upgrade", "websocket");
    for lines in [&[upgrade][..], &[("connection", "Upgrade"), upgrade]] {
        let option = if lines.len() == 1 { "Connection: upgrade" } else { "Connection: Upgrade" };
        check(("GET 1.1", NEW), (101, lines, None), &[switch, "upgrade: websocket", option]);
        check(("GET 1.1 close", NEW), (101, lines, None), &[switch, "upgrade: websocket", option]);
    }
}

#[test]
fn date_and_server_are_written_once() {
    let software = HeaderValue::from_static("drupe");
    let stamp = Stamp { software: Some(&software), ..stamp() };
    let write = |lines: &[_]| {
        let (exchange, fields, mut out) = (exchange("GET 1.1", NEW), fields(lines), Vec::new());
        head(&mut out, &exchange, BodyFraming::Length { length: 0, send: true }, StatusCode::OK, &fields, &stamp);
        String::from_utf8(out).unwrap()
    };
    let ours = write(&[]);
    assert!(ours.contains(&format!("Date: {DATE_TEXT}\r\n")) && ours.contains("Server: drupe\r\n"), "{ours}");
    let own = write(&[("date", "x"), ("date", "y"), ("server", "z"), ("server", "z")]);
    assert_eq!((own.matches("\r\ndate: x").count(), own.matches("\r\nserver: z").count()), (1, 1), "{own}");
    assert!(!own.contains("Date") && !own.contains("Server") && !own.contains("date: y"), "{own}");
}

#[test]
fn trailer_field_is_sent_if_trailers_can_follow() {
    let lines = [("trailer", "checksum")];
    check(
        ("GET 1.1", NEW),
        (200, &lines, None),
        &["HTTP/1.1 200 OK", "trailer: checksum", "Transfer-Encoding: chunked"],
    );
    check(("GET 1.1", NEW), (200, &lines, Some(0)), &["HTTP/1.1 200 OK", "Content-Length: 0"]);
    check(("GET 1.0", NEW), (200, &lines, None), &["HTTP/1.1 200 OK"]);
}

#[test]
fn repeated_fields_stay_apart_and_bytes_unchanged() {
    let lines = [("set-cookie", "a=b"), ("set-cookie", "c=d"), ("x-empty", "")];
    let expected = ["HTTP/1.1 200 OK", "set-cookie: a=b", "set-cookie: c=d", "x-empty: ", "Content-Length: 0"];
    check(("GET 1.1", NEW), (200, &lines, Some(0)), &expected);
}

#[test]
fn foreign_framing_field_is_never_written() {
    let fields = fields(&[("transfer-encoding", "chunked"), ("content-length", "1"), ("content-length", "2")]);
    let mut out = Vec::new();
    head(
        &mut out,
        &exchange("GET 1.1", NEW),
        BodyFraming::Length { length: 3, send: true },
        StatusCode::OK,
        &fields,
        &stamp(),
    );
    let text = String::from_utf8(out).unwrap().to_ascii_lowercase();
    assert_eq!(text.matches("content-length").count(), 1);
    assert!(text.contains("\r\ncontent-length: 3\r\n") && !text.contains("transfer-encoding"));
}

#[test]
fn status_line_has_the_given_reason_or_the_registered_one() {
    for (code, reason, expected) in [
        (404, None, "HTTP/1.1 404 Not Found\r\n"),
        (404, Some("Nope"), "HTTP/1.1 404 Nope\r\n"),
        (404, Some(""), "HTTP/1.1 404 \r\n"),
        (299, None, "HTTP/1.1 299 \r\n"),
        (299, Some("Odd"), "HTTP/1.1 299 Odd\r\n"),
    ] {
        let status = AnswerStatus { code: StatusCode::from_u16(code).unwrap(), reason: reason.map(str::as_bytes) };
        let framing = BodyFraming::Length { length: 0, send: true };
        let mut out = Vec::new();
        head(&mut out, &exchange("GET 1.1", NEW), framing, status, &HeaderMap::new(), &stamp());
        assert!(out.starts_with(expected.as_bytes()), "{expected}");
    }
}

#[test]
fn field_names_are_in_title_case_on_demand() {
    let asked =
        RequestHead { method: Method::GET, target: Uri::default(), version: NEW, fields: HeaderMap::new(), length: 0 };
    let mut exchange = Exchange::begin(&asked, Policy { version: NEW, is_title_case: true }).unwrap();
    let fields = fields(&[("content-type", "a"), ("etag", "\"b\""), ("date", "c"), ("connection", "x-own")]);
    let framing = exchange.answer(StatusCode::OK, &fields, Some(1)).unwrap();
    let mut out = Vec::new();
    head(&mut out, &exchange, framing, StatusCode::OK, &fields, &stamp());
    let expected = "HTTP/1.1 200 OK\r\nContent-Type: a\r\nETag: \"b\"\r\nDate: c\r\nContent-Length: 1\r\n\
                    Connection: x-own\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let asked = RequestHead { version: OLD, fields: self::fields(&[("connection", "keep-alive")]), ..asked };
    let mut exchange = Exchange::begin(&asked, Policy { version: NEW, is_title_case: true }).unwrap();
    let framing = exchange.answer(StatusCode::OK, &HeaderMap::new(), Some(1)).unwrap();
    let mut out = Vec::new();
    head(&mut out, &exchange, framing, StatusCode::OK, &HeaderMap::new(), &stamp());
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\r\nConnection: Keep-Alive\r\nKeep-Alive: timeout="), "{text}");
    let mut out = Vec::new();
    last_chunk(&mut out, &self::fields(&[("digest", "d")]), true);
    assert_eq!(out, b"0\r\nDigest: d\r\n\r\n");
}

#[test]
fn a_refusal_is_a_whole_answer() {
    let software = HeaderValue::from_static("drupe");
    let write = |version, status, retry, is_head, stamp: &Stamp| {
        let mut out = Vec::new();
        let content = RefusalContent::Reason("a reason");
        let policy = Policy { version, is_title_case: false };
        refusal(&mut out, policy, StatusCode::from_u16(status).unwrap(), content, retry, is_head, stamp);
        String::from_utf8(out).unwrap()
    };
    let rest = "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\nConnection: close\r\n\r\n";
    let date = format!("Date: {DATE_TEXT}\r\n");
    assert_eq!(write(NEW, 400, None, false, &stamp()), format!("HTTP/1.1 400 Bad Request\r\n{date}{rest}a reason\n"));
    assert_eq!(
        write(OLD, 503, Some(2), true, &Stamp { software: Some(&software), ..stamp() }),
        format!("HTTP/1.0 503 Service Unavailable\r\n{date}Server: drupe\r\nRetry-After: 2\r\n{rest}")
    );
    assert!(write(NEW, 405, None, false, &stamp()).contains("\r\nAllow: GET, HEAD, "));
}

#[test]
fn shaped_refusal_has_its_fields_and_length() {
    let fields = fields(&[("content-type", "application/json")]);
    for (is_head, content, is_title_case) in [(false, "{}", false), (true, "", false), (false, "{}", true)] {
        let name = if is_title_case { "Content-Type" } else { "content-type" };
        let mut out = Vec::new();
        let shaped = RefusalContent::Shaped { fields: &fields, content: b"{}" };
        let policy = Policy { version: NEW, is_title_case };
        let sent = refusal(&mut out, policy, StatusCode::BAD_REQUEST, shaped, None, is_head, &stamp());
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\nDate: {DATE_TEXT}\r\n{name}: application/json\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n"
        );
        assert_eq!((String::from_utf8(out).unwrap(), sent), (head + content, content.len() as u64));
    }
}

#[test]
fn an_interim_answer_has_no_fields() {
    let mut out = Vec::new();
    interim_continue(&mut out);
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn chunks_are_written_in_hexadecimal() {
    let check = |size, expected: &str| {
        let mut out = Vec::new();
        chunk_head(&mut out, size);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(1, "1\r\n");
    check(9, "9\r\n");
    check(10, "a\r\n");
    check(16, "10\r\n");
    check(65_536, "10000\r\n");
    check(0xabc_def, "abcdef\r\n");
    check(usize::MAX, "ffffffffffffffff\r\n");
    check(0, "");
}

#[test]
fn last_chunk_carries_allowed_trailers_only() {
    let check = |lines: &[_], expected: &str, left_out: usize| {
        let mut out = Vec::new();
        let lost = last_chunk(&mut out, &fields(lines), false);
        assert_eq!((String::from_utf8(out).unwrap().as_str(), lost.len()), (expected, left_out), "{lost:?}");
    };
    check(&[], "0\r\n\r\n", 0);
    check(&[("checksum", "1"), ("checksum", "2")], "0\r\nchecksum: 1\r\nchecksum: 2\r\n\r\n", 0);
    let mixed = [("content-length", "1"), ("set-cookie", "x"), ("set-cookie", "z"), ("y", "2")];
    check(&mixed, "0\r\ny: 2\r\n\r\n", 2);
}

#[test]
fn numbers_are_written_in_full() {
    for value in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let mut out = Vec::new();
        number(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}

#[test]
fn dates_are_imf_fixdate_for_any_second() {
    let check = |secs, expected: &str| assert_eq!(date(secs), *expected.as_bytes());
    check(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check(784_111_777, DATE_TEXT);
    check(951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT");
    check(LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT");
    check(LAST_SECOND + 1, "Fri, 31 Dec 9999 23:59:59 GMT");
    check(u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
}

#[test]
fn late_reason_to_close_is_written() {
    let mut exchange = exchange("GET 1.1", NEW);
    exchange.close(CloseReason::UnreadContent);
    let mut out = Vec::new();
    head(&mut out, &exchange, BodyFraming::None, StatusCode::NO_CONTENT, &HeaderMap::new(), &stamp());
    assert!(String::from_utf8(out).unwrap().contains("\r\nConnection: close\r\n"));
}
