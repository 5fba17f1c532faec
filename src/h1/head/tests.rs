//! Properties not covered by the cases of `tests/data`: the end of the head, the time of a refusal,
//! copies.

use super::*;

#[test]
fn request_line_of_a_refused_head_is_read_if_sound() {
    for (text, expected) in [
        ("GET /a?b HTTP/1.1\r\nHost: a b\r\n\r\n", Some("GET /a?b HTTP/1.1")),
        ("\r\nHEAD / HTTP/1.0\r\n", Some("HEAD / HTTP/1.0")),
        ("\r\n\r\nHEAD / HTTP/1.0\r\n", Some("HEAD / HTTP/1.0")),
        ("GET / HTTP/1.1", None),
        ("GET / HTTP/1.1\n\r\n", None),
        ("get / HTTP/1.1\r\n", None),
        ("what a forger sends\" 200\r\n\r\n", None),
        (&format!("GET /{} HTTP/1.1\r\n", "a".repeat(100)), None),
        ("", None),
    ] {
        let found = sound_line(text.as_bytes(), &LIMITS);
        let found = found.map(|(method, target, version)| format!("{method} {target} {version:?}"));
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }
}

const LIMITS: HeadLimits = HeadLimits {
    max_request_header_size: 1000,
    max_request_target_size: 100,
    max_request_header_fields: 10,
    header_overflow_status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    accept_connect: false,
};

fn read(text: &str) -> Result<RequestHead, ProtocolError> {
    let length = Scan::default().advance(text.as_bytes(), &LIMITS)?.expect("a whole head");
    parse(Bytes::copy_from_slice(&text.as_bytes()[..length]), &LIMITS, HeaderMap::new())
}

/// Checks the outcome, and the number of bytes needed to reach it.
fn check_scan(text: &str, expected: Result<Option<usize>, ProtocolError>, at: usize) {
    let whole = Scan::default().advance(text.as_bytes(), &LIMITS);
    assert_eq!(whole, expected, "{text:?}");
    let mut scan = Scan::default();
    for length in 0..=text.len() {
        let found = scan.advance(&text.as_bytes()[..length], &LIMITS);
        if found != Ok(None) || length == text.len() {
            assert_eq!((found, length), (expected, at), "{text:?}");
            return;
        }
    }
}

#[test]
fn the_end_is_found_with_its_last_byte() {
    check_scan("", Ok(None), 0);
    check_scan("GET / HTTP/1.1\r\n\r", Ok(None), 17);
    check_scan("GET / HTTP/1.1\r\n\r\n", Ok(Some(18)), 18);
    check_scan("GET / HTTP/1.1\r\n\r\nmore", Ok(Some(18)), 18);
    check_scan("\r\nGET / HTTP/1.1\r\n\r\n", Ok(Some(20)), 20);
    check_scan(&format!("{}GET / HTTP/1.1\r\n\r\n", "\r\n".repeat(16)), Ok(Some(50)), 50);
    check_scan("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Some(27)), 27);
    check_scan("GET / HTTP/1.1\r\nHost: a\tb\r\nX:\r\n\r\n", Ok(Some(33)), 33);
}

#[test]
fn flaw_is_seen_at_its_first_certain_byte() {
    check_scan(&"\r\n".repeat(17), Err(ProtocolError::EmptyLines), 33);
    check_scan("\r\n\r\n\n", Err(ProtocolError::LineEnd), 5);
    check_scan("\rG", Err(ProtocolError::LineEnd), 2);
    check_scan("\n", Err(ProtocolError::LineEnd), 1);
    check_scan(" GET", Err(ProtocolError::RequestLine), 1);
    check_scan("GET\r\n", Err(ProtocolError::RequestLine), 4);
    check_scan("GET  /", Err(ProtocolError::RequestLine), 5);
    check_scan("GET /\r\n", Err(ProtocolError::RequestLine), 6);
    check_scan("GET / \r\n", Err(ProtocolError::RequestLine), 7);
    check_scan("GET / HTTP/1.1 ", Err(ProtocolError::RequestLine), 15);
    check_scan("GET /\t", Err(ProtocolError::Control), 6);
    check_scan("GET / HTTP/1.1\n", Err(ProtocolError::LineEnd), 15);
    check_scan("GET / HTTP/1.1\rX", Err(ProtocolError::LineEnd), 16);
    check_scan("GET / HTTP/1.1\r\n X", Err(ProtocolError::Folded), 17);
    check_scan("GET / HTTP/1.1\r\nX: a\r\n\tb", Err(ProtocolError::Folded), 23);
    check_scan("GET / HTTP/1.1\r\nX: \0", Err(ProtocolError::Control), 20);
    check_scan("GET / HTTP/1.1\r\nX: \n", Err(ProtocolError::LineEnd), 20);
    check_scan("GET / HTTP/1.1\r\n\rX", Err(ProtocolError::LineEnd), 18);
    check_scan("\x16\x03\x01", Err(ProtocolError::Control), 1);
}

#[test]
fn exceeded_limit_is_seen_at_its_first_certain_byte() {
    let too_large = ProtocolError::HeadTooLarge { status: LIMITS.header_overflow_status };
    let too_many = ProtocolError::TooManyFields { status: LIMITS.header_overflow_status };
    check_scan(&"A".repeat(50), Err(ProtocolError::MethodTooLong), 33);
    check_scan(&format!("{}x{}", "A".repeat(30), "A".repeat(20)), Err(ProtocolError::Method), 33);
    check_scan(&format!("GET /{}", "a".repeat(200)), Err(ProtocolError::TargetTooLong), 105);
    check_scan(&format!("GET /{} H", "a".repeat(99)), Ok(None), 106);
    check_scan(&format!("GET / {}", "1".repeat(50)), Err(ProtocolError::VersionText), 39);
    check_scan(&format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(2000)), Err(too_large), 1000);
    check_scan(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(977)), Ok(Some(1000)), 1000);
    check_scan(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(978)), Err(too_large), 1000);
    check_scan(&format!("\r\nGET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(977)), Ok(Some(1002)), 1002);
    check_scan(&format!("GET / HTTP/1.1\r\n{}X", "X:\r\n".repeat(10)), Err(too_many), 57);
    check_scan(&format!("GET / HTTP/1.1\r\n{}\r\n", "X:\r\n".repeat(10)), Ok(Some(58)), 58);
}

#[test]
fn the_status_of_an_overflow_is_the_one_that_was_asked_for() {
    let limits =
        HeadLimits { header_overflow_status: StatusCode::PAYLOAD_TOO_LARGE, max_request_header_fields: 1, ..LIMITS };
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(2000));
    let many = b"GET / HTTP/1.1\r\nX:\r\nX:\r\n\r\n";
    assert_eq!(Scan::default().advance(long.as_bytes(), &limits).unwrap_err().status(), 413);
    assert_eq!(Scan::default().advance(many, &limits).unwrap_err().status(), 413);
}

