//! Sends the content of a request back while receiving it: content of any size, in constant memory.
//!
//! Try `curl -T some-file http://127.0.0.1:8080/`.

use drupe::{RequestExt, Server, handler};

fn main() -> Result<(), drupe::Error> {
    let echo = handler(|request| ([("content-type", "application/octet-stream")], request.take_body()));
    Server::new(echo).quickstart()
}
