//! One case over one connection: the case sent whole, two requests behind the case, and the
//! answers.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The requests behind a case; the second ends the connection if the server is in step.
const NEXT: &str = "GET /in-step HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// A server that is silent for this time waits for more.
const SILENCE: Duration = Duration::from_millis(2500);
/// The time for a server to close after its client has.
const LEAVE: Duration = Duration::from_secs(3);

/// The result of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The answers to the case itself, interim ones left out.
    pub(crate) answers: Vec<Answer>,
    pub(crate) end: End,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Method and content that an application saw, and how long the content was.
    pub(crate) seen: Option<(String, String, usize)>,
}

/// The resulting state of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The request behind the case was answered as a request.
    Kept,
    #[default]
    Closed,
    /// Nothing more came, and the connection stayed.
    Waits,
}

impl Outcome {
    /// True if both saw the same requests with the same content, and left the connection in the
    /// same state. A silent close counts as a refusal.
    pub(crate) fn has_framing_of(&self, other: &Self) -> bool {
        let seen = |outcome: &Self| outcome.answers.iter().filter_map(|answer| answer.seen.clone()).collect::<Vec<_>>();
        self.end == other.end && self.is_refusal() == other.is_refusal() && seen(self) == seen(other)
    }

    /// True if the last answer was a refusal, or if there was none.
    pub(crate) fn is_refusal(&self) -> bool {
        self.end == End::Closed && self.answers.last().is_none_or(|answer| answer.seen.is_none())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A pipeline of one kind is told once.
        let mut rest = &self.answers[..];
        while let Some(first) = rest.first() {
            let run = rest.iter().take_while(|answer| *answer == first).count();
            write!(f, "{}", first.status)?;
            if let Some((method, content, length)) = &first.seen {
                write!(f, " {method}")?;
                if *length > 0 {
                    write!(f, " {length}:`{content}`")?;
                }
            }
            if run > 1 {
                write!(f, " ×{run}")?;
            }
            f.write_str(", ")?;
            rest = &rest[run..];
        }
        f.write_str(match self.end {
            End::Kept => "kept",
            End::Closed => "closed",
            End::Waits => "waits",
        })
    }
}

/// Sends a case and reads until the server closes or falls silent. A case of kind `awaited` is sent
/// alone.
pub(crate) fn over(address: SocketAddr, input: &[u8], awaited: bool) -> Outcome {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
    let sent = if awaited { input.to_vec() } else { [input, NEXT.as_bytes()].concat() };
    // A server that refuses early may leave before it has all.
    let _ = stream.write_all(&sent);
    let (mut received, mut has_ended) = (Vec::new(), false);
    let mut deadline = Instant::now() + SILENCE;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                received.extend_from_slice(&buffer[..count]);
                if !has_ended {
                    deadline = Instant::now() + SILENCE;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if Instant::now() < deadline {
                    continue;
                }
                if has_ended {
                    break;
                }
                has_ended = true;
                deadline = Instant::now() + LEAVE;
                if stream.shutdown(Shutdown::Write).is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
        if has_ended && Instant::now() >= deadline {
            break;
        }
    }
    judge(&received, &sent, has_ended)
}

fn judge(received: &[u8], sent: &[u8], has_waited: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rest = received;
    let mut at = 0;
    while let Some((answer, target, length)) = read(rest, sent, at) {
        rest = &rest[length..];
        if answer.status == 100 {
            continue;
        }
        at += 1;
        if target.as_deref() == Some("/in-step")
            && answer.seen.as_ref().is_some_and(|(method, _, length)| method == "GET" && *length == 0)
        {
            outcome.end = End::Kept;
            return outcome;
        }
        outcome.answers.push(answer);
    }
    if has_waited {
        // An answer to a client that has left does not count.
        outcome.answers.retain(|answer| answer.seen.is_some());
        outcome.end = End::Waits;
    }
    outcome
}

/// Reads one answer. Returns the answer, the target seen by the server, and the answer's length.
fn read(bytes: &[u8], sent: &[u8], at: usize) -> Option<(Answer, Option<String>, usize)> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let status: u16 = head.split(' ').nth(1)?.get(..3)?.parse().ok()?;
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let (mut seen, mut target) = (None, None);
    if let Some(told) = field("x-seen") {
        let mut words = told.splitn(4, ' ');
        let (method, length, start) = (words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.to_owned());
        target = words.next().map(str::to_owned);
        seen = Some((method, plain(&start), length));
    }
    // A refusal of HEAD has no content, despite its length; nor has an answer that reports a request.
    let is_head = at == 0 && sent.strip_prefix(b"\r\n").unwrap_or(sent).starts_with(b"HEAD ");
    let content = match field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        _ if seen.is_some() || is_head || status == 100 => 0,
        Some(length) => length.min(bytes.len() - head_end),
        None => bytes.len() - head_end,
    };
    Some((Answer { status, seen }, target, head_end + content))
}

/// Hexadecimal digits as text that a table can hold.
fn plain(digits: &str) -> String {
    let bytes: Vec<u8> =
        (0..digits.len() / 2).filter_map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect();
    let text: String = bytes.iter().take(24).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
    if bytes.len() > 24 { format!("{text}…") } else { text }
}
