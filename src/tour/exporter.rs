//! Exporter: a server is a handler, its settings, and a call that serves until the process is told
//! to end.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/exporter.rs")]
#![doc = "```"]
//!
//! # The handler
//!
//! - [`handler`](crate::handler)`(|request| …)` makes a handler of a closure, and
//!   [`try_handler`](crate::try_handler)`(|request| …)` of one that uses `?`. A function from
//!   `&mut Request` to a response is a handler too.
//! - [`Request`](crate::Request) and [`Response`](crate::Response) are those of the `http` crate,
//!   with a [`Body`](crate::Body) that is a `Read`. [`drupe::http`](crate::http) is that crate.
//! - [`IntoResponse`](crate::IntoResponse) lists the values that a handler may return. The arms of
//!   a `match` return different values, so each calls `into_response`.
//! - If `/proc/loadavg` cannot be read, `?` makes a [`Failure`](crate::Failure): the client gets a
//!   500, and the log has the reason ([`json_api`](super::json_api#errors)).
//! - With the feature `statistics`, [`Statistics::prometheus`](crate::statistics::Statistics::prometheus)
//!   returns the server's own metrics, to append to these.
//! - The server adds `Date`, `Connection`, and `Content-Length` or `Transfer-Encoding`. A handler
//!   answers `HEAD` like `GET`; the server sends the head only.
//! - A handler may block. While requests wait, the server adds threads, from
//!   [`thread_pool`](crate::Settings::thread_pool) (10) to
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) (256).
//!
//! Some messages of the compiler do not name the remedy:
//!
//! | message | remedy |
//! |---|---|
//! | type annotations needed, at the argument of a closure (E0282) | put [`handler`](crate::handler) around the closure |
//! | implementation of `FunctionOrWrappedClosure` is not general enough | the same |
//! | type annotations needed, at the `Ok` of a closure with `?` (E0282) | write [`try_handler`](crate::try_handler) for `handler`, and around a closure in `Router::get` |
//! | one type is more general than the other, at `impl IntoResponse` (E0308) | write `impl IntoResponse + use<>` |
//! | implementation of `IntoResponse` is not general enough, at a `&str` of the request | return `String` |
//!
//! # Serving beside other work
//!
//! [`quickstart`](crate::Server::quickstart) serves until SIGTERM or SIGINT. To serve while the
//! program does other work, call [`start`](crate::Server::start) instead. `start` returns once
//! connections are accepted. Dropping the server stops it:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::{Server, handler};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::new(handler(|request| format!("hello {}\n", request.uri())));
//! server.settings.socket_port = 0; // the system chooses
//! server.start()?;
//!
//! let mut client = TcpStream::connect(server.bound_addr().expect("the server listens on TCP"))?;
//! client.write_all(b"GET /tea?n=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
//! assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
//! assert!(answer.ends_with("\r\n\r\nhello /tea?n=1\n"), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! # State
//!
//! A handler owns its data, as the closure above owns the counter, and all worker threads share the
//! one handler. For more data, write a struct that implements [`Handler`](crate::Handler):
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, RwLock};
//!
//! use drupe::{Handler, IntoResponse, Request, Response, testing};
//!
//! #[derive(Clone, Default)]
//! struct Prices {
//!     cents: Arc<RwLock<HashMap<String, u32>>>,
//! }
//!
//! impl Handler for Prices {
//!     fn handle(&self, request: &mut Request) -> Response {
//!         let cents = self.cents.read().expect("no writer panics");
//!         let price = cents.get(request.uri().path()).map(|cents| format!("{cents}\n"));
//!         price.into_response() // None is a 404
//!     }
//! }
//!
//! let prices = Prices::default();
//! let server = testing::TestServer::new(prices.clone());
//! // The rest of the program keeps its own handle to the data.
//! prices.cents.write().expect("no writer panics").insert("/tea".to_owned(), 250);
//! # use std::io::{Read, Write};
//! # let mut client = std::net::TcpStream::connect(server.address())?;
//! # client.write_all(b"GET /tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
//! # let mut answer = String::new();
//! # client.read_to_string(&mut answer)?;
//! // A client asks for /tea.
//! assert!(answer.ends_with("\r\n\r\n250\n"), "{answer}");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! - A handler is `Send`, `Sync` and `'static`. Up to `thread_pool_max` threads run one handler at
//!   once, so data that changes needs an atomic, a lock or a channel.
//! - The server holds no lock while a handler runs. If you hold a lock during slow work, every
//!   request that needs the lock waits and occupies a worker.
//! - If a handler panics while it holds a `Mutex`, the mutex is poisoned: the server goes on, but
//!   each later `lock().unwrap()` panics as well, and each such client gets a 500.
//! - The number of threads also bounds what handlers use at once: make a pool of database
//!   connections as large as `thread_pool_max`, or lower `thread_pool_max` to the size of the pool.
//! - Data of one request, such as the user, travels in the request ([`layers`](super::layers)).
//!   Data of the connection, such as the peer, is in
//!   [`request.connection()`](crate::RequestExt::connection) ([`daemon`](super::daemon)).
//!
//! # Settings
//!
//! [`Settings`](crate::Settings) is a struct with public fields. A change takes effect at the next
//! start. `merge_environment("EXPORTER_")` reads every setting from the environment, for instance
//! `EXPORTER_SOCKET_PORT=9200`. A variable with this prefix that names no setting is an error:
//! choose a prefix that no other variable has. [`settings`](crate::settings) also reads files and
//! flags.
//!
//! | to listen on | set |
//! |---|---|
//! | another port, every address | [`socket_port`](crate::Settings::socket_port), [`socket_host`](crate::Settings::socket_host) = `"0.0.0.0"` |
//! | a Unix socket | [`socket_file`](crate::Settings::socket_file), [`socket_mode`](crate::Settings::socket_mode); see [`daemon`](super::daemon) |
//! | several addresses | [`listen`](crate::Settings::listen) |
//! | TLS | [`ssl_certificate`](crate::Settings::ssl_certificate), with the feature `tls`; see [`mtls`](super::mtls) |
//!
//! # Errors at a start
//!
//! `start`, `quickstart` and [`check`](crate::Server::check) return an [`Error`](crate::Error) that
//! names the setting, the address or the thread, and leave nothing open. The text of an error names
//! the object, and the `source` of the error is the cause: print both.
//!
//! ```
//! # use drupe::{Server, handler};
//! let mut server = Server::new(handler(|_| "never\n"));
//! server.settings.thread_pool = 0;
//! let error = server.start().expect_err("a server needs a thread");
//! assert!(error.to_string().starts_with("setting thread_pool: "), "{error}");
//! ```
//!
//! Later problems, such as a lack of descriptors, go to the `log` crate, and the server goes on.
//! Install a logger to see them ([`layers`](super::layers#logs)).
//!
//! Next: [`login`](super::login).
