//! Reads a small upload into memory, and refuses a larger one with `413` before it fills any.
//!
//! Try `curl -d hello http://127.0.0.1:8080/`.

use drupe::http::{Method, StatusCode};
use drupe::{IntoResponse, Request, RequestExt, Response, Server};

fn upload(request: &mut Request) -> std::io::Result<Response> {
    if request.method() != Method::POST {
        return Ok((StatusCode::OK, "POST up to 64 KiB here\n").into_response());
    }
    request.body_limit(64 * 1024);
    // The errors of reading become the fitting status: 400, 408, 413.
    let content = std::mem::take(request.body_mut()).into_vec()?;
    Ok((StatusCode::CREATED, format!("got {} bytes\n", content.len())).into_response())
}

fn main() -> Result<(), drupe::Error> {
    Server::new(upload).quickstart()
}
