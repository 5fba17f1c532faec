//! The readers of a request: what each accepts, and the status of what it refuses.

use http::header::CONTENT_TYPE;

use super::*;
use crate::message::Failure;
use crate::message::request::RequestExt;

/// Makes a request with this type and content.
fn request(content_type: &str, content: &[u8]) -> Request<Body> {
    let mut request = Request::new(content.to_vec().into());
    if !content_type.is_empty() {
        request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
    }
    request.headers_mut().insert(CONTENT_LENGTH, content.len().into());
    request
}

/// Returns status and text for the client, without the line end.
fn refused<T>(result: Result<T, ContentError>) -> (u16, String) {
    let Err(error) = result else { panic!("it was read") };
    let failure = Failure::from(error);
    (failure.status().as_u16(), failure.text().trim_end().to_owned())
}

#[test]
fn text_is_decoded_by_its_charset() {
    for (content_type, content, expected) in [
        ("", "t\u{e9}a".as_bytes(), "t\u{e9}a"),
        ("text/plain", "t\u{e9}a".as_bytes(), "t\u{e9}a"),
        ("text/plain; charset=UTF-8", "t\u{e9}a".as_bytes(), "t\u{e9}a"),
        ("text/plain; charset=us-ascii", b"tea", "tea"),
        ("text/plain; charset=\"ISO-8859-1\"", b"t\xe9a", "t\u{e9}a"),
        ("application/octet-stream", b"", ""),
    ] {
        assert_eq!(request(content_type, content).text().unwrap(), expected, "{content_type}");
    }
    let told = refused(request("", b"t\xe9a").text());
    assert_eq!(told, (400, "text that is not UTF-8".to_owned()));
    let told = refused(request("text/plain; charset=utf-16", b"").text());
    assert_eq!(told, (415, "charset utf-16 is not supported; send UTF-8".to_owned()));
}

#[test]
fn second_read_of_content_is_an_error_and_not_empty() {
    type Read = fn(&mut Request<Body>) -> Result<(), ContentError>;
    let readers: [Read; 2] = [|request| request.bytes().map(drop), |request| request.text().map(drop)];
    for first in readers {
        for second in readers {
            let mut request = request("", b"tea");
            first(&mut request).unwrap();
            assert_eq!(refused(second(&mut request)), (500, "internal server error".to_owned()));
            assert!(second(&mut request).unwrap_err().to_string().contains("already taken"));
        }
    }
    let mut taken = request("", b"tea");
    assert_eq!(taken.take_body().into_string().unwrap(), "tea");
    assert!(taken.text().is_err());
    let mut empty = request("", b"");
    assert_eq!((empty.text().unwrap(), empty.text().unwrap()), (String::new(), String::new()));
}

#[cfg(feature = "json")]
#[test]
fn json_of_the_wrong_type_or_form_is_refused_with_the_place() {
    let read = |content_type: &str, content: &[u8]| request(content_type, content).json::<Vec<u8>>();
    for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
        assert_eq!(read(content_type, b" [1, 2] ").unwrap(), [1, 2]);
    }
    for (content_type, found) in [
        ("", "Content-Type is missing, and has to be application/json"),
        ("text/plain", "Content-Type is text/plain, but has to be application/json"),
        ("text/json", "Content-Type is text/json, but has to be application/json"),
        ("application/x+jsonx", "Content-Type is application/x+jsonx, but has to be application/json"),
    ] {
        assert_eq!(refused(read(content_type, b"[]")), (415, found.to_owned()));
    }
    for (content, reason) in [
        (&b""[..], "EOF while parsing a value at line 1 column 0"),
        (b"[1,", "EOF while parsing a value at line 1 column 3"),
        (b"[1]\n x", "trailing characters at line 2 column 2"),
        (b"{}", "invalid type: map, expected a sequence at line 1 column 0"),
        (b"[300]", "[0]: invalid value: integer `300`, expected u8 at line 1 column 4"),
        (b"[\xff]", "[0]: expected value at line 1 column 2"),
    ] {
        let text = format!("the JSON content is malformed: {reason}");
        assert_eq!(refused(read("application/json", content)), (400, text), "{content:?}");
    }
    let deep = b"[".repeat(10_000);
    let told = refused(request("application/json", &deep).json::<serde_json::Value>());
    assert_eq!(told.0, 400, "{}", told.1);
}

