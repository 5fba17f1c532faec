//! Stops the server from within a handler: `curl -X POST http://127.0.0.1:8080/stop`.
//!
//! The answer still arrives: requests in progress may finish within `shutdown_timeout`.

use std::sync::OnceLock;

use drupe::http::StatusCode;
use drupe::{Failure, OrStatus, Server, ServerHandle, handler};

static SERVER: OnceLock<ServerHandle> = OnceLock::new();

fn main() -> Result<(), drupe::Error> {
    let server = Server::new(handler(|request| {
        if request.uri().path() != "/stop" {
            return Ok("POST /stop ends this\n");
        }
        if request.method() != "POST" {
            return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "POST, please\n"));
        }
        SERVER.get().or_status(StatusCode::SERVICE_UNAVAILABLE)?.stop();
        Ok("stopping\n")
    }));
    let _ = SERVER.set(server.handle());
    server.quickstart()
}
