//! Listening: every address of a name, both families, shared ports.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

#[cfg(feature = "process")]
use drupe::process::Bus;
use drupe::testing::TestServer;
use drupe::{Request, RequestExt, Server};

use crate::client::{Client, wait_until};
use crate::process::is_alone_with;

fn local(request: &mut Request) -> String {
    request.connection().local_addr().unwrap().ip().to_string()
}

fn on(host: &str) -> Server {
    let mut server = Server::new(local);
    server.settings.socket_host = host.to_owned();
    server.settings.socket_port = 0;
    server
}

/// True if this machine has IPv6.
fn has_v6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn a_name_serves_every_address_it_stands_for() {
    let server = on("localhost");
    server.start().unwrap();
    let port = server.bound_addr().unwrap().port();
    let expected: HashSet<SocketAddr> =
        ("localhost", port).to_socket_addrs().unwrap().filter(|address| address.is_ipv4() || has_v6()).collect();
    assert_eq!(server.handle().addresses().into_iter().collect::<HashSet<_>>(), expected);
    for address in expected {
        Client::connect(address).assert_in_step("/", &address.ip().to_string());
    }
    assert_eq!(server.base(), format!("http://localhost:{port}"));
}

#[test]
fn the_unspecified_v6_address_serves_both_families() {
    let server = on("::");
    if !has_v6() {
        server.start().unwrap_err();
        return;
    }
    server.start().unwrap();
    let port = server.bound_addr().unwrap().port();
    Client::connect((Ipv6Addr::LOCALHOST, port).into()).assert_in_step("/", "::1");
    assert_eq!(Client::connect(([127, 0, 0, 1], port).into()).get("/").status, 200);
}

/// Connections that the server has ended first are remembered by the system for a minute.
#[test]
fn port_can_be_bound_again_right_after_traffic() {
    let mut server = on("127.0.0.1");
    for round in 0..3 {
        server.start().unwrap();
        let address = server.bound_addr().unwrap();
        for _ in 0..10 {
            let mut client = Client::connect(address);
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert_eq!(client.answer().status, 200);
            client.assert_closed();
            client.end();
        }
        wait_until("the system remembers them", || remembered(address.port()) > 0);
        // One that goes on is ended by the stop.
        let mut client = Client::connect(address);
        assert_eq!(client.get("/").status, 200);
        server.stop();
        client.assert_closed();
        // First one that the system has chosen, then the same by its number, by this and by another server.
        server.settings.socket_port = address.port();
        if round == 1 {
            server = on("127.0.0.1");
            server.settings.socket_port = address.port();
        }
    }
}

/// Connections from `port` in `TIME_WAIT`.
fn remembered(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().filter(|line| line.contains(&format!(":{port:04X} 0100007F")) && line.contains(" 06 ")).count()
}

#[test]
fn two_servers_share_a_port_when_asked() {
    let first = TestServer::with(local, |settings| settings.reuse_port = true);
    let mut second = on("127.0.0.1");
    second.settings.socket_port = first.address().port();
    second.start().unwrap_err();
    second.settings.reuse_port = true;
    second.start().unwrap();
    // The kernel chooses; the remaining server must serve all of them.
    for _ in 0..20 {
        Client::connect(first.address()).assert_in_step("/", "127.0.0.1");
    }
    let shared = first.server().statistics().accepts + second.statistics().accepts;
    assert_eq!(shared, 20);
    let address = first.address();
    drop(first);
    for _ in 0..20 {
        Client::connect(address).assert_in_step("/", "127.0.0.1");
    }
}

#[test]
fn hundreds_of_connections_are_open_at_once() {
    let server = TestServer::new(local);
    let mut clients: Vec<Client> = (0..300).map(|_| Client::connect(server.address())).collect();
    for _ in 0..2 {
        clients.iter_mut().for_each(|client| client.assert_in_step("/", "127.0.0.1"));
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.accepts, statistics.requests), (300, 600));
}

#[test]
fn more_descriptors_than_select_allows_are_served() {
    if !is_alone_with(4000, "listening::more_descriptors_than_select_allows_are_served") {
        return;
    }
    let server = TestServer::new(|_: &mut Request| "hello");
    let mut clients: Vec<Client> = (0..1200).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().rev().for_each(|client| client.assert_in_step("/", "hello"));
    assert_eq!(server.server().statistics().accepts, 1200);
}

