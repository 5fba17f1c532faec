//! Server-sent events: a clock that ends when the client leaves or the server stops.
//!
//! Each open stream holds a worker thread, so `thread_pool_max` limits the number of streams. Try
//! `curl -N http://127.0.0.1:8080/`.

use std::io::Write;
use std::time::Duration;

use drupe::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use drupe::{Body, IntoResponse, Request, Response, Server};

fn clock(_request: &mut Request) -> Response {
    let body = Body::stream(|writer| {
        for second in 0.. {
            write!(writer, "id: {second}\ndata: {second} seconds\n\n")?;
            writer.flush()?;
            if writer.stops_within(Duration::from_secs(1)) {
                break;
            }
        }
        Ok(())
    });
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn main() -> Result<(), drupe::Error> {
    let mut server = Server::new(clock);
    server.settings.thread_pool_max = Some(1000);
    server.quickstart()
}
