//! The server for load benchmarks, at 127.0.0.1 and the port given by `--port N`.
//!
//! Paths: `GET /hello`, `GET /bytes/N`, `POST /echo`, `POST /len` (the length of the content), `GET
//! /usleep/N` (sleeps N microseconds) and `GET /spin/N` (computes for N microseconds). `--cert FILE
//! --key FILE` turns TLS on (feature `tls`), `--set NAME=VALUE` changes any setting.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use drupe::http::{Method, StatusCode};
use drupe::{Body, IntoResponse, Request, RequestExt, Response, Server};

/// The content of `/bytes/N`, made once, as in the servers that drupe is compared with.
static BLOCK: LazyLock<&[u8]> = LazyLock::new(|| vec![0; 128 << 20].leak());

fn handler(request: &mut Request) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/hello") => "hello".into_response(),
        (&Method::POST, "/echo") => request.take_body().into_response(),
        (&Method::POST, "/len") => match request.bytes() {
            Ok(content) => content.len().to_string().into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        },
        (&Method::GET, path) => match path.rsplit_once('/').map(|(kind, number)| (kind, number.parse())) {
            Some(("/bytes", Ok(length))) => bytes(length),
            Some(("/usleep", Ok(micros))) => {
                thread::sleep(Duration::from_micros(micros as u64));
                "slept".into_response()
            }
            Some(("/spin", Ok(micros))) => {
                let end = Instant::now() + Duration::from_micros(micros as u64);
                while Instant::now() < end {}
                "computed".into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn bytes(length: usize) -> Response {
    match BLOCK.get(..length) {
        Some(bytes) => Body::from(bytes).into_response(),
        None => Body::sized(std::io::repeat(0), length as u64).into_response(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::new(handler);
    server.settings.socket_host = "127.0.0.1".to_owned();
    // Benchmarks echo more than the default limit allows.
    server.settings.max_request_body_size = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--port", Some(port)) => server.settings.socket_port = port.parse()?,
            ("--cert", Some(file)) => server.settings.ssl_certificate = Some(file.into()),
            ("--set", Some(setting)) => match setting.split_once('=') {
                Some((name, value)) => server.settings.set(name, value)?,
                None => return Err(format!("--set {setting}: NAME=VALUE is wanted").into()),
            },
            ("--key", Some(file)) => server.settings.ssl_private_key = Some(file.into()),
            _ => return Err("usage: bench [--port N] [--cert FILE --key FILE] [--set NAME=VALUE]".into()),
        }
    }
    Ok(server.quickstart()?)
}
