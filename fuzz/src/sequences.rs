//! Sequences of requests with known answers. Each request is answered once, in order, with its own
//! content. No bytes of a body, and no bytes behind a refused request, are read as a request.

use std::io::Read;

use arbitrary::Arbitrary;
use drupe::http::HeaderMap;
use drupe::testing::Conversation;
use drupe::{Body, Request, Response, Settings};

use crate::client::{self, Answer, End};
use crate::cut::Cuts;
use crate::flaw::Flaw;
use crate::message::{Connection, Content, Field, Method};

/// The requests of a client, and their cuts.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    pub requests: Vec<Planned>,
    pub last: Last,
    pub cuts: Cuts,
    pub buffer: Buffer,
}

/// One request, without a flaw.
#[derive(Arbitrary, Clone, Debug)]
pub struct Planned {
    pub method: Method,
    /// True for HTTP/1.0.
    pub is_old: bool,
    /// True if an empty line precedes the request.
    pub begins_late: bool,
    pub connection: Connection,
    pub expects: bool,
    pub fields: Vec<Field>,
    pub content: Content,
    pub manner: Manner,
}

/// The end of a sequence.
#[derive(Arbitrary, Clone, Debug)]
pub enum Last {
    Whole,
    /// Cut so many bytes before the end.
    Cut(u16),
    /// A request with this flaw, and a request behind that must not be read.
    Flawed(Flaw, Manner),
}

/// The handler's use of the content.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    All,
    Nothing,
    /// Reads three bytes.
    Some,
    /// Returns the content as the body.
    Echo,
}

/// The amount of content received before the handler runs.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Buffer {
    Ordinary,
    Little,
    None,
}

/// Holds a conversation as planned, and compares.
///
/// # Panics
/// If the answers differ from the expected ones.
pub fn check(plan: &Plan) {
    let text = Text::of(plan);
    let conversation = conversation(plan.buffer);
    for pieces in [vec![text.bytes.clone()], plan.cuts.apply(&text.bytes)] {
        let answered = conversation.run(pieces);
        let is_head =
            |asked: usize| text.asked.get(asked).map_or(text.is_cut_head, |asked| asked.method == Method::Head);
        let answers = client::read(&answered, is_head);
        let mut left = answers.iter().peekable();
        let is_open = text.asked.iter().all(|asked| asked.is_answered(&mut left));
        if is_open {
            text.ends(&mut left);
        }
        assert_eq!(left.next(), None, "nobody asked for that: {plan:?}\n{}", String::from_utf8_lossy(&answered));
    }
}

type Left<'a> = std::iter::Peekable<std::slice::Iter<'a, Answer>>;

/// The sent bytes, and the expected answers.
struct Text {
    bytes: Vec<u8>,
    /// The complete requests.
    asked: Vec<Asked>,
    /// True if the cut request is a HEAD, as far as visible.
    is_cut_head: bool,
    end: Expected,
}

/// The expected reaction to the end.
enum Expected {
    Nothing,
    /// An empty line begins nothing; following bytes do.
    Perhaps,
    /// One of these, and then the end.
    Refusal {
        statuses: Vec<u16>,
        manner: Manner,
        /// True if the request is HTTP/1.0.
        is_old: bool,
    },
}

/// A request, and its expected answer.
struct Asked {
    method: Method,
    seen: String,
    content: Vec<u8>,
    trailers: Option<usize>,
    may_continue: bool,
    is_old: bool,
    persistence: Persistence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Persistence {
    Stays,
    Ends,
    /// The length of the content was unknown.
    AsItSays,
}

impl Text {
    fn of(plan: &Plan) -> Self {
        let mut bytes = Vec::new();
        let mut asked = Vec::new();
        let mut ends = Vec::new();
        for (at, planned) in plan.requests.iter().take(MOST).enumerate() {
            let begin = bytes.len();
            planned.write(at, &mut bytes);
            ends.push((begin, bytes.len()));
            asked.push(planned.expected(at));
        }
        let mut is_cut_head = false;
        let end = match &plan.last {
            Last::Whole => Expected::Nothing,
            Last::Cut(count) => {
                bytes.truncate(bytes.len().saturating_sub(usize::from(*count)));
                asked.truncate(ends.iter().filter(|(_, end)| *end <= bytes.len()).count());
                match ends.get(asked.len()).zip(plan.requests.get(asked.len())) {
                    Some(((begin, _), planned)) => {
                        let part = &bytes[(*begin).min(bytes.len())..];
                        is_cut_head = part.trim_ascii_start().starts_with(b"HEAD ");
                        planned.cut(part)
                    }
                    None => Expected::Nothing,
                }
            }
            Last::Flawed(flaw, manner) => {
                flaw.write(manner.word(), &mut bytes);
                bytes.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
                let statuses = flaw.statuses(*manner != Manner::All);
                Expected::Refusal { statuses, manner: *manner, is_old: false }
            }
        };
        Self { bytes, asked, is_cut_head, end }
    }

