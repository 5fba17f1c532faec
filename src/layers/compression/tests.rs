use std::io::{Read, Write};

use flate2::read::{GzDecoder, ZlibDecoder};
use http::header::{ACCEPT_ENCODING, VARY};

use super::*;
use crate::message::IntoResponse;

type Make = fn() -> Response;

fn text() -> String {
    "to be or not to be, ".repeat(100)
}

/// A response with fields.
fn with<const N: usize>(body: impl Into<Body>, fields: [(&'static str, &'static str); N]) -> Response {
    let mut response = Response::new(body.into());
    for (name, value) in fields {
        response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn stream() -> Body {
    Body::stream(|writer| writer.write_all(text().as_bytes()))
}

/// Returns the response to a request with these fields.
fn ask(method: Method, fields: &[(HeaderName, &'static str)], make: Make) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    for (name, value) in fields {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    compress(move |_: &mut Request| make()).handle(&mut request)
}

fn get(make: Make) -> Response {
    ask(Method::GET, &[(ACCEPT_ENCODING, "gzip")], make)
}

fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn clients_get_the_coding_they_accept() {
    for (accepts, coding) in
        [("gzip", Some("gzip")), ("deflate", Some("deflate")), ("gzip;q=0", None), ("identity, br", None), ("", None)]
    {
        for make in [|| with(text(), []), || with(stream(), [])] as [Make; 2] {
            let response = ask(Method::GET, &[(ACCEPT_ENCODING, accepts)], make);
            assert_eq!(
                (field(&response, "content-encoding"), field(&response, "vary")),
                (coding, Some("Accept-Encoding"))
            );
            let content = response.into_body().into_vec().unwrap();
            let mut decoded = String::new();
            match coding {
                Some("gzip") => GzDecoder::new(&content[..]).read_to_string(&mut decoded).unwrap(),
                Some(_) => ZlibDecoder::new(&content[..]).read_to_string(&mut decoded).unwrap(),
                None => (&content[..]).read_to_string(&mut decoded).unwrap(),
            };
            assert!(decoded == text() && (coding.is_none() || content.len() < 100), "{accepts}");
        }
    }
    assert_eq!(field(&ask(Method::GET, &[], || with(text(), [])), "content-encoding"), None);
}

/// Responses that are compressed, and those that are not.
#[test]
fn responses_that_gain_nothing_or_must_not_change_are_left_alone() {
    let cases: &[(&str, Make, bool)] = &[
        ("text", || text().into_response(), true),
        ("no type", || with(text(), []), true),
        ("255 bytes", || with("x".repeat(255), []), false),
        ("256 bytes", || with("x".repeat(256), []), true),
        ("nothing", || ().into_response(), false),
        ("a stream", || with(stream(), []), true),
        ("a stream of 255 bytes", || with(stream(), [("content-length", "255")]), false),
        ("a short reader", || with(Body::sized(std::io::empty(), 255), []), false),
        ("a reader", || with(Body::from_reader(std::io::empty()), []), true),
        ("a coding", || with(text(), [("content-encoding", "br")]), false),
        ("no coding, in words", || with(text(), [("content-encoding", "identity")]), false),
        ("a range", || with(text(), [("content-range", "bytes 0-1999/4000")]), false),
        ("a digest", || with(text(), [("content-digest", "sha-256=:YQ==:")]), false),
        ("no-transform", || with(text(), [("cache-control", "public, No-Transform")]), false),
        ("a public one", || with(text(), [("cache-control", "public, max-age=1")]), true),
        ("404", || (StatusCode::NOT_FOUND, text()).into_response(), true),
        ("500", || (StatusCode::INTERNAL_SERVER_ERROR, text()).into_response(), true),
        ("204", || (StatusCode::NO_CONTENT, text()).into_response(), false),
        ("205", || (StatusCode::RESET_CONTENT, text()).into_response(), false),
        ("102", || (StatusCode::PROCESSING, text()).into_response(), false),
        ("an upgrade", || crate::message::upgrade(&Request::default(), "x", |_| {}), false),
    ];
    for (name, make, expected) in cases {
        let response = get(*make);
        let is_vary = field(&response, "vary").is_some();
        let is_encoded = field(&response, "content-encoding").is_some_and(|coding| coding == "gzip");
        assert_eq!((is_encoded, is_vary), (*expected, *expected), "{name}");
        let plain = ask(Method::GET, &[], *make);
        assert_eq!(field(&plain, "vary").is_some(), *expected, "{name}");
    }
    // As the whole content of the same request would have.
    let part = get(|| (StatusCode::PARTIAL_CONTENT, text()).into_response());
    assert_eq!((field(&part, "content-encoding"), field(&part, "vary")), (None, Some("Accept-Encoding")));
}

#[test]
fn types_that_are_compressed_already_are_left_alone() {
    for (media_type, expected) in [
        ("text/html; charset=utf-8", true),
        ("TEXT/HTML", true),
        ("text/event-stream", true),
        ("application/json", true),
        ("application/problem+json", true),
        ("application/wasm", true),
        ("application/octet-stream", true),
        ("image/svg+xml", true),
        ("Image/SVG+XML;charset=utf-8", true),
        ("font/ttf", true),
        ("nonsense", true),
        ("image/png", false),
        ("IMAGE/PNG", false),
        ("image/webp ; x=y", false),
        ("video/mp4", false),
        ("audio/mpeg", false),
        ("font/woff2", false),
        ("application/zip", false),
        ("application/gzip", false),
        ("application/epub+zip", false),
        ("application/x-7z-compressed", false),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", false),
        ("application/vnd.oasis.opendocument.text", false),
    ] {
        let fields = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        assert_eq!(is_compressible_type(&fields), expected, "{media_type}");
    }
}

#[test]
fn fields_describe_the_compressed_content() {
    let response = get(|| {
        with(text(), [("etag", "\"a\""), ("accept-ranges", "bytes"), ("content-length", "2000"), ("vary", "Origin")])
    });
    let length = response.body().content_length().unwrap();
    assert!(length < 100);
    assert_eq!(field(&response, "etag"), Some("W/\"a\""));
    assert_eq!((field(&response, "accept-ranges"), field(&response, "content-length")), (None, None));
    let vary: Vec<_> = response.headers().get_all(VARY).into_iter().collect();
    assert_eq!(vary, ["Origin", "Accept-Encoding"]);
    // Nothing but Vary changes for a client without compression.
    let response = ask(Method::GET, &[], || with(text(), [("etag", "\"a\""), ("accept-ranges", "bytes")]));
    assert_eq!((field(&response, "etag"), field(&response, "accept-ranges")), (Some("\"a\""), Some("bytes")));
    assert_eq!(field(&get(|| with(text(), [("etag", "W/\"a\"")])), "etag"), Some("W/\"a\""));
}

#[test]
fn content_that_does_not_get_shorter_is_sent_as_it_is() {
    let noise = || -> Vec<u8> {
        let mut seed = 1_u32;
        let next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(1000).collect()
    };
    for method in [Method::GET, Method::HEAD] {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let response = compress(move |_: &mut Request| noise()).handle(&mut request);
        assert_eq!((field(&response, "content-encoding"), field(&response, "vary")), (None, Some("Accept-Encoding")));
        assert_eq!(response.into_body().into_vec().unwrap(), noise());
    }
}

#[test]
fn much_content_in_memory_is_compressed_while_it_is_sent() {
    let length = |size: usize| {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let response = compress(move |_: &mut Request| "x".repeat(size)).handle(&mut request);
        assert_eq!(field(&response, "content-encoding"), Some("gzip"));
        response.body().content_length()
    };
    assert!(length(AT_ONCE).is_some());
    assert_eq!(length(AT_ONCE + 1), None);
}

#[test]
fn head_is_answered_like_get() {
    let cases: &[(Make, Option<&str>)] = &[
        (|| with(text(), [("etag", "\"a\"")]), Some("gzip")),
        (|| with(stream(), []), Some("gzip")),
        (|| with(text(), [("content-type", "image/png")]), None),
        // Without content, as many handlers answer HEAD.
        (|| with(Body::empty(), [("content-length", "2000")]), Some("gzip")),
        (|| with("", [("content-length", "2000")]), Some("gzip")),
        (|| with(Body::empty(), [("content-length", "255")]), None),
        (|| with(Body::empty(), []), None),
    ];
    for (make, coding) in cases {
        let head = ask(Method::HEAD, &[(ACCEPT_ENCODING, "gzip")], *make);
        assert_eq!(field(&head, "content-encoding"), *coding);
        let get = ask(Method::GET, &[(ACCEPT_ENCODING, "gzip")], *make);
        if !get.body().is_empty() {
            assert_eq!((head.headers(), head.body().content_length()), (get.headers(), get.body().content_length()));
        } else if coding.is_some() {
            assert_eq!((head.headers().get(CONTENT_LENGTH), head.body().content_length()), (None, None));
        }
    }
}

#[test]
fn not_modified_confirms_the_tag_that_the_client_knows() {
    for (known, expected) in [
        (Some("W/\"a\""), "W/\"a\""),
        (Some("\"b\", W/\"a\""), "W/\"a\""),
        (Some("\"a\""), "\"a\""),
        (Some("W/\"b\""), "\"a\""),
        (Some("*"), "\"a\""),
        (None, "\"a\""),
    ] {
        let known: Vec<_> = known.map(|known| (IF_NONE_MATCH, known)).into_iter().collect();
        let response = ask(Method::GET, &known, || {
            let mut response = with(Body::empty(), [("etag", "\"a\"")]);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        });
        assert_eq!((field(&response, "etag"), field(&response, "vary")), (Some(expected), Some("Accept-Encoding")));
        assert_eq!(field(&response, "content-encoding"), None);
    }
}

#[test]
fn not_modified_tells_no_length_that_the_compressed_content_would_not_have() {
    let make = || {
        let mut response = with(Body::empty(), [("content-length", "2000")]);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    };
    assert_eq!(field(&get(make), "content-length"), None);
    assert_eq!(field(&ask(Method::GET, &[], make), "content-length"), Some("2000"));
}

#[test]
fn not_modified_varies_only_if_the_whole_content_would() {
    let not_modified = |media_type: &str, length, is_encoded, control| {
        let mut response = with(Body::empty(), [("etag", "\"a\""), ("cache-control", control)]);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.extensions_mut().insert(UnsentContent { media_type: media_type.to_owned(), length, is_encoded });
        let asked = Asked { coding: Some(Coding::Gzip), is_head: false, known: vec!["W/\"a\"".parse().unwrap()] };
        let response = asked.answer(response);
        (field(&response, "vary").is_some(), field(&response, "etag").unwrap().starts_with('W'))
    };
    let (no, yes) = ((false, false), (true, true));
    for (media_type, length, is_encoded, control, expected) in [
        ("text/html; charset=utf-8", Some(256), false, "no-cache", yes),
        ("text/html; charset=utf-8", None, false, "no-cache", yes),
        ("text/html; charset=utf-8", Some(255), false, "no-cache", no),
        ("text/html; charset=utf-8", Some(256), true, "no-cache", no),
        ("text/html; charset=utf-8", Some(256), false, "no-cache, no-transform", no),
        ("image/png", Some(256), false, "no-cache", no),
    ] {
        assert_eq!(
            not_modified(media_type, length, is_encoded, control),
            expected,
            "{media_type} {length:?} {control}"
        );
    }
    let part = get(|| (StatusCode::PARTIAL_CONTENT, with(text(), [("cache-control", "no-transform")])).into_response());
    assert_eq!((part.status().as_u16(), field(&part, "vary")), (206, None));
}

#[test]
fn limits_and_marks_of_the_handler_stay() {
    let inner = (|_: &mut Request| "tea").prompt();
    struct Limited<H>(H);
    impl<H: Handler> Handler for Limited<H> {
        fn handle(&self, request: &mut Request) -> Response {
            self.0.handle(request)
        }

        fn body_limit(&self, _: &Method, _: &http::Uri) -> Option<u64> {
            Some(7)
        }

        fn is_prompt(&self, method: &Method, target: &http::Uri) -> bool {
            self.0.is_prompt(method, target)
        }
    }
    let (method, target) = (Method::GET, http::Uri::from_static("/"));
    let check = |handler: &dyn Handler| {
        assert_eq!((handler.body_limit(&method, &target), handler.is_prompt(&method, &target)), (Some(7), true));
    };
    check(&compress(Limited(inner)));
    check(&Limited(inner).with(compress));
}

#[test]
fn stream_shorter_than_declared_is_no_complete_answer() {
    let declared = |length: &'static str| {
        let mut response = with(stream(), []);
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static(length));
        response
    };
    let whole = Asked { coding: Some(Coding::Gzip), is_head: false, known: vec![] }.answer(declared("2000"));
    assert!(whole.into_body().into_vec().is_ok());
    let short = Asked { coding: Some(Coding::Gzip), is_head: false, known: vec![] }.answer(declared("2001"));
    assert_eq!(short.into_body().into_vec().unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}
