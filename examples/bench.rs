//! What benchmarks ask for: `GET /hello`, `POST /echo`, `GET /bytes/N`, at 127.0.0.1 and the port that `--port N` gives; over TLS with
//! `--cert FILE --key FILE`, for which it has to be built with the feature `tls`; with `--statistics true` the time of requests is measured.

use drupe::http::{Method, StatusCode};
use drupe::{Body, IntoResponse, Request, Response, Server};

/// What is sent, like the peers of drupe do.
static BLOCK: &[u8] = &[b'x'; 1 << 20];

fn handler(request: &mut Request) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/hello") => "hello".into_response(),
        (&Method::POST, "/echo") => std::mem::take(request.body_mut()).into_response(),
        (&Method::GET, path) => match path.strip_prefix("/bytes/").map(str::parse) {
            Some(Ok(length)) => match BLOCK.get(..length) {
                Some(bytes) => Body::from(bytes).into_response(),
                None => Body::sized(std::io::repeat(b'x'), length as u64).into_response(),
            },
            _ => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::new(handler);
    server.settings.socket_host = "127.0.0.1".to_owned();
    // Benchmarks echo more than anybody should be allowed to by default.
    server.settings.max_request_body_size = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--port", Some(port)) => server.settings.socket_port = port.parse()?,
            ("--cert", Some(file)) => server.settings.ssl_certificate = Some(file.into()),
            ("--statistics", Some(is_on)) => server.settings.statistics = is_on.parse()?,
            ("--key", Some(file)) => server.settings.ssl_private_key = Some(file.into()),
            _ => return Err("usage: bench [--port N] [--statistics BOOL] [--cert FILE --key FILE]".into()),
        }
    }
    Ok(server.quickstart()?)
}