    /// Takes the reaction to the end off the front.
    fn ends(&self, left: &mut Left) {
        skip_continue(left);
        match &self.end {
            Expected::Nothing => {}
            Expected::Perhaps => {
                left.next_if(|answer| answer.status == 400);
            }
            Expected::Refusal { statuses, manner, is_old } => {
                let answer = left.next().expect("a refusal");
                assert!(statuses.contains(&answer.status), "{statuses:?}: {answer:?}");
                assert!(answer.end != End::Cut || *manner == Manner::Echo, "{answer:?}");
                assert!(answer.status < 400 || !stays(answer, *is_old), "a refusal is the last word: {answer:?}");
            }
        }
    }
}

impl Planned {
    fn write(&self, at: usize, out: &mut Vec<u8>) {
        if self.begins_late {
            out.extend_from_slice(b"\r\n");
        }
        let version = if self.is_old() { "1.0" } else { "1.1" };
        let target = format!("/{at}?{}", self.manner.word());
        out.extend_from_slice(format!("{} {target} HTTP/{version}\r\nHost: a\r\n", self.method.word()).as_bytes());
        for field in self.fields.iter().take(MOST) {
            field.write(out);
        }
        self.connection.write(out);
        if self.expects {
            out.extend_from_slice(b"Expect: 100-continue\r\n");
        }
        self.content.write(out);
    }

    /// Chunks are refused in HTTP/1.0.
    fn is_old(&self) -> bool {
        self.is_old && !self.content.is_chunked()
    }

    fn expected(&self, at: usize) -> Asked {
        let content = self.content.decoded();
        let is_empty = self.content.is_surely_empty();
        let may_continue = self.expects && !self.is_old() && !is_empty;
        let is_unread = self.manner != Manner::All;
        let fields = self.fields.iter().take(MOST);
        let (count, bytes) = fields.fold((0, 0), |(count, bytes), field| (count + 1, bytes + field.value().len()));
        let is_echo = self.manner == Manner::Echo;
        Asked {
            method: self.method,
            seen: format!("{} /{at} {count} {bytes}", self.method.word()),
            trailers: (self.manner == Manner::All).then(|| self.content.trailers()),
            is_old: self.is_old(),
            persistence: match (self.connection, self.is_old()) {
                (Connection::Close, _) => Persistence::Ends,
                (Connection::Unsaid, true) => Persistence::Ends,
                // An echo to HTTP/1.0 whose length is not known would end so; but there it always is.
                _ if may_continue && is_unread && (!is_echo || self.method == Method::Head) => Persistence::AsItSays,
                _ => Persistence::Stays,
            },
            content: match self.manner {
                Manner::All | Manner::Echo => content,
                Manner::Nothing => Vec::new(),
                Manner::Some => content[..content.len().min(3)].to_vec(),
            },
            may_continue,
        }
    }

