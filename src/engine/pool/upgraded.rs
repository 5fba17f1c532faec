//! Upgraded connections: their limit, their threads and their stop.
//!
//! A permit is taken before `101` is sent, and released when the function serving the connection
//! has returned or was dropped. The announcement of a stop wakes waiting reads, by an eventfd
//! polled beside every socket. The sockets are shut down once the time of the stop is over.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;

use super::Pool;
use crate::engine::connection::ClientConnection;
use crate::engine::wire::socket::patiently;
use crate::message::body::Upgrade;
use crate::message::upgrade::{Socket, Upgraded};
use crate::net::poll::Bell;
use crate::net::stream::Stream;
use crate::sync::Mutex;

/// The sockets of upgraded connections, for a stop and the statistics.
pub(in crate::engine) struct Sockets {
    /// Rung when a stop is announced.
    bell: Arc<Bell>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_number: u64,
    by_number: HashMap<u64, Entry>,
}

struct Entry {
    /// Owned by the serving thread, which closes the stream by dropping it.
    stream: Weak<Stream>,
    /// The serving thread, once started.
    thread: Option<ThreadId>,
}

/// The registration of a socket, until dropped.
struct Entered {
    pool: Arc<Pool>,
    number: u64,
}

/// A socket whose reads can end when the server stops.
#[derive(Debug)]
struct Line {
    stream: Arc<Stream>,
    bell: Arc<Bell>,
}

impl Pool {
    /// Serves an upgraded connection by `serve`, on a new thread.
    pub(in crate::engine) fn upgrade(self: &Arc<Self>, mut connection: Box<ClientConnection>, serve: Upgrade) {
        self.parking.detach(&mut connection);
        let stream = Arc::clone(&connection.transport.stream);
        let received = Bytes::copy_from_slice(connection.transport.input.unread());
        // The connection counts as open while served.
        let ticket = connection.ticket.take();
        let line = Arc::new(Line { stream: Arc::clone(&stream), bell: Arc::clone(&self.upgraded.bell) });
        let upgraded = Upgraded::new(line, received, Arc::clone(&self.service().shutdown));
        let entered = Entered { number: self.upgraded.enter(&stream), pool: Arc::clone(self) };
        drop(stream);
        let run = move || {
            entered.begin();
            if catch_unwind(AssertUnwindSafe(|| serve(upgraded))).is_err() {
                log::error!("what served an upgraded connection panicked");
            }
            drop(entered);
            drop(ticket);
        };
        if let Err(error) = self.hire_for_upgrade(run) {
            log::error!("no thread for an upgraded connection, which is closed: {error}");
        }
        if self.is_over() {
            // The stop may have looked before the registration.
            self.upgraded.end();
        }
    }
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { bell: Arc::new(Bell::new()?), open: Mutex::default() })
    }

    /// The number of upgraded connections.
    pub(super) fn len(&self) -> usize {
        self.open.lock().by_number.len()
    }

    /// Wakes waiting reads, because a stop was announced.
    pub(in crate::engine) fn announce_stop(&self) {
        if let Err(error) = self.bell.ring() {
            log::error!("cannot tell upgraded connections of the stop: {error}");
        }
    }

    /// Shuts down the remaining sockets, including the calling thread's. Returns the number of the
    /// others.
    pub(in crate::engine) fn end(&self) -> usize {
        let own = thread::current().id();
        let left: Vec<(Option<ThreadId>, Arc<Stream>)> = self
            .open
            .lock()
            .by_number
            .values()
            .filter_map(|entry| Some((entry.thread, entry.stream.upgrade()?)))
            .collect();
        for (_, stream) in &left {
            // The thread notices; an error means that the socket has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        left.iter().filter(|(thread, _)| *thread != Some(own)).count()
    }

    fn enter(&self, stream: &Arc<Stream>) -> u64 {
        let mut open = self.open.lock();
        open.last_number += 1;
        let number = open.last_number;
        open.by_number.insert(number, Entry { stream: Arc::downgrade(stream), thread: None });
        number
    }
}

impl Entered {
    /// Notes the calling thread as the serving one.
    fn begin(&self) {
        if let Some(entry) = self.pool.upgraded.open.lock().by_number.get_mut(&self.number) {
            entry.thread = Some(thread::current().id());
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.pool.upgraded.open.lock().by_number.remove(&self.number);
    }
}

impl Socket for Line {
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        Socket::read(&*self.stream, buffer, timeout)
    }

    fn read_until_stop(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let wait = |left| match self.stream.fd() {
            Some(fd) if !self.stream.holds_input() => match self.bell.wait(fd, Some(left)) {
                Ok(true) => Ok(()),
                Ok(false) => Err(io::Error::new(io::ErrorKind::TimedOut, "the server stops")),
                Err(error) => Err(error),
            },
            _ => Ok(()),
        };
        patiently(timeout, wait, || self.stream.read(buffer))
    }

    fn write(&self, bytes: &[u8], timeout: Option<Duration>) -> io::Result<usize> {
        Socket::write(&*self.stream, bytes, timeout)
    }

    fn flush(&self, timeout: Option<Duration>) -> io::Result<()> {
        Socket::flush(&*self.stream, timeout)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }
}
