//! JSON API: routes by method and path, JSON in and out, errors as answers, and tests of all of it.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/json_api.rs")]
#![doc = "```"]
//!
//! # Routes
//!
//! [`Router`](crate::router::Router) (feature `router`) chooses by method and path. Without the
//! feature, a `match` on the method and the segments of the path suits a dozen routes:
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::response::NoContent;
//! use drupe::{IntoResponse, Request, Response, testing};
//!
//! fn users(request: &mut Request) -> Response {
//!     let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
//!     match (request.method().as_str(), path.as_slice()) {
//!         ("GET" | "HEAD", ["users", user]) => format!("user {user}\n").into_response(),
//!         ("DELETE", ["users", _]) => NoContent.into_response(),
//!         (_, ["users", _]) => {
//!             let allowed = [("allow", "GET, HEAD, DELETE")];
//!             (StatusCode::METHOD_NOT_ALLOWED, allowed, ()).into_response()
//!         }
//!         _ => (StatusCode::NOT_FOUND, "not found\n").into_response(),
//!     }
//! }
//!
//! # let answer = |line: &str| {
//! #     let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
//! #     String::from_utf8(testing::exchange(users, head.as_bytes())).unwrap()
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
//! - `request.uri()` has the path and the query as the client sent them: percent-encoded, with `//`
//!   and `..` kept. Decode a segment after the split, never before, for instance with the crate
//!   `percent-encoding`. A decoded segment may contain `/`, `..` and bytes that are not UTF-8.
//! - An absolute target (`GET http://a/b`) arrives as `/b`, and its host replaces `Host`.
//!   `OPTIONS *` arrives with the path `*`. Any other target begins with `/`.
//! - [`request.host()`](crate::RequestExt::host) has the host that the client asked for, to serve
//!   several names. The client chooses the value.
//! - Methods are case-sensitive: any token of up to 32 bytes without small letters is a method, and
//!   `get` is a 400. The handler gets unknown methods too, and usually answers 405 or 501. The
//!   server answers `CONNECT` with 405, and a longer method with 501.
//! - Answer `HEAD` like `GET`: the server keeps `Content-Length` and does not send the content.
//!
//! | limit | setting | answer |
//! |---|---|---|
//! | target of 8 KiB | [`max_request_target_size`](crate::Settings::max_request_target_size) | 414 |
//! | head of 500 KiB | [`max_request_header_size`](crate::Settings::max_request_header_size) | 431 |
//! | 100 field lines | [`max_request_header_fields`](crate::Settings::max_request_header_fields) | 431 |
//!
//! # JSON
//!
//! With the feature `json`, [`request.json()`](crate::RequestExt::json) reads a value, and
//! [`Json`](crate::response::Json) sends one. A `Content-Type` other than `application/json` or
//! `application/…+json` is a 415. Content that does not fit is a 400 with line and column. The
//! limits of all content apply ([`upload`](super::upload)).
//!
//! # Errors
//!
//! A handler returns a `Result`; both `Ok` and `Err` become answers:
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::{Failure, OrStatus, Request, RequestExt, testing};
//!
//! fn brew(request: &mut Request) -> Result<String, Failure> {
//!     let order = request.text()?; // 400, 408, 413 or 415
//!     let (tea, cups) = order.split_once(' ').or_status(StatusCode::BAD_REQUEST)?;
//!     if tea == "coffee" {
//!         return Err(Failure::new(StatusCode::IM_A_TEAPOT, "only tea here\n"));
//!     }
//!     let cups: u32 = cups.parse().or_status(StatusCode::UNPROCESSABLE_ENTITY)?;
//!     let stock = std::fs::read_to_string("/nonexistent/stock")?; // any error: 500
//!     Ok(format!("{cups} cups of {tea}, {stock} left\n"))
//! }
//!
//! # let post = |content: &[u8]| {
//! #     let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
//! #     String::from_utf8(testing::exchange(brew, &[head.as_bytes(), content].concat())).unwrap()
//! # };
//! // `post` sends content, and returns the answer as it is on the wire.
//! assert!(post(b"\xff").starts_with("HTTP/1.1 400 Bad Request\r\n"));
//! assert!(post(b"oolong").starts_with("HTTP/1.1 400 Bad Request\r\n"));
//! assert!(post(b"coffee 1").ends_with("\r\n\r\nonly tea here\n"));
//! assert!(post(b"oolong two").starts_with("HTTP/1.1 422 Unprocessable Entity\r\n"));
//! let failed = post(b"oolong 2");
//! assert!(failed.starts_with("HTTP/1.1 500 ") && !failed.contains("stock"), "{failed}");
//! ```
//!
//! - Every error becomes a [`Failure`](crate::Failure) by `?`, those of `anyhow` too: a 500 that is
//!   logged with method, target, client and all causes. The client sees none of the text.
//! - Errors of reading the request keep their status, wherever they are among the causes.
//!   [`or_status`](crate::OrStatus::or_status) gives any other `Result` or `Option` a status, and
//!   [`or_status_if`](crate::OrStatus::or_status_if) only some errors, such as a missing file. A
//!   failure below 500 is the client's fault, and is logged at level `debug` only.
//! - `std::io::Result<T>` is enough for many handlers, and a status is the shortest error:
//!   `Err(StatusCode::FORBIDDEN)` in a `Result<T, StatusCode>`. Beside failures, write
//!   `Failure::new(StatusCode::FORBIDDEN, "not yours\n")`: `?` takes no status. An error type of
//!   your own implements [`IntoResponse`](crate::IntoResponse).
//! - A panic becomes a 500 too, or cuts the connection if the answer has begun. The worker and all
//!   other connections go on.
//! - The server refuses malformed, late and large requests by itself, answers 503 when it has no
//!   room, and closes the connection. [`Server::on_refusal`](crate::Server::on_refusal) gives these
//!   answers fields and content of your own. [`tables`](crate::guide::tables#status-codes) lists
//!   each status with its setting.
//!
//! # Tests
//!
//! Three ways to call a handler, from a plain call to a client over a port:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::http::{self, StatusCode};
//! use drupe::{Body, Failure, Request, RequestExt, testing};
//!
//! fn echo(request: &mut Request) -> Result<String, Failure> {
//!     Ok(request.text()?)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 1. The function alone: no socket, no limits, no fields of the server.
//! let request = http::Request::post("/").body(Body::from("tea"))?;
//! let response = testing::call(&echo, request);
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(response.into_body().into_string()?, "tea");
//!
//! // 2. Bytes in, bytes out, in memory: parsing, limits and framing are the server's.
//! let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
//! let answer = testing::exchange(echo, post);
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\ntea"));
//!
//! // 3. A server on a free port of 127.0.0.1, for real clients, stopped when dropped.
//! let server = testing::TestServer::with(echo, |settings| {
//!     settings.max_request_body_size = Some(2);
//! });
//! let mut client = TcpStream::connect(server.address())?;
//! client.write_all(post)?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! | to test | use |
//! |---|---|
//! | the logic of a handler | [`call`](crate::testing::call) |
//! | statuses of malformed, large or pipelined requests | [`exchange`](crate::testing::exchange) |
//! | the answers to a pipeline, taken apart | [`answers`](crate::testing::answers) |
//! | the same under settings of your own, in given pieces, or over TLS | [`Conversation`](crate::testing::Conversation) |
//! | your HTTP client, time limits, streams, a stop | [`TestServer`](crate::testing::TestServer) |
//! | the settings alone, without opening a port | [`Server::check`](crate::Server::check) |
//!
//! - [`TestRequest`](crate::testing::TestRequest) makes requests for `call` with a body limit and a
//!   client: address, user and groups, TLS, proxies. Without `TestRequest`,
//!   [`peer`](crate::Connection::peer) is `None` in `call`, `exchange` and `Conversation`. No time
//!   limit expires in these three.
//! - `exchange` sends all bytes, then closes its side. The result has every answer, one after the
//!   other, with interim answers such as `100 Continue`.
//! - `Conversation::run` takes pieces, each of which arrives alone: split a request anywhere to
//!   test that the split does not matter.
//! - [`TestServer::url`](crate::testing::TestServer::url) makes the URL for an HTTP client.
//!   [`server()`](crate::testing::TestServer::server) gives the server, with its
//!   [`statistics`](crate::Server::statistics), to assert counts instead of times.
//! - [`TestServer::unix`](crate::testing::TestServer::unix) listens on a Unix socket,
//!   [`TestServer::tls`](crate::testing::TestServer::tls) over TLS (feature `testing-tls`).
//! - `TestServer` ignores the address in the settings, and panics if the server cannot start.
//! - Use a short setting instead of a sleep: with `body_timeout` of 50 ms, a client that sends half
//!   of its content gets its 408 soon.
//! - [`into_string`](crate::Body::into_string) runs a stream that `call` returned, and gathers at
//!   most 64 MiB. Meanwhile [`stops_within`](crate::BodyWriter::stops_within) and
//!   [`is_shutting_down`](crate::BodyWriter::is_shutting_down) are true, so that an endless stream
//!   ends.
//!
//! Next: [`upload`](super::upload).
