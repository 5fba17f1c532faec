//! Addresses of both ends of a connection and of listeners, as plain data.
//!
//! [`text`] reads and writes listening addresses.
//!
//! No function in this module makes a lookup in the system.

pub(crate) mod text;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A listening address as configured: a host is not resolved yet, and a port may be 0.
///
/// Text has the forms `host:port`, `[v6]:port`, `unix:/path`, `unix:@name` for Linux' abstract
/// namespace, and `fd:3`; `tcp://` may stand before a host. An address is read by `parse` and
/// written by `Display`, in the same forms.
///
/// ```
/// use drupe::BindAddr;
///
/// # fn main() -> Result<(), drupe::Error> {
/// let address: BindAddr = "[::1]:8080".parse()?;
/// assert_eq!(address, BindAddr::Tcp { host: "::1".to_owned(), port: 8080 });
/// assert_eq!("unix:/run/app.sock".parse::<BindAddr>()?, BindAddr::Unix("/run/app.sock".into()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindAddr {
    /// A host name or an IP address (IPv6 without brackets) and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port; with 0, the system chooses a port.
        port: u16,
    },
    /// The path of a Unix socket; a name in Linux' abstract namespace begins with NUL.
    Unix(PathBuf),
    /// Sockets opened by systemd (feature `systemd`): the number of a descriptor, a name in
    /// `LISTEN_FDNAMES`, or `*` for all.
    Inherited(String),
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A client over TCP.
    Tcp(SocketAddr),
    /// A client over a Unix socket, with credentials if [`peercreds`](crate::Settings::peercreds)
    /// is on.
    Unix(Option<Credentials>),
}

/// The credentials of a client over a Unix socket at the time of its connection, from the kernel.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Credentials {
    /// The process ID; 0 for a process not visible from here, in another namespace, and on FreeBSD.
    /// On macOS, the process that used the socket last, which need not be the one that connected.
    pub pid: u32,
    /// The effective user ID.
    pub uid: u32,
    /// The effective group ID.
    pub gid: u32,
    /// The lookup of names, if [`peercreds_resolve`](crate::Settings::peercreds_resolve) is on.
    pub(crate) names: Option<&'static dyn NameService>,
}

/// Returns `address` in its one spelling: an IPv4 client of a dual-stack socket has an IPv4 address,
/// not the mapped one (RFC 4291 §2.5.5.2). Each address that enters the server passes here.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        // An IPv6 address keeps its scope.
        IpAddr::V6(_) => address,
        v4 => SocketAddr::new(v4, address.port()),
    }
}

/// A lookup of names, injected because this module makes no lookups.
pub(crate) trait NameService: Sync {
    /// Returns the name of a user.
    fn user(&self, uid: u32) -> Option<String>;
    /// Returns the name of a group.
    fn group(&self, gid: u32) -> Option<String>;
    /// Returns the names of the groups of a user, beside the given group.
    fn groups(&self, uid: u32, gid: u32) -> Vec<String>;
}

impl Credentials {
    /// The name of the user; `None` if the number has no name, or without
    /// [`peercreds_resolve`](crate::Settings::peercreds_resolve).
    ///
    /// The name is looked up in the system's database, which can be slow if the database is remote.
    /// Results are cached for a few seconds.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.names?.user(self.uid)
    }

    /// The name of the group; otherwise as [`user`](Self::user).
    #[must_use]
    pub fn group(&self) -> Option<String> {
        self.names?.group(self.gid)
    }

    /// The names of all groups: first the effective group, then the groups of the user in the
    /// system's database. Empty if neither the user nor the group has a name; otherwise as
    /// [`user`](Self::user).
    ///
    /// The result shows the groups of the user, not of the process: it includes groups that the
    /// process has dropped.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let Some(names) = self.names else { return Vec::new() };
        let mut groups: Vec<String> = self.group().into_iter().collect();
        for name in names.groups(self.uid, self.gid) {
            if !groups.contains(&name) {
                groups.push(name);
            }
        }
        groups
    }

    fn ids(&self) -> (u32, u32, u32) {
        (self.pid, self.uid, self.gid)
    }
}

impl fmt::Display for Peer {
    /// Writes `host:port`, `unix:`, or `unix:pid=1,uid=2,gid=3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix(None) => f.write_str("unix:"),
            Peer::Unix(Some(Credentials { pid, uid, gid, .. })) => write!(f, "unix:pid={pid},uid={uid},gid={gid}"),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pid, uid, gid) = self.ids();
        f.debug_struct("Credentials").field("pid", &pid).field("uid", &uid).field("gid", &gid).finish_non_exhaustive()
    }
}

/// Compares the numbers alone.
impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.ids() == other.ids()
    }
}

impl Eq for Credentials {}

impl Hash for Credentials {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ids().hash(state);
    }
}

/// Names by functions, for tests.
#[cfg(test)]
pub(crate) struct FixedNames {
    pub(crate) user: fn(u32) -> Option<String>,
    pub(crate) group: fn(u32) -> Option<String>,
    pub(crate) groups: fn(u32, u32) -> Vec<String>,
}

#[cfg(test)]
impl NameService for FixedNames {
    fn user(&self, uid: u32) -> Option<String> {
        (self.user)(uid)
    }

    fn group(&self, gid: u32) -> Option<String> {
        (self.group)(gid)
    }

    fn groups(&self, uid: u32, gid: u32) -> Vec<String> {
        (self.groups)(uid, gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_written_as_its_address() {
        for text in ["127.0.0.1:50000", "[::1]:50000"] {
            assert_eq!(Peer::Tcp(text.parse().unwrap()).to_string(), text);
        }
        assert_eq!(Peer::Unix(None).to_string(), "unix:");
        assert_eq!(Peer::Unix(Some(credentials(None))).to_string(), "unix:pid=7,uid=3000000000,gid=0");
    }

    #[test]
    fn mapped_address_becomes_an_ipv4_address_and_no_other_address_changes() {
        for (text, expected) in [
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80"),
            ("[::ffff:a00:1]:1", "10.0.0.1:1"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[::c000:201]:80", "[::c000:201]:80"),
            ("[64:ff9b::c000:201]:80", "[64:ff9b::c000:201]:80"),
            ("[fe80::1%2]:9", "[fe80::1%2]:9"),
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(canonical(address).to_string(), expected);
        }
    }

    fn credentials(names: Option<&'static dyn NameService>) -> Credentials {
        Credentials { pid: 7, uid: 3_000_000_000, gid: 0, names }
    }

    #[test]
    fn names_are_resolved_only_for_clients_with_credentials() {
        static NAMES: FixedNames = FixedNames {
            user: |uid| (uid < 7).then(|| format!("user{uid}")),
            group: |gid| (gid < 7).then(|| format!("group{gid}")),
            groups: |_, gid| vec!["more".to_owned(), format!("group{gid}")],
        };
        let named = Credentials { uid: 1, ..credentials(Some(&NAMES)) };
        assert_eq!((named.user(), named.group()), (Some("user1".to_owned()), Some("group0".to_owned())));
        assert_eq!(named.groups(), ["group0", "more"]);
        assert_eq!(credentials(Some(&NAMES)).user(), None);
        let silent = credentials(None);
        assert_eq!((silent.user(), silent.group(), silent.groups()), (None, None, vec![]));
        assert_eq!(silent, credentials(Some(&NAMES)), "who knows the names is no part of who it is");
    }
}
