//! The server for the clients, and a record of the requests seen by its handler.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use drupe::http::StatusCode;
use drupe::http::header::{CONTENT_TYPE, EXPECT, HeaderValue, TRANSFER_ENCODING};
use drupe::{Body, BodyWriter, Error, Files, Handler, IntoResponse, Request, RequestExt, Response, Server, Upgraded};
use drupe_interop::{Lines, check};
use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

/// The record of the handler.
#[derive(Debug, Default)]
pub struct Seen {
    /// Bytes of complete, correct uploads.
    pub uploaded: AtomicU64,
    /// Requests with chunked content.
    pub chunked: AtomicU64,
    /// Requests that expected an interim answer.
    pub expecting: AtomicU64,
    /// Uploads that ended in the middle, or were refused there.
    pub cut: AtomicU64,
    /// Messages over WebSockets.
    pub messages: AtomicU64,
    /// Reports of pages.
    pub reports: Mutex<u64>,
    /// Notified at each new report.
    pub reported: Condvar,
}

/// Starts the server on a free port, with the files of `folder` at `/files/`.
///
/// # Errors
/// Those of `start`.
pub fn start(folder: &Path, seen: &Arc<Seen>) -> Result<Server, Error> {
    let files = Files::new(folder).expect("it was just made").prefix("/files");
    let seen = Arc::clone(seen);
    let mut server = Server::new(move |request: &mut Request| handle(request, &files, &seen));
    server.settings.socket_port = 0;
    server.settings.thread_pool_max = Some(64);
    server.start()?;
    Ok(server)
}

fn handle(request: &mut Request, files: &Files, seen: &Arc<Seen>) -> io::Result<Response> {
    let path = request.uri().path().to_owned();
    let (kind, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let length = rest.parse().unwrap_or(0);
    Ok(match kind {
        "hello" => "hello\n".into_response(),
        "upload" => upload(request, seen)?,
        "refuse" => {
            request.body_limit(1000);
            upload(request, seen)?
        }
        "bytes" => Body::sized(Lines::new(length), length).into_response(),
        "stream" => Body::from_reader(Lines::new(length)).into_response(),
        "files" => files.handle(request),
        // It promises more than there is: no client may take it for whole.
        "abort" => Body::sized(Lines::new(1024), 2048).into_response(),
        "events" => typed("text/event-stream", Body::stream(events)),
        "websocket" => websocket(request, seen),
        "page" => typed("text/html", include_str!("../clients/page.html")),
        // As long as a page has not reported: a browser waits for it.
        "wait" => {
            let reports = seen.reports.lock().expect("nobody panics with it");
            let before = *reports;
            drop(seen.reported.wait_timeout_while(reports, PATIENCE, |reports| *reports == before));
            StatusCode::NOT_FOUND.into_response()
        }
        "report" => {
            *seen.reports.lock().expect("nobody panics with it") += 1;
            seen.reported.notify_all();
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

fn typed(content_type: &'static str, content: impl IntoResponse) -> Response {
    let mut response = content.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn upload(request: &mut Request, seen: &Seen) -> io::Result<Response> {
    let counted = [(TRANSFER_ENCODING, &seen.chunked), (EXPECT, &seen.expecting)];
    counted.iter().filter(|(name, _)| request.headers().contains_key(name)).for_each(|(_, count)| add(count, 1));
    let mut content = std::mem::take(request.body_mut());
    let length = check(&mut content).inspect_err(|_| add(&seen.cut, 1))?;
    add(&seen.uploaded, length);
    Ok(format!("{length}\n").into_response())
}

/// A hundred events, each sent by itself.
fn events(writer: &mut BodyWriter) -> io::Result<()> {
    for number in 0..100 {
        write!(writer, "id: {number}\ndata: event {number}\n\n")?;
        writer.flush()?;
    }
    Ok(())
}

/// Sends back each message.
fn websocket(request: &Request, seen: &Arc<Seen>) -> Response {
    let Some(key) = request.headers().get("Sec-WebSocket-Key").map(|key| derive_accept_key(key.as_bytes())) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let seen = Arc::clone(seen);
    let mut response = drupe::upgrade(request, "websocket", move |stream: Upgraded| {
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                add(&seen.messages, 1);
                if socket.send(message).is_err() {
                    break;
                }
            }
        }
    });
    response.headers_mut().insert("Sec-WebSocket-Accept", HeaderValue::from_str(&key).expect("base64"));
    response
}

/// The time limit of a page.
const PATIENCE: Duration = Duration::from_secs(60);

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::SeqCst);
}
