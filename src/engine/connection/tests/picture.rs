//! The picture of the phases, held against the code: each change of a phase in any unit test is one
//! of the table, and each row of the table happens.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use http::Method;

use super::super::phase::*;
use super::super::*;
use crate::engine::service::context::{Service, WorkerContext};
use crate::engine::service::costs::{Route, Runs};
use crate::message::channel::Sender;
use crate::message::inbox::Inbox;
use crate::message::parked::Wait;
use crate::message::switch::upgrade_parked;
use crate::message::{Body, Request, Response};
use crate::settings::Settings;

thread_local! {
    static SENDER: RefCell<Option<Sender>> = const { RefCell::new(None) };
    static SEEN: RefCell<BTreeSet<(&'static str, &'static str)>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes a change of phase, which must be one of the table.
pub(in crate::engine::connection) fn note(from: &Phase, to: &Phase) {
    let change = (name(from), name(to));
    assert!(picture().contains(&change), "{change:?} is not in the table of turn.rs");
    SEEN.with_borrow_mut(|seen| seen.insert(change));
}

fn name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Proxy => "Proxy",
        Phase::Handshake(_) => "Handshake",
        Phase::Head(_) => "Head",
        Phase::Content(_) => "Content",
        Phase::Ready(_) => "Ready",
        Phase::Exchange => "Exchange",
        Phase::Send(..) => "Send",
        Phase::Stream(_) => "Stream",
        Phase::Session(_) => "Session",
        Phase::Drain(_) => "Drain",
        Phase::Linger(_) => "Linger",
    }
}

/// Returns the changes of the table at the head of `turn.rs`.
fn picture() -> BTreeSet<(&'static str, &'static str)> {
    let page = include_str!("../turn.rs").lines().take_while(|line| !line.starts_with("//! | type "));
    let rows = page.filter_map(|line| line.strip_prefix("//! | `")).filter_map(|row| row.split_once("` | "));
    rows.flat_map(|(from, to)| {
        to.split('`').filter(|word| word.starts_with(char::is_uppercase)).map(move |to| (from, to))
    })
    .collect()
}

/// A connection, its worker and its client.
struct Talk {
    connection: ClientConnection,
    context: WorkerContext,
    client: UnixStream,
}

impl Talk {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let (client, socket) = UnixStream::pair().unwrap();
        let config = Config::resolve(settings).unwrap();
        let handler = |request: &mut Request| match request.uri().path() {
            "/stream" => Response::new(stream()),
            "/session" => upgrade_parked(request, "test", 1000, |mut stream, _| {
                move |_: &Inbox| match stream.read(&mut [0; 100]) {
                    Ok(0) => Ok(Wait::End),
                    _ => Ok(Wait::ForEvents),
                }
            }),
            path => Response::new(path.repeat(1000).into()),
        };
        let service = Arc::new(Service::new(config, Arc::new(handler)));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
        context.duty.runs = Runs::All;
        service.costs.record(Route::new(&Method::GET, "/"), Duration::from_micros(1));
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
        client.set_nonblocking(true).unwrap();
        Self { connection, context, client }
    }

    /// Sends `text`, and advances the connection until it waits or ends.
    fn send(&mut self, text: &str) -> &mut Self {
        self.client.write_all(text.as_bytes()).unwrap();
        self.connection.note_input();
        self.advance()
    }

    fn advance(&mut self) -> &mut Self {
        while matches!(self.connection.advance(&mut self.context), Verdict::Again) {}
        self
    }

    /// Fills the socket, so that no output is taken.
    fn fill(&mut self) -> &mut Self {
        let PlainSocket::Unix(socket) = self.connection.transport.stream.socket() else {
            panic!("a Unix socket was made")
        };
        socket.set_nonblocking(true).unwrap();
        while (&*socket).write(&[b'#'; 4096]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
        self
    }

    /// Reads all output, and advances the connection until it waits or ends.
    fn read(&mut self) -> &mut Self {
        while self.connection.is_sending() {
            let _ = self.client.read_to_end(&mut Vec::new());
            self.advance();
        }
        self
    }

    /// Sends `content` on the stream that the connection waits for.
    fn push(&mut self, content: &'static str) -> &mut Self {
        SENDER.with_borrow(|sender| sender.as_ref().unwrap().try_send(content)).unwrap();
        self.advance()
    }

    fn turn_away(&mut self) -> &mut Self {
        self.connection.turn_away(&mut self.context);
        self
    }

    fn runs(&mut self, runs: Runs) -> &mut Self {
        self.context.duty.runs = runs;
        self
    }
}

/// Returns a body whose sender is [`SENDER`].
fn stream() -> Body {
    let (sender, body) = Body::channel(1000);
    SENDER.set(Some(sender));
    body
}

/// The changes that need TLS, which these connections do not have.
const WITH_TLS: &[(&str, &str)] = &[
    ("Proxy", "Handshake"),
    ("Handshake", "Handshake"),
    ("Handshake", "Head"),
    ("Handshake", "Linger"),
    ("Handshake", "Send"),
    ("Send", "Send"),
];

#[test]
fn every_change_of_the_picture_happens() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let expect = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let large = |rest: &str| {
        let content = "x".repeat(70_000);
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{content}\r\n{rest}", 70_000)
    };
    let proxied = Settings { proxy_protocol: true, trusted_proxies: vec!["unix".into()], ..Settings::default() };

    // Requests and their content.
    Talk::new().send(get).send(post).send("hello");
    Talk::new().send("nonsense\r\n\r\n");
    Talk::new().send(chunked).send("zz\r\n");
    Talk::new().runs(Runs::Nothing).send(get).runs(Runs::All).advance();
    Talk::new().runs(Runs::Nothing).send(get).turn_away();
    Talk::new().send(last).send(&(last.to_owned() + get));
    Talk::new().send(&large("")).send("0\r\n\r\n").send(&large("")).send("zz\r\n");
    // A client that takes no output.
    Talk::new().fill().send(get).read();
    Talk::new().fill().send("nonsense\r\n\r\n").read();
    Talk::new().fill().send(expect).read();
    Talk::new().fill().send(&large("")).read();
    Talk::new().send(get).fill().runs(Runs::Short).send(&format!("{get}{post}hello")).read();
    Talk::new().fill().send(&(last.to_owned() + get)).read();
    // Content from a channel.
    let stream = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut talk = Talk::new();
    talk.send(stream).push("taken").fill().push("not taken").read();
    SENDER.set(None);
    talk.advance();
    // A connection that leaves HTTP.
    let offer = "GET /session HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n";
    let mut talk = Talk::new();
    talk.fill().send(offer).read().send("some").client.shutdown(std::net::Shutdown::Write).unwrap();
    talk.advance();
    // Before the first request.
    Talk::with(&proxied).send("PROXY UNKNOWN\r\n");
    Talk::with(&proxied).turn_away();
    Talk::with(&proxied).fill().turn_away();

    let seen = SEEN.take();
    let missing: Vec<_> =
        picture().into_iter().filter(|change| !seen.contains(change) && !WITH_TLS.contains(change)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}
