//! Sources of connections: resolve, bind, listen, accept.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::adopted::Adopted;
use super::given::{ListeningSocket, path_of};
use super::poll::{self, Interest};
use super::socket_file::{self, Rights, SocketFile};
use super::{descriptors, inherited, wildcard};
use crate::address::{BindAddr, canonical};
use crate::error::Error;
use crate::system::sockets::{LISTENERS_SHUT_DOWN, domain, prepare};

/// The options of a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenOptions {
    /// The backlog: connections waiting in the kernel to be accepted.
    pub(crate) backlog: i32,
    /// True if `::` leaves IPv4 to another listener; TCP only.
    pub(crate) only_v6: bool,
    /// True if other sockets may bind the same address (`SO_REUSEPORT`); TCP only.
    pub(crate) reuse_port: bool,
    /// True if small segments are sent immediately (`TCP_NODELAY`); TCP only.
    pub(crate) nodelay: bool,
    /// The send timeout of a connection. On Linux, accepted TCP sockets inherit the timeout.
    pub(crate) send_patience: Duration,
    /// The permissions of a Unix socket.
    pub(crate) rights: Rights,
    /// The setting for the address, for errors.
    pub(crate) setting: &'static str,
}

/// A place to listen: an address to bind, or a socket that the program has opened itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Address(BindAddr),
    Socket(ListeningSocket),
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Declared before the socket: the file is removed while the socket still listens.
    file: Option<SocketFile>,
    socket: Kind,
    address: BindAddr,
    /// Present if a shutdown must not or cannot end `accept`: for an inherited socket, for one of
    /// the program's own, and on systems other than Linux.
    adopted: Option<Adopted>,
    /// The send timeout to set on each connection, if sockets do not inherit the timeout or the
    /// listening socket is shared.
    send_patience: Option<Duration>,
}

#[derive(Debug)]
enum Kind {
    /// With its address and the actual port.
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener),
}

/// A newly accepted connection.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// With the client's address.
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    fn prepared(&self, send_patience: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket, _) => prepare(socket)?,
            Self::Unix(socket) => prepare(socket)?,
        }
        match self {
            Self::Tcp(socket, _) if send_patience.is_some() => socket.set_write_timeout(send_patience),
            Self::Unix(socket) if send_patience.is_some() => socket.set_write_timeout(send_patience),
            Self::Tcp(..) | Self::Unix(_) => Ok(()),
        }
    }
}

impl Listener {
    /// Listens as asked.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind); `Bind` with the descriptor for an unusable socket.
    pub(crate) fn open(asked: &Asked, options: &ListenOptions) -> Result<Vec<Self>, Error> {
        match asked {
            Asked::Address(address) => Self::bind(address, options),
            Asked::Socket(socket) => {
                let adopted = socket.copy().and_then(|copy| Self::adopt(copy, options));
                let refused = |source| Error::Bind { address: socket.to_string(), source };
                Ok(vec![adopted.map_err(refused)?])
            }
        }
    }

    /// Listens on every address of `address`: `localhost` often has two, `::` is IPv6 and IPv4 in
    /// one socket.
    ///
    /// Port 0 takes one free port for all addresses. On failure, every socket bound before is
    /// released.
    ///
    /// # Errors
    /// `Resolve` for a host without an address; `Bind` with the address that could not be bound;
    /// `Setting` for a wrong setting of Unix sockets.
    pub(crate) fn bind(address: &BindAddr, options: &ListenOptions) -> Result<Vec<Self>, Error> {
        match address {
            BindAddr::Tcp { host, port } => bind_tcp(host, *port, options),
            BindAddr::Unix(path) => Ok(vec![bind_unix(path, options)?]),
            BindAddr::Inherited(which) => {
                let adopted = inherited::sockets(which)?.into_iter().map(|socket| Self::adopt(socket, options));
                adopted.collect::<io::Result<_>>().map_err(|error| inherited::refused(which, error))
            }
        }
    }

