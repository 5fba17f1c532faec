//! A listening socket that the program has opened itself.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use crate::address::{BindAddr, canonical};
use crate::sync::Mutex;
use crate::system::names::abstract_name;
use crate::system::sockets::{domain, is_listening};

/// A listening socket of the program's own, for
/// [`Settings::listen_sockets`](crate::Settings::listen_sockets).
///
/// Clones are the same socket, and equal; all others differ. The socket is closed when the server
/// stops, or when the last clone is dropped.
#[derive(Clone)]
pub struct ListeningSocket {
    /// Empty once closed.
    socket: Arc<Mutex<Option<OwnedFd>>>,
    number: RawFd,
}

impl ListeningSocket {
    /// Takes a socket: a [`TcpListener`], a [`UnixListener`] or an [`OwnedFd`]. A start checks that
    /// the socket listens.
    pub fn new(socket: impl Into<OwnedFd>) -> Self {
        let socket = socket.into();
        let number = socket.as_raw_fd();
        Self { socket: Arc::new(Mutex::new(Some(socket))), number }
    }

    /// True until the server that used the socket has stopped.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.socket.lock().is_some()
    }

    /// Closes the socket, except for copies in use.
    pub(crate) fn close(&self) {
        drop(self.socket.lock().take());
    }

    /// Returns a copy of the socket for one engine.
    ///
    /// # Errors
    /// `NotConnected` after a stop; `InvalidInput` for anything but a listening stream socket of
    /// TCP or Unix; an error of the system, such as a lack of descriptors.
    pub(crate) fn copy(&self) -> io::Result<Socket> {
        let copy = self.socket.lock().as_ref().map(OwnedFd::try_clone);
        let closed = || io::Error::new(io::ErrorKind::NotConnected, CLOSED);
        let socket = Socket::from(copy.ok_or_else(closed)??);
        match fault(&socket)? {
            Some(reason) => Err(io::Error::new(io::ErrorKind::InvalidInput, reason)),
            None => Ok(socket),
        }
    }

    /// Returns the address of the socket; `None` if the socket is unusable.
    pub(crate) fn address(&self) -> Option<BindAddr> {
        let socket = self.copy().ok()?;
        if domain(&socket).ok()? == Domain::UNIX {
            return Some(BindAddr::Unix(path_of(&UnixListener::from(socket).local_addr().ok()?)));
        }
        Some(canonical(TcpListener::from(socket).local_addr().ok()?).into())
    }
}

/// Returns the reason why a server cannot listen on `socket`.
fn fault(socket: &Socket) -> io::Result<Option<&'static str>> {
    let Ok(kind) = socket.r#type() else { return Ok(Some("not a socket")) };
    if kind != Type::STREAM {
        return Ok(Some("not a stream socket"));
    }
    if ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain(socket)?) {
        return Ok(Some("neither a TCP nor a Unix socket"));
    }
    Ok((!is_listening(socket)?).then_some("the socket does not listen"))
}

/// The path of a Unix socket, or NUL and its abstract name.
pub(super) fn path_of(address: &unix::net::SocketAddr) -> PathBuf {
    match (address.as_pathname(), abstract_name(address)) {
        (Some(path), _) => path.to_owned(),
        (None, name) => PathBuf::from(OsString::from_vec([b"\0", name.unwrap_or_default()].concat())),
    }
}

impl PartialEq for ListeningSocket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.socket, &other.socket)
    }
}

impl Eq for ListeningSocket {}

impl fmt::Display for ListeningSocket {
    /// Writes `descriptor 3`, with the number at the time the server got the socket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "descriptor {}", self.number)
    }
}

impl fmt::Debug for ListeningSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListeningSocket({self})")
    }
}

const CLOSED: &str = "the socket was closed when the server stopped; give the server another socket";

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[test]
    fn only_listening_stream_sockets_are_copied() {
        let seqpacket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        let unbound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        for (socket, expected) in [
            (OwnedFd::from(File::open("/dev/null").unwrap()), "not a socket"),
            (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "not a stream socket"),
            (UnixDatagram::unbound().unwrap().into(), "not a stream socket"),
            (seqpacket.into(), "not a stream socket"),
            (unbound.into(), "the socket does not listen"),
            (UnixStream::pair().unwrap().0.into(), "the socket does not listen"),
        ] {
            let given = ListeningSocket::new(socket);
            let error = given.copy().unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::InvalidInput, expected.to_owned()));
            assert_eq!(given.address(), None);
        }
    }

    #[test]
    fn closed_socket_is_gone_for_all_clones() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let given = ListeningSocket::new(listener);
        assert_eq!(given.address(), Some(address.into()));
        let other = given.clone();
        assert!(given.is_open() && given == other && given != ListeningSocket::new(File::open("/dev/null").unwrap()));
        given.close();
        assert!(!other.is_open());
        assert_eq!(other.copy().unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert!(TcpStream::connect(address).is_err());
    }
}
