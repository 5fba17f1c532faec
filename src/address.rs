//! Plain data about the two ends of a connection and about where a server listens.
//!
//! Not for looking anything up: no function here asks the system.

use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a server listens, as it was asked to: a host is not yet resolved, a port may be 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindAddr {
    /// A host name or an IP address (IPv6 without brackets) and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port; 0 leaves the choice to the system.
        port: u16,
    },
    /// The file of a Unix socket; a name of Linux' abstract namespace begins with NUL.
    Unix(PathBuf),
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A client that came over TCP.
    Tcp(SocketAddr),
    /// A client that came over a Unix socket, and who it is where [`peercreds`](crate::Settings::peercreds) asks for that.
    Unix(Option<Credentials>),
}

/// Who a client over a Unix socket was when it connected, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Credentials {
    /// The process; 0 for one that this process cannot see, in another namespace.
    pub pid: u32,
    /// The user it acted as.
    pub uid: u32,
    /// The group it acted as.
    pub gid: u32,
}

impl fmt::Display for BindAddr {
    /// Writes `host:port`, `[v6]:port`, `unix:/path`, or `unix:@name` for the abstract namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindAddr::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            BindAddr::Tcp { host, port } => write!(f, "{host}:{port}"),
            BindAddr::Unix(path) => match path.as_os_str().as_bytes() {
                [0, name @ ..] => {
                    write!(f, "unix:@{}", Path::new(OsStr::from_bytes(name)).display())
                }
                _ => write!(f, "unix:{}", path.display()),
            },
        }
    }
}

impl fmt::Display for Peer {
    /// Writes `host:port`, `unix:`, or `unix:pid=1,uid=2,gid=3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix(None) => f.write_str("unix:"),
            Peer::Unix(Some(Credentials { pid, uid, gid })) => write!(f, "unix:pid={pid},uid={uid},gid={gid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_a_user_would() {
        let tcp = |host: &str, port| BindAddr::Tcp { host: host.to_owned(), port };
        let unix = |path: &str| BindAddr::Unix(PathBuf::from(path));
        for (address, text) in [
            (tcp("127.0.0.1", 8080), "127.0.0.1:8080"),
            (tcp("localhost", 0), "localhost:0"),
            (tcp("::1", 80), "[::1]:80"),
            (tcp("fe80::1%eth0", 80), "[fe80::1%eth0]:80"),
            (unix("/run/app.sock"), "unix:/run/app.sock"),
            (unix("app.sock"), "unix:app.sock"),
            (unix("\0app"), "unix:@app"),
        ] {
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn a_peer_is_written_as_its_address() {
        for text in ["127.0.0.1:50000", "[::1]:50000"] {
            assert_eq!(Peer::Tcp(text.parse().unwrap()).to_string(), text);
        }
        assert_eq!(Peer::Unix(None).to_string(), "unix:");
        let credentials = Credentials { pid: 7, uid: 3_000_000_000, gid: 0 };
        assert_eq!(Peer::Unix(Some(credentials)).to_string(), "unix:pid=7,uid=3000000000,gid=0");
    }
}