#[test]
fn no_byte_is_looked_at_twice() {
    let text = b"GET /abc HTTP/1.1\r\nHost: a\r\nX: some value\r\n\r\n";
    for cut in 0..text.len() {
        let mut scan = Scan::default();
        assert_eq!(scan.advance(&text[..cut], &LIMITS), Ok(None));
        // A second look at a byte before the cut would find a NUL and fail.
        let mut spoilt = text.to_vec();
        spoilt[..cut].fill(0);
        assert_eq!(scan.advance(&spoilt, &LIMITS), Ok(Some(text.len())), "cut at {cut}");
    }
}

#[test]
fn a_message_begins_with_its_first_byte() {
    let mut scan = Scan::default();
    let text = b"\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    for length in 0..=4 {
        scan.advance(&text[..length], &LIMITS).unwrap();
        assert!(!scan.has_begun(), "{length}");
    }
    for length in 5..=text.len() {
        scan.advance(&text[..length], &LIMITS).unwrap();
        assert!(scan.has_begun(), "{length}");
    }
}

#[test]
fn a_head_is_read_into_its_parts() {
    let head = read("\r\n\r\nPOST /a?b=c HTTP/1.0\r\nhost: a:1\r\nX-One:  1 \r\nx-one: 2\r\nEmpty:\r\n\r\n").unwrap();
    assert_eq!((head.method, head.version), (Method::POST, Version::HTTP_10));
    assert_eq!((head.target.path(), head.target.query()), ("/a", Some("b=c")));
    assert_eq!(head.fields.len(), 4);
    assert_eq!(head.fields[HOST], "a:1");
    assert_eq!(head.fields.get_all("x-one").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(head.fields["empty"], "");
}

#[test]
fn each_malformed_head_has_its_error() {
    let check = |text: &str, expected| assert_eq!(read(text).unwrap_err(), expected, "{text:?}");
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    check(&line("get / HTTP/1.1"), ProtocolError::Method);
    check(&line("G(T / HTTP/1.1"), ProtocolError::Method);
    check(&line("G\u{e9}T / HTTP/1.1"), ProtocolError::Method);
    check(&line("GET /\u{e9} HTTP/1.1"), ProtocolError::TargetByte(0xc3));
    check(&line("GET /\u{7f} HTTP/1.1"), ProtocolError::TargetByte(0x7f));
    check(&line("GET /# HTTP/1.1"), ProtocolError::TargetByte(b'#'));
    check(&line("GET /{ HTTP/1.1"), ProtocolError::TargetByte(b'{'));
    check(&line("GET /%4 HTTP/1.1"), ProtocolError::TargetEscape);
    check(&line("GET x HTTP/1.1"), ProtocolError::Target);
    check(&line("GET * HTTP/1.1"), ProtocolError::Target);
    check(&line("CONNECT a:1 HTTP/1.1"), ProtocolError::Connect);
    check(&line("GET / HTTP/1.10"), ProtocolError::Version);
    check(&line("GET / HTTP/1.12"), ProtocolError::Version);
    check(&line("GET / HTTP/10.0"), ProtocolError::Version);
    check(&line("GET / HTTP/2.0"), ProtocolError::Version);
    check(&line("GET / HTTP/1"), ProtocolError::VersionText);
    check(&line("GET / HTTP/"), ProtocolError::VersionText);
    check(&line("GET / HTTP/."), ProtocolError::VersionText);
    check(&line("GET / HTTP/1."), ProtocolError::VersionText);
    check(&line("GET / HTTP/.1"), ProtocolError::VersionText);
    check(&line("GET / HTTP/1.1.1"), ProtocolError::VersionText);
    check(&line("GET / http/1.1"), ProtocolError::Protocol);
    check(&line("GET / HTTP/1.1x"), ProtocolError::VersionText);
    check(&line("GET / xHTTP/1.1"), ProtocolError::Protocol);
    check(&line("GET / \u{7f}"), ProtocolError::Protocol);
    check(&line("GET / HTTP/1.1\r\nX : 1"), ProtocolError::FieldName);
    check(&line("GET / HTTP/1.1\r\nX"), ProtocolError::FieldName);
    check(&line("GET / HTTP/1.1\r\n: 1"), ProtocolError::FieldName);
    check(&line("GET / HTTP/1.1\r\nX: \u{7f}"), ProtocolError::FieldValue);
    check(&line("GET / HTTP/1.1\r\nHost: b"), ProtocolError::HostRepeated);
    check("GET / HTTP/1.1\r\n\r\n", ProtocolError::HostMissing);
    check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ProtocolError::Host);
}

