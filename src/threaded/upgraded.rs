//! Connections that have left HTTP: how many there may be, their threads, and how a stop reaches them.
//!
//! A place is taken before `101` is sent, and given back when the function that serves the connection has returned or was dropped. The
//! announcement of a stop wakes the reads that wait, by an eventfd that all of them poll beside their sockets; the sockets are ended once
//! the stop has waited for as long as it may.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};

use super::connection::Connection;
use super::desk::Desk;
use super::exchange::contained;
use super::pool::Pool;
use super::socket::patiently;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::{Body, Upgrade};
use crate::message::upgrade::{Socket, Upgraded};
use crate::message::{IntoResponse, Response};
use crate::net::poll::Bell;
use crate::net::stream::Stream;

/// The sockets of upgraded connections, as a stop and the statistics see them.
pub(super) struct Sockets {
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
    /// Its thread's: dropping it closes it.
    stream: Weak<Stream>,
    /// The thread that serves it, once that has begun.
    thread: Option<ThreadId>,
}

/// An entry among the sockets, for as long as it lives.
struct Entered {
    pool: Arc<Pool>,
    number: u64,
}

/// How many connections have left HTTP, or are about to.
#[derive(Debug, Default)]
pub(super) struct Places(Arc<AtomicUsize>);

/// One of them; dropping it gives it back.
struct Place(Arc<AtomicUsize>);

/// A socket whose reads can end when the server stops.
#[derive(Debug)]
struct Line {
    stream: Arc<Stream>,
    bell: Arc<Bell>,
}

impl Pool {
    /// Serves a connection that has left HTTP by `serve`, on a thread of its own.
    pub(super) fn upgrade(self: &Arc<Self>, mut connection: Box<Connection>, serve: Upgrade) {
        self.parking.detach(&mut connection);
        let stream = Arc::clone(&connection.stream);
        let received = Bytes::copy_from_slice(connection.input.unread());
        // It counts among the open ones for as long as it is served.
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
            // The stop may have looked before it was entered.
            self.upgraded.end();
        }
    }
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { bell: Arc::new(Bell::new()?), open: Mutex::default() })
    }

    /// How many threads serve upgraded connections.
    pub(super) fn len(&self) -> usize {
        self.open().by_number.len()
    }

    /// Wakes the reads that wait, for a stop has been announced.
    pub(super) fn announce_stop(&self) {
        if let Err(error) = self.bell.ring() {
            log::error!("cannot tell upgraded connections of the stop: {error}");
        }
    }

    /// Ends the sockets that are left, that of the calling thread too. Returns how many those of other threads were.
    pub(super) fn end(&self) -> usize {
        let own = thread::current().id();
        let left: Vec<(Option<ThreadId>, Arc<Stream>)> =
            self.open().by_number.values().filter_map(|entry| Some((entry.thread, entry.stream.upgrade()?))).collect();
        for (_, stream) in &left {
            // Its thread notices; a socket that has ended already says so too.
            let _ = stream.shutdown(Shutdown::Both);
        }
        left.iter().filter(|(thread, _)| *thread != Some(own)).count()
    }

    fn enter(&self, stream: &Arc<Stream>) -> u64 {
        let mut open = self.open();
        open.last_number += 1;
        let number = open.last_number;
        open.by_number.insert(number, Entry { stream: Arc::downgrade(stream), thread: None });
        number
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Notes that the calling thread serves it.
    fn begin(&self) {
        if let Some(entry) = self.pool.upgraded.open().by_number.get_mut(&self.number) {
            entry.thread = Some(thread::current().id());
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.pool.upgraded.open().by_number.remove(&self.number);
    }
}

impl Places {
    /// Takes a place if there are fewer than `most` taken (`None`: no limit).
    fn take(&self, most: Option<usize>) -> Option<Place> {
        let place = Place(Arc::clone(&self.0));
        let taken = self.0.fetch_add(1, Ordering::SeqCst);
        most.is_none_or(|most| taken < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes a place for the connection that `response` has leave HTTP, or makes a 503 of it if there is none.
pub(super) fn admit(mut response: Response, exchange: &mut Exchange, desk: &Desk) -> Response {
    let Some(serve) = response.body_mut().take_upgrade() else { return response };
    if let Some(place) = desk.service.upgraded.take(desk.config.upgraded) {
        *response.body_mut() = Body::upgrade(Box::new(move |stream| {
            let _place = place;
            serve(stream);
        }));
        return response;
    }
    desk.service.turned_away.fetch_add(1, Ordering::Relaxed);
    exchange.close(CloseReason::Refused);
    if !contained(|| drop((serve, response))) {
        desk.counters.panics.add(1);
    }
    let mut refusal = (StatusCode::SERVICE_UNAVAILABLE, "too many connections have left HTTP\n").into_response();
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
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
