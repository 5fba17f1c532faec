//! Log tail: an answer that is written piece by piece while the client reads.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/log_tail.rs")]
#![doc = "```"]
//!
//! # A stop, and the end of a stream
//!
//! A stream that pauses for a minute between two events still ends at once when the server stops:
//!
//! ```
//! # use std::io::Read;
//! # use std::net::TcpStream;
//! use std::io::Write;
//! use std::time::Duration;
//!
//! use drupe::{Body, handler, testing::TestServer};
//!
//! const MINUTE: Duration = Duration::from_secs(60);
//!
//! # fn main() -> std::io::Result<()> {
//! let server = TestServer::new(handler(|_| {
//!     let clock = Body::stream(|writer| {
//!         for minute in 0.. {
//!             write!(writer, "data: {minute}\n\n")?;
//!             writer.flush()?; // sends the piece
//!             if writer.stops_within(MINUTE) {
//!                 return writer.write_all(b"data: bye\n\n");
//!             }
//!         }
//!         Ok(())
//!     });
//!     ([("content-type", "text/event-stream")], clock)
//! }));
//! # let mut client = TcpStream::connect(server.address())?;
//! # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
//! # let mut answer = String::new();
//! # while !answer.contains("data: 0\n\n") {
//! #     let mut piece = [0; 1024];
//! #     let length = client.read(&mut piece)?;
//! #     assert_ne!(length, 0, "the stream has ended: {answer}");
//! #     answer.push_str(std::str::from_utf8(&piece[..length]).expect("ASCII"));
//! # }
//! // A client has read the first piece.
//! assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
//! // A stop does not wait for the minute, and the client reads the end.
//! assert_eq!(server.server().stop().cut, 0);
//! # client.read_to_string(&mut answer)?;
//! assert!(answer.contains("data: bye\n\n") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! # Which body
//!
//! | the content is | use | a worker is held |
//! |---|---|---|
//! | produced piece by piece | [`Body::stream`](crate::Body::stream) | until the end |
//! | read from another `Read` | [`Body::from_reader`](crate::Body::from_reader), or [`sized`](crate::Body::sized) for a known length | until the end |
//! | the request's body, sent back | [`take_body`](crate::RequestExt::take_body) | until the end |
//! | a file | [`Body::from_file`](crate::Body::from_file), by `sendfile` | only while the handler runs |
//! | in memory | `String`, `Vec<u8>`, `Bytes` | only while the handler runs |
//!
//! # What to know
//!
//! - Each open stream holds a worker. Set
//!   [`thread_pool_max`](crate::Settings::thread_pool_max) (256) to the expected number of streams
//!   plus some for other requests; otherwise those requests wait and may get a 503. A handler marked
//!   as [`prompt`](crate::Handler::prompt), such as a health check, is answered even then.
//! - Output is sent when the buffer is full, or on `flush`. HTTP/1.1 clients get chunks. For
//!   HTTP/1.0 clients, closing the connection ends the content.
//! - After the client has gone, a write fails: return the error with `?`. A write also fails if the
//!   client reads nothing for [`write_timeout`](crate::Settings::write_timeout) (10 s), or less
//!   than [`minimum_rate`](crate::Settings::minimum_rate) (240 bytes a second) on average.
//! - If the closure returns an error or panics, the server cuts the connection: the client can tell
//!   that the answer is incomplete. The status has already been sent.
//! - To pause, call [`stops_within`](crate::BodyWriter::stops_within), never `thread::sleep`: a
//!   stop then ends the pause. [`is_shutting_down`](crate::BodyWriter::is_shutting_down) does not
//!   wait.
//! - While all workers are busy and requests wait, the server cuts the slowest clients that keep
//!   a worker waiting, one for each waiting request.
//! - A browser reconnects by itself after a break, and sends the last `id:` in `Last-Event-ID`.
//! - For both directions at once, such as WebSocket, use [`upgrade`](crate::upgrade()):
//!   [`chat`](super::chat).
//!
//! Next: [`daemon`](super::daemon).
