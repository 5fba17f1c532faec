//! A chat over WebSocket: each message of a browser goes to all browsers. No browser holds a thread.
//!
//! Try `cargo run --example chat`, then open http://127.0.0.1:8080/ twice.

use std::io::ErrorKind::WouldBlock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use drupe::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use drupe::http::{Method, StatusCode};
use drupe::stream::{Inbox, Overflow, ParkedStream, Sender, Wait, upgrade_parked};
use drupe::{Failure, IntoResponse, OrStatus, Request, Response, Server, handler, response::Html};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket, handshake::derive_accept_key};

/// The page, beside this file.
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.html"));
/// The limit for browsers.
const MOST: usize = 10_000;
/// The silence of a browser after which it gets a ping. After three times this silence it has left.
const SILENCE: Duration = Duration::from_secs(20);

/// The mailboxes of all browsers.
type Room = Arc<Mutex<Vec<Sender>>>;

fn chat(request: &mut Request, room: Room) -> Result<Response, Failure> {
    let is_version = request.headers().get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = request.headers().get(SEC_WEBSOCKET_KEY).filter(|_| is_version && request.method() == Method::GET);
    let accept = derive_accept_key(key.or_status(StatusCode::BAD_REQUEST)?.as_bytes());
    all(&room).retain(|browser| !browser.is_closed());
    (all(&room).len() < MOST).then_some(()).or_status(StatusCode::SERVICE_UNAVAILABLE)?;
    let response = upgrade_parked(request, "websocket", 300_000, move |stream, mailbox| {
        all(&room).push(mailbox);
        let config = WebSocketConfig::default().read_buffer_size(4096).max_write_buffer_size(400_000);
        let config = config.max_message_size(Some(70_000));
        let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        let mut browser = Browser { socket, room, heard: Instant::now(), is_asked: false };
        move |inbox: &Inbox| match browser.advance(inbox) {
            Ok(wait) => Ok(wait),
            // `WouldBlock` waits, other errors of the socket close.
            Err(Error::Io(error)) => Err(error),
            // The browser has said goodbye, or breaks the rules.
            Err(_) => Ok(Wait::End),
        }
    });
    Ok(([(SEC_WEBSOCKET_ACCEPT, accept)], response).into_response())
}

struct Browser {
    socket: WebSocket<ParkedStream>,
    room: Room,
    /// The time of the last frame.
    heard: Instant,
    /// True if a ping was sent since.
    is_asked: bool,
}

impl Browser {
    /// Reads and writes as far as possible without waiting.
    fn advance(&mut self, inbox: &Inbox) -> Result<Wait, Error> {
        loop {
            match self.socket.read() {
                Err(Error::Io(error)) if error.kind() == WouldBlock => break,
                // A browser that takes none of 300 KB is disconnected.
                Ok(Message::Text(text)) => {
                    all(&self.room).retain(|to| to.send_or(text.clone(), Overflow::Disconnect).is_ok());
                }
                other => drop(other?),
            }
            (self.heard, self.is_asked) = (Instant::now(), false);
        }
        if inbox.is_shutting_down() {
            self.socket.close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() }))?;
        } else if self.heard.elapsed() > 3 * SILENCE {
            return Ok(Wait::End);
        } else if self.heard.elapsed() > SILENCE && !std::mem::replace(&mut self.is_asked, true) {
            self.socket.write(Message::Ping("".into()))?;
        }
        self.socket.flush()?;
        while let Some(text) = inbox.try_recv().filter(|_| self.socket.can_write()) {
            self.socket.write(Message::Text(text.try_into()?))?;
        }
        self.socket.flush()?;
        Ok(Wait::For(SILENCE))
    }
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
