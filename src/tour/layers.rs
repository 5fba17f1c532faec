//! Layers: a function from a handler to a handler, to do something before and after each request.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/layers.rs")]
#![doc = "```"]
//!
//! [`with`](crate::Handler::with) puts a layer around a handler. The layer added last sees a
//! request first, and its answer last: every answer above has an id, even a 401.
//!
//! # A layer of your own
//!
//! ```
//! use drupe::{Failure, Handler, IntoResponse, handler, http::StatusCode, testing};
//!
//! /// Sends failures as JSON.
//! fn json_failures(inner: impl Handler) -> impl Handler {
//!     handler(move |request| {
//!         let response = inner.handle(request);
//!         let Some(failure) = Failure::of(&response) else { return response };
//!         let content = format!("{{\"status\":{}}}\n", failure.status().as_u16());
//!         // The head of the response stays, and with it the failure, which the server logs.
//!         ([("content-type", "application/json")], response.map(|_| content)).into_response()
//!     })
//! }
//!
//! let forbidden = handler(|_| Failure::new(StatusCode::FORBIDDEN, "not for you\n"));
//! let answer = testing::exchange(forbidden.with(json_failures), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
//! let answer = String::from_utf8_lossy(&answer);
//! assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
//! assert!(answer.ends_with("\r\n\r\n{\"status\":403}\n"), "{answer}");
//! ```
//!
//! - A layer with fields of its own is a struct with an `inner: H` that implements
//!   [`Handler`](crate::Handler). The compiler knows the whole stack as one type, and a layer costs
//!   a call. To choose layers at run time, use a `Box<dyn Handler>`, which is a handler too.
//! - Data for the handler travels in the request: `extensions_mut().insert(user)` in the layer,
//!   `extensions().get::<User>()` in the handler.
//! - A layer sees the response before its content is sent. [`Body::stream`](crate::Body::stream)
//!   has not run yet, and `Date`, `Content-Length` and `Connection` are not there yet: a layer that
//!   measures time measures the handler. The access log has the duration of the whole exchange.
//! - [`Body::through`](crate::Body::through) changes content while it is sent. A stream stays a
//!   stream: flushes reach the client, and the producer learns of a stop and of a departed client.
//!   A streamed body cannot be read, and [`into_vec`](crate::Body::into_vec) would gather all of
//!   the stream in memory.
//! - A layer sees no answer that the server gives by itself, such as 400 or 503
//!   ([`json_api`](super::json_api#errors)). [`Server::on_refusal`](crate::Server::on_refusal)
//!   gives these answers fields and content of your own.
//! - A panic unwinds through all layers, and the server answers 500. Clean up in `Drop`, or put
//!   [`CatchPanics`](crate::layers::CatchPanics) inside the layers that have to see an answer.
//! - A layer that answers without calling `inner` need not read the content. The server drops the
//!   content, or closes the connection ([`max_drain_size`](crate::Settings::max_drain_size)).
//! - Once a layer has read the content, reads in `inner` fail. To pass the content on, put it back:
//!   `*request.body_mut() = Body::from(bytes)`.
//! - The content limits of the inner handler ([`body_limit`](crate::Handler::body_limit)) stay in
//!   force unless the layer has its own.
//! - Around a WSGI-style gateway, a layer cannot change the head of an answer that the application
//!   has begun by `write`.
//!
//! Before you write a layer, look at [`layers`](crate::layers), with those above and more. These
//! are built into the server: deadlines, limits of content, statistics, and the fields of proxies
//! ([`trusted_proxies`](crate::Settings::trusted_proxies)).
//!
//! # Logs
//!
//! The server logs through the `log` crate, and installs no logger. Install one at the beginning of
//! `main`, for instance `env_logger::init()`, with `RUST_LOG=info`:
//!
//! | target begins with | level | records |
//! |---|---|---|
//! | `drupe::access` | `info` | one line for each exchange, with the duration in seconds; at no cost if disabled |
//! | `drupe::engine` | `error`, `warn` | handlers and bodies that fail or panic, each with its request; a lack of threads or descriptors |
//! | the same | `info` | most failed TLS handshakes, plain HTTP on a TLS port |
//! | the same | `debug` | refused requests, and failures below 500 |
//! | `drupe::server` | `info` | starts, stops and reloads |
//!
//! - An access record has its parts as key-values for other formats, such as JSON: `peer`, `user`,
//!   `method`, `request_target`, `version`, `status`, `bytes`, `cut`, `referer`, `user_agent`,
//!   `seconds`, `request_id`, `route`. [`operating`](crate::guide::operating#logs) has the details.
//! - [`Server::on_access`](crate::Server::on_access) calls a function with the record, as the
//!   program above does. The record has the extensions that layers have left in the response.
//! - With `tracing`, `tracing_subscriber::fmt::init()` also receives the records of `log`. The
//!   bridge from `log` keeps the text and the target, and drops the key-values: for typed fields,
//!   call `tracing::info!` in `on_access`.
//! - Data of a client cannot forge a line: control characters and quotes are escaped.
//!
//! Next: [the guide](crate::guide).
