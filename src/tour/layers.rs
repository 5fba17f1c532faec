//! Layers: a handler that calls another handler, to do something before and after each request.
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue};
//! use drupe::{Handler, IntoResponse, Request, Response, testing};
//!
//! /// The user of a request.
//! #[derive(Clone)]
//! struct User(&'static str);
//!
//! fn authenticated(inner: impl Handler) -> impl Handler {
//!     move |request: &mut Request| {
//!         if request.headers().get(AUTHORIZATION).is_none_or(|value| value != "Bearer 1234") {
//!             return StatusCode::UNAUTHORIZED.into_response();
//!         }
//!         request.extensions_mut().insert(User("ann"));
//!         inner.handle(request)
//!     }
//! }
//!
//! fn uncached(inner: impl Handler) -> impl Handler {
//!     move |request: &mut Request| {
//!         let mut response: Response = inner.handle(request);
//!         response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
//!         response
//!     }
//! }
//!
//! fn greet(request: &mut Request) -> String {
//!     let User(name) = request.extensions().get().expect("authenticated is around it");
//!     format!("hello, {name}\n")
//! }
//!
//! // Read from outside in: every answer is uncached, a 401 too.
//! let handler = uncached(authenticated(greet));
//!
//! # use std::sync::Arc;
//! # let handler = Arc::new(handler);
//! # let answer = |field: &str| {
//! #     let handler = Arc::clone(&handler);
//! #     let handler = move |request: &mut Request| handler.handle(request);
//! #     let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n");
//! #     String::from_utf8(testing::exchange(handler, head.as_bytes())).unwrap()
//! # };
//! // `answer` sends a field line, and returns the answer as it is on the wire.
//! let refused = answer("");
//! assert!(refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
//! assert!(refused.contains("cache-control: no-store\r\n"), "{refused}");
//! assert!(answer("Authorization: Bearer 1234\r\n").ends_with("\r\n\r\nhello, ann\n"));
//! ```
//!
//! `Server::new(handler)` takes the result. A layer with fields of its own is a struct with an
//! `inner: H` that implements [`Handler`](crate::Handler). The compiler then knows the whole stack
//! as one type, and a layer costs a call. To choose layers at run time, call a
//! `Box<dyn Handler>` from a closure.
//!
//! # What to know
//!
//! - A layer sees the response before its content is sent. [`Body::stream`](crate::Body::stream)
//!   has not run yet, and `Date`, `Content-Length` and `Connection` are not there yet: a layer that
//!   measures time measures the handler. The access log has the duration of the whole exchange.
//! - [`Body::through`](crate::Body::through) changes content while it is sent, with a layer in a few
//!   lines as the example. A stream stays a stream: flushes reach the client, and the producer
//!   learns of a stop and of a departed client. A streamed body cannot be read, and
//!   [`into_vec`](crate::Body::into_vec) makes one piece of it.
//! - A layer sees no answer that the server gives by itself, such as 400 or 503
//!   ([`errors`](super::errors)).
//! - A panic unwinds through all layers, and the server answers 500. Clean up in `Drop`, or use
//!   `catch_unwind` in the outermost layer for an answer of your own.
//! - A layer that answers without calling `inner` need not read the content. The server drops it,
//!   or closes the connection ([`max_drain_size`](crate::Settings::max_drain_size)).
//! - Once a layer has read the content, `inner` finds none. To hand the content on, put it back:
//!   `*request.body_mut() = Body::from(bytes)`.
//! - Around a WSGI-style gateway, a layer cannot change the head of an answer that the application
//!   has begun by `write`.
//!
//! Before you write a layer: [`layers`](crate::layers) has compression, CORS, authentication, request ids, a
//! limit of rates, fields for browsers, and forms of errors. The access log, limits for content,
//! deadlines, proxies' fields ([`trusted_proxies`](crate::Settings::trusted_proxies)) and statistics
//! are built into the server.
//!
//! Next: [`testing`](super::testing).
