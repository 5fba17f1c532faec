//! Login: a command-line program starts a server, waits for one request of the browser, and stops.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/oauth.rs")]
#![doc = "```"]
//!
//! - With `socket_port` 0 the system chooses a free port, and
//!   [`bound_addr`](crate::Server::bound_addr) returns the address with that port. The server
//!   listens on `127.0.0.1` by default, so no other machine can connect.
//! - The handler sends the result to the main thread through a channel, and `main` limits the wait.
//! - `stop` waits until the browser has its page. If the program ended at once, the browser would
//!   show an error instead.
//! - The access log (the target `drupe::access` of the `log` crate) has the query of each request,
//!   and so the code. Leave it out of logs that others read while the code is valid.
//! - With a router, the route of `GET` also answers `HEAD`, which programs send to examine a link.
//!   A link that works once needs a route for `HEAD` of its own, or a question before it is used.
//!
//! # Queries, forms, cookies, redirects
//!
//! A handler that reads a form, sets a cookie, and redirects the browser to a page:
//!
//! ```
//! use drupe::response::{Html, Redirect};
//! use drupe::{Failure, IntoResponse, Request, RequestExt, Response, testing};
//!
//! #[derive(serde::Deserialize)]
//! struct Choice {
//!     theme: String,
//! }
//!
//! fn site(request: &mut Request) -> Result<Response, Failure> {
//!     if request.method() == "POST" {
//!         let Choice { theme } = request.form()?;
//!         let cookie = if theme == "dark" { "theme=dark" } else { "theme=light" };
//!         return Ok(([("set-cookie", cookie)], Redirect::to("/")).into_response());
//!     }
//!     let color = if request.cookies().get("theme") == Some("dark") { "black" } else { "white" };
//!     Ok(Html(format!("<!doctype html><body style='background: {color}'>")).into_response())
//! }
//!
//! # let answer = |line: &str, field: &str, content: &str| {
//! #     let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{field}\r\nContent-Length: {}\r\n\r\n", content.len());
//! #     String::from_utf8(testing::exchange(site, (head + content).as_bytes())).unwrap()
//! # };
//! // `answer` sends a request line, a field and content, and returns the answer as on the wire.
//! let form = "Content-Type: application/x-www-form-urlencoded";
//! let chosen = answer("POST /", form, "theme=dark");
//! assert!(chosen.starts_with("HTTP/1.1 303 See Other\r\n"), "{chosen}");
//! assert!(chosen.contains("set-cookie: theme=dark\r\n") && chosen.contains("location: /\r\n"));
//! assert!(answer("GET /", "Cookie: theme=dark", "").ends_with("background: black'>"));
//! assert!(answer("POST /", form, "").ends_with("the form is malformed: missing field `theme`\n"));
//! assert!(answer("POST /", "Content-Type: text/plain", "").starts_with("HTTP/1.1 415 "));
//! ```
//!
//! - With the feature `forms`, [`query`](crate::RequestExt::query) and
//!   [`form`](crate::RequestExt::form) read into a struct that implements serde's `Deserialize`.
//!   [`query_pairs`](crate::RequestExt::query_pairs) and
//!   [`form_pairs`](crate::RequestExt::form_pairs) return decoded pairs in the order sent. If a
//!   field is missing or a pair is not UTF-8, the answer is a 400 that names the field or the pair.
//!   Declare an optional field as an `Option`.
//! - Without the feature, `request.uri().query()` is the text behind `?`, as the client sent it.
//! - [`Html`](crate::response::Html) sends a page unchanged. Escape all text that comes from users.
//! - [`cookies`](crate::RequestExt::cookies) reads cookies; a field `set-cookie` sets one. Add
//!   `HttpOnly`, `Secure` and `SameSite=Lax` to the cookie of a session. A client can send any
//!   value: sign the value, or keep the data on the server.
//! - [`Redirect::to`](crate::response::Redirect::to) is a 303, after which the browser sends a GET.
//!   [`temporary`](crate::response::Redirect::temporary) (307) and
//!   [`permanent`](crate::response::Redirect::permanent) (308) repeat the method and the content.
//!   Check a target chosen by the client against a list: the target may lead to another site.
//!
//! # A stop from a handler
//!
//! The program above stops its server from the main thread. [`stop`](crate::Server::stop) lets the
//! requests in progress finish within a time limit, cuts the rest, and joins the threads. A handler
//! can stop its own server:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::{RequestExt, Server, handler};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::new(handler(|request| {
//!     request.server().map(|server| server.stop()); // does not wait for this handler
//!     "stopping\n"
//! }));
//! server.settings.socket_port = 0;
//! server.start()?;
//!
//! let mut client = TcpStream::connect(server.bound_addr().expect("the server listens on TCP"))?;
//! client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
//! server.block()?; // until stopped, by any thread
//!
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?; // the answer still arrives, then the end
//! assert!(answer.contains("Connection: close\r\n"), "{answer}");
//! assert!(answer.ends_with("\r\n\r\nstopping\n"), "{answer}");
//! assert!(server.bound_addr().is_none() && !server.handle().is_running());
//! # Ok(())
//! # }
//! ```
//!
//! The ways to stop a server:
//!
//! | in | stop by |
//! |---|---|
//! | a program that only serves | [`quickstart`](crate::Server::quickstart): SIGTERM or SIGINT (feature `signals`); a second signal cuts |
//! | any thread | [`ServerHandle::stop`](crate::ServerHandle::stop), from [`Server::handle`](crate::Server::handle) |
//! | a handler | the same, from [`RequestExt::server`](crate::RequestExt::server) |
//! | a program that handles signals itself | [`start`](crate::Server::start), then `stop` |
//! | a scope | dropping the [`Server`](crate::Server) |
//!
//! - `stop` returns [`Stopped`](crate::process::Stopped): requests finished, connections cut, and
//!   the duration. If `cut` is above 0, some clients did not get their whole answer.
//! - A thread cannot be ended from outside. A handler that works for long asks
//!   [`is_shutting_down`](crate::RequestExt::is_shutting_down) from time to time. If the handler
//!   waits for something else, such as a channel, [`on_stop`](crate::Connection::on_stop) calls a
//!   function that wakes the handler. If a handler does neither and never returns, its thread is
//!   left running, and the log says so.
//! - [`ServerHandle::cut`](crate::ServerHandle::cut) ends the wait of a stop under way.
//! - `start` after `stop` serves again. [`restart`](crate::Server::restart) does both and keeps the
//!   port open.
//! - [`daemon`](super::daemon#a-stop) shows what happens to open connections.
//!
//! Next: [`json_api`](super::json_api).