    /// The expected reaction to the received part.
    fn cut(&self, part: &[u8]) -> Expected {
        let blank = if self.begins_late { 2 } else { 0 };
        let statuses = match has_head(part) {
            _ if part.is_empty() => return Expected::Nothing,
            _ if part.len() <= blank => return Expected::Perhaps,
            true if self.manner != Manner::All => vec![200, 400],
            _ => vec![400],
        };
        Expected::Refusal { statuses, manner: self.manner, is_old: self.is_old() && has_head(part) }
    }
}

impl Asked {
    /// Takes the answer off the front. Returns true if another may follow.
    fn is_answered(&self, left: &mut Left) -> bool {
        let was_continued = skip_continue(left);
        assert!(!was_continued || self.may_continue, "100 Continue unasked");
        let answer = left.next().unwrap_or_else(|| panic!("no answer to {}", self.seen));
        assert_eq!((answer.status, answer.version), (200, 1), "{}: {answer:?}", self.seen);
        let seen = answer.one("x-seen").expect("the handler's own field");
        assert_eq!(String::from_utf8_lossy(seen), self.seen);
        if let Some(count) = self.trailers {
            assert_eq!(answer.one("x-trailers").expect("the handler's own field"), count.to_string().as_bytes());
        }
        assert_ne!(answer.end, End::Cut, "{answer:?}");
        if self.method != Method::Head {
            assert_eq!(answer.content, self.content, "{}", self.seen);
        }
        let stays = stays(answer, self.is_old);
        let expected = match self.persistence {
            Persistence::Stays => true,
            Persistence::Ends => false,
            Persistence::AsItSays => stays,
        };
        assert_eq!(stays, expected, "{}: {answer:?}", self.seen);
        stays
    }
}

impl Manner {
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Nothing => "nothing",
            Self::Some => "some",
            Self::Echo => "echo",
        }
    }
}

/// True if the answer keeps its connection open (RFC 9112 §9.3).
fn stays(answer: &Answer, is_old: bool) -> bool {
    if is_old { answer.connection_has("keep-alive") } else { !answer.connection_has("close") }
}

/// True if the head of a request is complete.
fn has_head(part: &[u8]) -> bool {
    part.windows(4).any(|end| end == b"\r\n\r\n")
}

fn skip_continue(left: &mut Left) -> bool {
    left.next_if(|answer| answer.status == 100).is_some()
}

fn conversation(buffer: Buffer) -> Conversation {
    let mut settings = Settings::default();
    settings.body_buffer_size = match buffer {
        Buffer::Ordinary => settings.body_buffer_size,
        Buffer::Little => 16,
        Buffer::None => 0,
    };
    Conversation::new(handle, &settings).expect("they are sound")
}

fn handle(request: &mut Request) -> std::io::Result<Response> {
    let values: Vec<_> = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-")).collect();
    let bytes: usize = values.iter().map(|(_, value)| value.as_bytes().len()).sum();
    let seen = format!("{} {} {} {bytes}", request.method(), request.uri().path(), values.len());
    let manner = request.uri().query().unwrap_or_default().to_owned();
    let mut body = std::mem::take(request.body_mut());
    let mut trailers = None;
    let body = match manner.as_str() {
        "all" => {
            let mut content = Vec::new();
            body.read_to_end(&mut content)?;
            trailers = Some(body.trailers().as_ref().map_or(0, HeaderMap::len));
            content.into()
        }
        "some" => {
            let mut content = Vec::new();
            (&mut body).take(3).read_to_end(&mut content)?;
            content.into()
        }
        "echo" => body,
        _ => Body::empty(),
    };
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert("x-seen", seen.parse().expect("text"));
    if let Some(count) = trailers {
        fields.insert("x-trailers", count.into());
    }
    Ok(response)
}

/// Requests of a sequence, and fields of a request: the fuzzer is to try many things, not long ones.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, check);
    }

    #[test]
    fn model_holds_for_a_cut_at_any_byte() {
        for (method, manner, is_old) in [
            (Method::Post, Manner::All, false),
            (Method::Post, Manner::All, true),
            (Method::Head, Manner::Echo, false),
            (Method::Get, Manner::Some, false),
        ] {
            let planned = Planned {
                method,
                is_old,
                begins_late: true,
                connection: Connection::Unsaid,
                expects: true,
                fields: Vec::new(),
                content: Content::Length(b"content".to_vec(), 1),
                manner,
            };
            for count in 0..200 {
                let (requests, cuts) = (vec![planned.clone(); 2], Cuts::default());
                check(&Plan { requests, last: Last::Cut(count), cuts, buffer: Buffer::None });
            }
        }
    }
}
