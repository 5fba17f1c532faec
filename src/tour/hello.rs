//! Hello: a server is a function, its settings, and a call that serves until the process is told to
//! end.
//!
//! ```no_run
//! use drupe::{Request, Server};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let server = Server::new(|_request: &mut Request| "hello\n");
//!     server.quickstart() // http://127.0.0.1:8080, until SIGTERM or SIGINT
//! }
//! ```
//!
//! To serve while the program does other work, call [`start`](crate::Server::start) instead. It
//! returns once connections are accepted. Dropping the server stops it:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::{Request, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::new(|request: &mut Request| format!("hello {}\n", request.uri()));
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
//! # The handler
//!
//! - Any `Fn(&mut Request) -> impl IntoResponse` is a [`Handler`](crate::Handler). A closure has to
//!   name the type of its argument, `&mut Request`.
//! - [`Request`](crate::Request) and [`Response`](crate::Response) are those of the `http` crate,
//!   with a [`Body`](crate::Body) that is a `Read`. [`drupe::http`](crate::http) is that crate.
//! - The server adds `Date`, `Connection`, and `Content-Length` or `Transfer-Encoding`. A handler
//!   answers `HEAD` like `GET`; the server sends the head only.
//! - A handler may block. While requests wait, the server adds threads, from
//!   [`thread_pool`](crate::Settings::thread_pool) (10) to
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) (256).
//!
//! # The settings
//!
//! [`Settings`](crate::Settings) is a struct with public fields. A change takes effect at the next
//! start.
//!
//! | to listen on | set |
//! |---|---|
//! | another port, every address | [`socket_port`](crate::Settings::socket_port), [`socket_host`](crate::Settings::socket_host) = `"0.0.0.0"` |
//! | a Unix socket | [`socket_file`](crate::Settings::socket_file), [`socket_mode`](crate::Settings::socket_mode) |
//! | several addresses | [`listen`](crate::Settings::listen) |
//! | TLS | [`ssl_certificate`](crate::Settings::ssl_certificate), with the feature `tls` |
//!
//! # Errors
//!
//! `start` and `quickstart` return an [`Error`](crate::Error) that names the setting, the address
//! or the thread, and leave nothing open. Later problems, such as a lack of descriptors, go to the
//! `log` crate, and the server goes on. Install a logger to see them, and one line for each request
//! under the target `drupe::access`.
//!
//! Next: [`state`](super::state).
