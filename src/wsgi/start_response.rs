//! `start_response`, and the state of a response until it is sent.

use std::io;
use std::sync::Arc;

use http::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, StatusCode};

use super::ApplicationError;
use crate::message::early::EarlyOutput;
use crate::message::reason::ReasonPhrase;
use crate::sync::Mutex;

/// Begins a response: `start_response` of PEP 3333.
///
/// The value may be cloned and kept, for [`Chunks`](super::Chunks) that begin the response at their
/// first block.
#[derive(Clone, Debug)]
pub struct StartResponse {
    reply: Reply,
}

/// Writes content before the content returned by the application: the `write` callable of PEP 3333.
///
/// `Write` is for applications that cannot return their content; [yielded](super::Content::chunks)
/// blocks are sent as promptly. When a call returns, the head and the accepted bytes have been
/// sent. A slow client blocks the call, at most for
/// [`write_timeout`](crate::Settings::write_timeout).
///
/// There are two exceptions:
///
/// - Bytes written while [`Chunks`](super::Chunks) yield a block, contrary to PEP 3333, are sent
///   just before that block.
/// - Without a connection, as in [`testing::call`](crate::testing::call), bytes are buffered, at
///   most 1 MiB, and sent after the application has returned.
#[derive(Clone, Debug)]
pub struct Write {
    reply: Reply,
}

/// A response in progress, shared by the application and the gateway.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    state: Arc<Mutex<State>>,
    /// The output to the client until the application has returned, if available.
    early: Option<Arc<dyn EarlyOutput>>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    stage: Stage,
    /// Accepted by `write`, not sent yet.
    written: Vec<u8>,
    /// The number of bytes sent by `write`; `None` if the response has not begun early.
    sent: Option<u64>,
    has_returned: bool,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// The phrase, if not the registered one.
    pub(super) reason: Option<ReasonPhrase>,
    pub(super) fields: HeaderMap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The head can still be replaced.
    #[default]
    Held,
    /// The first byte is there: the head is settled.
    Sent,
    /// Nothing can be added.
    Over,
}

impl StartResponse {
    /// Begins the response with `status`, such as `404 Not Found`, and `fields`.
    ///
    /// The head is held back until the first byte of content. A phrase of at most
    /// 128 bytes is sent as given, in any encoding, instead of the registered one. `Content-Length` and `Date` are
    /// optional.
    ///
    /// # Errors
    /// In all these cases nothing is changed:
    ///
    /// - The response has begun before.
    /// - The status is not a number from 200 to 599, or the phrase has control characters.
    /// - A field is malformed, for example a value with a line end.
    /// - A field belongs to the connection, such as `Transfer-Encoding` or `Connection` (except
    ///   `close`).
    pub fn start<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Write, ApplicationError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let head = Head::new(status.as_ref(), fields)?;
        let mut state = self.reply.state.lock();
        if state.head.is_some() || state.stage != Stage::Held {
            return Err("start_response was called a second time without an error as the reason".into());
        }
        state.head = Some(head);
        Ok(Write { reply: self.reply.clone() })
    }

    /// Begins the response anew because of `reason`, like PEP 3333 with `exc_info`.
    ///
    /// The new head replaces an earlier one, if any.
    ///
    /// # Errors
    /// `reason` itself if the head has been sent; the application should return the error, so that
    /// the connection is cut. Otherwise as [`start`](Self::start).
    pub fn restart<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        fields: impl IntoIterator<Item = (N, V)>,
        reason: impl Into<ApplicationError>,
    ) -> Result<Write, ApplicationError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut state = self.reply.state.lock();
        if state.stage != Stage::Held {
            return Err(reason.into());
        }
        drop(state);
        let head = Head::new(status.as_ref(), fields)?;
        state = self.reply.state.lock();
        state.head = Some(head);
        Ok(Write { reply: self.reply.clone() })
    }

    pub(super) fn new(reply: &Reply) -> Self {
        Self { reply: reply.clone() }
    }
}

impl io::Write for Write {
    /// Sends `bytes`, up to the declared length. The first byte settles the head.
    ///
    /// # Errors
    /// - `InvalidInput` for more than the declared `Content-Length`: in the first call nothing is
    ///   sent; in later calls the bytes within the length are sent first.
    /// - `BrokenPipe` once the response is over.
    /// - `TimedOut` and others if the client does not read.
    /// - `Other` if the head contradicts itself, or if the buffer is full.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match self.reply.next_for(bytes.len() as u64)? {
            Step::Keep => self.reply.keep(bytes),
            Step::Begin(early, head) => {
                early.begin(head.status, head.reason.as_ref(), &head.fields)?;
                self.reply.send(&*early, bytes)
            }
            Step::Send(early) => self.reply.send(&*early, bytes),
        }
    }

    /// Does nothing, because `write` does not delay bytes that can be sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The next step for written bytes.
enum Step {
    /// Buffer the bytes.
    Keep,
    /// Send the head first.
    Begin(Arc<dyn EarlyOutput>, Head),
    Send(Arc<dyn EarlyOutput>),
}

