//! The rules of RFC 7578 and RFC 2046, by the exact bytes of the content.

use std::collections::VecDeque;
use std::io::{self, Read};

use http::StatusCode;

use super::{Error, Multipart};
use crate::h1::error::ProtocolError;
use crate::message::content_error::RefusedContent;
use crate::message::{Body, IntoResponse, Request, RequestExt};

/// Content that arrives in pieces, and then ends or fails.
struct Arriving {
    pieces: VecDeque<Vec<u8>>,
    failure: Option<io::Error>,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.front_mut() else {
            return self.failure.take().map_or(Ok(0), Err);
        };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        Ok(length)
    }
}

fn request(content_type: &str, body: Body) -> Request {
    let mut request = Request::new(body);
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    request
}

fn arriving<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, failure: Option<io::Error>) -> Request {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec).collect();
    request("multipart/form-data; boundary=b", Body::from_reader(Arriving { pieces, failure }))
}

fn form(content: &[u8]) -> Multipart {
    Multipart::new(&mut arriving([content], None)).unwrap()
}

/// The parts as lines, and the error. Content is read `step` bytes at a time.
fn outcome(mut form: Multipart, step: usize) -> String {
    let mut told = String::new();
    if let Err(error) = tell(&mut form, step, &mut told) {
        told += &format!("{} {error}", error.status().as_u16());
        let again = form.next().map(|_| ()).unwrap_err();
        assert_eq!(again.status(), error.status(), "{again}");
    } else {
        assert!(form.next().unwrap().is_none());
    }
    told
}

fn tell(form: &mut Multipart, step: usize, told: &mut String) -> Result<(), Error> {
    while let Some(mut part) = form.next()? {
        *told += &format!("{:?}", part.name());
        if let Some(name) = part.file_name() {
            *told += &format!(" {name:?}");
        }
        if let Some(value) = part.content_type() {
            *told += &format!(" ({value})");
        }
        *told += " = ";
        let mut buffer = vec![0; step];
        loop {
            match part.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => *told += &buffer[..length].escape_ascii().to_string(),
                Err(error) => return Err(error.into_inner().unwrap().downcast::<Error>().map(|error| *error).unwrap()),
            }
        }
        *told += "\n";
    }
    Ok(())
}

/// Reads content whole, cut at each byte, and in pieces of a few bytes; each with several buffers.
#[track_caller]
fn check_with(content: &[u8], limit: fn(Multipart) -> Multipart, expected: &str) {
    let new = |pieces: Vec<&[u8]>| limit(Multipart::new(&mut arriving(pieces, None)).unwrap());
    let shown = || content.escape_ascii().to_string();
    assert_eq!(outcome(new(vec![content]), 1000), expected, "{}", shown());
    for cut in 0..=content.len() {
        let (one, two) = content.split_at(cut);
        assert_eq!(outcome(new(vec![one, two]), cut + 1), expected, "cut at {cut}: {}", shown());
    }
    for size in 1..=9 {
        let told = outcome(new(content.chunks(size).collect()), size % 4 + 1);
        assert_eq!(told, expected, "pieces of {size}: {}", shown());
    }
}

#[track_caller]
fn check(content: impl AsRef<[u8]>, expected: &str) {
    check_with(content.as_ref(), |form| form, expected);
}

/// Checks the value of a part's `Content-Disposition` in front of a part without content.
#[track_caller]
fn check_disposition(value: impl AsRef<[u8]>, expected: &str) {
    let content = [b"--b\r\nContent-Disposition: ", value.as_ref(), b"\r\n\r\n\r\n--b--"].concat();
    let told = outcome(form(&content), 100);
    let told = told.strip_suffix(" = \n").or_else(|| told.split_once(", in part 1, at").map(|(text, _)| text));
    assert_eq!(told.unwrap(), expected, "{}", value.as_ref().escape_ascii());
}

/// A field `a` of this content, and the beginning of the delimiter behind it.
const A: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b";

