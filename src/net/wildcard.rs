//! Errors of a port that another socket has on the unspecified address of the other family.
//!
//! `::` serves IPv4 too, and so meets any listener on `0.0.0.0` with the same port. One server, or the
//! servers on one bus, agree on IPv6 alone for `::`; separate servers and processes cannot.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// Adds the cause and the remedy to an error of binding `address`, if a listener of the other family
/// is the cause. `reuse_port` is that of the failed attempt.
pub(super) fn explained(address: SocketAddr, error: io::Error, reuse_port: bool) -> io::Error {
    if error.kind() != ErrorKind::AddrInUse || !address.ip().is_unspecified() {
        return error;
    }
    let port = address.port();
    let is_v6_free = || is_free((Ipv6Addr::UNSPECIFIED, port).into(), reuse_port);
    let cause = match address.ip() {
        IpAddr::V6(_) if is_v6_free().unwrap_or(false) => {
            format!("another socket has port {port} of IPv4, and [::]:{port} serves IPv4 too")
        }
        IpAddr::V4(_) if !is_v6_free().unwrap_or(true) => {
            format!("another socket has port {port} of IPv6, and may serve IPv4 too")
        }
        _ => return error,
    };
    let remedy = "to serve both, give one server both addresses (setting listen), or put both servers on one bus";
    io::Error::new(error.kind(), format!("{error}: {cause}; {remedy}"))
}

/// True if no other socket has `address`, of IPv6 alone.
fn is_free(address: SocketAddr, reuse_port: bool) -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    match socket.bind(&address.into()) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(false),
        bound => bound.map(|()| true),
    }
}
