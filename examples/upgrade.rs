//! Upgrades to a protocol of its own: after `101` the server sends everything back in capitals, and
//! `BYE` when it stops.
//!
//! Try it with netcat at port 8080:
//! ```text
//! GET / HTTP/1.1
//! Host: localhost
//! Connection: upgrade
//! Upgrade: shout
//! ```

use std::io::{self, Read, Write};

use drupe::{Request, Response, Server, Upgraded};

/// Ends when the client leaves, which ends the stream or makes reading or writing fail.
fn shout(mut stream: Upgraded) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                buffer[..length].make_ascii_uppercase();
                stream.write_all(&buffer[..length])?;
            }
            // The server stops, and leaves the time to say so.
            Err(_) if stream.is_shutting_down() => return stream.write_all(b"BYE\n"),
            Err(error) => return Err(error),
        }
    }
}

fn handler(request: &mut Request) -> Response {
    drupe::upgrade(request, "shout", |stream| drop(shout(stream)))
}

fn main() -> Result<(), drupe::Error> {
    Server::new(handler).quickstart()
}
