//! The smallest server: one answer for every request, at http://127.0.0.1:8080/, until Ctrl-C.

use drupe::{Server, handler};

fn main() -> Result<(), drupe::Error> {
    Server::new(handler(|_| "hello\n")).quickstart()
}