    /// Takes over a socket that listens already; asks the socket for its kind.
    fn adopt(socket: Socket, options: &ListenOptions) -> io::Result<Self> {
        let mut listener = if domain(&socket)? == Domain::UNIX {
            let socket = UnixListener::from(socket);
            let address = BindAddr::Unix(path_of(&socket.local_addr()?));
            Self { file: None, socket: Kind::Unix(socket), address, adopted: None, send_patience: None }
        } else {
            socket.set_tcp_nodelay(options.nodelay)?;
            Self::of_tcp(socket.into())?
        };
        listener.adopted = Some(Adopted::new()?);
        listener.send_patience = Some(options.send_patience);
        Ok(listener)
    }

    /// Adds the parts that replace the abilities of Linux where the system has none.
    fn completed(mut self, options: &ListenOptions) -> io::Result<Self> {
        if !LISTENERS_SHUT_DOWN {
            self.adopted = Some(Adopted::new()?);
            self.send_patience = Some(options.send_patience);
        }
        Ok(self)
    }

    fn of_tcp(socket: TcpListener) -> io::Result<Self> {
        let local = canonical(socket.local_addr()?);
        let address = BindAddr::from(local);
        Ok(Self { file: None, socket: Kind::Tcp(socket, local), address, adopted: None, send_patience: None })
    }

    /// The resolved address of the socket, with its actual port.
    pub(crate) fn address(&self) -> &BindAddr {
        &self.address
    }

    /// The TCP address of the socket, with its actual port.
    pub(crate) fn tcp_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Kind::Tcp(_, local) => Some(*local),
            Kind::Unix(_) => None,
        }
    }

    /// Waits for the next connection.
    ///
    /// A lack of descriptors is reported only if a connection is waiting: Linux fails `accept` even
    /// without one.
    ///
    /// # Errors
    /// The failure of `accept`, classified by the action to take; `Closed` after
    /// [`Listener::close`].
    pub(crate) fn accept(&self) -> Result<Accepted, AcceptError> {
        let mut has_looked = false;
        loop {
            match &self.adopted {
                Some(adopted) if !adopted.wait(self.fd()).map_err(AcceptError::Closed)? => {
                    return Err(AcceptError::Closed(io::ErrorKind::ConnectionAborted.into()));
                }
                _ => {}
            }
            let accepted = match &self.socket {
                Kind::Tcp(socket, _) => socket.accept().map(|(stream, peer)| Accepted::Tcp(stream, canonical(peer))),
                Kind::Unix(socket) => socket.accept().map(|(stream, _)| Accepted::Unix(stream)),
            };
            match (accepted, &self.adopted) {
                // Another owner was faster.
                (Err(error), Some(_)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (Ok(incoming), _) => match incoming.prepared(self.send_patience) {
                    Ok(()) => return Ok(incoming),
                    // The client has left between the two calls.
                    Err(_) => return Err(AcceptError::Passing),
                },
                (Err(error), None) if descriptors::are_lacking(&error) && !has_looked => {
                    has_looked = true;
                    poll::wait(self.fd(), Interest::Read, None).map_err(AcceptError::Closed)?;
                }
                (Err(error), _) => return Err(AcceptError::of(error)),
            }
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Kind::Tcp(socket, _) => socket.as_fd(),
            Kind::Unix(socket) => socket.as_fd(),
        }
    }

    /// Stops listening and wakes the thread in `accept`, without connecting to the socket. The file
    /// of a Unix socket is removed first.
    pub(crate) fn close(&self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.remove();
        }
        match (&self.adopted, &self.socket) {
            (Some(adopted), _) => adopted.close(),
            (None, Kind::Tcp(socket, _)) => SockRef::from(socket).shutdown(Shutdown::Read),
            (None, Kind::Unix(socket)) => SockRef::from(socket).shutdown(Shutdown::Read),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(adopted) = &self.adopted {
            adopted.give_back(self.fd());
        }
    }
}

