//! Answers of an arbitrary handler, and the expected bytes on the wire, read by a client that
//! shares no code with the server.

use std::sync::Arc;

use arbitrary::Arbitrary;
use drupe::http::{HeaderName, HeaderValue, StatusCode};
use drupe::testing::Conversation;
use drupe::{Request, Response, Settings};

use crate::body::Content;
use crate::channel;
use crate::client::{self, Answer, End};
use crate::message::Connection;
use crate::outcome::{Outcome, panic_silently};

/// A request, and the answer of its handler.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    exchanges: Vec<Planned>,
    /// True if the server is limited to HTTP/1.0.
    is_old: bool,
}

/// One exchange.
#[derive(Arbitrary, Clone, Debug)]
struct Planned {
    is_head: bool,
    is_old: bool,
    connection: Connection,
    reads_trailers: bool,
    status: u8,
    fields: Vec<Field>,
    body: Content,
    panics: bool,
}

/// A field of the handler's.
#[derive(Arbitrary, Clone, Debug)]
enum Field {
    Length(u8),
    /// One that is no number.
    BadLength,
    /// The true length of the content.
    TrueLength,
    Coding,
    Close,
    Options,
    KeepAlive,
    Upgrade,
    Date,
    Server,
    Trailer,
    Other(u8, Vec<u8>),
}

/// Runs a server as planned, and compares.
///
/// # Panics
/// If other bytes came over the wire.
pub fn check(plan: &Plan) {
    let exchanges: Arc<[Planned]> = plan.exchanges.iter().take(MOST).cloned().collect();
    let mut settings = Settings::default();
    if plan.is_old {
        settings.protocol_version = "HTTP/1.0".to_owned();
    }
    let handler = {
        let exchanges = Arc::clone(&exchanges);
        move |request: &mut Request| {
            let at: usize = request.uri().path()[1..].parse().expect("its number");
            exchanges[at].answer()
        }
    };
    let conversation = Conversation::new(handler, &settings).expect("they are sound");
    let text: String = exchanges.iter().enumerate().map(|(at, planned)| planned.asked(at)).collect();
    let answered = conversation.run([text.into_bytes()]);
    channel::join();
    let answers = client::read(&answered, |at| exchanges.get(at).is_some_and(|planned| planned.is_head));
    let mut answers = answers.iter();
    for planned in exchanges.iter() {
        if !planned.expected(plan.is_old).is(answers.next(), planned, plan.is_old) {
            break;
        }
    }
    assert_eq!(answers.next(), None, "nobody asked for that: {plan:?}");
}

/// The expected answer.
struct Expected {
    /// True if the server answers in place of the handler.
    is_refusal: bool,
    status: u16,
    framing: Framing,
    /// The content, complete or up to the break.
    content: Vec<u8>,
    /// True if the answer breaks off.
    breaks: bool,
    /// True if there may be no answer at all: the body failed before the first byte was sent.
    may_be_missing: bool,
    trailers: usize,
    stays: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunks,
    Close,
}

impl Planned {
    fn asked(&self, at: usize) -> String {
        let mut text = Vec::new();
        self.connection.write(&mut text);
        let fields = String::from_utf8(text).expect("ASCII");
        let te = if self.reads_trailers { "TE: trailers;q=0.5, trailers\r\n" } else { "" };
        let (method, version) = (if self.is_head { "HEAD" } else { "GET" }, u8::from(!self.is_old));
        format!("{method} /{at} HTTP/1.{version}\r\nHost: a\r\n{te}{fields}\r\n")
    }

    fn answer(&self) -> Response {
        if self.panics {
            panic_silently();
        }
        let mut response = Response::new(self.body.body());
        *response.status_mut() = StatusCode::from_u16(self.status()).expect("a status");
        for field in self.fields() {
            let (name, value) = field.pair(&self.body);
            response.headers_mut().append(name, value);
        }
        response
    }

    fn status(&self) -> u16 {
        STATUSES[usize::from(self.status) % STATUSES.len()]
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().take(MOST)
    }

