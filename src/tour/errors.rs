//! Errors: a handler returns a `Result`, and both sides of it become answers.
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::{IntoResponse, Request, Response, testing};
//!
//! enum Problem {
//!     NoSuchTea,
//!     Input(std::io::Error),
//! }
//!
//! impl IntoResponse for Problem {
//!     fn into_response(self) -> Response {
//!         match self {
//!             Problem::NoSuchTea => (StatusCode::NOT_FOUND, "no such tea\n").into_response(),
//!             Problem::Input(error) => error.into_response(), // 400, 408, 413 or 500
//!         }
//!     }
//! }
//!
//! impl From<std::io::Error> for Problem {
//!     fn from(error: std::io::Error) -> Self {
//!         Problem::Input(error)
//!     }
//! }
//!
//! fn brew(request: &mut Request) -> Result<String, Problem> {
//!     let tea = std::mem::take(request.body_mut()).into_string()?;
//!     if tea != "oolong" {
//!         return Err(Problem::NoSuchTea);
//!     }
//!     Ok(format!("a cup of {tea}\n"))
//! }
//!
//! # let post = |content: &[u8]| {
//! #     let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
//! #     String::from_utf8(testing::exchange(brew, &[head.as_bytes(), content].concat())).unwrap()
//! # };
//! // `post` sends content, and returns the answer as it is on the wire.
//! assert!(post(b"oolong").ends_with("\r\n\r\na cup of oolong\n"));
//! assert!(post(b"coffee").starts_with("HTTP/1.1 404 Not Found\r\n"));
//! assert!(post(b"\xff").starts_with("HTTP/1.1 400 Bad Request\r\n"));
//! ```
//!
//! # Errors of a handler
//!
//! - `std::io::Result<T>` is enough for many handlers. An error while reading the content
//!   becomes the matching status ([`content`](super::content)); any other is logged, and the client gets a 500
//!   without content.
//! - [`StatusCode`](crate::http::StatusCode) is the shortest error: `Err(StatusCode::FORBIDDEN)`.
//! - A panic becomes a 500 too, or cuts the connection if the answer has begun. The worker and all
//!   other connections go on.
//!
//! ```
//! use drupe::{Request, testing};
//!
//! let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
//! let fails = |_: &mut Request| Err::<(), _>(std::io::Error::other("the password is 1234"));
//! let answer = String::from_utf8(testing::exchange(fails, get)).unwrap();
//! assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("1234"), "{answer}");
//!
//! let panics = |_: &mut Request| -> &'static str { panic!("a bug") };
//! assert!(testing::exchange(panics, get).starts_with(b"HTTP/1.1 500 "));
//! ```
//!
//! # Errors that no handler sees
//!
//! The server refuses malformed, late and large requests by itself, answers 503 when it has no room,
//! and closes the connection. [`tables`](crate::guide::tables#status-codes) lists each status with
//! its setting. Their text is fixed.
//!
//! # Errors at a start
//!
//! [`start`](crate::Server::start), [`quickstart`](crate::Server::quickstart) and
//! [`check`](crate::Server::check) return an [`Error`](crate::Error). Its text says
//! what failed, and its `source` says why: print both.
//!
//! ```
//! # use drupe::{Request, Server};
//! let mut server = Server::new(|_: &mut Request| "never\n");
//! server.settings.thread_pool = 0;
//! let error = server.start().expect_err("a server needs a thread");
//! assert!(error.to_string().starts_with("setting thread_pool: "), "{error}");
//! ```
//!
//! Next: [`streams`](super::streams).
