//! A chat over WebSocket: each message of a browser goes to all browsers. No browser holds a thread.
//!
//! Try `cargo run --example chat`, then open http://127.0.0.1:8080/ twice.

#[path = "chat/websocket.rs"]
mod websocket;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drupe::stream::{Overflow, Sender};
use drupe::{Failure, IntoResponse, OrStatus, Request, Response, Server, handler, http::StatusCode, response::Html};

/// The page, beside this file.
const PAGE: &str = include_str!("chat.html");
/// The limit for browsers.
const MOST: usize = 10_000;

/// The mailboxes of all browsers.
type Room = Arc<Mutex<Vec<Sender>>>;

fn chat(request: &mut Request, room: Room) -> Result<Response, Failure> {
    all(&room).retain(|browser| !browser.is_closed());
    (all(&room).len() < MOST).then_some(()).or_status(StatusCode::SERVICE_UNAVAILABLE)?;
    let joined = Arc::clone(&room);
    let join = move |mailbox| all(&joined).push(mailbox);
    // A browser with 300 KB of unread messages is disconnected.
    websocket::accept(request, join, move |text| {
        all(&room).retain(|browser| browser.send_or(text.clone(), Overflow::Disconnect).is_ok());
    })
}

fn all(room: &Room) -> MutexGuard<'_, Vec<Sender>> {
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
