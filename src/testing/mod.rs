//! Tests of handlers: without a socket, through the real connection loop in memory, or over a real
//! port.
//!
//! ```
//! use drupe::{Body, Request, testing};
//!
//! fn handler(request: &mut Request) -> String {
//!     format!("you asked for {}\n", request.uri().path())
//! }
//!
//! // The handler alone.
//! let request = drupe::http::Request::get("/tea").body(Body::empty()).unwrap();
//! let response = testing::call(&handler, request);
//! assert_eq!(response.into_body().into_string().unwrap(), "you asked for /tea\n");
//!
//! // The bytes of the answer on the wire.
//! let answer = testing::exchange(handler, b"GET /tea HTTP/1.1\r\nHost: x\r\n\r\n");
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
//!
//! // A server on a free port, stopped when dropped.
//! let server = testing::TestServer::new(handler);
//! assert!(server.url("/tea").starts_with("http://127.0.0.1:"));
//! ```

mod answers;
#[cfg(feature = "testing-tls")]
mod certificate;
mod content;
mod request;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use self::answers::Noting;
pub use self::request::TestRequest;
pub use self::server::TestServer;
use crate::config::Config;
use crate::engine::{ClientConnection, Verdict};
use crate::engine::{Service, WorkerContext};
use crate::error::Error;
use crate::message::{Handler, Request, Response, content_place};
use crate::net::script::Script;
use crate::net::socket::PlainSocket;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::net::tls::secure::Secure;
use crate::settings::Settings;
use crate::sync::Mutex;

/// Calls `handler` with `request` directly: no socket, no limits, no fields added by the server.
/// [`TestRequest`] makes requests with a client and limits.
pub fn call<H: Handler + ?Sized>(handler: &H, mut request: Request) -> Response {
    content_place::forget();
    handler.handle(&mut request)
}

/// Returns the answer to a client that sends `bytes` and then closes its side, under default
/// settings.
///
/// The bytes go through the same code as those of a socket. An upgrade ends the exchange with the
/// `101`.
pub fn exchange(handler: impl Handler, bytes: &[u8]) -> Vec<u8> {
    let conversation = Conversation::new(handler, &Settings::default());
    conversation.map(|conversation| conversation.run([bytes.to_vec()])).unwrap_or_default()
}

/// Returns the final answers to a client that sends `bytes`, one or several requests, and then
/// closes its side, under default settings. Interim answers such as `100 Continue` are left out.
///
/// ```
/// use drupe::{Request, testing};
///
/// let answers = testing::answers(
///     |request: &mut Request| request.uri().path().to_owned(),
///     b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
/// );
/// assert_eq!(answers.len(), 2);
/// assert_eq!((answers[1].status().as_u16(), &answers[1].body()[..]), (200, &b"/2"[..]));
/// ```
///
/// # Panics
/// If the output is not a sequence of complete HTTP/1.1 answers, for instance because a stream
/// failed.
#[track_caller]
pub fn answers(handler: impl Handler, bytes: &[u8]) -> Vec<http::Response<Vec<u8>>> {
    let methods = Arc::new(Mutex::default());
    let output = exchange(Noting { handler, methods: Arc::clone(&methods) }, bytes);
    let methods = methods.lock();
    match answers::parse(&output, &methods) {
        Ok(answers) => answers,
        Err(error) => panic!("{error}, in the output {:?}", String::from_utf8_lossy(&output)),
    }
}

/// In-memory connections to one handler under given settings.
pub struct Conversation {
    service: Arc<Service>,
}

impl Conversation {
    /// Prepares connections without TLS.
    ///
    /// # Errors
    /// `Setting` if a setting cannot be used.
    pub fn new(handler: impl Handler, settings: &Settings) -> Result<Self, Error> {
        let config = Config::resolve(settings)?;
        Ok(Self { service: Arc::new(Service::new(config, Arc::new(handler))) })
    }