impl Reply {
    /// A response that can begin early with `early`.
    pub(super) fn by_way_of(early: Option<Arc<dyn EarlyOutput>>) -> Self {
        Self { early, ..Self::default() }
    }

    /// Returns the number of bytes sent early; `None` if the response has not begun.
    pub(super) fn sent(&self) -> Option<u64> {
        self.state.lock().sent
    }

    /// Records that the application has returned: from now on written bytes are buffered.
    pub(super) fn returned(&self) {
        self.state.lock().has_returned = true;
    }

    fn next_for(&self, length: u64) -> io::Result<Step> {
        let state = self.state.lock();
        let Some(head) = &state.head else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if state.stage == Stage::Over {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.stage == Stage::Held && head.declared().is_some_and(|declared| length > declared) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, BEYOND));
        }
        Ok(match &self.early {
            Some(early) if !state.has_returned && state.sent.is_some() => Step::Send(Arc::clone(early)),
            Some(early) if !state.has_returned => Step::Begin(Arc::clone(early), head.clone()),
            _ => Step::Keep,
        })
    }

    fn keep(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if bytes.len() > MOST_WRITTEN - state.written.len() {
            return Err(io::Error::other("written bytes exceed the buffer of 1 MiB; return the content instead"));
        }
        state.stage = Stage::Sent;
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Sends `bytes` without holding the lock while waiting for the client.
    fn send(&self, early: &dyn EarlyOutput, bytes: &[u8]) -> io::Result<usize> {
        {
            let mut state = self.state.lock();
            state.stage = Stage::Sent;
            state.sent.get_or_insert(0);
        }
        let sent = early.send(bytes)?;
        if let Some(before) = &mut self.state.lock().sent {
            *before += sent as u64;
        }
        if sent == 0 { Err(io::Error::new(io::ErrorKind::InvalidInput, BEYOND)) } else { Ok(sent) }
    }

    /// Settles and returns the head.
    ///
    /// # Errors
    /// If the application has not begun a response.
    pub(super) fn settle(&self) -> Result<Head, ApplicationError> {
        let mut state = self.state.lock();
        state.stage = Stage::Sent;
        state.head.clone().ok_or_else(|| "the application has not called start_response".into())
    }

    /// Takes the written bytes not sent yet.
    pub(super) fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.lock().written)
    }

    /// Ends the response and drops unsent bytes.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.stage = Stage::Over;
        state.written = Vec::new();
    }
}

