//! Stop: the server finishes the requests in progress within a time limit, cuts the rest, and joins
//! its threads.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use drupe::{Request, RequestExt, Server};
//!
//! fn stop(request: &mut Request) -> &'static str {
//!     request.server().map(|server| server.stop()); // does not wait for this handler
//!     "stopping\n"
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::new(stop);
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
//! # Ways to stop
//!
//! | in | by |
//! |---|---|
//! | a program that only serves | [`quickstart`](crate::Server::quickstart): SIGTERM or SIGINT (feature `signals`); a second signal cuts |
//! | any thread | [`ServerHandle::stop`](crate::ServerHandle::stop), from [`Server::handle`](crate::Server::handle) |
//! | a handler | the same, from [`RequestExt::server`](crate::RequestExt::server) |
//! | a program that handles signals itself | [`start`](crate::Server::start), then `stop` |
//! | a scope | dropping the [`Server`](crate::Server) |
//!
//! # Open connections
//!
//! | a connection | at a stop |
//! |---|---|
//! | idle, or with half a head | is closed at once |
//! | with a request received | gets its answer, with `Connection: close`, within [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s) |
//! | still at work after that | is cut |
//! | that has left HTTP by [`upgrade`](crate::upgrade()) | has the same time to say goodbye |
//!
//! # What to know
//!
//! - `stop` returns [`Stopped`](crate::process::Stopped): requests finished, connections cut, and
//!   the duration. If `cut` is above 0, some connections were cut before they were finished.
//! - A thread cannot be ended from outside. A handler that works for long asks
//!   [`is_shutting_down`](crate::RequestExt::is_shutting_down) from time to time; a stream pauses by
//!   [`stops_within`](crate::BodyWriter::stops_within). A wait for something else, such as a channel,
//!   is woken by [`on_stop`](crate::Connection::on_stop). If the handler does neither and never
//!   returns, its thread is left running, and the log says so.
//! - [`ServerHandle::cut`](crate::ServerHandle::cut) ends the wait of a stop under way.
//! - `start` after `stop` serves again. [`restart`](crate::Server::restart) does both and keeps the
//!   port open; [`reload`](crate::ServerHandle::reload) changes settings without a stop.
//! - To lose no request at all, end the traffic before the stop: behind a load balancer, fail its
//!   health checks first ([`in_kubernetes`](crate::guide::in_kubernetes)); or let systemd own the
//!   socket ([`operating`](crate::guide::operating)).
//! - A stop in detail: [`travel`](crate::guide::travel#a-stop).
//!
//! Next: [the guide](crate::guide).
