//! The smallest server: one answer for every request, at http://127.0.0.1:8080/, until Ctrl-C.

use drupe::{Request, Server};

fn main() -> Result<(), drupe::Error> {
    let server = Server::new(|_request: &mut Request| "hello\n");
    server.quickstart()
}
