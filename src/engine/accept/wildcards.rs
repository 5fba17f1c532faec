//! The ports at which servers of this process listen on `0.0.0.0`.
//!
//! `::` serves IPv4 too, and so takes the port of `0.0.0.0`. Beside a listener on `0.0.0.0` with the
//! same port, of the same server or of a server on a bus, `::` is for IPv6 only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::BindAddr;
use crate::sync::Mutex;

/// The ports of one server, which other servers of the process respect until the value is dropped.
#[derive(Debug)]
pub(crate) struct ReservedPorts(Vec<u16>);

impl ReservedPorts {
    /// Reserves the ports of `0.0.0.0` in `addresses`.
    pub(crate) fn of(addresses: impl IntoIterator<Item = BindAddr>) -> Self {
        let ports: Vec<u16> = addresses.into_iter().filter_map(|address| v4_port(&address)).collect();
        RESERVED.lock().extend(&ports);
        Self(ports)
    }
}

impl Drop for ReservedPorts {
    fn drop(&mut self) {
        let mut reserved = RESERVED.lock();
        for port in &self.0 {
            if let Some(at) = reserved.iter().position(|other| other == port) {
                reserved.swap_remove(at);
            }
        }
    }
}

/// True if `address` is `::`, and either an address of `own` or another server of the process is
/// `0.0.0.0` with the same port.
pub(super) fn is_beside_v4(address: &BindAddr, own: &[BindAddr]) -> bool {
    let port = match address {
        BindAddr::Tcp { host, port } if host.parse() == Ok(Ipv6Addr::UNSPECIFIED) => *port,
        _ => return false,
    };
    port != 0 && (own.iter().any(|own| v4_port(own) == Some(port)) || RESERVED.lock().contains(&port))
}

/// The port of `0.0.0.0`, also in the mapped spelling; `None` for any other address.
fn v4_port(address: &BindAddr) -> Option<u16> {
    let BindAddr::Tcp { host, port } = address else { return None };
    let address: IpAddr = host.parse().ok()?;
    (address.to_canonical() == Ipv4Addr::UNSPECIFIED).then_some(*port)
}

static RESERVED: Mutex<Vec<u16>> = Mutex::new(Vec::new());

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> BindAddr {
        BindAddr::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn only_the_unspecified_v6_address_makes_way_and_only_at_the_same_port() {
        // No server of a test listens at these ports.
        let own = [tcp("0.0.0.0", 1), tcp("127.0.0.1", 2), tcp("::ffff:0.0.0.0", 3), tcp("0.0.0.0", 0)];
        for (host, port, expected) in [
            ("::", 1, true),
            ("0:0::0", 1, true),
            ("::", 3, true),
            ("::", 2, false),
            ("::", 4, false),
            ("::", 0, false),
            ("::1", 1, false),
            ("0.0.0.0", 1, false),
            ("localhost", 1, false),
        ] {
            assert_eq!(is_beside_v4(&tcp(host, port), &own), expected, "{host} {port}");
        }
        assert!(!is_beside_v4(&BindAddr::Unix("::".into()), &own));
    }

    #[test]
    fn ports_are_reserved_until_the_last_server_has_let_go() {
        let is_reserved = || is_beside_v4(&tcp("::", 5), &[]);
        assert!(!is_reserved());
        let first = ReservedPorts::of([tcp("0.0.0.0", 5), tcp("::", 6)]);
        let second = ReservedPorts::of([tcp("0.0.0.0", 5)]);
        drop(first);
        assert!(is_reserved() && !is_beside_v4(&tcp("::", 6), &[]));
        drop(second);
        assert!(!is_reserved());
    }
}
