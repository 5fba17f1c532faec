//! A chat over WebSocket: each message of a browser goes to all.
//!
//! Try `cargo run --example chat`, then open http://127.0.0.1:8080/ twice. Each page holds a thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use drupe::http::StatusCode;
use drupe::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use drupe::response::Html;
use drupe::{Failure, IntoResponse, OrStatus, Request, Response, Server, Upgraded, handler, upgrade};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket, handshake::derive_accept_key};

/// The page, beside this file.
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.html"));

/// A sending side for each browser, by the thread that reads from the browser.
type Room = Arc<Mutex<HashMap<ThreadId, WebSocket<Upgraded>>>>;

fn chat(request: &mut Request, room: Room) -> Result<Response, Failure> {
    let key = request.headers().get(SEC_WEBSOCKET_KEY).or_status(StatusCode::BAD_REQUEST)?;
    let accept = derive_accept_key(key.as_bytes());
    let response = upgrade(request, "websocket", move |stream| talk(stream, &room));
    Ok(([(SEC_WEBSOCKET_ACCEPT, accept)], response).into_response())
}

/// Reads from one browser until it leaves or the server stops.
fn talk(mut stream: Upgraded, room: &Room) {
    let config = WebSocketConfig::default().max_message_size(Some(10_000));
    let locked = || room.lock().unwrap_or_else(PoisonError::into_inner);
    stream.set_write_timeout(Some(Duration::from_secs(1)));
    let writing = WebSocket::from_raw_socket(stream.writer(), Role::Server, None);
    let mut reading = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    locked().insert(thread::current().id(), writing);
    while let Ok(message) = reading.read() {
        if let Message::Text(text) = message {
            // A browser that does not take the message within a second is dropped.
            locked().retain(|_, other| other.send(Message::Text(text.clone())).is_ok());
        }
    }
    let gone = locked().remove(&thread::current().id());
    let goodbye = CloseFrame { code: CloseCode::Away, reason: "".into() };
    let _ = gone.map(|mut writing| writing.close(Some(goodbye)));
}

fn main() -> Result<(), drupe::Error> {
    let room = Room::default();
    let mut server = Server::new(handler(move |request| match request.uri().path() {
        "/" => Html(PAGE).into_response(),
        "/chat" => chat(request, Arc::clone(&room)).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }));
    server.settings.merge_environment("CHAT_")?;
    server.quickstart()
}
