//! A chat over WebSocket: each message of a browser goes to all browsers.
//!
//! Try `cargo run --example chat`, then open http://127.0.0.1:8080/ twice. Each page holds a thread.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use drupe::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use drupe::http::{Method, StatusCode};
use drupe::response::Html;
use drupe::{Failure, IntoResponse, OrStatus, Request, Response, Server, Upgraded, handler, upgrade};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket, handshake::derive_accept_key};

/// The page, beside this file.
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.html"));

/// The room: a sending side for each browser, by the thread that reads from the browser.
type Room = Arc<Mutex<HashMap<ThreadId, WebSocket<Upgraded>>>>;

/// A receiving side that sends nothing: its frames would get into the middle of the room's.
struct Receiver(Upgraded);

impl Read for Receiver {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Receiver {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn chat(request: &mut Request, room: Room) -> Result<Response, Failure> {
    let is_version = request.headers().get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = request.headers().get(SEC_WEBSOCKET_KEY).filter(|_| is_version && request.method() == Method::GET);
    let accept = derive_accept_key(key.or_status(StatusCode::BAD_REQUEST)?.as_bytes());
    let response = upgrade(request, "websocket", move |stream| talk(stream, &room));
    Ok(([(SEC_WEBSOCKET_ACCEPT, accept)], response).into_response())
}

/// Reads from one browser until it leaves or the server stops.
fn talk(mut stream: Upgraded, room: &Room) {
    let me = thread::current().id();
    let config = WebSocketConfig::default().max_message_size(Some(10_000));
    stream.set_write_timeout(Some(Duration::from_secs(1)));
    let sender = WebSocket::from_raw_socket(stream.writer(), Role::Server, None);
    let mut receiver = WebSocket::from_raw_socket(Receiver(stream), Role::Server, Some(config));
    locked(room).insert(me, sender);
    loop {
        match receiver.read() {
            Ok(Message::Text(text)) => send(room, None, &Message::Text(text)),
            Ok(Message::Ping(data)) => send(room, Some(me), &Message::Pong(data)),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let goodbye = CloseFrame { code: CloseCode::Away, reason: "".into() };
    send(room, Some(me), &Message::Close(Some(goodbye)));
    locked(room).remove(&me);
}

/// Sends to one browser, or to all. A browser that takes nothing for a second is cut off.
fn send(room: &Room, to: Option<ThreadId>, message: &Message) {
    locked(room).retain(|id, sender| {
        let is_sent = to.is_some_and(|to| to != *id) || sender.send(message.clone()).is_ok();
        is_sent || sender.get_ref().shutdown(Shutdown::Both).is_err()
    });
}

fn locked(room: &Room) -> MutexGuard<'_, HashMap<ThreadId, WebSocket<Upgraded>>> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
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
