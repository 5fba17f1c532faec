//! How an application begins its answer, and what is known of that until the answer goes out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, StatusCode};

use super::application::Failure;
use crate::message::early::EarlyOutput;

/// Begins an answer: `start_response` of PEP 3333.
///
/// It may be cloned and kept, by [`Chunks`](super::Chunks) that begin their answer when they are asked for their first block.
#[derive(Clone, Debug)]
pub struct StartResponse {
    reply: Reply,
}

/// Writes content before that which the application returns: the `write` callable of PEP 3333.
///
/// It is there for applications that cannot do otherwise; blocks that are [yielded](super::Content::chunks) are sent as promptly. What it
/// takes has gone out, head first, when the call returns; a client that is slow to read is waited for, as long as
/// [`write_timeout`](crate::Settings::write_timeout) says.
///
/// Two cases are not so. What is written while [`Chunks`](super::Chunks) yield a block, which PEP 3333 forbids, goes out just before that
/// block. And where nobody can send yet, because a [`Gateway`](super::Gateway) is called by a handler that does not pass on its
/// [`begins_early`](crate::Handler::begins_early), or by a test, what is written goes out when the application has returned; at most 1 MiB can
/// wait for that.
#[derive(Clone, Debug)]
pub struct Write {
    reply: Reply,
}

/// An answer on its way: what the application and the gateway both know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    state: Arc<Mutex<State>>,
    /// The way to the client while the application has not returned, if there is one.
    early: Option<Arc<dyn EarlyOutput>>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    stage: Stage,
    /// Taken by `write`, not sent yet.
    written: Vec<u8>,
    /// Bytes that `write` has sent; `None` if the answer has not begun early.
    sent: Option<u64>,
    has_returned: bool,
}

/// The beginning of an answer.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The head can still be another.
    #[default]
    Held,
    /// There is a first byte: the head is what it is.
    Sent,
    /// Nothing can be added any more.
    Over,
}

impl StartResponse {
    /// Begins the answer with `status`, such as `404 Not Found`, and `fields`.
    ///
    /// The head is held back until the first byte of content is there. The phrase behind the number is not sent: that is the one RFC 9110
    /// has. `Content-Length` and `Date` need not be given.
    ///
    /// # Errors
    /// If it was begun already; for a status that is not three digits, from 200 on; for fields that no message can have, such as a value with
    /// an end of line; for those that are not an application's to set: `Transfer-Encoding`, `Connection` (but for `close`) and others that
    /// belong to one connection. Nothing is changed then.
    pub fn start<N, V>(&self, status: &str, fields: impl IntoIterator<Item = (N, V)>) -> Result<Write, Failure>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let head = Head::new(status, fields)?;
        let mut state = self.reply.state();
        if state.head.is_some() || state.stage != Stage::Held {
            return Err("start_response was called a second time without an error as the reason".into());
        }
        state.head = Some(head);
        Ok(Write { reply: self.reply.clone() })
    }

    /// Begins the answer anew because of `reason`: what PEP 3333 does with `exc_info`.
    ///
    /// It takes the place of what was begun; it may also be the first.
    ///
    /// # Errors
    /// `reason` itself if the head has been sent: to be passed on, so that the client's connection is cut. Else as [`start`](Self::start).
    pub fn restart<N, V>(
        &self,
        status: &str,
        fields: impl IntoIterator<Item = (N, V)>,
        reason: impl Into<Failure>,
    ) -> Result<Write, Failure>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut state = self.reply.state();
        if state.stage != Stage::Held {
            return Err(reason.into());
        }
        drop(state);
        let head = Head::new(status, fields)?;
        state = self.reply.state();
        state.head = Some(head);
        Ok(Write { reply: self.reply.clone() })
    }

    pub(super) fn new(reply: &Reply) -> Self {
        Self { reply: reply.clone() }
    }
}

impl io::Write for Write {
    /// Sends all of `bytes`, or as much of it as was declared. From the first byte on the head is settled.
    ///
    /// # Errors
    /// `InvalidInput` for more than the declared `Content-Length`: of the first bytes, before anything is sent; later, of what is beyond.
    /// `BrokenPipe` once the answer is over; `TimedOut` and others where the client does not take it; `Other` for a head that contradicts
    /// itself, and for more than can wait.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match self.reply.next_for(bytes.len() as u64)? {
            Step::Keep => self.reply.keep(bytes),
            Step::Begin(early, head) => {
                early.begin(head.status, &head.fields)?;
                self.reply.send(&*early, bytes)
            }
            Step::Send(early) => self.reply.send(&*early, bytes),
        }
    }

    /// Does nothing: it is sent as soon as can be in any case.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is to be done with bytes that are written.
enum Step {
    /// They wait.
    Keep,
    /// They are the first.
    Begin(Arc<dyn EarlyOutput>, Head),
    Send(Arc<dyn EarlyOutput>),
}

impl Reply {
    /// An answer that can begin by way of `early`.
    pub(super) fn by_way_of(early: Option<Arc<dyn EarlyOutput>>) -> Self {
        Self { early, ..Self::default() }
    }

    /// How many bytes have been sent of an answer that has begun; `None` if nothing has been.
    pub(super) fn sent(&self) -> Option<u64> {
        self.state().sent
    }

    /// Enters that the application has returned: from now on what is written waits.
    pub(super) fn returned(&self) {
        self.state().has_returned = true;
    }

