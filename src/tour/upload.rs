//! Upload: a handler reads content within limits, and answers with text, bytes or files.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/upload.rs")]
#![doc = "```"]
//!
//! # Content of a request
//!
//! A handler for short text, with a limit in bytes:
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::{Failure, Request, RequestExt, testing};
//!
//! fn shout(request: &mut Request) -> Result<(StatusCode, String), Failure> {
//!     request.body_limit(16); // bytes; 413 above
//!     Ok((StatusCode::CREATED, request.text()?.to_uppercase()))
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
//! | to read | call |
//! |---|---|
//! | bytes, or text in its charset | [`bytes`](crate::RequestExt::bytes), [`text`](crate::RequestExt::text) |
//! | JSON, a form | [`json`](super::json_api#json), [`form`](super::login#queries-forms-cookies-redirects) |
//! | content of any size, in constant memory | [`take_body`](crate::RequestExt::take_body), then `Read`: `io::copy(&mut request.take_body(), &mut file)?` |
//!
//! - Content is read once. A second `bytes`, `text`, `json` or `form` is a mistake of the program,
//!   and a 500.
//! - To send the content back, return `request.take_body()`.
//! - The body is decoded: chunks are joined. `request.body().content_length()` is known with
//!   `Content-Length`. After the end of the content, [`trailers`](crate::Body::trailers) returns
//!   the trailer fields.
//! - The server receives the first 64 KiB
//!   ([`body_buffer_size`](crate::Settings::body_buffer_size)) before it calls the handler, so that
//!   a slow upload of that size holds no thread. A read of the rest blocks the worker.
//! - A client with `Expect: 100-continue` gets `100 Continue` before the handler runs. To refuse
//!   the content first, set `body_buffer_size` to 0 and answer without reading.
//! - [`text`](crate::RequestExt::text), `json`, `form` and `form_pairs` read at most 2 MiB, unless one
//!   of the next two limits is given.
//! - [`body_limit`](crate::RequestExt::body_limit) lowers the limit of one request.
//!   [`Handler::body_limit`](crate::Handler::body_limit) raises or lowers the limit by method and
//!   target, before any content is read.
//! - Content that a handler leaves unread is dropped up to
//!   [`max_drain_size`](crate::Settings::max_drain_size) (64 KiB); with more, the connection
//!   closes.
//!
//! | a read fails with | because | answer by `?` |
//! |---|---|---|
//! | `FileTooLarge` | content is above [`max_request_body_size`](crate::Settings::max_request_body_size) (100 MiB), `body_limit`, or the 2 MiB of `text` | 413 |
//! | `TimedOut` | the client stalled for [`body_timeout`](crate::Settings::body_timeout) (10 s), or sends below [`minimum_rate`](crate::Settings::minimum_rate) (240 bytes a second) | 408 |
//! | `InvalidData` | a chunk is malformed, or text is not UTF-8 | 400 |
//! | `UnexpectedEof` | the client closed the connection early | 400 |
//!
//! # Content of an answer
//!
//! ```
//! use std::fs::File;
//! use std::io::ErrorKind;
//!
//! use drupe::{Body, Failure, OrStatus, Request, handler, http::StatusCode, testing};
//!
//! let license = handler(|_| {
//!     let file = File::open("LICENSE-MIT");
//!     let file = file.or_status_if(StatusCode::NOT_FOUND, |error| error.kind() == ErrorKind::NotFound)?;
//!     Ok::<_, Failure>(([("content-type", "text/plain")], Body::from_file(file)))
//! });
//!
//! let response = testing::call(&license, Request::default());
//! assert_eq!(response.headers()["content-type"], "text/plain");
//! assert!(response.into_body().into_string()?.contains("Permission is hereby granted"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | a handler returns | the client gets |
//! |---|---|
//! | `&'static str`, `String` | 200, `text/plain; charset=utf-8` |
//! | `Vec<u8>`, `Bytes` | 200, `application/octet-stream` |
//! | [`Html`](crate::response::Html), [`Json`](crate::response::Json) | 200, `text/html; charset=utf-8` or `application/json` |
//! | `()`, `StatusCode` | 200, or this status, without content |
//! | `(StatusCode, T)`, `([(name, value); N], T)` | `T` with this status, or with these fields |
//! | `Option<T>` | `T`, or 404 |
//! | `Result<T, E>` | `T` or `E`; see [`json_api`](super::json_api#errors) |
//! | [`Body`](crate::Body) | 200, without a type: [`from_file`](crate::Body::from_file), [`from_reader`](crate::Body::from_reader), [`stream`](crate::Body::stream) |
//! | [`Response`](crate::Response) | the response unchanged |
//!
//! Text, bytes and files go out as the client reads, without a thread: a slow reader costs the
//! memory of the answer, at most [`max_parked_size`](crate::Settings::max_parked_size) (256 MiB)
//! for all slow readers together. [`compress`](crate::layers::compress) (feature `compression`)
//! compresses answers. For a whole directory, see [`spa`](super::spa).
//!
//! Next: [`chat`](super::chat).
