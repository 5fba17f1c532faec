//! Reads a small upload into memory, and refuses a larger one with `413` before it fills any.
//!
//! Try `curl -d hello http://127.0.0.1:8080/`.

use drupe::http::{Method, StatusCode};
use drupe::{Failure, IntoResponse, Request, RequestExt, Response, Server};

fn upload(request: &mut Request) -> Result<Response, Failure> {
    if request.method() != Method::POST {
        return Ok("POST up to 64 KiB here\n".into_response());
    }
    request.body_limit(64 * 1024);
    let content = request.bytes()?; // 400, 408 or 413 if the client is at fault
    Ok((StatusCode::CREATED, format!("got {} bytes\n", content.len())).into_response())
}

fn main() -> Result<(), drupe::Error> {
    Server::new(upload).quickstart()
}
