//! Chat: a connection leaves HTTP for WebSocket, or for a protocol of your own.
//!
#![doc = "```ignore"]
#![doc = include_str!("../../examples/chat.rs")]
#![doc = "```"]
//!
//! WebSocket itself is `examples/chat/websocket.rs`, to copy into programs of your own:
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/chat/websocket.rs")]
#![doc = "# fn main() {}"]
#![doc = "```"]
//!
//! The page is `examples/chat.html`:
//!
//! ```html
#![doc = include_str!("../../examples/chat.html")]
//! ```
//!
//! drupe does the upgrade (RFC 9110 §7.8), and calls your function for each event: bytes from the
//! browser, room to write, a message in the mailbox, the end of a wait, a stop. Another crate, here
//! tungstenite, reads and writes the frames of WebSocket over a stream that never blocks. Between
//! two events, a browser costs a descriptor and its buffers, but no thread.
//!
//! # A thread for each connection
//!
//! For a few clients, or with code that blocks, [`upgrade`](crate::upgrade()) is simpler: your
//! function has a thread and a stream that blocks.
//!
//! ```
//! use std::io::{self, Read, Write};
//! # use std::net::TcpStream;
//!
//! use drupe::{Upgraded, handler, testing::TestServer, upgrade};
//!
//! /// Sends everything back in capitals, until the client leaves or the server stops.
//! fn shout(mut stream: Upgraded) -> io::Result<()> {
//!     let mut buffer = [0; 4096];
//!     loop {
//!         match stream.read(&mut buffer) {
//!             Ok(0) => return Ok(()),
//!             Ok(length) => {
//!                 buffer[..length].make_ascii_uppercase();
//!                 stream.write_all(&buffer[..length])?;
//!             }
//!             // The server stops, and leaves time to say so.
//!             Err(_) if stream.is_shutting_down() => return stream.write_all(b"BYE"),
//!             Err(error) => return Err(error),
//!         }
//!     }
//! }
//!
//! # fn main() -> io::Result<()> {
//! let server = TestServer::new(handler(|request| upgrade(request, "shout", |stream| drop(shout(stream)))));
//! # let mut client = TcpStream::connect(server.address())?;
//! # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nhello")?;
//! # let mut answer = String::new();
//! # while !answer.ends_with("HELLO") {
//! #     let mut piece = [0; 1024];
//! #     let length = client.read(&mut piece)?;
//! #     assert_ne!(length, 0, "the stream has ended: {answer}");
//! #     answer.push_str(std::str::from_utf8(&piece[..length]).expect("ASCII"));
//! # }
//! // A client asks for the upgrade, sends `hello`, and has read the answer.
//! assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
//! assert!(answer.ends_with("\r\n\r\nHELLO"), "{answer}");
//! assert_eq!(server.server().stop().cut, 0);
//! # client.read_to_string(&mut answer)?;
//! assert!(answer.ends_with("BYE"), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! # What to know
//!
//! - [`upgrade_parked`](crate::stream::upgrade_parked) and [`upgrade`](crate::upgrade()) answer
//!   `101` if the client offers the protocol, else `426` with the name of the protocol. Add fields
//!   to the response in a tuple, as `accept` above adds `Sec-WebSocket-Accept`.
//! - The page of any site can open a WebSocket to your server, with the cookies of its visitor. If
//!   your handler relies on cookies, compare the field `Origin` with your own before the upgrade.
//! - The limits of HTTP end with the upgrade: limit the size of a message, and end connections that
//!   are silent for too long. [`Wait::For`](crate::stream::Wait::For) calls your function in time.
//!
//! Without a thread:
//!
//! - Your function must not wait, because other clients need the worker. Give long work to a thread
//!   of your own, with a clone of the [`Sender`](crate::stream::Sender) for the result.
//! - Read until `WouldBlock`. Take messages with [`try_recv`](crate::stream::Inbox::try_recv) only
//!   when the earlier ones are written. The mailbox of a client that reads too slowly then fills,
//!   and [`send_or`](crate::stream::Sender::send_or) with
//!   [`Overflow::Disconnect`](crate::stream::Overflow::Disconnect) disconnects this client.
//! - At a stop, your function is called, and
//!   [`is_shutting_down`](crate::stream::Inbox::is_shutting_down) is true. The function then has
//!   [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s) to say goodbye and return
//!   [`Wait::End`](crate::stream::Wait::End).
//! - Each connection counts for [`max_connections`](crate::Settings::max_connections).
//!
//! With a thread:
//!
//! - The threads do not count for [`thread_pool_max`](crate::Settings::thread_pool_max). Above
//!   [`max_upgraded`](crate::Settings::max_upgraded) (1024) connections, the client gets a 503 with
//!   `Retry-After`.
//! - Reads and writes wait for ever, unless you
//!   [`set_read_timeout`](crate::Upgraded::set_read_timeout) and
//!   [`set_write_timeout`](crate::Upgraded::set_write_timeout).
//! - [`writer`](crate::Upgraded::writer) makes a second handle, so that one thread reads while
//!   others write. The connection closes with its last handle;
//!   [`shutdown`](crate::Upgraded::shutdown) ends the connection for all handles.
//! - At a stop, a waiting read fails once with `TimedOut`, and
//!   [`is_shutting_down`](crate::Upgraded::is_shutting_down) is true. Your function then has
//!   [`shutdown_timeout`](crate::Settings::shutdown_timeout) to say goodbye and return.
//!
//! For one direction only, from the server to the browser, server-sent events need no upgrade:
//! [`log_tail`](super::log_tail).
//!
//! Next: [`log_tail`](super::log_tail).