#[test]
fn the_version_is_judged_before_the_rest() {
    assert_eq!(read("CONNECT * HTTP/2.0\r\nX Y\r\n\r\n").unwrap_err(), ProtocolError::Version);
    assert_eq!(read("GET x HTTP/3.0\r\nHost: \r\n\r\n").unwrap_err(), ProtocolError::Version);
}

#[test]
fn later_minor_versions_are_read_as_the_highest_known() {
    for minor in 2..=9 {
        let head = read(&format!("\r\nGET /HTTP/1.5 HTTP/1.{minor}\r\nHost: a\r\nX: HTTP/1.{minor}\r\n\r\n")).unwrap();
        assert_eq!((head.version, head.target.path()), (Version::HTTP_11, "/HTTP/1.5"));
        assert_eq!(head.fields["x"], format!("HTTP/1.{minor}"));
    }
    assert_eq!(read("get / HTTP/1.2\r\nHost: a\r\n\r\n").unwrap_err(), ProtocolError::Method);
    assert_eq!(read("GET / HTTP/1.2\r\n\r\n").unwrap_err(), ProtocolError::HostMissing);
}

#[test]
fn values_and_target_are_slices_of_the_head() {
    let text = Bytes::from_static(b"GET /some/path HTTP/1.1\r\nHost: example.com\r\nX: value\r\n\r\n");
    let within = |part: &[u8]| {
        let (start, end) = (text.as_ptr() as usize, text.as_ptr() as usize + text.len());
        (start..end).contains(&(part.as_ptr() as usize))
    };
    let head = parse(text.clone(), &LIMITS, HeaderMap::new()).unwrap();
    assert!(within(head.target.path().as_bytes()));
    assert!(head.fields.values().all(|value| within(value.as_bytes())));
    let text = Bytes::from_static(b"GET http://b/path HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = parse(text.clone(), &LIMITS, HeaderMap::new()).unwrap();
    assert_eq!((head.target.path(), &head.fields[HOST]), ("/path", &HeaderValue::from_static("b")));
}

#[test]
fn the_memory_of_a_map_is_used_again() {
    let mut fields = HeaderMap::with_capacity(64);
    let capacity = fields.capacity();
    fields.clear();
    let text = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(parse(text, &LIMITS, fields).unwrap().fields.capacity(), capacity);
}

#[test]
fn unscanned_heads_are_refused_by_the_parser() {
    let check =
        |text: &'static str| assert!(parse(Bytes::from_static(text.as_bytes()), &LIMITS, HeaderMap::new()).is_err());
    check("");
    check("\r\n");
    check("GET / HTTP/1.1\r\nHost: a\r\n");
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\nmore");
    check("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n");
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X:\r\n".repeat(200));
    assert!(matches!(parse(Bytes::from(many), &LIMITS, HeaderMap::new()), Err(ProtocolError::TooManyFields { .. })));
}

#[test]
fn a_head_is_known_by_its_first_word() {
    for text in ["HEAD / HTTP/1.1\r\n", "\r\nHEAD ", "\r\n\r\nHEAD ", "HEAD \0"] {
        assert!(is_of_head(text.as_bytes()), "{text:?}");
    }
    for text in ["", "\r\n", "HEAD", "HEADS / HTTP/1.1", "head / HTTP/1.1", " HEAD / HTTP/1.1", "GET /HEAD "] {
        assert!(!is_of_head(text.as_bytes()), "{text:?}");
    }
}
