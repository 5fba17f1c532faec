//! Many slow clients in one thread. Each sends one byte a second of a long message, and records the
//! time of its answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Clients of one kind.
pub(crate) struct Crowd {
    clients: Vec<Slow>,
    /// The hundredth of a second at which the client sends.
    hundredth: usize,
    next: Instant,
}

/// One of them.
pub(crate) struct Slow {
    stream: TcpStream,
    /// The first bytes; an endless line follows.
    words: &'static [u8],
    /// The time before the connect, and so before the accept.
    since: Instant,
    answered: Option<Instant>,
    /// The number of bytes sent.
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
}

impl Crowd {
    /// Connects `count` clients that begin with `words`: [`HEAD`], or another message that can go
    /// on without end.
    pub(crate) fn connect(address: SocketAddr, count: usize, words: &'static [u8]) -> Self {
        let clients = (0..count).map(|_| Slow::connect(address, words)).collect();
        Self { clients, hundredth: 0, next: Instant::now() }
    }

    /// One that never says a word.
    pub(crate) fn connect_silent(address: SocketAddr) -> Slow {
        Slow::connect(address, HEAD)
    }

    pub(crate) fn clients(&self) -> &[Slow] {
        &self.clients
    }

    /// The number of clients without an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.clients.iter().filter(|slow| slow.answered.is_none()).count()
    }

    /// Waits for the next hundredth of a second. Its clients send a byte each, and all clients look
    /// for an answer.
    pub(crate) fn trickle(&mut self) {
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        // Clients whose turn passed while this thread had no processor get it now.
        while self.next <= Instant::now() {
            self.next += Duration::from_millis(10);
            self.clients.iter_mut().skip(self.hundredth).step_by(100).for_each(Slow::send_byte);
            self.hundredth = (self.hundredth + 1) % 100;
        }
        let mut polled: Vec<PollFd> =
            self.clients.iter().map(|slow| PollFd::new(slow.stream.as_fd(), PollFlags::POLLIN)).collect();
        poll(&mut polled, PollTimeout::ZERO).unwrap();
        let ready: Vec<bool> = polled.iter().map(|polled| polled.any() == Some(true)).collect();
        for (slow, _) in self.clients.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
            slow.look();
        }
    }
}

impl Slow {
    fn connect(address: SocketAddr, words: &'static [u8]) -> Self {
        let since = Instant::now();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, words, since, answered: None, sent: 0, received: Vec::new() }
    }

    /// The time from connect to answer.
    pub(crate) fn took(&self) -> Option<Duration> {
        Some(self.answered? - self.since)
    }

    /// Reads the received bytes. Returns true if the client has been answered.
    pub(crate) fn look(&mut self) -> bool {
        let mut room = [0; 4096];
        match self.stream.read(&mut room) {
            Ok(got) => {
                self.received.extend_from_slice(&room[..got]);
                self.answered.get_or_insert_with(Instant::now);
            }
            // Before the end of a handshake a client cannot be answered.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && self.words != HEAD => {
                self.answered.get_or_insert_with(Instant::now);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        self.answered.is_some()
    }

    fn send_byte(&mut self) {
        let byte = self.words.get(self.sent).unwrap_or(&b'x');
        // An answered client goes on until it is closed.
        match self.stream.write(&[*byte]) {
            Ok(count) => self.sent += count,
            Err(error) => assert!(self.answered.is_some(), "{error} after {} bytes, without an answer", self.sent),
        }
    }
}

/// A head that does not end.
pub(crate) const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX: ";
/// A ClientHello of half a KiB.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
pub(crate) const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03";