#[test]
fn parts_are_read_in_order() {
    let head = "\r\ncontent-disposition:form-data; filename=x; name=f\r\nContent-Type: text/css\r\n\r\n";
    for content in ["", "\r\n", "\r\n\r\n", "1\n2\r3", "\r"] {
        let shown = content.as_bytes().escape_ascii();
        check(format!("{A}{head}{content}\r\n--b--"), &format!("\"a\" = 1\n\"f\" \"x\" (text/css) = {shown}\n"));
    }
}

#[test]
fn text_around_the_parts_is_ignored() {
    check(format!("{A}--"), "\"a\" = 1\n");
    check(format!("{A}--\r\n"), "\"a\" = 1\n");
    check(format!("{A}-- \t\r\nepilogue\r\n--b\r\n"), "\"a\" = 1\n");
    check(format!("{A}--x"), "\"a\" = 1\n");
    check(format!("\r\n{A}--"), "\"a\" = 1\n");
    check(format!("preamble --b\r\n--bb\r\n{A}--"), "\"a\" = 1\n");
    // The first boundary is the second one: a CR alone ends no line.
    check(format!("\r\n\r\n\r{A}--"), "");
}

#[test]
fn a_form_may_have_no_parts() {
    check("--b--", "");
    check("--b--\r\n", "");
    check("preamble\r\n--b--\r\n", "");
}

#[test]
fn blanks_may_follow_a_boundary() {
    check(
        A.replace("--b\r\n", "--b \t \r\n") + " \t--",
        "\"a\" = 1\n400 malformed multipart/form-data: the content ends before the final boundary, in part 2, at byte 62",
    );
    check(A.replace("--b\r\n", "--b \t \r\n") + "--", "\"a\" = 1\n");
    check(
        format!("{A} x\r\n"),
        "\"a\" = 1\n400 malformed multipart/form-data: text behind a boundary, in part 2, at byte 59",
    );
}

#[test]
fn content_before_the_final_boundary_is_needed() {
    let ended = "400 malformed multipart/form-data: the content ends before the final boundary";
    check("", &format!("{ended}, at byte 0"));
    check("x", &format!("{ended}, at byte 1"));
    check("--b", &format!("{ended}, at byte 3"));
    check("--b-", &format!("{ended}, at byte 4"));
    check("--b\r\n", &format!("{ended}, in part 1, at byte 5"));
    check(A, &format!("\"a\" = 1{ended}, in part 1 \"a\", at byte 55"));
    check(format!("{A}\r\n"), &format!("\"a\" = 1\n{ended}, in part 2, at byte 57"));
    check(format!("{A}-"), &format!("\"a\" = 1{ended}, in part 1 \"a\", at byte 56"));
}

#[test]
fn boundaries_inside_content_are_content() {
    for inside in [
        "x--b--",
        "\n--b--",
        "\r--b\r",
        "\r\n--c",
        "\r\n--",
        "\r\n--bb\r\n",
        "\r\n--b-c",
        "\r\n--b\r\r",
        "\r\n--b\n",
        "\r\n--B--",
        "\r\n -b",
    ] {
        let content = A.replace("\r\n1", &format!("\r\n{inside}"));
        let inside = inside.as_bytes().escape_ascii();
        check(format!("{content}--"), &format!("\"a\" = x{inside}\n").replace("= x", "= "));
    }
}

#[test]
fn boundaries_before_any_other_byte_are_content() {
    for byte in (0..=255).filter(|byte| !b" \t".contains(byte)) {
        let content = [b"\r\n--b", &[byte][..], b"."].concat();
        let whole = [&A.as_bytes()[..A.len() - 6], &content, b"\r\n--b--"].concat();
        assert_eq!(outcome(form(&whole), 3), format!("\"a\" = {}\n", content.escape_ascii()));
    }
}

#[test]
fn a_part_may_be_empty() {
    check(A.replace("\r\n1", "\r\n") + "--", "\"a\" = \n");
    // Without a line end of its own: the empty line belongs to the delimiter.
    check(A.replace("\r\n1\r\n", "\r\n") + "--", "\"a\" = \n");
    check(A.replace("\r\n1\r\n", "\r\n") + &A[3..] + "--", "\"a\" = \n\"a\" = 1\n");
}

