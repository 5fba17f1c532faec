//! WebSocket without a thread for each browser: tungstenite on a parked connection.

use std::io::ErrorKind::WouldBlock;
use std::time::{Duration, Instant};

use drupe::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use drupe::http::{Method, StatusCode};
use drupe::stream::{Inbox, ParkedStream, Sender, Wait, upgrade_parked};
use drupe::{Failure, IntoResponse, OrStatus, Request, Response};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes, WebSocket, handshake::derive_accept_key};

/// The silence of a browser after which it gets a ping. After three times this silence it has left.
const SILENCE: Duration = Duration::from_secs(20);

/// Accepts a browser. Texts sent to the mailbox given to `join` go to the browser, and each text of
/// the browser to `hear`.
pub(crate) fn accept(
    request: &mut Request,
    join: impl FnOnce(Sender) + Send + 'static,
    hear: impl FnMut(Utf8Bytes) + Send + 'static,
) -> Result<Response, Failure> {
    let is_version = request.headers().get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = request.headers().get(SEC_WEBSOCKET_KEY).filter(|_| is_version && request.method() == Method::GET);
    let accept = derive_accept_key(key.or_status(StatusCode::BAD_REQUEST)?.as_bytes());
    let response = upgrade_parked(request, "websocket", 300_000, move |stream, mailbox| {
        join(mailbox);
        let config = WebSocketConfig::default().read_buffer_size(4096).max_write_buffer_size(400_000);
        let config = config.max_message_size(Some(70_000));
        let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        let mut browser = Browser { socket, hear, heard: Instant::now(), is_asked: false };
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

struct Browser<H> {
    socket: WebSocket<ParkedStream>,
    hear: H,
    /// The time of the last frame.
    heard: Instant,
    /// True if a ping was sent since.
    is_asked: bool,
}

impl<H: FnMut(Utf8Bytes)> Browser<H> {
    /// Reads and writes as far as possible without waiting.
    fn advance(&mut self, inbox: &Inbox) -> Result<Wait, Error> {
        loop {
            match self.socket.read() {
                Err(Error::Io(error)) if error.kind() == WouldBlock => break,
                Ok(Message::Text(text)) => (self.hear)(text),
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
