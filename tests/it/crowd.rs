//! Many slow clients in one thread: each sends a byte of a head a second, and notes when it is answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Clients of one kind.
pub(crate) struct Crowd {
    clients: Vec<Slow>,
    /// Of a second; whose turn it is follows from it.
    hundredth: usize,
    next: Instant,
}

/// One of them.
pub(crate) struct Slow {
    stream: TcpStream,
    /// Before it was connected, and so before it was accepted.
    since: Instant,
    answered: Option<Instant>,
    /// How many bytes it has sent.
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
}

impl Crowd {
    pub(crate) fn connect(address: SocketAddr, count: usize) -> Self {
        let clients = (0..count).map(|_| Slow::connect(address)).collect();
        Self { clients, hundredth: 0, next: Instant::now() }
    }

    /// One that never says a word.
    pub(crate) fn connect_silent(address: SocketAddr) -> Slow {
        Slow::connect(address)
    }

    pub(crate) fn clients(&self) -> &[Slow] {
        &self.clients
    }

    /// How many have not been answered.
    pub(crate) fn waiting(&self) -> usize {
        self.clients.iter().filter(|slow| slow.answered.is_none()).count()
    }

    /// Waits for the next hundredth of a second: as many of them send a byte, and all look whether they are answered.
    pub(crate) fn trickle(&mut self) {
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        // Those whose turn went by while this thread had no processor have it now.
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
    fn connect(address: SocketAddr) -> Self {
        let since = Instant::now();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, since, answered: None, sent: 0, received: Vec::new() }
    }

    /// How long after it connected it was answered.
    pub(crate) fn took(&self) -> Option<Duration> {
        Some(self.answered? - self.since)
    }

    /// Reads what has come; says whether it has been answered.
    pub(crate) fn look(&mut self) -> bool {
        let mut room = [0; 4096];
        match self.stream.read(&mut room) {
            Ok(got) => {
                self.received.extend_from_slice(&room[..got]);
                self.answered.get_or_insert_with(Instant::now);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        self.answered.is_some()
    }

    fn send_byte(&mut self) {
        const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX: ";
        let byte = HEAD.get(self.sent).unwrap_or(&b'x');
        // Who has been answered goes on, for as long as it is let.
        match self.stream.write(&[*byte]) {
            Ok(count) => self.sent += count,
            Err(error) => assert!(self.answered.is_some(), "{error} after {} bytes, without an answer", self.sent),
        }
    }
}
