//! Content: a request's body is a `Read` within limits, and an answer is any value that becomes a
//! response.
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::{Request, RequestExt, testing};
//!
//! fn shout(request: &mut Request) -> std::io::Result<(StatusCode, String)> {
//!     request.body_limit(16); // bytes; 413 above
//!     let text = std::mem::take(request.body_mut()).into_string()?;
//!     Ok((StatusCode::CREATED, text.to_uppercase()))
//! }
//!
//! # let post = |content: &[u8]| {
//! #     let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
//! #     let bytes = [head.as_bytes(), content].concat();
//! #     String::from_utf8(testing::exchange(shout, &bytes)).unwrap()
//! # };
//! // `post` sends content, and returns the answer as it is on the wire.
//! assert!(post(b"hello").starts_with("HTTP/1.1 201 Created\r\n"));
//! assert!(post(b"hello").ends_with("\r\n\r\nHELLO"));
//! assert!(post(b"seventeen letters").starts_with("HTTP/1.1 413 "));
//! assert!(post(b"not UTF-8: \xff").starts_with("HTTP/1.1 400 "));
//! ```
//!
//! # Content of a request
//!
//! - `std::mem::take(request.body_mut())` takes the [`Body`](crate::Body), to read it as a whole
//!   ([`into_vec`](crate::Body::into_vec), [`into_string`](crate::Body::into_string)), in pieces
//!   (`Read`), or to send it back as the answer.
//! - The body is decoded: chunks are joined. `request.body().content_length()` is known with `Content-Length`.
//! - [`trailers`](crate::Body::trailers) has the trailer fields, after the end.
//! - The server receives the first 64 KiB
//!   ([`body_buffer_size`](crate::Settings::body_buffer_size)) before it calls the handler, so that
//!   a slow upload of that size holds no thread. A read of the rest blocks the worker.
//! - A client with `Expect: 100-continue` is told to continue. To refuse first, set
//!   `body_buffer_size` to 0 and answer without reading the content.
//! - Content that a handler leaves unread is dropped up to
//!   [`max_drain_size`](crate::Settings::max_drain_size) (64 KiB); with more, the connection closes.
//!
//! | a read fails with | because | answer if returned |
//! |---|---|---|
//! | `FileTooLarge` | content is above [`max_request_body_size`](crate::Settings::max_request_body_size) (100 MiB) or `body_limit` | 413 |
//! | `TimedOut` | the client stalled for [`body_timeout`](crate::Settings::body_timeout) (10 s), or sends below [`minimum_rate`](crate::Settings::minimum_rate) (240 bytes a second) | 408 |
//! | `InvalidData` | a chunk is malformed, or text is not UTF-8 | 400 |
//! | `UnexpectedEof` | the client has closed early | 400 |
//!
//! # Content of an answer
//!
//! ```
//! use drupe::http::{Response, header::CONTENT_TYPE};
//! use drupe::{Body, Request, testing};
//!
//! let handler = |_request: &mut Request| {
//!     let answer = Response::builder().header(CONTENT_TYPE, "application/json");
//!     answer.body(Body::from("{\"tea\":true}")).expect("the fields are constants")
//! };
//! let answer = testing::exchange(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
//! assert!(answer.ends_with(b"\r\n\r\n{\"tea\":true}"));
//! ```
//!
//! | a handler returns | the client gets |
//! |---|---|
//! | `&'static str`, `String` | 200, `text/plain; charset=utf-8` |
//! | `Vec<u8>`, `Bytes` | 200, `application/octet-stream` |
//! | `()`, `StatusCode` | 200, or this status, without content |
//! | `(StatusCode, T)` | `T` with this status |
//! | `Result<T, E>` | `T` or `E`; see [`errors`](super::errors) |
//! | [`Body`](crate::Body) | 200, without a type: [`from_file`](crate::Body::from_file), [`from_reader`](crate::Body::from_reader), [`stream`](crate::Body::stream) |
//! | [`Response`](crate::Response) | the response unchanged |
//!
//! Text, bytes and files go out as the client reads, without a thread: a slow reader costs the
//! memory of the answer, at most [`max_parked_size`](crate::Settings::max_parked_size) (256 MiB)
//! for all. drupe compresses nothing.
//!
//! Next: [`errors`](super::errors).