#[test]
fn repeated_delimiter_prefixes_are_content() {
    for repeated in ["\r\n--", "\r\n-", "\r", "\r\n", "\r\n--b-", "\r\n--\r\n--b."] {
        let content = repeated.repeat(30_000);
        let told =
            outcome(form(format!("{}--", A.replace("\r\n1", &format!("\r\n{content}\r\n."))).as_bytes()), 70_000);
        assert_eq!(told, format!("\"a\" = {}\\r\\n.\n", content.as_bytes().escape_ascii()));
    }
}

#[test]
fn heads_are_checked() {
    let malformed = "400 malformed multipart/form-data:";
    for (head, expected) in [
        ("", "a part without Content-Disposition, in part 1, at byte 7"),
        ("Content-Type: text/plain\r\n", "a part without Content-Disposition, in part 1, at byte 33"),
        ("a: b\n", "a line that does not end in CR LF, in part 1, at byte 10"),
        ("\n", "a line that does not end in CR LF, in part 1, at byte 6"),
        ("a: b\r\n c\r\n", "a folded field line, in part 1, at byte 15"),
        ("\tc\r\n", "a folded field line, in part 1, at byte 9"),
        ("ab\r\n", "a field line without a colon, in part 1, at byte 9"),
        (": b\r\n", "a malformed field name, in part 1, at byte 10"),
        ("a : b\r\n", "a malformed field name, in part 1, at byte 12"),
        ("a: \0\r\n", "a control character in a field, in part 1, at byte 11"),
        ("a: \x7f\r\n", "a control character in a field, in part 1, at byte 11"),
        ("a: b\r\r\n", "a control character in a field, in part 1, at byte 12"),
        ("a: \rb\r\n", "a control character in a field, in part 1, at byte 12"),
    ] {
        check(format!("--b\r\n{head}\r\n\r\n--b--"), &format!("{malformed} {expected}"));
    }
    let named = "Content-Disposition: form-data; name=a\r\n";
    for (head, expected) in [
        (format!("{named}{named}"), "400 malformed multipart/form-data: a field that is repeated in a part"),
        (
            format!("{named}Content-Type: a/b\r\ncontent-type: a/b\r\n"),
            "400 malformed multipart/form-data: a field that is repeated in a part",
        ),
        (
            format!("{named}Content-Transfer-Encoding: base64\r\n"),
            "415 unsupported content: a part with a Content-Transfer-Encoding",
        ),
        (format!("{named}Content-Transfer-Encoding: Binary\r\nX: 1\r\nX: 2\r\n"), "\"a\" = 1\n"),
        (format!("X: {}\r\n{named}", "x".repeat(100)), "\"a\" = 1\n"),
    ] {
        let told = outcome(form(format!("--b\r\n{head}\r\n1\r\n--b--").as_bytes()), 10);
        assert_eq!(told.split(", in part").next().unwrap(), expected);
    }
}

