//! From tiny_http to drupe: the same small programs, before and after. The statements about
//! tiny_http apply to 0.12.
//!
//! With tiny_http you ask for requests in a loop and answer each one. With drupe you give the
//! server a function, and the server calls the function. The calls come from many threads, so the
//! function is `Fn + Send + Sync`: turn each `mut` variable beside the loop into a `Mutex` or an
//! atomic.
//!
//! # Routes and content
//!
//! Before:
//!
//! ```text
//! use tiny_http::{Method, Response, Server};
//!
//! fn main() {
//!     let server = Server::http("127.0.0.1:8080").unwrap();
//!     for mut request in server.incoming_requests() {
//!         let response = match (request.method(), request.url()) {
//!             (Method::Get, "/") => Response::from_string("hello\n"),
//!             (Method::Post, "/shout") => {
//!                 let mut content = String::new();
//!                 match request.as_reader().read_to_string(&mut content) {
//!                     Ok(_) => Response::from_string(content.to_uppercase()),
//!                     Err(_) => Response::from_string("not UTF-8\n").with_status_code(400),
//!                 }
//!             }
//!             _ => Response::from_string("nothing here\n").with_status_code(404),
//!         };
//!         let _ = request.respond(response);
//!     }
//! }
//! ```
//!
//! After:
//!
//! ```no_run
//! use drupe::http::{Method, StatusCode};
//! use drupe::{Failure, RequestExt, Server, handler};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let server = Server::new(handler(|request| match (request.method(), request.uri().path()) {
//!         (&Method::GET, "/") => Ok("hello\n".to_owned()),
//!         // A failed read becomes 400, 408, 413 or 415.
//!         (&Method::POST, "/shout") => Ok(request.text()?.to_uppercase()),
//!         _ => Err(Failure::new(StatusCode::NOT_FOUND, "nothing here\n")),
//!     }));
//!     server.quickstart() // 127.0.0.1:8080, until SIGTERM or SIGINT
//! }
//! ```
//!
//! # Several threads, and files
//!
//! Before:
//!
//! ```text
//! use std::fs::File;
//! use std::sync::Arc;
//! use std::thread;
//! use tiny_http::{Header, Response, Server};
//!
//! fn main() {
//!     let server = Arc::new(Server::http("127.0.0.1:8080").unwrap());
//!     let threads: Vec<_> = (0..4)
//!         .map(|_| {
//!             let server = Arc::clone(&server);
//!             thread::spawn(move || {
//!                 while let Ok(request) = server.recv() {
//!                     let html = Header::from_bytes("Content-Type", "text/html").unwrap();
//!                     let done = match File::open("public/index.html") {
//!                         Ok(file) => request.respond(Response::from_file(file).with_header(html)),
//!                         Err(_) => request.respond(Response::empty(404)),
//!                     };
//!                     if let Err(error) = done {
//!                         eprintln!("the client has left: {error}");
//!                     }
//!                 }
//!             })
//!         })
//!         .collect();
//!     for thread in threads {
//!         thread.join().unwrap();
//!     }
//! }
//! ```
//!
//! After, with the feature `files`; the server owns the threads, and a whole directory is no more
//! work than one file:
//!
//! ```no_run
//! use drupe::{Files, Server};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut server = Server::new(Files::new("public")?.listing(false));
//!     server.settings.thread_pool = 4;
//!     server.settings.thread_pool_max = Some(4); // without this line, up to 256
//!     Ok(server.quickstart()?)
//! }
//! ```
//!
//! To serve one file by hand, return `([("content-type", "text/html")], Body::from_file(file))`.
//!
//! # A port of the system's choice, and a stop
//!
//! Before:
//!
//! ```text
//! use std::sync::Arc;
//! use std::thread;
//! use tiny_http::{Response, Server};
//!
//! fn main() {
//!     let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
//!     let address = server.server_addr().to_ip().unwrap();
//!     println!("http://{address}/");
//!     let serving = Arc::clone(&server);
//!     let thread = thread::spawn(move || {
//!         for request in serving.incoming_requests() {
//!             let peer = request.remote_addr().map(ToString::to_string);
//!             let _ = request.respond(Response::from_string(peer.unwrap_or_default()));
//!         }
//!     });
//!     std::io::stdin().read_line(&mut String::new()).unwrap();
//!     server.unblock();
//!     thread.join().unwrap();
//! }
//! ```
//!
//! After:
//!
//! ```no_run
//! use drupe::{RequestExt, Server, handler};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut server = Server::new(handler(|request| request.connection().peer().map(ToString::to_string)));
//!     server.settings.socket_port = 0;
//!     server.start()?;
//!     println!("{}/", server.base());
//!     std::io::stdin().read_line(&mut String::new())?;
//!     let stopped = server.stop(); // running requests have shutdown_timeout to finish
//!     println!("{} finished, {} cut", stopped.finished, stopped.cut);
//!     Ok(())
//! }
//! ```
//!
//! # Equivalents
//!
//! For example, `request.url()` becomes `request.uri()`:
//!
//! | tiny_http | drupe |
//! |---|---|
//! | `Server::http(address)` | `settings.socket_host`, `settings.socket_port`; or `settings.listen = vec![address.parse()?]` for a text such as `0.0.0.0:9100`; then `start` or `quickstart` |
//! | `Server::https(address, SslConfig { .. })` | `settings.ssl_certificate`, `ssl_private_key`; or [`ssl_context`](crate::Settings::ssl_context) for bytes in memory |
//! | `Server::http_unix(path)` | `settings.socket_file` |
//! | `Server::from_listener` | [`Server::listen_on`](crate::Server::listen_on); `settings.listen` with `fd:3` for inherited sockets |
//! | `server.incoming_requests()`, `recv()` | the handler |
//! | `recv_timeout`, `try_recv` | not needed: `start` does not block, and your timer runs on its own thread |
//! | `request.url()` | `request.uri()`: `.path()` and `.query()` apart |
//! | `request.headers()`, `Header` | `request.headers()`, a map of the `http` crate: `request.headers().get("accept")` |
//! | `request.body_length()` | `request.body().content_length()` |
//! | `request.as_reader()` | `request.bytes()`, `request.text()`; `request.take_body()`, which is a `Read` |
//! | `request.remote_addr()` | `request.connection().peer()`, such as `Some(Peer::Tcp(address))`; behind a proxy `request.client()` |
//! | `request.respond(response)` | return the response |
//! | a `Request` kept, and answered later by another thread | the handler waits for that thread, for instance on a channel; or it returns a [`Body::channel`](crate::Body::channel) |
//! | a request that is dropped: 500 | an error returned by `?`, or a panic: 500 |
//! | `Response::from_string`, `from_data`, `from_file` | `String`, `Vec<u8>`, [`Body::from_file`](crate::Body::from_file); all [`IntoResponse`](crate::IntoResponse), as are `Html`, `Json` and `Redirect` of [`response`](crate::response) |
//! | `Response::new(.., reader, None, ..)` | [`Body::from_reader`](crate::Body::from_reader), or [`Body::stream`](crate::Body::stream) to write it |
//! | `with_status_code(404)` | `(StatusCode::NOT_FOUND, content)` |
//! | `with_header(..)` | `([("name", "value")], content)` |
//! | `request.upgrade(protocol, response)` | [`upgrade`](crate::upgrade()) |
//! | `request.into_writer()` | absent: the server does the framing |
//! | `TestRequest` | [`testing::call`](crate::testing::call), [`TestServer`](crate::testing::TestServer) |
//!
//! # What behaves differently
//!
//! - tiny_http waits for a slow client without a limit, with a thread for each connection. In drupe
//!   every wait has a limit ([`settings`](super::settings)). A connection that waits for its next
//!   request, or for a slow client's head, holds no thread.
//! - tiny_http accepts any amount of content. drupe answers more than 100 MiB with 413, or more
//!   than 2 MiB read by `request.text()`, and each further limit is a setting too.
//! - tiny_http keeps waiting requests in an unbounded list for the callers of `recv`. drupe bounds
//!   the time in the queue, and answers late requests with 503.
//! - There is no `Server` field unless you set `settings.software`.
//! - drupe refuses requests that RFC 9112 calls ambiguous. A client that has always sent bare line
//!   feeds or two lengths now gets 400.
//! - drupe is tested on Linux only. It compiles on macOS and FreeBSD, but has not been run there
//!   ([`systems`](super::systems)).