/// A port that is free on every address, for addresses of which each names the port.
fn free_port() -> u16 {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

fn on_each(addresses: &[String]) -> Server {
    let mut server = Server::new(peer);
    server.settings.listen = addresses.iter().map(|address| address.parse().unwrap()).collect();
    server
}

/// The peer and the local address, as seen by the handler.
fn peer(request: &mut Request) -> String {
    let connection = request.connection();
    let peer = connection.peer().map(ToString::to_string).unwrap_or_default();
    let (peer, _) = peer.rsplit_once(':').unwrap();
    format!("{peer} {} {}", connection.local_addr().unwrap().ip(), request.client().unwrap())
}

#[test]
fn ipv4_client_of_the_unspecified_v6_address_has_an_ipv4_address() {
    if !has_v6() {
        return;
    }
    let server = on_each(&["[::]:0".to_owned()]);
    server.start().unwrap();
    let port = server.bound_addr().unwrap().port();
    let ask = |address: IpAddr| Client::connect((address, port).into()).get("/").text().to_owned();
    assert_eq!(ask(Ipv4Addr::LOCALHOST.into()), "127.0.0.1 127.0.0.1 127.0.0.1");
    assert_eq!(ask(Ipv6Addr::LOCALHOST.into()), "[::1] ::1 ::1");
}

#[test]
fn one_server_listens_on_both_unspecified_addresses_in_any_order() {
    if !has_v6() {
        return;
    }
    for order in [["0.0.0.0", "[::]"], ["[::]", "0.0.0.0"], ["[::]", "[::ffff:0.0.0.0]"]] {
        let port = free_port();
        let server = on_each(&order.map(|host| format!("tcp://{host}:{port}")));
        server.start().unwrap();
        assert_eq!(server.listening().len(), 2, "{order:?}");
        assert_eq!(Client::connect((Ipv4Addr::LOCALHOST, port).into()).get("/").status, 200, "{order:?}");
        assert_eq!(Client::connect((Ipv6Addr::LOCALHOST, port).into()).get("/").status, 200, "{order:?}");
        // Kept over a restart.
        server.restart().unwrap();
        assert_eq!(Client::connect((Ipv6Addr::LOCALHOST, port).into()).get("/").status, 200, "{order:?}");
    }
}

#[test]
fn separate_servers_on_both_unspecified_addresses_are_refused_with_the_remedy() {
    if !has_v6() {
        return;
    }
    for (order, cause) in [
        (
            ["0.0.0.0", "[::]"],
            "another socket has port PORT of IPv4, and [::]:PORT serves IPv4 too; to serve both, give",
        ),
        (["[::]", "0.0.0.0"], "another socket has port PORT of IPv6, and may serve IPv4 too; to serve both, give"),
    ] {
        let port = free_port();
        let [first, second] = order.map(|host| on_each(&[format!("{host}:{port}")]));
        first.start().unwrap();
        let error = std::error::Error::source(&second.start().unwrap_err()).unwrap().to_string();
        assert!(error.contains(&cause.replace("PORT", &port.to_string())), "{error}");
        // The same address twice is another mistake.
        drop(first);
        let port = free_port();
        let [first, second] = [order[0]; 2].map(|host| on_each(&[format!("{host}:{port}")]));
        first.start().unwrap();
        let error = std::error::Error::source(&second.start().unwrap_err()).unwrap().to_string();
        assert!(!error.contains("another socket"), "{error}");
    }
}

#[cfg(feature = "process")]
#[test]
fn servers_on_a_bus_listen_on_both_unspecified_addresses_in_any_order() {
    if !has_v6() {
        return;
    }
    for order in [["0.0.0.0", "[::]"], ["[::]", "0.0.0.0"]] {
        let (bus, port) = (Bus::new(), free_port());
        let servers = order.map(|host| on_each(&[format!("{host}:{port}")]));
        servers.iter().for_each(|server| server.subscribe(&bus));
        bus.start().unwrap();
        assert_eq!(
            Client::connect((Ipv4Addr::LOCALHOST, port).into()).get("/").text(),
            "127.0.0.1 127.0.0.1 127.0.0.1"
        );
        assert_eq!(Client::connect((Ipv6Addr::LOCALHOST, port).into()).get("/").text(), "[::1] ::1 ::1");
        bus.exit().unwrap();
    }
}

#[cfg(feature = "process")]
#[test]
fn unspecified_v6_address_serves_both_families_again_after_the_other_server_has_unsubscribed() {
    if !has_v6() {
        return;
    }
    let (bus, port) = (Bus::new(), free_port());
    let other = on_each(&[format!("0.0.0.0:{port}")]);
    other.subscribe(&bus);
    other.unsubscribe(&bus);
    let server = on_each(&[format!("[::]:{port}")]);
    server.start().unwrap();
    assert_eq!(Client::connect((Ipv4Addr::LOCALHOST, port).into()).get("/").status, 200);
}