/// The reason for having no connection, by the action to take.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// Only that connection failed, or a signal arrived: continue.
    Passing,
    /// A resource is exhausted and may come back: pause.
    Exhausted(io::Error),
    /// The socket does not listen any more: stop.
    Closed(io::Error),
}

impl AcceptError {
    /// Classifies an error by `accept(2)`: an error of the new connection is passing, a lack of
    /// resources may end.
    fn of(error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EINTR | Errno::ECONNABORTED) => Self::Passing,
            // From the standard library: the address of the client is none. macOS returns such an
            // address if the client has already reset the connection.
            None if error.kind() == io::ErrorKind::InvalidInput => Self::Passing,
            Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP) => Self::Closed(error),
            // EMFILE, ENFILE, ENOBUFS, ENOMEM; network errors pending on the new socket; EPERM from
            // a firewall; and unknown errors: if an error lasts, the pause limits the processor
            // time.
            _ => Self::Exhausted(error),
        }
    }
}

fn bind_unix(path: &Path, options: &ListenOptions) -> Result<Listener, Error> {
    let (socket, file) = socket_file::listen(path, options.backlog, &options.rights, options.setting)?;
    let address = BindAddr::Unix(path.to_owned());
    let send_patience = Some(options.send_patience);
    let listener = Listener { file, socket: Kind::Unix(socket), address, adopted: None, send_patience };
    listener
        .completed(options)
        .map_err(|source| Error::Bind { address: BindAddr::Unix(path.to_owned()).to_string(), source })
}

fn bind_tcp(host: &str, port: u16, options: &ListenOptions) -> Result<Vec<Listener>, Error> {
    let candidates = resolve(host, port)?;
    let mut attempts = if port == 0 && candidates.len() > 1 { EPHEMERAL_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match bind_all(&candidates, options) {
            // The free port of the first address is taken on the second: try another port.
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err((address, error)) => {
                let source = wildcard::explained(address, error, options.reuse_port);
                return Err(Error::Bind { address: address.to_string(), source });
            }
            Ok(listeners) => return Ok(listeners),
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let failed = |source| Error::Resolve { host: host.to_owned(), source };
    let mut found: Vec<SocketAddr> = Vec::new();
    // A socket for a mapped address alone cannot be bound, unlike one for the address itself.
    for address in (host, port).to_socket_addrs().map_err(failed)?.map(canonical) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(found)
}

/// Binds all candidates, the later ones to the port of the first.
///
/// Skips an unavailable address family (IPv6 disabled but in the hosts file) if another candidate
/// works.
fn bind_all(candidates: &[SocketAddr], options: &ListenOptions) -> Result<Vec<Listener>, (SocketAddr, io::Error)> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut missing = None;
    for candidate in candidates {
        let mut address = *candidate;
        if let Some(first) = listeners.first().and_then(Listener::tcp_addr).filter(|_| address.port() == 0) {
            address.set_port(first.port());
        }
        match bind_one(address, options) {
            Ok(listener) => listeners.push(listener),
            Err(error) if candidates.len() > 1 && is_missing_family(&error) => {
                log::warn!(
                    "cannot listen on {address}: {error}; skipped, listening on the other addresses of the host"
                );
                missing = Some((address, error));
            }
            Err(error) => return Err((address, error)),
        }
    }
    match missing {
        Some(failure) if listeners.is_empty() => Err(failure),
        _ => Ok(listeners),
    }
}

fn is_missing_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
}