    /// The answer by the documentation of `Body` and by RFC 9110.
    fn expected(&self, is_old_server: bool) -> Expected {
        let is_old = self.is_old || is_old_server;
        let keeps = match self.connection {
            Connection::Close => false,
            Connection::KeepAlive => true,
            Connection::Unsaid => !is_old,
        };
        if self.panics {
            return Expected::refusal();
        }
        let lengths: Vec<_> = self.fields().filter_map(|field| field.length(&self.body)).collect();
        let has = |wanted: fn(&Field) -> bool| self.fields().any(wanted);
        let declared = match lengths[..] {
            [] => None,
            [Some(length)] => Some(length),
            _ => return Expected::refusal(),
        };
        if has(|field| matches!(field, Field::Coding)) {
            return Expected::refusal();
        }
        let stays = keeps && !has(|field| matches!(field, Field::Close));
        let known = self.body.length();
        let bare =
            |framing| Expected { is_refusal: false, status: self.status(), framing, stays, ..Expected::refusal() };
        match self.status() {
            204 | 304 => return bare(Framing::None),
            205 => return bare(Framing::Length(0)),
            100..200 => return Expected::refusal(),
            _ => {}
        }
        let framing = match (declared, known) {
            (Some(declared), Some(known)) if declared != known && !(self.is_head && known == 0) => {
                return Expected::refusal();
            }
            (Some(length), _) | (None, Some(length)) => Framing::Length(length),
            (None, None) if is_old => Framing::Close,
            (None, None) => Framing::Chunks,
        };
        if self.is_head {
            return bare(framing);
        }
        let owed = if let Framing::Length(length) = framing { Some(length) } else { None };
        let came = self.body.produce(owed);
        let (content, outcome) = (came.content, came.outcome);
        match outcome {
            Outcome::FailedFirst => return Expected::refusal(),
            Outcome::PanickedFirst => {
                return Expected { may_be_missing: true, breaks: true, stays: false, ..bare(framing) };
            }
            Outcome::Whole | Outcome::Broke => {}
        }
        let is_short = owed.is_some_and(|owed| (content.len() as u64) < owed);
        let broke = outcome == Outcome::Broke;
        let has_trailers = self.reads_trailers && !is_old && framing == Framing::Chunks && !broke;
        Expected {
            breaks: broke || is_short,
            may_be_missing: broke,
            content,
            trailers: if has_trailers { came.trailers } else { 0 },
            stays: stays && !broke && !is_short && framing != Framing::Close,
            ..bare(framing)
        }
    }
}

impl Expected {
    /// The server's own refusal, which ends the connection.
    fn refusal() -> Self {
        Self {
            is_refusal: true,
            status: 500,
            framing: Framing::None,
            content: Vec::new(),
            breaks: false,
            may_be_missing: false,
            trailers: 0,
            stays: false,
        }
    }

    /// Checks `answer` (panics on a difference). Returns true if another answer may follow.
    fn is(&self, answer: Option<&Answer>, planned: &Planned, is_old_server: bool) -> bool {
        let Some(answer) = answer else {
            assert!(self.may_be_missing, "no answer to {planned:?}");
            return false;
        };
        let told = || format!("{planned:?}\n{answer:?}");
        assert_eq!((answer.status, answer.version), (self.status, u8::from(!is_old_server)), "{}", told());
        if !self.is_refusal {
            self.is_framed(answer, planned, told);
        }
        assert!(answer.one("date").is_some(), "{}", told());
        if self.breaks {
            return false;
        }
        let says_so = if planned.is_old || is_old_server {
            answer.connection_has("keep-alive")
        } else {
            !answer.connection_has("close")
        };
        assert_eq!(says_so, self.stays, "{}", told());
        self.stays
    }

