//! A strict client: it sends raw bytes and reads answers to the letter, with a deadline on every
//! read.
//!
//! The client shares no code with the server, so a mistake in one is not repeated in the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The time after which a test fails instead of hanging. No test waits for this time to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The connection of a client: a socket, or a layer above one.
pub(crate) trait Line: Read + Write + Send {
    /// The socket below.
    fn socket(&self) -> &TcpStream;

    /// Ends the sending side.
    fn end(&mut self) -> io::Result<()>;
}

impl Line for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// One connection.
pub(crate) struct Client {
    line: Box<dyn Line>,
    /// Received and not yet used.
    buffer: Vec<u8>,
}

/// One answer, whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) version: String,
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) framing: Framing,
}

/// The framing of an answer's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There can be no content.
    #[default]
    None,
    Length,
    Chunked,
    Close,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over_stream(TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts"))
    }

    /// Takes over a connection.
    pub(crate) fn over_stream(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        Self::over_line(Box::new(stream))
    }

    /// Takes over a connection that is more than a socket.
    pub(crate) fn over_line(line: Box<dyn Line>) -> Self {
        line.socket().set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { line, buffer: Vec::new() }
    }

    /// Takes over a connection of a Unix socket: reading, writing and time limits are the same calls for both.
    pub(crate) fn over_unix(stream: UnixStream) -> Self {
        Self::over_line(Box::new(TcpStream::from(OwnedFd::from(stream))))
    }

    /// The address of the client, as seen by the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.line.socket().local_addr().expect("a connected socket")
    }

    /// Another handle on the socket, to send from another thread.
    pub(crate) fn sender(&self) -> TcpStream {
        self.line.socket().try_clone().expect("a descriptor")
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).expect("the server takes what is sent");
    }

    /// Sends to a server that may have closed the connection.
    ///
    /// # Errors
    /// The server has closed the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    /// Sends a request without content, and reads the answer.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.send(get(target));
        self.answer()
    }

    /// Sends a request with content, and reads the answer.
    pub(crate) fn post(&mut self, target: &str, content: &[u8]) -> Answer {
        self.send(post(target, content));
        self.answer()
    }

    /// Ends the sending side.
    pub(crate) fn end(&mut self) {
        self.line.end().expect("a connected socket");
    }

    /// Reads an answer, to a request other than HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET").unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Reads an answer to a request of `method`.
    ///
    /// # Errors
    /// The flaw of the answer; `the end` if the connection ends before the first byte.
    pub(crate) fn answer_to(&mut self, method: &str) -> Result<Answer, String> {
        let mut answer = self.head()?;
        let declared = self.framing(&answer, method)?;
        answer.framing = declared.0;
        match declared {
            (Framing::None, _) => {}
            (Framing::Length, length) => answer.content = self.take(length)?,
            (Framing::Chunked, _) => (answer.content, answer.trailers) = self.chunks()?,
            (Framing::Close, _) => answer.content = self.try_rest().map_err(|error| format!("{error}"))?,
        }
        Ok(answer)
    }

    /// Reads a head only, for tests that read the content step by step.
    pub(crate) fn head(&mut self) -> Result<Answer, String> {
        let line = self.line()?;
        let text = String::from_utf8(line).map_err(|_| "a status line that is no text")?;
        let mut parts = text.splitn(3, ' ');
        let version = parts.next().unwrap_or_default().to_owned();
        let digits = parts.next().unwrap_or_default();
        if !matches!(&*version, "HTTP/1.1" | "HTTP/1.0") || digits.len() != 3 || parts.next().is_none() {
            return Err(format!("the status line {text:?}"));
        }
        let status = digits.parse().map_err(|_| format!("the status {digits:?}"))?;
        let fields = self.fields()?;
        let answer = Answer { version, status, fields, ..Answer::default() };
        for once in ["content-length", "transfer-encoding", "date", "connection", "server"] {
            if answer.all(once).count() > 1 {
                return Err(format!("{once} twice in {answer:?}"));
            }
        }
        Ok(answer)
    }

    /// Reads exactly `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < length {
            self.more(&format!("after {} of {length} bytes", self.buffer.len()))?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads one chunk; empty: the last, behind which the trailers come.
    pub(crate) fn chunk(&mut self) -> Result<Vec<u8>, String> {
        let line = self.line()?;
        let text = String::from_utf8(line).map_err(|_| "a chunk size that is no text")?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("the chunk size {text:?}"));
        }
        let length = usize::from_str_radix(&text, 16).map_err(|error| format!("{error}"))?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let data = self.take(length)?;
        match self.take(2)?.as_slice() {
            b"\r\n" => Ok(data),
            other => Err(format!("a chunk that ends in {other:?}")),
        }
    }

    /// Reads the trailer section.
    pub(crate) fn fields(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let text = String::from_utf8(line).map_err(|_| "a field line that is no text")?;
            let (name, value) = text.split_once(": ").ok_or_else(|| format!("the field line {text:?}"))?;
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) || value.trim() != value {
                return Err(format!("the field line {text:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    /// Reads to the end of the connection, which must come in order: a reset fails the test.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.try_rest().unwrap_or_else(|error| panic!("the connection does not end in order: {error}"))
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// A reset, or the deadline.
    pub(crate) fn try_rest(&mut self) -> io::Result<Vec<u8>> {
        while self.receive()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Checks that the connection ends without further bytes.
    pub(crate) fn assert_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "bytes behind the last answer: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Waits until the connection ends, normally, by a reset or without `close_notify`. Returns the
    /// bytes received before.
    pub(crate) fn over(&mut self) -> Vec<u8> {
        loop {
            match self.receive() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => break,
                Err(error) => panic!("the connection does not end: {error}"),
            }
        }
        std::mem::take(&mut self.buffer)
    }

    /// Checks that the connection still works and is in step: asks for `target` and compares.
    pub(crate) fn assert_in_step(&mut self, target: &str, content: &str) {
        let answer = self.get(target);
        assert_eq!((answer.status, answer.text()), (200, content));
        assert!(self.buffer.is_empty(), "bytes behind the answer: {:?}", String::from_utf8_lossy(&self.buffer));
    }

    fn framing(&self, answer: &Answer, method: &str) -> Result<(Framing, usize), String> {
        let (length, coding) = (answer.field("content-length"), answer.field("transfer-encoding"));
        let is_bodiless = answer.status < 200 || answer.status == 204;
        match (length, coding) {
            (Some(_), Some(_)) => return Err(format!("length and coding in {answer:?}")),
            (Some(_), _) | (_, Some(_)) if is_bodiless => return Err(format!("framing in {answer:?}")),
            (_, Some(_)) if answer.version == "HTTP/1.0" => return Err(format!("a coding in {answer:?}")),
            _ => {}
        }
        if answer.status >= 200 && answer.field("date").is_none() {
            return Err(format!("no date in {answer:?}"));
        }
        if is_bodiless || answer.status == 304 || method == "HEAD" {
            return Ok((Framing::None, 0));
        }
        match (length, coding) {
            (Some(length), _) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok((Framing::Length, length.parse().map_err(|error| format!("{error}"))?))
            }
            (Some(length), _) => Err(format!("the length {length:?}")),
            (_, Some("chunked")) => Ok((Framing::Chunked, 0)),
            (_, Some(coding)) => Err(format!("the coding {coding:?}")),
            (None, None) if answer.field("connection") == Some("close") || answer.version == "HTTP/1.0" => {
                Ok((Framing::Close, 0))
            }
            (None, None) => Err(format!("no framing in {answer:?}")),
        }
    }

    #[expect(clippy::type_complexity, reason = "content and trailers, nothing else")]
    fn chunks(&mut self) -> Result<(Vec<u8>, Vec<(String, String)>), String> {
        let mut content = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok((content, self.fields()?));
            }
            content.extend(chunk);
        }
    }

    /// A line, without its CRLF.
    fn line(&mut self) -> Result<Vec<u8>, String> {
        let end = loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                break end;
            }
            let seen = String::from_utf8_lossy(&self.buffer).into_owned();
            self.more(&format!("in the line {seen:?}"))?;
        };
        let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
        line.pop();
        if line.pop() != Some(b'\r') || line.contains(&b'\r') {
            return Err("a line that does not end in CRLF".to_owned());
        }
        Ok(line)
    }

    fn more(&mut self, place: &str) -> Result<(), String> {
        match self.receive() {
            Ok(0) if self.buffer.is_empty() => Err(format!("the end {place}")),
            Ok(0) => Err(format!("cut {place}")),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error} {place}")),
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        self.line.socket().set_read_timeout(Some(PATIENCE))?;
        let mut room = [0; 64 << 10];
        let got = loop {
            match self.line.read(&mut room) {
                // A machine that stops and resumes processes does that to reads with a time limit (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.buffer.extend_from_slice(&room[..got]);
        Ok(got)
    }
}

impl Answer {
    /// The value of a field, name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The content as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("text")
    }

    /// True if the answer announces the end of the connection.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

/// A request without content.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A request with content.
pub(crate) fn post(target: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
    [head.as_bytes(), content].concat()
}

/// Waits until `holds` says so; fails the test after a long time.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
        // A pause between two looks, not a guess at how long it takes.
        std::thread::sleep(Duration::from_millis(2));
    }
}
