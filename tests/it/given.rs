//! Listening sockets that the program has opened itself.

use std::error::Error as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use drupe::{BindAddr, Error, Peer, Request, RequestExt, Server};

use crate::client::Client;
use crate::place::Place;
use crate::process::{assert_nothing_left, descriptors, is_alone};

fn peer(request: &mut Request) -> String {
    match request.connection().peer() {
        Some(Peer::Unix(Some(who))) => format!("unix {}", who.pid),
        Some(Peer::Unix(None)) => "unix".to_owned(),
        Some(Peer::Tcp(_)) => "tcp".to_owned(),
        _ => "none".to_owned(),
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// True if `socket` is in non-blocking mode: `accept` then fails at once.
fn is_nonblocking(socket: &TcpListener) -> bool {
    let fd = socket.as_fd().try_clone_to_owned().unwrap();
    let flags = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&fd))).unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    u32::from_str_radix(flags, 8).unwrap() & 0o4000 != 0
}

#[test]
fn own_sockets_of_each_kind_serve_instead_of_the_default_address() {
    let place = Place::new();
    let (tcp, address) = listener();
    let (raw, other) = listener();
    let unix = UnixListener::bind(place.socket()).unwrap();
    let mut server = Server::new(peer);
    server.settings.peercreds = true;
    server.listen_on(tcp);
    server.listen_on(unix);
    server.listen_on(OwnedFd::from(raw));
    assert_eq!(server.bind_addr(), address.into());
    server.start().unwrap();
    assert_eq!(server.handle().addresses(), [address, other]);
    assert_eq!(server.listening()[1], BindAddr::Unix(place.socket()));
    assert_eq!(server.base(), format!("http://{address}"));
    for address in [address, other] {
        Client::connect(address).assert_in_step("/", "tcp");
    }
    let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
    client.assert_in_step("/", &format!("unix {}", std::process::id()));
}

#[test]
fn own_socket_stands_beside_addresses_that_are_set() {
    let place = Place::new();
    let (tcp, address) = listener();
    let mut server = Server::new(peer);
    server.settings.socket_port = 0;
    server.listen_on(tcp);
    server.start().unwrap();
    let addresses = server.handle().addresses();
    assert!(addresses.len() == 2 && addresses[1] == address, "{addresses:?}");
    for address in addresses {
        Client::connect(address).assert_in_step("/", "tcp");
    }
    drop(server);

    let mut server = place.server(peer);
    server.listen_on(listener().0);
    server.start().unwrap();
    assert!(matches!(&server.listening()[..], [BindAddr::Unix(_), BindAddr::Tcp { .. }]));
}

#[test]
fn own_sockets_survive_a_restart_even_with_other_options() {
    let (tcp, address) = listener();
    let mut server = Server::new(peer);
    server.listen_on(tcp);
    server.start().unwrap();
    let mut idle = Client::connect(address);
    idle.assert_in_step("/", "tcp");
    server.restart().unwrap();
    idle.assert_in_step("/", "tcp");
    server.settings.nodelay = false;
    server.restart().unwrap();
    idle.assert_in_step("/", "tcp");
    Client::connect(address).assert_in_step("/", "tcp");
}

#[test]
fn stop_closes_own_sockets_and_the_next_start_needs_others() {
    let (tcp, address) = listener();
    let mut server = Server::new(peer);
    server.listen_on(tcp);
    server.start().unwrap();
    let _ = server.stop();
    assert!(TcpStream::connect(address).is_err(), "the socket is closed");

    let error = server.start().unwrap_err();
    assert!(matches!(error, Error::Bind { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("closed when the server stopped; give the server another"), "{error:?}");

    let (tcp, address) = listener();
    server.listen_on(tcp);
    server.start().unwrap();
    assert_eq!(server.handle().addresses(), [address]);
    Client::connect(address).assert_in_step("/", "tcp");
}

#[test]
fn copy_of_an_own_socket_goes_on_in_blocking_mode_after_the_stop() {
    let (tcp, address) = listener();
    let kept = tcp.try_clone().unwrap();
    let mut server = Server::new(peer);
    server.listen_on(tcp);
    server.start().unwrap();
    Client::connect(address).assert_in_step("/", "tcp");
    assert!(is_nonblocking(&kept));
    let _ = server.stop();
    assert!(!is_nonblocking(&kept));
    let client = TcpStream::connect(address).unwrap();
    assert_eq!(kept.accept().unwrap().1, client.local_addr().unwrap());
}

#[test]
fn unusable_sockets_are_refused_at_the_start_by_number() {
    let connected = UnixStream::pair().unwrap().0;
    for (socket, expected) in [
        (OwnedFd::from(std::fs::File::open("/dev/null").unwrap()), "not a socket"),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "not a stream socket"),
        (connected.into(), "the socket does not listen"),
    ] {
        let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
        let mut server = Server::new(peer);
        server.listen_on(socket);
        for error in [server.check().unwrap_err(), server.start().unwrap_err()] {
            assert_eq!(error.to_string(), format!("cannot listen on descriptor {number}"));
            assert_eq!(error.source().unwrap().to_string(), expected);
        }
    }
}

#[test]
fn failed_start_leaves_own_sockets_as_they_were() {
    if !is_alone("given::failed_start_leaves_own_sockets_as_they_were") {
        return;
    }
    let (tcp, address) = listener();
    let kept = tcp.try_clone().unwrap();
    let (_taken, busy) = listener();
    let mut server = Server::new(peer);
    server.listen_on(tcp);
    server.settings.listen = vec![BindAddr::from(busy)];
    let before = descriptors();
    for _ in 0..3 {
        assert!(matches!(server.start(), Err(Error::Bind { .. })));
        assert_nothing_left(before, "after a failed start");
        assert!(!is_nonblocking(&kept));
    }
    server.settings.listen.clear();
    server.start().unwrap();
    Client::connect(address).assert_in_step("/", "tcp");
    drop((server, kept));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn failed_restart_closes_own_sockets() {
    let (tcp, address) = listener();
    let (_taken, busy) = listener();
    let mut server = Server::new(peer);
    server.listen_on(tcp);
    server.start().unwrap();
    server.settings.listen = vec![BindAddr::from(busy)];
    assert!(matches!(server.restart(), Err(Error::Bind { .. })));
    assert!(TcpStream::connect(address).is_err(), "no client waits for a server that has ended");
}

#[test]
fn own_sockets_are_refused_beside_an_instance_and_twice() {
    let mut server = Server::new(peer);
    server.listen_on(listener().0);
    let again = server.settings.listen_sockets[0].clone();
    server.settings.listen_sockets.push(again);
    assert_eq!(server.check().unwrap_err().to_string(), "setting listen_sockets: a socket is listed twice");
    server.settings.listen_sockets.pop();
    let (instance, _) = Server::new(peer).httpserver_from_self().unwrap();
    server.settings.instance = Some(instance);
    let text = "setting listen_sockets: has no effect together with instance; unset one of them";
    assert_eq!(server.check().unwrap_err().to_string(), text);
}
