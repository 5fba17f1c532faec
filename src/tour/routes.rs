//! Routes: a `match` on the method and the segments of the path.
//!
//! ```
//! use drupe::http::{StatusCode, header::ALLOW};
//! use drupe::{IntoResponse, Request, Response, testing};
//!
//! fn handler(request: &mut Request) -> Response {
//!     let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
//!     match (request.method().as_str(), path.as_slice()) {
//!         ("GET" | "HEAD", [""]) => "home\n".into_response(),
//!         ("GET" | "HEAD", ["users", user]) => format!("user {user}\n").into_response(),
//!         ("DELETE", ["users", _user]) => StatusCode::NO_CONTENT.into_response(),
//!         (_, ["users", _user]) => not_allowed("GET, HEAD, DELETE"),
//!         _ => (StatusCode::NOT_FOUND, "not found\n").into_response(),
//!     }
//! }
//!
//! fn not_allowed(methods: &'static str) -> Response {
//!     let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
//!     response.headers_mut().insert(ALLOW, methods.parse().expect("names of methods"));
//!     response
//! }
//!
//! # let answer = |line: &str| {
//! #     let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
//! #     String::from_utf8(testing::exchange(handler, head.as_bytes())).unwrap()
//! # };
//! // `answer` sends a request line, and returns the answer as it is on the wire.
//! assert!(answer("GET /users/7?verbose").ends_with("\r\n\r\nuser 7\n"));
//! assert!(answer("HEAD /users/7").contains("Content-Length: 7\r\n"));
//! assert!(answer("DELETE /users/7").starts_with("HTTP/1.1 204 No Content\r\n"));
//! assert!(answer("POST /users/7").contains("allow: GET, HEAD, DELETE\r\n"));
//! assert!(answer("GET /users/").ends_with("\r\n\r\nuser \n"), "the last segment is empty");
//! assert!(answer("GET /teapots").starts_with("HTTP/1.1 404 Not Found\r\n"));
//! ```
//!
//! For more routes, `drupe::router::Router` (feature `router`) has patterns with parameters, answers
//! `HEAD`, `OPTIONS`, 404 and 405, mounts handlers below a path, and sets limits by route:
//! `Router::new().get("/users/{user}", user).delete("/users/{user}", remove)`.
//!
//! # The path
//!
//! - `request.uri()` has the path and the query as the client sent them: percent-encoded, with `//`
//!   and `..` kept. Decode a segment after the split, never before, for instance with the crate
//!   `percent-encoding`. A decoded segment may contain `/`, `..` and bytes that are not UTF-8.
//! - `request.uri().query()` is the text behind `?`; the crate `form_urlencoded` reads its pairs.
//! - An absolute target (`GET http://a/b`) arrives as `/b`, and its host replaces `Host`.
//! - `OPTIONS *` arrives with the path `*`. Any other target begins with `/`.
//! - [`request.host()`](crate::RequestExt::host) has the host that the client asked for, to serve
//!   several names. The client chooses the value.
//!
//! # The method
//!
//! - Methods are case-sensitive, and any token is one. The handler gets unknown methods too, and
//!   decides; 501 or 405 is usual.
//! - Answer `HEAD` like `GET`: the server keeps `Content-Length` and does not send the content.
//! - `CONNECT` gets 405 from the server.
//!
//! # Limits
//!
//! | limit | setting | answer |
//! |---|---|---|
//! | target of 8 KiB | [`max_request_target_size`](crate::Settings::max_request_target_size) | 414 |
//! | head of 500 KiB | [`max_request_header_size`](crate::Settings::max_request_header_size) | 431 |
//! | 100 field lines | [`max_request_header_fields`](crate::Settings::max_request_header_fields) | 431 |
//!
//! A directory of files is a handler, [`Files`](crate::Files), with content types, ranges and
//! validators; requests cannot escape the directory. Call [`handle`](crate::Handler::handle) on it from
//! an arm of the `match`.
//!
//! Next: [`content`](super::content).