#[cfg(feature = "forms")]
#[derive(serde::Deserialize, Debug, PartialEq)]
struct Page {
    page: u32,
    tag: Option<String>,
}

#[cfg(feature = "forms")]
fn asking(target: &str) -> Request<Body> {
    let mut request = Request::<Body>::default();
    *request.uri_mut() = target.parse().unwrap();
    request
}

#[cfg(feature = "forms")]
#[test]
fn query_is_read_as_pairs_and_as_a_value() {
    let pairs = |target: &str| asking(target).query_pairs().unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(pairs("/"), []);
    assert_eq!(pairs("/?"), []);
    assert_eq!(pairs("/?a=b&a=c&&d"), [pair("a", "b"), pair("a", "c"), pair("d", "")]);
    assert_eq!(pairs("/?%61+b=c%20d%26&=e"), [pair("a b", "c d&"), pair("", "e")]);
    assert_eq!(pairs("/?t=%C3%A9&u=%zz%"), [pair("t", "\u{e9}"), pair("u", "%zz%")]);
    let value = asking("/?page=3&tag=a+b&other=1").query::<Page>().unwrap();
    assert_eq!(value, Page { page: 3, tag: Some("a b".to_owned()) });
}

#[cfg(feature = "forms")]
#[test]
fn query_that_does_not_fit_is_refused_with_the_name() {
    for (target, reason) in [
        ("/", "missing field `page`"),
        ("/?page=x", "page: invalid digit found in string"),
        ("/?page=-1", "page: invalid digit found in string"),
        ("/?page=1&page=2", "duplicate field `page`"),
        ("/?page=1&tag=%FF", "pair 2 is not UTF-8"),
        ("/?%80=1", "pair 1 is not UTF-8"),
    ] {
        let text = format!("the query is malformed: {reason}");
        assert_eq!(refused(asking(target).query::<Page>()), (400, text), "{target}");
    }
    assert_eq!(refused(asking("/?a=%FF").query_pairs()).0, 400);
}

#[cfg(feature = "forms")]
#[test]
fn form_is_read_if_its_type_says_so() {
    const TYPE: &str = "application/x-www-form-urlencoded";
    let value = request(TYPE, b"page=7&tag=%C3%A9").form::<Page>().unwrap();
    assert_eq!(value, Page { page: 7, tag: Some("\u{e9}".to_owned()) });
    let pairs = request("Application/X-WWW-Form-Urlencoded; charset=UTF-8", b"a=b").form_pairs().unwrap();
    assert_eq!(pairs, [("a".to_owned(), "b".to_owned())]);
    let told = refused(request("multipart/form-data; boundary=x", b"").form::<Page>());
    assert_eq!(told, (415, format!("Content-Type is multipart/form-data, but has to be {TYPE}")));
    assert_eq!(refused(request("", b"page=1").form_pairs()).0, 415);
    assert_eq!(refused(request(TYPE, b"page").form::<Page>()).0, 400);
    assert_eq!(refused(request(TYPE, b"page=1&x=%ff").form::<Page>()).0, 400);
    assert_eq!(refused(request(TYPE, b"page=1&x=\xff").form_pairs()).0, 400);
}

#[cfg(feature = "forms")]
#[test]
fn forms_have_a_limited_number_of_pairs() {
    const TYPE: &str = "application/x-www-form-urlencoded";
    let form = |pairs: usize| request(TYPE, vec!["a"; pairs].join("&").as_bytes());
    assert_eq!(form(10_000).form_pairs().unwrap().len(), 10_000);
    let text = "the form is malformed: more than 10000 pairs".to_owned();
    assert_eq!(refused(form(10_001).form_pairs()), (400, text.clone()));
    assert_eq!(refused(form(10_001).form::<Vec<(String, String)>>()), (400, text));
}

#[test]
fn content_of_length_zero_may_be_read_twice() {
    for (length, is_empty) in [("0", true), ("00", true), ("1", false), ("10", false)] {
        let mut request = Request::new(Body::default());
        request.headers_mut().insert(CONTENT_LENGTH, length.parse().unwrap());
        assert_eq!(take(&mut request).is_ok(), is_empty, "{length}");
    }
}
