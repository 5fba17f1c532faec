//! A development server for a single-page application: its files, its page for every other path, and
//! a proxy for its API.
//!
//! Try `cargo run --features files --example spa -- dist http://127.0.0.1:3000`.

use std::error::Error;

use drupe::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use drupe::http::{self, HeaderMap, StatusCode};
use drupe::{Body, Failure, Files, Handler, IntoResponse, OrStatus, Request, RequestExt, Response, Server, handler};
use ureq::{Agent, SendBody};

/// Sends a request on to `backend`, and the answer back, both while their content arrives.
fn forward(agent: &Agent, backend: &str, request: &mut Request) -> Result<Response, Failure> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = format!("{backend}{target}");
    let mut body = request.take_body();
    let mut onward = http::Request::builder().method(request.method()).uri(target).body(())?;
    *onward.headers_mut() = request.headers().clone();
    remove_connection_fields(onward.headers_mut());
    onward.headers_mut().remove(HOST);
    let length = body.content_length();
    if let Some(client) = request.client() {
        onward.headers_mut().insert("x-forwarded-for", client.to_string().parse()?);
    }
    let onward = onward.map(|()| match length {
        Some(0) => SendBody::none(),
        _ => SendBody::from_owned_reader(std::mem::take(&mut body)),
    });
    let (mut head, body) = agent.run(onward).or_status(StatusCode::BAD_GATEWAY)?.into_parts();
    remove_connection_fields(&mut head.headers);
    Ok(Response::from_parts(head, Body::from_reader(body.into_reader())))
}

/// Removes the fields that are about one connection only (RFC 9110 §7.6.1).
fn remove_connection_fields(fields: &mut HeaderMap) {
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE] {
        fields.remove(name);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(backend)) = (arguments.next(), arguments.next()) else {
        return Err("usage: spa FOLDER BACKEND".into());
    };
    let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    // The application knows its own paths.
    let files = Files::new(folder)?.listing(false).fallback("index.html")?;
    let mut server = Server::new(handler(move |request| {
        if request.uri().path().starts_with("/api/") {
            return forward(&agent, &backend, request).into_response();
        }
        files.handle(request)
    }));
    server.settings.merge_environment("SPA_")?;
    Ok(server.quickstart()?)
}