    fn next_for(&self, length: u64) -> io::Result<Step> {
        let state = self.state();
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
        let mut state = self.state();
        if bytes.len() > MOST_WRITTEN - state.written.len() {
            return Err(io::Error::other("more was written than can wait; return it as content instead"));
        }
        state.stage = Stage::Sent;
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// No lock is held while the client is waited for.
    fn send(&self, early: &dyn EarlyOutput, bytes: &[u8]) -> io::Result<usize> {
        {
            let mut state = self.state();
            state.stage = Stage::Sent;
            state.sent.get_or_insert(0);
        }
        let sent = early.send(bytes)?;
        if let Some(before) = &mut self.state().sent {
            *before += sent as u64;
        }
        if sent == 0 { Err(io::Error::new(io::ErrorKind::InvalidInput, BEYOND)) } else { Ok(sent) }
    }

    /// Takes the head, which can be no other from now on.
    ///
    /// # Errors
    /// If the application has begun no answer.
    pub(super) fn settle(&self) -> Result<Head, Failure> {
        let mut state = self.state();
        state.stage = Stage::Sent;
        state.head.clone().ok_or_else(|| "the application has not called start_response".into())
    }

    /// Takes what has been written and not sent.
    pub(super) fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    /// Lets nothing be added.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.stage = Stage::Over;
        state.written = Vec::new();
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head {
    fn new<N, V>(status: &str, fields: impl IntoIterator<Item = (N, V)>) -> Result<Self, Failure>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let status = status_of(status).ok_or_else(|| format!("{status:?} is no status such as \"200 OK\""))?;
        let mut head = Self { status, fields: HeaderMap::new() };
        for (name, value) in fields {
            let shown = || String::from_utf8_lossy(name.as_ref()).into_owned();
            let name = HeaderName::from_bytes(name.as_ref()).map_err(|_| format!("{:?} is no field name", shown()))?;
            let value = HeaderValue::from_bytes(value.as_ref())
                .map_err(|_| format!("the value of {name} cannot stand in a field"))?;
            if is_of_the_connection(&name, &value) {
                return Err(format!("{name} belongs to the connection, it is not an application's to set").into());
            }
            head.fields.append(name, value);
        }
        Ok(head)
    }

    /// What is still owed of the length that the application declares, where so much has been `sent`.
    pub(super) fn left(&self, sent: Option<u64>) -> Option<u64> {
        self.declared().map(|declared| declared.saturating_sub(sent.unwrap_or(0)))
    }

    /// The length the application declares, if it is one; the server refuses what is none.
    pub(super) fn declared(&self) -> Option<u64> {
        self.fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

/// Reads `200 OK`, or the number alone.
fn status_of(text: &str) -> Option<StatusCode> {
    let (number, phrase) = text.split_once(' ').unwrap_or((text, ""));
    let status: StatusCode = number.parse().ok()?;
    let is_final = (200..=599).contains(&status.as_u16());
    (is_final && !phrase.chars().any(char::is_control)).then_some(status)
}

/// Whether it is hop-by-hop, which an application has no part in (PEP 3333). That a connection ends it may well wish.
fn is_of_the_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    if name == CONNECTION {
        return !value.as_bytes().eq_ignore_ascii_case(b"close");
    }
    let hop_by_hop = [PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    hop_by_hop.contains(name) || name == "keep-alive"
}

const BEYOND: &str = "it is more than the declared Content-Length";
/// How much can wait to be sent.
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
            assert_eq!(status_of(text).map(|status| status.as_u16()), number, "{text:?}");
        }
        assert_eq!(refused("OK", &[]), "\"OK\" is no status such as \"200 OK\"");
    }

    #[test]
    fn fields_that_no_message_may_have_are_refused() {
        for (name, value, reason) in [
            ("A: b\r\nC", "d", "\"A: b\\r\\nC\" is no field name"),
            ("", "d", "\"\" is no field name"),
            ("A", "b\r\nC: d", "the value of a cannot stand in a field"),
            ("A", "b\0", "the value of a cannot stand in a field"),
            (
                "Transfer-Encoding",
                "chunked",
                "transfer-encoding belongs to the connection, it is not an application's to set",
            ),
            ("Connection", "upgrade", "connection belongs to the connection, it is not an application's to set"),
            ("Keep-Alive", "timeout=9", "keep-alive belongs to the connection, it is not an application's to set"),
            ("Upgrade", "tea", "upgrade belongs to the connection, it is not an application's to set"),
        ] {
            assert_eq!(refused("200 OK", &[(name, value)]), reason);
        }
        let reply = Reply::default();
        let fields = [("Connection", &b"close"[..]), ("Set-Cookie", b"a=b"), ("Set-Cookie", b"c=\xe9")];
        StartResponse::new(&reply).start("200 OK", fields).unwrap();
        assert_eq!(reply.settle().unwrap().fields.len(), 3);
    }

    #[test]
    fn it_is_begun_once_unless_there_is_a_reason() {
        let reply = Reply::default();
        let start_response = StartResponse::new(&reply);
        start_response.start("200 OK", [("Content-Length", "7")]).unwrap();
        let text = start_response.start("201 Created", NO_FIELDS).unwrap_err().to_string();
        assert_eq!(text, "start_response was called a second time without an error as the reason");
        assert_eq!(
            start_response.restart("wrong", NO_FIELDS, "reason").unwrap_err().to_string(),
            "\"wrong\" is no status such as \"200 OK\""
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
    fn an_answer_that_was_not_begun_has_no_head() {
        let text = Reply::default().settle().unwrap_err().to_string();
        assert_eq!(text, "the application has not called start_response");
    }
}