    fn is_framed(&self, answer: &Answer, planned: &Planned, told: impl Fn() -> String) {
        let length = answer.one("content-length").map(|digits| String::from_utf8_lossy(digits).into_owned());
        let coding = answer.one("transfer-encoding");
        match self.framing {
            Framing::None => assert!(coding.is_none() && (length.is_none() || self.status == 304), "{}", told()),
            Framing::Length(expected) => {
                assert!(coding.is_none() && length == Some(expected.to_string()), "{}", told());
            }
            // An answer to a HEAD has no chunks, and does not announce them.
            Framing::Chunks if planned.is_head => assert!(coding.is_none() && length.is_none(), "{}", told()),
            Framing::Chunks => assert!(coding == Some(b"chunked") && length.is_none(), "{}", told()),
            Framing::Close => assert!(coding.is_none() && length.is_none(), "{}", told()),
        }
        let got = &answer.content;
        if self.breaks {
            assert!(self.content.starts_with(got), "{}", told());
            let is_promised = matches!(self.framing, Framing::Length(length) if got.len() as u64 == length);
            assert!(is_promised || matches!(answer.end, End::Cut | End::Close), "{}", told());
        } else {
            assert!(*got == self.content && answer.end != End::Cut, "{}", told());
        }
        let others = planned.fields().filter_map(|field| match field {
            Field::Other(number, value) => Some((other_name(*number), other_value(value))),
            _ => None,
        });
        let others: Vec<_> = others.collect();
        for number in 0..OTHERS {
            let name = other_name(number);
            let set = others.iter().filter(|(other, _)| *other == name).map(|(_, value)| &value[..]);
            assert!(answer.all(&name).eq(set), "{name}: {}", told());
        }
        let trailers = answer.trailers.iter().filter(|(name, _)| name == "x-checksum").count();
        assert_eq!((trailers, answer.trailers.len()), (self.trailers, self.trailers), "{}", told());
    }
}

impl Field {
    fn pair(&self, body: &Content) -> (HeaderName, HeaderValue) {
        let (name, value): (&str, Vec<u8>) = match self {
            Self::Length(length) => ("content-length", length.to_string().into()),
            Self::BadLength => ("content-length", b"+1".to_vec()),
            Self::TrueLength => ("content-length", body.length().unwrap_or(3).to_string().into()),
            Self::Coding => ("transfer-encoding", b"chunked".to_vec()),
            Self::Close => ("connection", b"x-a, Close".to_vec()),
            Self::Options => ("connection", b"keep-alive, x-b".to_vec()),
            Self::KeepAlive => ("keep-alive", b"timeout=1".to_vec()),
            Self::Upgrade => ("upgrade", b"websocket".to_vec()),
            Self::Date => ("date", b"Thu, 01 Jan 1970 00:00:00 GMT".to_vec()),
            Self::Server => ("server", b"other".to_vec()),
            Self::Trailer => ("trailer", b"x-checksum".to_vec()),
            Self::Other(number, value) => {
                let name = HeaderName::from_bytes(other_name(*number).as_bytes()).expect("a name");
                return (name, HeaderValue::from_bytes(&other_value(value)).expect("a value"));
            }
        };
        (HeaderName::from_bytes(name.as_bytes()).expect("a name"), HeaderValue::from_bytes(&value).expect("a value"))
    }

    /// The declared length, if the fields declare one.
    fn length(&self, body: &Content) -> Option<Option<u64>> {
        match self {
            Self::Length(length) => Some(Some(u64::from(*length))),
            Self::BadLength => Some(None),
            Self::TrueLength => Some(Some(body.length().unwrap_or(3))),
            _ => None,
        }
    }
}

fn other_name(number: u8) -> String {
    format!("x-other-{}", number % OTHERS)
}

fn other_value(bytes: &[u8]) -> Vec<u8> {
    let is_fine = |byte: &&u8| **byte == b'\t' || **byte >= b' ' && **byte != 0x7f;
    let value: Vec<u8> = bytes.iter().filter(is_fine).take(64).copied().collect();
    value.trim_ascii().to_vec()
}
/// Exchanges, fields: the fuzzer is to try many things, not long ones.
const MOST: usize = 8;
const OTHERS: u8 = 3;
const STATUSES: [u16; 15] = [200, 201, 204, 205, 206, 304, 404, 426, 500, 503, 599, 100, 103, 299, 101];

#[cfg(test)]
mod tests {
    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, super::check);
    }
}