fn bind_one(address: SocketAddr, options: &ListenOptions) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(v6) = address {
        // `::` is dual-stack, regardless of the system's default, unless another listener has IPv4;
        // any other address stands for itself only.
        socket.set_only_v6(options.only_v6 || !v6.ip().is_unspecified())?;
    }
    // Allows a port with old connections in TIME_WAIT, if their socket had this option too; on
    // Linux no listening port is shared.
    if address.port() != 0 {
        socket.set_reuse_address(true)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if options.nodelay {
        // On Linux, accepted sockets inherit the option.
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_write_timeout(Some(options.send_patience))?;
    socket.bind(&address.into())?;
    if address.port() == 0 {
        // Set after `bind`, or the system might choose a port in use. Connections inherit the
        // option and so do not block a later bind to this port by number.
        socket.set_reuse_address(true)?;
    }
    socket.listen(options.backlog)?;
    Listener::of_tcp(socket.into())?.completed(options)
}

/// Attempts to find a port free on every address.
const EPHEMERAL_ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Instant;

    use super::*;

    const RIGHTS: Rights = Rights { mode: 0o600, user: None, group: None };
    const PLAIN: ListenOptions = ListenOptions {
        backlog: 16,
        only_v6: false,
        reuse_port: false,
        nodelay: true,
        send_patience: Duration::from_millis(20),
        rights: RIGHTS,
        setting: "socket_host",
    };

    fn tcp(host: &str, port: u16) -> BindAddr {
        BindAddr::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn port_0_is_a_real_port_and_the_same_for_all() {
        let listeners = Listener::bind(&tcp("localhost", 0), &PLAIN).unwrap();
        let port = listeners[0].tcp_addr().unwrap().port();
        assert_ne!(port, 0);
        assert!(listeners.iter().all(|listener| listener.tcp_addr().unwrap().port() == port));
        for listener in &listeners {
            TcpStream::connect(listener.tcp_addr().unwrap()).unwrap();
        }
    }

    #[test]
    fn the_unspecified_v6_address_serves_v4_too() {
        let Ok(listeners) = Listener::bind(&tcp("::", 0), &PLAIN) else {
            // A machine without IPv6 cannot run this test.
            assert!(TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err());
            return;
        };
        let port = listeners[0].tcp_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        TcpStream::connect(("::1", port)).unwrap();
    }

    #[test]
    fn mapped_address_is_bound_as_the_ipv4_address() {
        let listeners = Listener::bind(&tcp("::ffff:127.0.0.1", 0), &PLAIN).unwrap();
        let address = listeners[0].tcp_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn address_that_cannot_be_bound_is_named() {
        let taken = Listener::bind(&tcp("127.0.0.1", 0), &PLAIN).unwrap();
        let port = taken[0].tcp_addr().unwrap().port();
        let error = Listener::bind(&tcp("127.0.0.1", port), &PLAIN).unwrap_err();
        assert!(matches!(&error, Error::Bind { address, .. } if *address == format!("127.0.0.1:{port}")), "{error}");
        let error = Listener::bind(&tcp("no-such-host.invalid", 80), &PLAIN).unwrap_err();
        assert!(matches!(&error, Error::Resolve { host, .. } if host == "no-such-host.invalid"), "{error}");
    }

    #[test]
    fn a_port_can_be_shared_when_asked() {
        let shared = ListenOptions { reuse_port: true, ..PLAIN };
        let first = Listener::bind(&tcp("127.0.0.1", 0), &shared).unwrap();
        Listener::bind(&tcp("127.0.0.1", first[0].tcp_addr().unwrap().port()), &shared).unwrap();
    }

    #[test]
    fn closing_wakes_the_waiting_accept() {
        let listener = Listener::bind(&tcp("127.0.0.1", 0), &PLAIN).unwrap().remove(0);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| listener.accept().map(|_| ()));
            listener.close().unwrap();
            assert!(matches!(waiting.join().unwrap(), Err(AcceptError::Closed(_))));
        });
    }

    fn is_blocking(socket: &TcpListener) -> bool {
        !SockRef::from(socket).nonblocking().unwrap()
    }

    fn inherit(socket: &TcpListener) -> Listener {
        Listener::adopt(Socket::from(socket.try_clone().unwrap()), &PLAIN).unwrap()
    }

    #[test]
    fn inherited_socket_is_returned_with_its_old_flag() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        for was_blocking in [true, false] {
            other.set_nonblocking(!was_blocking).unwrap();
            let listener = inherit(&other);
            let _client = TcpStream::connect(other.local_addr().unwrap()).unwrap();
            listener.accept().unwrap();
            listener.close().unwrap();
            drop(listener);
            assert_eq!(is_blocking(&other), was_blocking);
            let _client = TcpStream::connect(other.local_addr().unwrap()).unwrap();
            other.accept().expect("it still listens");
        }
    }

    #[test]
    fn another_owner_of_an_inherited_socket_cannot_have_accept_wait_for_ever() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = inherit(&other);
        std::thread::scope(|scope| {
            let accepting = scope.spawn(|| (listener.accept().map(drop), listener.accept().map(drop)));
            // Another process gives the socket back with its original flags.
            other.set_nonblocking(false).unwrap();
            let _client = TcpStream::connect(other.local_addr().unwrap()).unwrap();
            let begun = Instant::now();
            while is_blocking(&other) && begun.elapsed() < Duration::from_secs(30) {
                std::thread::yield_now();
            }
            listener.close().unwrap();
            let (first, second) = accepting.join().unwrap();
            assert!(first.is_ok() && matches!(second, Err(AcceptError::Closed(_))), "{first:?} {second:?}");
        });
        drop(listener);
        assert!(is_blocking(&other));
    }

    #[test]
    fn an_inherited_socket_that_is_closed_accepts_nothing_that_waits() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = inherit(&other);
        let _client = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        listener.close().unwrap();
        assert!(matches!(listener.accept(), Err(AcceptError::Closed(_))), "once closed nothing is accepted any more");
    }

    #[test]
    fn accept_errors_are_classified_by_remedy() {
        #[track_caller]
        fn check(error: io::Error, expected: &str) {
            let text = error.to_string();
            let found = match AcceptError::of(error) {
                AcceptError::Passing => "passing",
                AcceptError::Exhausted(_) => "exhausted",
                AcceptError::Closed(_) => "closed",
            };
            assert_eq!(found, expected, "{text}");
        }
        for (errno, expected) in [
            (Errno::EINTR, "passing"),
            (Errno::ECONNABORTED, "passing"),
            (Errno::EMFILE, "exhausted"),
            (Errno::ENFILE, "exhausted"),
            (Errno::ENOMEM, "exhausted"),
            (Errno::ENOBUFS, "exhausted"),
            (Errno::EPERM, "exhausted"),
            (Errno::EINVAL, "closed"),
            (Errno::EBADF, "closed"),
        ] {
            check(errno.into(), expected);
        }
        // From the standard library, for an address that is none.
        check(io::Error::new(io::ErrorKind::InvalidInput, "invalid argument"), "passing");
        check(io::ErrorKind::Other.into(), "exhausted");
    }

    #[test]
    fn accepted_sockets_inherit_nodelay() {
        for nodelay in [true, false] {
            let listener = Listener::bind(&tcp("127.0.0.1", 0), &ListenOptions { nodelay, ..PLAIN }).unwrap().remove(0);
            let _client = TcpStream::connect(listener.tcp_addr().unwrap()).unwrap();
            let Ok(Accepted::Tcp(accepted, _)) = listener.accept() else { panic!("no connection over TCP") };
            assert_eq!(accepted.nodelay().unwrap(), nodelay);
        }
    }

    #[test]
    fn connection_waits_for_room_for_the_time_of_its_listener() {
        let listener = Listener::bind(&tcp("127.0.0.1", 0), &PLAIN).unwrap().remove(0);
        let _client = TcpStream::connect(listener.tcp_addr().unwrap()).unwrap();
        let Ok(Accepted::Tcp(socket, _)) = listener.accept() else { panic!("no connection of TCP") };
        let told = socket.write_timeout().unwrap().unwrap();
        assert!((PLAIN.send_patience..3 * PLAIN.send_patience).contains(&told), "{told:?}");
    }
}
