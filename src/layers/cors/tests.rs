use std::panic::catch_unwind;

use super::*;
use crate::message::{Failure, handler};

/// Answers a request with these fields, and returns the answer as lines: status, fields in order of
/// name, content.
fn ask(cors: Cors, method: Method, fields: &[(&'static str, &str)]) -> String {
    let page = handler(|request| ([("vary", "accept-encoding")], request.method().to_string()));
    told(page.with(cors).handle(&mut request(method, "/", fields)))
}

fn request(method: Method, target: &'static str, fields: &[(&'static str, &str)]) -> Request {
    let mut request = Request::default();
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in fields {
        request.headers_mut().append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request
}

fn told(response: Response) -> String {
    let short = |name: &HeaderName| name.as_str().replace("access-control-", "");
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| *name != "content-type")
        .map(|(name, value)| format!("{}: {}", short(name), value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.insert(0, response.status().as_u16().to_string());
    lines.push(response.into_body().into_string().unwrap());
    lines.join("\n")
}

/// A preflight for `method`, with names of fields.
fn preflight<'a>(origin: &'a str, method: &'a str, fields: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut all = vec![("origin", origin), ("access-control-request-method", method)];
    if !fields.is_empty() {
        all.push(("access-control-request-headers", fields));
    }
    all
}

const A: &str = "https://a.example";

fn listed() -> Cors {
    Cors::new().origin(A).origins(["http://localhost:3000"])
}

#[test]
fn listed_origin_is_repeated_and_others_get_vary_only() {
    let allowed = |origin: &str| format!("200\nallow-origin: {origin}\nvary: accept-encoding\nvary: origin\nGET");
    let other = "200\nvary: accept-encoding\nvary: origin\nGET";
    for origin in [A, "http://localhost:3000"] {
        assert_eq!(ask(listed(), Method::GET, &[("origin", origin)]), allowed(origin));
    }
    for origin in [
        "https://a.example.",
        "https://a.example/",
        "https://a.example:443",
        "https://A.example",
        "http://a.example",
        "https://a.example.evil.example",
        "https://sub.a.example",
        "https://a.exampl",
        "null",
        "*",
        "",
        "https://a.example, https://a.example",
        "https://a.example http://localhost:3000",
        "caf\u{e9}",
    ] {
        assert_eq!(ask(listed(), Method::GET, &[("origin", origin)]), other, "{origin}");
    }
    assert_eq!(ask(listed(), Method::GET, &[]), other);
    assert_eq!(ask(listed(), Method::GET, &[("origin", A), ("origin", A)]), other);
    assert_eq!(ask(Cors::new(), Method::GET, &[("origin", A)]), other);
}

#[test]
fn any_origin_is_a_star_for_every_request_without_vary() {
    for fields in [&[("origin", A)][..], &[("origin", "null")], &[]] {
        let answer = ask(Cors::new().any_origin(), Method::GET, fields);
        assert_eq!(answer, "200\nallow-origin: *\nvary: accept-encoding\nGET");
    }
}

#[test]
fn predicate_sees_origin_and_request() {
    let cors =
        || listed().origin_if(|origin, request| origin.ends_with(".b.example") && request.method() == Method::PUT);
    let is_allowed = |method, origin| ask(cors(), method, &[("origin", origin)]).contains("allow-origin");
    assert!(is_allowed(Method::PUT, "https://x.b.example") && is_allowed(Method::GET, A));
    assert!(!is_allowed(Method::GET, "https://x.b.example") && !is_allowed(Method::PUT, "https://b.example"));
}

#[test]
fn credentials_and_exposed_fields_are_told_to_allowed_origins_only() {
    let cors = || listed().credentials().expose(["X-Request-Id", "etag"]);
    let expected = "200\nallow-credentials: true\nallow-origin: https://a.example\nexpose-headers: x-request-id, etag\n\
                    vary: accept-encoding\nvary: origin\nGET";
    assert_eq!(ask(cors(), Method::GET, &[("origin", A)]), expected);
    let other = "200\nvary: accept-encoding\nvary: origin\nGET";
    assert_eq!(ask(cors(), Method::GET, &[("origin", "https://b.example")]), other);
}

#[test]
fn preflight_is_answered_without_the_handler() {
    let vary = "vary: origin, access-control-request-method, access-control-request-headers\n";
    let cors = || {
        let cors = listed().methods([Method::PUT, Method::from_bytes(b"PURGE").unwrap()]).methods([Method::DELETE]);
        cors.fields(["Content-Type", "authorization"]).expose(["etag"]).max_age(Duration::from_millis(90_900))
    };
    // Lists are told whatever the preflight asks for: the browser then names the mistake.
    let expected = format!(
        "204\nallow-headers: content-type, authorization\nallow-methods: PUT, PURGE, DELETE\n\
         allow-origin: https://a.example\nmax-age: 90\n{vary}"
    );
    for (method, fields) in [("PUT", "content-type"), ("PATCH", "x-other"), ("GET", "")] {
        assert_eq!(ask(cors(), Method::OPTIONS, &preflight(A, method, fields)), expected);
    }
    assert_eq!(ask(cors(), Method::OPTIONS, &preflight("https://b.example", "PUT", "")), format!("204\n{vary}"));
    let bare = ask(listed(), Method::OPTIONS, &preflight(A, "PUT", "x"));
    assert_eq!(bare, format!("204\nallow-origin: https://a.example\n{vary}"));
    let any = ask(Cors::new().any_origin(), Method::OPTIONS, &preflight("null", "GET", ""));
    assert_eq!(any, format!("204\nallow-origin: *\n{vary}"));
    let with = ask(listed().credentials(), Method::OPTIONS, &preflight(A, "GET", ""));
    assert_eq!(with, format!("204\nallow-credentials: true\nallow-origin: https://a.example\n{vary}"));
}

#[test]
fn every_method_and_field_is_what_the_preflight_names() {
    let cors = || listed().credentials().any_method().any_field();
    let answer = ask(cors(), Method::OPTIONS, &preflight(A, "PROPFIND", "authorization,x-b"));
    assert!(answer.contains("allow-headers: authorization,x-b\nallow-methods: PROPFIND\n"), "{answer}");
    let answer = ask(cors(), Method::OPTIONS, &preflight(A, "a\"b", "caf\u{e9}"));
    assert!(!answer.contains("allow-headers") && !answer.contains("allow-methods"), "{answer}");
}

#[test]
fn other_options_reach_the_handler() {
    let method = ("access-control-request-method", "PUT");
    for fields in [&[("origin", A)][..], &[method], &[]] {
        assert!(ask(listed(), Method::OPTIONS, fields).ends_with("\nOPTIONS"), "{fields:?}");
    }
    assert!(ask(listed(), Method::GET, &[("origin", A), method]).ends_with("\nGET"));
}

#[test]
fn preflight_for_a_private_network_is_not_allowed() {
    let mut fields = preflight(A, "GET", "");
    fields.push(("access-control-request-private-network", "true"));
    assert!(!ask(listed(), Method::OPTIONS, &fields).contains("private-network"));
}

#[test]
fn failures_are_readable_by_the_origin_too() {
    let page = handler(|_| Err::<(), _>(Failure::new(StatusCode::NOT_FOUND, "none"))).with(listed());
    let mut request = request(Method::GET, "/none", &[("origin", A)]);
    assert_eq!(told(page.handle(&mut request)), "404\nallow-origin: https://a.example\nvary: origin\nnone");
}

#[test]
fn fields_of_the_handler_are_replaced_and_vary_is_not_doubled() {
    for vary in ["Origin", "accept, ORIGIN", "*", "a , origin"] {
        let page = handler(move |_| {
            let own = ([("access-control-allow-origin", "*")], ());
            ([("vary", vary)], own)
        });
        let answer = told(page.with(listed()).handle(&mut request(Method::GET, "/", &[("origin", A)])));
        assert_eq!(answer, format!("200\nallow-origin: https://a.example\nvary: {vary}\n"));
    }
    let page = handler(|_| ([("vary", "original, x-origin")], ()));
    let answer = told(page.with(listed()).handle(&mut request(Method::GET, "/", &[])));
    assert_eq!(answer, "200\nvary: origin\nvary: original, x-origin\n");
}

#[test]
fn star_with_credentials_is_refused_at_the_start() {
    assert!(catch_unwind(|| Cors::new().any_origin().credentials()).is_err());
    assert!(catch_unwind(|| Cors::new().credentials().any_origin()).is_err());
}

#[test]
fn origin_that_no_browser_sends_is_refused_at_the_start() {
    for origin in
        ["https://a", "http://localhost:3000", "http://[::1]:8443", "http://[::1]", "tauri://localhost", "http://a:443"]
    {
        assert_eq!(Cors::new().origin(origin).origins.len(), 1);
        assert!(Cors::is_origin(origin), "{origin}");
    }
    for origin in [
        "*",
        "null",
        "",
        "a.example",
        "https://",
        "://a",
        "https://a:",
        "https://a:x",
        "https://a:0443",
        "https://a:65536",
        "http://[::1]:80443",
        "http://::1",
        "https://a/",
        "https://a/b",
        "https://A",
        "HTTPS://a",
        "https://a:443",
        "http://a:80",
        "https://*.a",
        "https://a b",
        "https://u@a",
        "https://a?b",
        "https://a#b",
        "https://a,https://b",
        "https://caf\u{e9}",
        "https://a\r\nb: c",
    ] {
        assert!(catch_unwind(|| Cors::new().origin(origin)).is_err(), "{origin}");
        assert!(!Cors::is_origin(origin), "{origin}");
    }
    for name in ["*", "a b", "", "caf\u{e9}"] {
        assert!(catch_unwind(|| Cors::new().fields([name])).is_err(), "{name}");
        assert!(catch_unwind(|| Cors::new().expose([name])).is_err(), "{name}");
    }
}