impl Head {
    fn new<N, V>(status: &[u8], fields: impl IntoIterator<Item = (N, V)>) -> Result<Self, ApplicationError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let (status, reason) = status_of(status)
            .ok_or_else(|| format!("{:?} is not a status such as \"200 OK\"", String::from_utf8_lossy(status)))?;
        let mut head = Self { status, reason, fields: HeaderMap::new() };
        for (name, value) in fields {
            let shown = || String::from_utf8_lossy(name.as_ref()).into_owned();
            let name =
                HeaderName::from_bytes(name.as_ref()).map_err(|_| format!("{:?} is not a field name", shown()))?;
            let value = HeaderValue::from_bytes(value.as_ref())
                .map_err(|_| format!("the value of {name} is not a valid field value"))?;
            if is_of_the_connection(&name, &value) {
                return Err(format!("{name} belongs to the connection; an application must not set it").into());
            }
            head.fields.append(name, value);
        }
        Ok(head)
    }

    /// Returns the rest of the declared length after `sent` bytes.
    pub(super) fn left(&self, sent: Option<u64>) -> Option<u64> {
        self.declared().map(|declared| declared.saturating_sub(sent.unwrap_or(0)))
    }

    /// Returns the declared length; `None` also for a malformed one, refused later by the server.
    pub(super) fn declared(&self) -> Option<u64> {
        self.fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

/// Parses `200 OK`, or the number alone. The phrase is `None` if absent, registered or too long.
fn status_of(text: &[u8]) -> Option<(StatusCode, Option<ReasonPhrase>)> {
    let mut parts = text.splitn(2, |byte| *byte == b' ');
    let status = StatusCode::from_bytes(parts.next()?).ok()?;
    let phrase = parts.next().unwrap_or_default();
    let is_final = (200..=599).contains(&status.as_u16());
    if !is_final || phrase.iter().any(u8::is_ascii_control) {
        return None;
    }
    let is_own = !phrase.is_empty() && status.canonical_reason().map(str::as_bytes) != Some(phrase);
    Some((status, is_own.then(|| phrase.try_into().ok()).flatten()))
}

/// True for hop-by-hop fields, not allowed to applications (PEP 3333). `Connection: close` is
/// allowed.
fn is_of_the_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    if name == CONNECTION {
        return !value.as_bytes().eq_ignore_ascii_case(b"close");
    }
    let hop_by_hop = [PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    hop_by_hop.contains(name) || name == "keep-alive"
}

const BEYOND: &str = "more content than the declared Content-Length";
/// The most bytes buffered by `write`.
const MOST_WRITTEN: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const NO_FIELDS: [(&str, &str); 0] = [];

    fn refused(status: &str, fields: &[(&str, &str)]) -> String {
        let reply = Reply::default();
        let refused = StartResponse::new(&reply).start(status, fields.iter().copied()).unwrap_err().to_string();
        assert!(reply.settle().is_err(), "{refused}");
        refused
    }

    #[test]
    fn a_status_is_a_number_and_a_phrase() {
        for (text, number) in [
            ("200 OK", Some(200)),
            ("404 No Such Cherry", Some(404)),
            ("204", Some(204)),
            ("599 ", Some(599)),
            ("", None),
            ("OK", None),
            ("20 OK", None),
            ("2000 OK", None),
            ("200OK", None),
            ("200\tOK", None),
            ("200 OK\r\nX: y", None),
            ("100 Continue", None),
            ("101 Switching Protocols", None),
            ("600 Beyond", None),
            ("+20 OK", None),
        ] {
            assert_eq!(status_of(text.as_bytes()).map(|(status, _)| status.as_u16()), number, "{text:?}");
        }
        assert_eq!(refused("OK", &[]), "\"OK\" is not a status such as \"200 OK\"");
    }

    #[test]
    fn a_phrase_of_ones_own_is_kept_up_to_the_bound() {
        let long = format!("404 {}", "x".repeat(129));
        for (text, reason) in [
            (&b"404 Nope"[..], Some(&b"Nope"[..])),
            (b"404 Not Found", None),
            (b"404", None),
            (b"404 ", None),
            (b"299 Odd one", Some(b"Odd one")),
            (b"299 Caf\xe9", Some(b"Caf\xe9")),
            ("299 Caf\u{e9}".as_bytes(), Some("Caf\u{e9}".as_bytes())),
            (long.as_bytes(), None),
        ] {
            let (_, kept) = status_of(text).unwrap();
            assert_eq!(kept.as_ref().map(ReasonPhrase::as_bytes), reason, "{text:?}");
        }
    }

    #[test]
    fn fields_that_no_message_may_have_are_refused() {
        for (name, value, reason) in [
            ("A: b\r\nC", "d", "\"A: b\\r\\nC\" is not a field name"),
            ("", "d", "\"\" is not a field name"),
            ("A", "b\r\nC: d", "the value of a is not a valid field value"),
            ("A", "b\0", "the value of a is not a valid field value"),
            (
                "Transfer-Encoding",
                "chunked",
                "transfer-encoding belongs to the connection; an application must not set it",
            ),
            ("Connection", "upgrade", "connection belongs to the connection; an application must not set it"),
            ("Keep-Alive", "timeout=9", "keep-alive belongs to the connection; an application must not set it"),
            ("Upgrade", "tea", "upgrade belongs to the connection; an application must not set it"),
        ] {
            assert_eq!(refused("200 OK", &[(name, value)]), reason);
        }
        let reply = Reply::default();
        let fields = [("Connection", &b"close"[..]), ("Set-Cookie", b"a=b"), ("Set-Cookie", b"c=\xe9")];
        StartResponse::new(&reply).start("200 OK", fields).unwrap();
        assert_eq!(reply.settle().unwrap().fields.len(), 3);
    }

    #[test]
    fn answer_begins_once_unless_an_error_replaces_the_head() {
        let reply = Reply::default();
        let start_response = StartResponse::new(&reply);
        start_response.start("200 OK", [("Content-Length", "7")]).unwrap();
        let text = start_response.start("201 Created", NO_FIELDS).unwrap_err().to_string();
        assert_eq!(text, "start_response was called a second time without an error as the reason");
        assert_eq!(
            start_response.restart("wrong", NO_FIELDS, "reason").unwrap_err().to_string(),
            "\"wrong\" is not a status such as \"200 OK\""
        );
        start_response.restart("500 Oops", NO_FIELDS, "reason").unwrap();
        let head = reply.settle().unwrap();
        assert_eq!((head.status.as_u16(), head.declared()), (500, None));
        assert_eq!(start_response.restart("404 Not Found", NO_FIELDS, "reason").unwrap_err().to_string(), "reason");
        assert_eq!(reply.settle().unwrap().status, 500);
    }

    #[test]
    fn writing_settles_the_head_and_has_a_bound() {
        let reply = Reply::default();
        let start_response = StartResponse::new(&reply);
        let mut write = start_response.restart("200 OK", NO_FIELDS, "first").unwrap();
        write.write_all(b"abc").unwrap();
        assert_eq!(start_response.restart("500 Oops", NO_FIELDS, "reason").unwrap_err().to_string(), "reason");
        assert_eq!(reply.take_written(), b"abc");
        write.write_all(&vec![0; MOST_WRITTEN]).unwrap();
        assert_eq!(write.write(b"x").unwrap_err().kind(), io::ErrorKind::Other);
        reply.take_written();
        write.write_all(b"x").unwrap();
        reply.end();
        assert_eq!(write.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(reply.take_written(), b"");
    }

    #[test]
    fn answer_without_start_response_has_no_head() {
        let text = Reply::default().settle().unwrap_err().to_string();
        assert_eq!(text, "the application has not called start_response");
    }
}
