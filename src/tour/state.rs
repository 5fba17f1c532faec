//! State: a handler owns its data, and all worker threads share the one handler.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use drupe::{Request, testing};
//!
//! let visits = AtomicU64::new(0);
//! let handler = move |_request: &mut Request| {
//!     let visit = visits.fetch_add(1, Ordering::Relaxed) + 1;
//!     format!("visit {visit}\n")
//! };
//!
//! let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
//! let answers = String::from_utf8_lossy(&testing::exchange(handler, requests)).into_owned();
//! assert!(answers.contains("visit 1\n") && answers.ends_with("visit 2\n"), "{answers}");
//! ```
//!
//! If there is too much data for a closure, write a struct that implements
//! [`Handler`](crate::Handler):
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, RwLock};
//!
//! use drupe::http::StatusCode;
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
//!         match cents.get(request.uri().path()) {
//!             Some(cents) => format!("{cents}\n").into_response(),
//!             None => StatusCode::NOT_FOUND.into_response(),
//!         }
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
//! # What to know
//!
//! - A handler is `Fn`, `Send`, `Sync` and `'static`. Up to
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) threads run it at once, so a variable
//!   that changes is an atomic, a lock or a channel.
//! - The server holds no lock while a handler runs. If you hold a lock during slow work, every
//!   request that needs the lock waits and occupies a worker.
//! - If a handler panics while it holds a `Mutex`, the mutex is poisoned: the server goes on, but
//!   each later `lock().unwrap()` panics as well, and each such client gets a 500.
//! - Data of one request, such as the user, travels in the request:
//!   `request.extensions_mut().insert(user)` in a [layer](super::layers), then
//!   `request.extensions().get::<User>()` in the handler.
//! - Data of the connection is in [`request.connection()`](crate::RequestExt::connection): the
//!   [`peer`](crate::Connection::peer), the process and user behind a Unix socket, and the facts of
//!   [`tls`](crate::Connection::tls).
//! - The number of threads also bounds what handlers use at once: give a pool of database
//!   connections `thread_pool_max` of them, or lower the setting to the size of the pool.
//!
//! Next: [`routes`](super::routes).
