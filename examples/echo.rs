//! Sends the content of a request back while receiving it: content of any size, in constant memory.
//!
//! Try `curl -T some-file http://127.0.0.1:8080/`.

use drupe::http::header::CONTENT_TYPE;
use drupe::{IntoResponse, Request, Response, Server};

fn echo(request: &mut Request) -> Response {
    let mut response = std::mem::take(request.body_mut()).into_response();
    if let Some(content_type) = request.headers().get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
    }
    response
}

fn main() -> Result<(), drupe::Error> {
    Server::new(echo).quickstart()
}
