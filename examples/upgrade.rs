//! Leaves HTTP for a protocol of its own: after `101`, everything comes back in capitals.
//!
//! Try it with netcat at port 8080:
//! ```text
//! GET / HTTP/1.1
//! Host: localhost
//! Connection: upgrade
//! Upgrade: shout
//! ```

use std::io::{Read, Write};

use drupe::{Request, Response, Server, Upgraded};

/// Ends when the client leaves or the server stops: both make reading or writing fail.
fn shout(mut stream: Upgraded) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        buffer[..length].make_ascii_uppercase();
        if stream.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
}

fn handler(request: &mut Request) -> Response {
    drupe::upgrade(request, "shout", shout)
}

fn main() -> Result<(), drupe::Error> {
    Server::new(handler).quickstart()
}
