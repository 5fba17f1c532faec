//! Names of Unix sockets: paths, and names in the abstract namespace of Linux.

use std::io;
use std::os::unix::net::SocketAddr;

/// True if the system has abstract names.
pub(crate) const HAS_ABSTRACT: bool = cfg!(all(target_os = "linux", not(drupe_portable)));
/// Maximum bytes of a socket path or abstract name, besides the NUL that ends a path and begins a
/// name.
pub(crate) const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// The reason to refuse an abstract name.
pub(crate) const NO_ABSTRACT: &str = "is an abstract name, which only Linux has; give a path";

/// Returns the abstract name of `address`, without the NUL.
#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    std::os::linux::net::SocketAddrExt::as_abstract_name(address)
}

#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
    None
}

/// Returns the address of an abstract name.
///
/// # Errors
/// `Unsupported` on other systems than Linux; `InvalidInput` for a name that is too long.
#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) fn of_abstract(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) fn of_abstract(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract names"))
}
