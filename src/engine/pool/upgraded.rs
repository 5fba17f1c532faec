//! Upgraded connections: their limit, their threads and their stop.
//!
//! A permit is taken before `101` is sent, and released when the function serving the connection
//! has returned or was dropped. The announcement of a stop wakes waiting reads, by an eventfd
//! polled beside every socket. The sockets are shut down once the time of the stop is over.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::Pool;
use crate::engine::connection::ClientConnection;
use crate::engine::service::open::Ticket;
use crate::engine::wire::socket::patiently;
use crate::message::body::ServeUpgraded;
use crate::message::upgrade::{RawSocket, Socket, Upgraded};
use crate::net::poll::Bell;
use crate::net::stream::Stream;
use crate::sync::catch;

/// A socket whose reads can end when the server stops; registered until the last handle is dropped.
#[derive(Debug)]
struct Line {
    stream: Arc<Stream>,
    bell: Arc<Bell>,
    /// Counts the connection as open, together with the function.
    _ticket: Option<Arc<Ticket>>,
    pool: Weak<Pool>,
    number: u64,
}

impl Pool {
    /// Serves an upgraded connection by `serve`, on a new thread.
    pub(in crate::engine) fn upgrade(self: &Arc<Self>, mut connection: Box<ClientConnection>, serve: ServeUpgraded) {
        self.parking.detach(&mut connection);
        let stream = Arc::clone(&connection.transport.stream);
        let received = Bytes::copy_from_slice(connection.transport.input.unread());
        let ticket = connection.ticket.take().map(Arc::new);
        let number = self.upgraded.enter(&stream);
        let line = Line {
            stream,
            bell: Arc::clone(&self.upgraded.bell),
            _ticket: ticket.clone(),
            pool: Arc::downgrade(self),
            number,
        };
        let upgraded = Upgraded::new(Arc::new(line), received, Arc::clone(&self.service().shutdown));
        let pool = Arc::clone(self);
        let run = move || {
            pool.upgraded.begin(number);
            if catch(|| serve(upgraded)).is_err() {
                log::error!("the function of an upgraded connection panicked; connection closed");
            }
            drop(ticket);
        };
        if let Err(error) = self.hire_for_upgrade(run) {
            log::error!("cannot start a thread for an upgraded connection: {error}; connection closed");
        }
        if self.is_over() {
            // The stop may have looked before the registration.
            self.upgraded.end();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.upgraded.leave(self.number);
        }
    }
}

impl Socket for Line {
    fn read(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        Socket::read(&*self.stream, buffer, timeout)
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

impl RawSocket for Line {
    fn read_until_stop(&self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let wait = |left| match self.stream.fd() {
            Some(fd) if !self.stream.holds_input() => match self.bell.wait(fd, Some(left)) {
                Ok(true) => Ok(()),
                Ok(false) => Err(io::Error::new(io::ErrorKind::TimedOut, "the server is stopping")),
                Err(error) => Err(error),
            },
            _ => Ok(()),
        };
        patiently(timeout, &wait, &mut || self.stream.read(buffer))
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        // In memory there is no socket, but a stop.
        self.stream.fd().unwrap_or_else(|| self.bell.as_fd())
    }
}