    /// Prepares connections with TLS, as set in `settings`: input and output are the TLS records on
    /// the wire.
    ///
    /// # Errors
    /// `Setting` if a setting cannot be used, or without a certificate.
    pub fn encrypted(handler: impl Handler, settings: &Settings) -> Result<Self, Error> {
        let config = Config::resolve(settings)?;
        let Some(asked) = config.tls.clone() else {
            return Err(Error::setting("ssl_certificate", "is not set: without a certificate there is no TLS"));
        };
        let tls = Tls::load(asked.options, asked.adapter, SystemTime::now())?;
        let mut service = Service::new(config, Arc::new(handler));
        service.tls = Some(Arc::new(tls));
        Ok(Self { service: Arc::new(service) })
    }

    /// Returns the answer to a client that sends `pieces`, each as one segment, and then closes its
    /// side.
    ///
    /// The pieces are processed one by one, exactly as over a socket. Time does not pass, so no
    /// timeout occurs. If the answer is a stream of a channel, its senders have a second in all before
    /// the client leaves.
    pub fn run(&self, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let stream = self.stream(Script::new(pieces));
        let mut context = WorkerContext::new(Arc::clone(&self.service), Arc::default());
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &context.config);
        // Each iteration reads a piece or the end, or waits for a sender, so the loop ends. The
        // function of an upgraded connection has read all it wants when it waits.
        let mut waits = 0;
        loop {
            match connection.advance(&mut context) {
                Verdict::Again | Verdict::Unsent => {}
                Verdict::Park if connection.is_streaming() && waits < MOST_WAITS => {
                    waits += 1;
                    let _ = self.service.shutdown.wait(Duration::from_millis(1));
                }
                Verdict::Park if connection.is_streaming() => connection.note_end(),
                Verdict::Park if !connection.has_left_http() => {}
                _ => break,
            }
            connection.expect_input();
        }
        connection.answered_in_memory()
    }

    fn stream(&self, script: Script) -> Stream {
        let socket = PlainSocket::Script(script);
        let Some(tls) = &self.service.tls else { return Stream::Plain(socket) };
        let secure = Secure::new(socket, Arc::clone(tls), Duration::ZERO, Duration::ZERO);
        Stream::Tls(Box::new(secure.expect("there is no socket that could refuse")))
    }
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}

/// The most waits of a millisecond for a sender.
const MOST_WAITS: u32 = 1000;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::message::Body;

    #[test]
    fn answers_to_a_pipeline_are_one_for_each_request() {
        let handler = |request: &mut Request| format!("{} {}", request.method(), request.uri());
        let bytes = b"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\ntea\
            GET /3 HTTP/1.1\r\n\r\n";
        let answers = answers(handler, bytes);
        let seen: Vec<_> = answers.iter().map(|answer| (answer.status().as_u16(), answer.body().len())).collect();
        assert_eq!(seen[..2], [(200, 0), (200, 7)]);
        assert_eq!(answers[0].headers()["content-length"], "7");
        assert_eq!((seen.len(), seen[2].0), (3, 400), "a request without Host is refused");
        assert!(answers[2].headers()["connection"] == "close");
    }

    #[test]
    fn stream_whose_sender_stays_ends_with_what_it_has_sent() {
        let (sender, body) = Body::channel(100);
        sender.try_send("an event").unwrap();
        let body = Mutex::new(Some(body));
        let answer = exchange(move |_: &mut Request| body.lock().take(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(answer.ends_with(b"\r\n8\r\nan event\r\n"), "{}", String::from_utf8_lossy(&answer));
        assert!(sender.is_closed());
    }

    #[test]
    fn stream_of_another_thread_is_awaited() {
        let handler = |_: &mut Request| {
            let (sender, body) = Body::channel(100);
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                sender.try_send("an event").unwrap();
            });
            body
        };
        let answer = exchange(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(answer.ends_with(b"\r\n8\r\nan event\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&answer));
    }

    #[test]
    #[should_panic(expected = "content ends before its Content-Length")]
    fn incomplete_answer_is_no_answer() {
        let short = |_: &mut Request| Body::sized(&b"ab"[..], 3);
        answers(short, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}
