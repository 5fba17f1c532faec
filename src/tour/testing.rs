//! Tests: three ways to call a handler, from a plain call to a client over a port.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::http::{self, StatusCode};
//! use drupe::{Body, Request, testing};
//!
//! fn echo(request: &mut Request) -> std::io::Result<String> {
//!     std::mem::take(request.body_mut()).into_string()
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
//! # Which one
//!
//! | to test | use |
//! |---|---|
//! | the logic of a handler | [`call`](crate::testing::call) |
//! | statuses of malformed, large or pipelined requests | [`exchange`](crate::testing::exchange) |
//! | the same under settings of your own, in given pieces, or over TLS | [`Conversation`](crate::testing::Conversation) |
//! | your HTTP client, time limits, streams, a stop | [`TestServer`](crate::testing::TestServer) |
//!
//! # What to know
//!
//! - In the first two, [`peer`](crate::Connection::peer) is `None`, and no time passes: no time
//!   limit can expire.
//! - `exchange` sends all bytes, then closes its side. The result has every answer, one after the
//!   other, and interim ones such as `100 Continue`.
//! - `Conversation::run` takes pieces, each of which arrives alone: split a request anywhere to test
//!   that the split does not matter.
//! - [`TestServer::url`](crate::testing::TestServer::url) makes the URL for an HTTP client.
//!   [`server()`](crate::testing::TestServer::server) gives the server, with its
//!   [`statistics`](crate::Server::statistics), to assert counts instead of times.
//! - `TestServer` ignores the address in the settings, and panics if the server cannot start.
//! - Use a short setting instead of a sleep: with `body_timeout` of 50 ms, a client that sends half
//!   of its content gets its 408 soon.
//! - [`into_string`](crate::Body::into_string) runs a stream that `call` returned, and gathers at most
//!   64 MiB. Meanwhile [`stops_within`](crate::BodyWriter::stops_within) and
//!   [`is_shutting_down`](crate::BodyWriter::is_shutting_down) are true, so that an endless stream
//!   ends.
//! - A test of the settings alone calls [`Server::check`](crate::Server::check), which opens no
//!   port.
//!
//! Next: [`stop`](super::stop).