#[test]
fn names_are_read_as_clients_send_them() {
    for (value, expected) in [
        ("form-data; name=\"a\"", r#""a""#),
        ("Form-Data;NAME=a;FileName=b", r#""a" "b""#),
        ("form-data ; name=a ; ; filename=\"b\" ;", r#""a" "b""#),
        ("form-data; name=\"\"; filename=\"\"", r#""" """#),
        ("form-data; x=\"; name=b\"; name=a", r#""a""#),
        // curl's and requests' quotes, and those of browsers.
        (r#"form-data; name="a\"b"; filename="c\"d\\e""#, r#""a\"b" "c\"d\\e""#),
        (r#"form-data; name="a%22b"; filename="c%0D%0A%22.txt""#, r#""a%22b" "c%0D%0A%22.txt""#),
        (r#"form-data; name=a; filename="C:\dir\f.txt""#, r#""a" "C:\\dir\\f.txt""#),
        ("form-data; name=\"caf\u{e9}\"; filename=\"\u{2603}.txt\"", "\"caf\u{e9}\" \"\u{2603}.txt\""),
        ("form-data; name=a; filename=../../etc/passwd", r#""a" "../../etc/passwd""#),
        // `filename*` counts without `filename` only.
        ("form-data; name=a; filename*=UTF-8''caf%C3%a9%20x", "\"a\" \"caf\u{e9} x\""),
        ("form-data; name=a; filename*=utf-8'en'x", r#""a" "x""#),
        ("form-data; name=a; filename*=UTF-8''x; filename=y", r#""a" "y""#),
        ("form-data; name=a; filename=y; filename*=UTF-8''x", r#""a" "y""#),
        ("form-data; name=_charset_", r#""_charset_""#),
    ] {
        check_disposition(value, expected);
    }
    check_disposition(b"form-data; name=a; filename=\"caf\xe9\"", "\"a\" \"caf\u{fffd}\"");
}

#[test]
fn malformed_names_are_refused() {
    for (value, expected) in [
        ("form-data", "a part without a name"),
        ("form-data; filename=b", "a part without a name"),
        ("form-data; name*=UTF-8''a", "a part without a name"),
        ("attachment; name=a", "a Content-Disposition other than form-data"),
        ("; name=a", "a Content-Disposition other than form-data"),
        ("", "a Content-Disposition other than form-data"),
        ("form-data; name", "a parameter without a value"),
        ("form-data; name=", "a parameter without a value"),
        ("form-data; name=;", "a parameter without a value"),
        ("form-data; name= a", "a parameter without a value"),
        ("form-data; name =a", "a malformed parameter name"),
        ("form-data; =a", "a malformed parameter name"),
        ("form-data; name=a b", "text behind the value of a parameter"),
        ("form-data; name=\"a\"b", "text behind the value of a parameter"),
        ("form-data; name=a\"b\"", "text behind the value of a parameter"),
        ("form-data; name=\"a", "a quote without its end"),
        ("form-data; name=\"a\\\"", "a quote without its end"),
        ("form-data; name=\"", "a quote without its end"),
        ("form-data; name=a; Name=b", "two parameters of one name"),
        ("form-data; name=a; filename=x; filename=y", "two parameters of one name"),
        ("form-data; name=a; filename*=x", "a malformed extended value"),
        ("form-data; name=a; filename*=UTF-8''%4", "a malformed extended value"),
        ("form-data; name=a; filename*=UTF-8''%4g", "a malformed extended value"),
        ("form-data; name=a; filename*=UTF-8''%FF", "an extended value that is not in UTF-8"),
        ("form-data; name=a; filename*=ISO-8859-1''x", "an extended value that is not in UTF-8"),
        ("form-data; name=a; filename*=UTF-8''%00", "a control character in an extended value"),
        ("form-data; name=a; filename*=UTF-8''a%0d%0ab", "a control character in an extended value"),
    ] {
        check_disposition(value, &format!("400 malformed multipart/form-data: {expected}"));
    }
    let parameters = |count: usize| (1..count).map(|at| format!("; p{at}=x")).collect::<String>();
    check_disposition(format!("form-data; name=a{}", parameters(32)), "\"a\"");
    check_disposition(
        format!("form-data; name=a{}", parameters(33)),
        "400 malformed multipart/form-data: more than 32 parameters",
    );
    check_disposition(b"form-data; name=\"\xe9\"", "400 malformed multipart/form-data: a name that is not UTF-8");
    check_disposition(b"form-data; name=\"a\0\"", "400 malformed multipart/form-data: a control character in a field");
}

#[test]
fn safe_file_names_are_single_segments() {
    for (sent, expected) in [
        ("a.txt", Some("a.txt")),
        ("../../etc/passwd", Some("passwd")),
        ("/etc/passwd", Some("passwd")),
        (r"C:\dir\f.txt", Some("f.txt")),
        (r"..\..\x", Some("x")),
        ("a/..\\..", None),
        ("..", None),
        (".", None),
        ("", None),
        ("dir/", None),
        ("a\u{85}b", None),
        ("a\tb", None),
        (".htaccess", Some(".htaccess")),
        (&"x".repeat(255), Some(&*"x".repeat(255))),
        (&"x".repeat(256), None),
    ] {
        let content = format!("--b\r\nContent-Disposition: form-data; name=a; filename=\"{sent}\"\r\n\r\n\r\n--b--");
        let mut form = form(content.as_bytes());
        assert_eq!(form.next().unwrap().unwrap().safe_file_name(), expected, "{sent}");
    }
    let mut none = form(format!("{A}--").as_bytes());
    assert_eq!(none.next().unwrap().unwrap().safe_file_name(), None);
}

#[test]
fn content_types_give_the_boundary() {
    let longest = "0123456789".repeat(7);
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=b", "b"),
        ("Multipart/Form-Data;BOUNDARY=\"b\"", "b"),
        ("multipart/form-data; charset=utf-8; boundary=b;", "b"),
        ("multipart/form-data; boundary=\"a '()+_,-./:=?b\"", "a '()+_,-./:=?b"),
        ("multipart/form-data; boundary=----=_Part_1.2:3/4", "----=_Part_1.2:3/4"),
        (&format!("multipart/form-data; boundary={longest}"), &longest),
    ] {
        let body = A.replace("--b", &format!("--{boundary}")) + "--";
        let form = Multipart::new(&mut request(content_type, body.into())).unwrap();
        assert_eq!(outcome(form, 10), "\"a\" = 1\n", "{content_type}");
    }
    for (content_type, status, text) in [
        ("text/plain", 415, "unsupported content: a Content-Type other than multipart/form-data"),
        ("multipart/mixed; boundary=b", 415, "unsupported content: a Content-Type other than multipart/form-data"),
        (
            "multipart/form-data-x; boundary=b",
            415,
            "unsupported content: a Content-Type other than multipart/form-data",
        ),
        ("multipart/form-data", 400, "malformed multipart/form-data: no boundary in Content-Type"),
        ("multipart/form-data; boundary", 400, "malformed multipart/form-data: a parameter without a value"),
        ("multipart/form-data; boundary=", 400, "malformed multipart/form-data: a parameter without a value"),
        ("multipart/form-data; boundary=\"\"", 400, "malformed multipart/form-data: an empty boundary"),
        ("multipart/form-data; boundary=\"b \"", 400, "malformed multipart/form-data: a boundary that ends in a space"),
        (
            "multipart/form-data; boundary=\"b\\\"\"",
            400,
            "malformed multipart/form-data: a boundary with a forbidden byte",
        ),
        ("multipart/form-data; boundary=b{", 400, "malformed multipart/form-data: a boundary with a forbidden byte"),
        (
            "multipart/form-data; boundary=b; boundary=c",
            400,
            "malformed multipart/form-data: two parameters of one name",
        ),
        (
            &format!("multipart/form-data; boundary=b{}", (1..33).map(|at| format!("; p{at}=x")).collect::<String>()),
            400,
            "malformed multipart/form-data: more than 32 parameters",
        ),
        (
            &format!("multipart/form-data; boundary=x{longest}"),
            400,
            "malformed multipart/form-data: a boundary of more than 70 bytes",
        ),
    ] {
        let mut request = request(content_type, "kept".into());
        let error = Multipart::new(&mut request).unwrap_err();
        assert_eq!((error.status().as_u16(), &*error.to_string()), (status, text), "{content_type}");
        assert_eq!(request.into_body().into_string().unwrap(), "kept");
    }
    let none = Multipart::new(&mut Request::default()).unwrap_err();
    assert_eq!(none.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut twice = request("multipart/form-data; boundary=b", Body::empty());
    twice.headers_mut().append("content-type", "multipart/form-data; boundary=c".parse().unwrap());
    assert_eq!(Multipart::new(&mut twice).unwrap_err().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn content_that_was_taken_before_is_no_mistake_of_the_client() {
    let mut request = request("multipart/form-data; boundary=b", A.into());
    request.headers_mut().insert("content-length", A.len().into());
    drop(request.take_body());
    let error = Multipart::new(&mut request).unwrap_err();
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let cause = "multipart/form-data cannot be read: the content of the request was already taken by an earlier read\n";
    assert_eq!(error.text(), cause);
}

#[test]
fn each_limit_passes_itself_and_refuses_one_more() {
    let two = format!("{A}{}--", &A[3..]);
    let over = "413 multipart/form-data over the limit of";
    check_with(two.as_bytes(), |form| form.max_parts(2), "\"a\" = 1\n\"a\" = 1\n");
    check_with(two.as_bytes(), |form| form.max_parts(1), &format!("\"a\" = 1\n{over} 1 parts, in part 2, at byte 55"));
    let one = format!("{A}--");
    // The line end of the boundary, one field of 42 bytes, and the empty line.
    check_with(one.as_bytes(), |form| form.max_head_bytes(46), "\"a\" = 1\n");
    let head = format!("{over} 45 bytes in the head of a part, in part 1, at byte 48");
    check_with(one.as_bytes(), |form| form.max_head_bytes(45), &head);
    check_with(one.as_bytes(), |form| form.max_part_bytes(1), "\"a\" = 1\n");
    let part = format!("\"a\" = {over} 0 bytes in a part, in part 1 \"a\", at byte 49");
    check_with(one.as_bytes(), |form| form.max_part_bytes(0), &part);
    check_with(one.as_bytes(), |form| form.max_total_bytes(57), "\"a\" = 1\n");
    let total = format!("\"a\" = 1{over} 56 bytes in all, in part 1 \"a\", at byte 56");
    check_with(one.as_bytes(), |form| form.max_total_bytes(56), &total);
    let fields = |count: usize| {
        format!("--b\r\nContent-Disposition: form-data; name=a\r\n{}\r\n1\r\n--b--", "x:\r\n".repeat(count))
    };
    assert_eq!(outcome(form(fields(31).as_bytes()), 10), "\"a\" = 1\n");
    assert!(outcome(form(fields(32).as_bytes()), 10).starts_with(&format!("{over} 32 fields in a part")));
}

#[test]
fn limits_of_a_part_hold_for_skipped_content() {
    let content = A.replace("\r\n1", "\r\n12345") + &A[3..] + "--";
    let mut skipped = form(content.as_bytes()).max_part_bytes(4);
    drop(skipped.next().unwrap());
    assert_eq!(skipped.next().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let mut lowered = form(content.as_bytes());
    let mut part = lowered.next().unwrap().unwrap();
    part.limit(4);
    part.limit(9);
    let error = part.bytes().unwrap_err();
    let text = "multipart/form-data over the limit of 4 bytes in a part, in part 1 \"a\", at byte 53";
    assert_eq!(error.to_string(), text);
    let mut fitting = form(content.as_bytes());
    fitting.next().unwrap().unwrap().limit(5);
    assert_eq!(fitting.next().unwrap().unwrap().text().unwrap(), "1");
}

#[test]
fn memory_is_limited_for_text_and_bytes_only() {
    let content = A.replace("\r\n1", "\r\n12345") + "--";
    let limited = || form(content.as_bytes()).max_memory_bytes(4);
    assert_eq!(limited().next().unwrap().unwrap().text().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(limited().next().unwrap().unwrap().read(&mut [0; 10]).unwrap(), 5);
    let mut enough = form(content.as_bytes()).max_memory_bytes(5);
    assert_eq!(enough.next().unwrap().unwrap().bytes().unwrap(), b"12345");
    let mut default = form(A.replace("\r\n1", &format!("\r\n{}", "x".repeat(1024 * 1024 + 1))).as_bytes());
    assert_eq!(default.next().unwrap().unwrap().bytes().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn text_in_other_charsets_is_refused() {
    for (content_type, content, expected) in [
        ("text/plain", &b"caf\xc3\xa9"[..], Ok("caf\u{e9}")),
        ("text/plain; charset=\"UTF-8\"", b"caf\xc3\xa9", Ok("caf\u{e9}")),
        ("text/plain;charset=us-ascii", b"x", Ok("x")),
        ("text/plain; charset=iso-8859-1", b"x", Err(415)),
        ("text/plain; charset=\"", b"x", Err(415)),
        ("text/plain", b"caf\xe9", Err(400)),
    ] {
        let head = format!("--b\r\nContent-Disposition: form-data; name=a\r\nContent-Type: {content_type}\r\n\r\n");
        let mut form = form(&[head.as_bytes(), content, b"\r\n--b--"].concat());
        let text = form.next().unwrap().unwrap().text();
        assert_eq!(text.as_deref().map_err(|error| error.status().as_u16()), expected, "{content_type}");
        assert_eq!(form.next().is_err(), expected.is_err());
    }
}

#[test]
fn text_is_read_as_by_a_body() {
    let content = |text: &[u8]| [&A.as_bytes()[..A.len() - 6], text, b"\r\n--b--"].concat();
    let mut text = "kept".to_owned();
    let mut wrong = form(&content(b"caf\xe9"));
    let error = wrong.next().unwrap().unwrap().read_to_string(&mut text).unwrap_err();
    assert_eq!((error.kind(), error.into_response().status()), (io::ErrorKind::InvalidData, StatusCode::BAD_REQUEST));
    assert_eq!(text, "kept");
    let mut right = form(&content("caf\u{e9}".as_bytes()));
    assert_eq!(right.next().unwrap().unwrap().read_to_string(&mut text).unwrap(), 5);
    assert_eq!(text, "keptcaf\u{e9}");
}

#[test]
fn limits_may_be_lowered_between_parts() {
    let mut form = form(format!("{A}--{}", " ".repeat(100_000)).as_bytes());
    form.next().unwrap().unwrap().text().unwrap();
    let mut form = form.max_total_bytes(10);
    assert_eq!(form.next().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn unread_content_is_skipped() {
    let mut form = form(format!("{}{}--", A.replace("\r\n1", "\r\n12345"), &A[3..]).as_bytes());
    let mut part = form.next().unwrap().unwrap();
    assert_eq!(part.read(&mut [0; 2]).unwrap(), 2);
    assert_eq!(form.next().unwrap().unwrap().text().unwrap(), "1");
    assert!(form.next().unwrap().is_none());
}

#[test]
fn failures_of_the_content_keep_their_status() {
    for (error, status) in
        [(ProtocolError::Timeout, 408), (ProtocolError::ContentTooLarge, 413), (ProtocolError::ChunkSize, 400)]
    {
        for content in ["", "--b\r\nCon", A, &A[..52], &format!("{A}--")] {
            let failure = io::Error::new(io::ErrorKind::TimedOut, RefusedContent(error));
            let mut form = Multipart::new(&mut arriving([content.as_bytes()], Some(failure))).unwrap();
            let failed = tell(&mut form, 10, &mut String::new()).unwrap_err();
            assert_eq!(failed.status().as_u16(), status, "{content}");
            let response = io::Error::from(failed).into_response();
            assert_eq!(response.status().as_u16(), status, "{content}");
            let text = response.into_body().into_string().unwrap();
            assert!(
                text.starts_with("multipart/form-data cannot be read") && text.contains(&error.to_string()),
                "{text}"
            );
        }
    }
}

#[test]
fn other_failures_are_a_bare_500() {
    let failure = io::Error::new(io::ErrorKind::TimedOut, "secret");
    let mut form = Multipart::new(&mut arriving([A.as_bytes()], Some(failure))).unwrap();
    let response = tell(&mut form, 10, &mut String::new()).unwrap_err().into_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.into_body().into_string().unwrap(), "internal server error\n");
}

#[test]
fn interrupted_reads_are_repeated() {
    let failure = io::Error::from(io::ErrorKind::Interrupted);
    let mut form = Multipart::new(&mut arriving([&b"--b--"[..]], Some(failure))).unwrap();
    assert!(form.next().unwrap().is_none());
}

#[test]
fn forms_and_errors_can_be_sent_to_other_threads() {
    fn is_send<T: Send>() {}
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_send::<Multipart>();
    is_send::<super::Part<'_>>();
    is_error::<Error>();
}
