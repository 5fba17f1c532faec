//! Log tail: events for many browsers, sent as they happen.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/log_tail.rs")]
#![doc = "```"]
//!
//! # Events for one client
//!
//! A stream that pauses for a minute between two events holds no worker, and ends at once when the
//! server stops:
//!
//! ```
//! # use std::io::{Read, Write};
//! # use std::net::TcpStream;
//! use std::sync::Mutex;
//!
//! use drupe::stream::{Event, Events};
//! use drupe::{handler, testing::TestServer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! static CLIENTS: Mutex<Vec<drupe::stream::EventSender>> = Mutex::new(Vec::new());
//!
//! let server = TestServer::new(handler(|_| {
//!     let (events, response) = Events::new().open();
//!     let _ = events.send("welcome");
//!     CLIENTS.lock().expect("no panic").push(events);
//!     response
//! }));
//! # let mut client = TcpStream::connect(server.address())?;
//! # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
//! # let mut answer = String::new();
//! # let mut until = |answer: &mut String, text: &str| {
//! #     while !answer.contains(text) {
//! #         let mut piece = [0; 1024];
//! #         let length = client.read(&mut piece).expect("the stream goes on");
//! #         assert_ne!(length, 0, "the stream has ended: {answer}");
//! #         answer.push_str(std::str::from_utf8(&piece[..length]).expect("ASCII"));
//! #     }
//! # };
//! # until(&mut answer, "data: welcome\n\n");
//! // Later, from any thread. Clients that have left are taken off the list.
//! let minute = Event::new("1").named("minute");
//! CLIENTS.lock().expect("no panic").retain(|events| events.send(minute.clone()).is_ok());
//! # until(&mut answer, "data: 1\nevent: minute\n\n");
//! // A client has read both events.
//! assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
//! // A stop waits for no event, and the client reads the end.
//! assert_eq!(server.server().stop().cut, 0);
//! # until(&mut answer, "\r\n0\r\n\r\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Which body
//!
//! | the content is | use | a worker is held |
//! |---|---|---|
//! | events for many clients | [`Broadcast`](crate::stream::Broadcast) | only while the handler runs |
//! | events for one client | [`Events`](crate::stream::Events) | only while the handler runs |
//! | bytes from any thread, with pauses | [`Body::channel`](crate::Body::channel) | only while the handler runs |
//! | written by one function from beginning to end | [`Body::stream`](crate::Body::stream) | until the end |
//! | read from another `Read` | [`Body::from_reader`](crate::Body::from_reader), or [`sized`](crate::Body::sized) for a known length | until the end |
//! | the request's body, sent back | [`take_body`](crate::RequestExt::take_body) | until the end |
//! | a file | [`Body::from_file`](crate::Body::from_file), by `sendfile` | only while the handler runs |
//! | in memory | `String`, `Vec<u8>`, `Bytes` | only while the handler runs |
//!
//! # What to know
//!
//! - Each subscriber costs a connection and the events that wait for its client. A worker is
//!   needed only while events are sent: ten workers serve thousands of subscribers.
//!   [`max_connections`](crate::Settings::max_connections) limits the connections,
//!   [`max_subscribers`](crate::stream::Broadcast::max_subscribers) the subscribers.
//! - If more than 64 KiB of events wait for a client, the client is disconnected. A browser then
//!   comes back for the rest. [`Events`](crate::stream::Events) sets the capacity, and the choice
//!   to drop events instead.
//! - While nothing happens, the server sends a comment every 15 seconds, so that proxies keep the
//!   connection.
//! - HTTP/1.1 clients get chunks. For HTTP/1.0 clients, the end of the connection ends the content.
//! - Streams of events end at a stop. A [`Body::channel`](crate::Body::channel) has
//!   [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s) to end, or ends at once with
//!   [`end_at_stop`](crate::stream::Sender::end_at_stop).
//! - In the function of a [`Body::stream`](crate::Body::stream), pause by
//!   [`stops_within`](crate::BodyWriter::stops_within), never by `thread::sleep`: a stop ends such
//!   a pause. Each `Body::stream` holds a worker. There are at most
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) (256) workers.
//! - If the function of a `Body::stream` returns an error or panics, or if a sender
//!   [fails](crate::stream::Sender::fail), the server cuts the connection. The status has already
//!   been sent; the client sees that the answer is incomplete.
//! - A browser reconnects by itself after a break, and sends the last `id:` in `Last-Event-ID`.
//!   Over HTTP/1.1, a browser opens at most six connections to one origin, for all its tabs
//!   together.
//! - For both directions at once, such as WebSocket, use
//!   [`upgrade_parked`](crate::stream::upgrade_parked): [`chat`](super::chat).
//!
//! Next: [`daemon`](super::daemon).
