//! Static files below a prefix; a handler answers everything else.
//!
//! Try `cargo run --features files --example files`, then open http://127.0.0.1:8080/static/ in a
//! browser.

use drupe::http::StatusCode;
use drupe::{Files, Handler, IntoResponse, Server, handler};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let files = Files::new(directory)?.prefix("/static");
    let site = handler(move |request| match request.uri().path() {
        "/" => "the files are at /static/\n".into_response(),
        path if path == "/static" || path.starts_with("/static/") => files.handle(request),
        _ => (StatusCode::NOT_FOUND, "nothing here\n").into_response(),
    });
    Ok(Server::new(site).quickstart()?)
}
