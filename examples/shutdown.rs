//! Stops the server from within a handler: `curl -X POST http://127.0.0.1:8080/stop`.
//!
//! The answer still arrives: requests in progress may finish within `shutdown_timeout`.

use std::sync::OnceLock;

use drupe::http::{Method, StatusCode};
use drupe::{IntoResponse, Request, Response, Server, ServerHandle};

static SERVER: OnceLock<ServerHandle> = OnceLock::new();

fn handler(request: &mut Request) -> Response {
    match (request.method(), request.uri().path(), SERVER.get()) {
        (&Method::POST, "/stop", Some(server)) => {
            server.stop();
            "stopping\n".into_response()
        }
        (_, "/stop", _) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        _ => "POST /stop ends this\n".into_response(),
    }
}

fn main() -> Result<(), drupe::Error> {
    let server = Server::new(handler);
    let _ = SERVER.set(server.handle());
    server.quickstart()
}
