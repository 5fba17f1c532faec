//! Log tail: events for many browsers, sent as they happen.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/log_tail.rs")]
#![doc = "```"]
//!
//! # Events for one client
//!
//! A stream that pauses for a minute between two events holds no worker, and still ends at once
//! when the server stops:
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
//! | sent piece by piece by other threads | [`Body::channel`](crate::Body::channel) | only while the handler runs |
//! | written piece by piece by a function | [`Body::stream`](crate::Body::stream) | until the end |
//! | read from another `Read` | [`Body::from_reader`](crate::Body::from_reader), or [`sized`](crate::Body::sized) for a known length | until the end |
//! | the request's body, sent back | [`take_body`](crate::RequestExt::take_body) | until the end |
//! | a file | [`Body::from_file`](crate::Body::from_file), by `sendfile` | only while the handler runs |
//! | in memory | `String`, `Vec<u8>`, `Bytes` | only while the handler runs |
//!
//! # What to know
//!
//! - Each listener costs a connection and the events that wait for it. Threads are needed only to
//!   send: ten serve thousands of listeners. [`max_connections`](crate::Settings::max_connections)
//!   limits the connections,
//!   [`most_subscribers`](crate::stream::Broadcast::most_subscribers) the listeners.
//! - A client that reads too slowly is disconnected once 64 KiB of events wait for it, and comes
//!   back for the rest. [`Events`](crate::stream::Events) has the capacity, and the choice to drop
//!   events instead.
//! - While nothing happens, a comment is sent every 15 seconds, so that proxies keep the
//!   connection.
//! - HTTP/1.1 clients get chunks. For HTTP/1.0 clients, closing the connection ends the content.
//! - Streams of events end at a stop. A [`Body::channel`](crate::Body::channel) ends when its
//!   senders do, within [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s), or at once
//!   with [`end_at_stop`](crate::stream::Sender::end_at_stop).
//! - The function of a [`Body::stream`](crate::Body::stream) pauses by
//!   [`stops_within`](crate::BodyWriter::stops_within), never by `thread::sleep`: a stop then ends
//!   the pause. Each such stream holds a worker, of which there are at most
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) (256).
//! - If this function returns an error or panics, or a sender [fails](crate::stream::Sender::fail),
//!   the server cuts the connection: the client can tell that the answer is incomplete. The status
//!   has already been sent.
//! - A browser reconnects by itself after a break, and sends the last `id:` in `Last-Event-ID`. A
//!   browser has at most six connections to a server over HTTP/1.1, in all tabs together.
//! - For both directions at once, such as WebSocket, use [`upgrade`](crate::upgrade()):
//!   [`chat`](super::chat).
//!
//! Next: [`daemon`](super::daemon).
