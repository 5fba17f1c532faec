//! The name and the addresses of this machine.

use std::net::IpAddr;

use nix::net::if_::InterfaceFlags;

pub(super) fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The addresses of all interfaces that are up, loopback included.
pub(super) fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let up = interfaces.filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP));
    let addresses = up.filter_map(|interface| interface.address).filter_map(|address| {
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
    });
    // A link-local address is of use only with the name of an interface.
    let is_local = |address: &IpAddr| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    addresses.filter(|address| !is_local(address)).collect()
}
