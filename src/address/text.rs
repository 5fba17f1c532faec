//! The text form of listening addresses, for settings and for programs.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::BindAddr;
use crate::error::Error;

impl FromStr for BindAddr {
    type Err = Error;

    /// Reads the forms of [`BindAddr`].
    ///
    /// # Errors
    /// [`Error::Malformed`] with the text and the forms.
    fn from_str(text: &str) -> Result<Self, Error> {
        let read = match text.split_once(':') {
            Some(("tcp", _)) if text.starts_with(TCP) => tcp(&text[TCP.len()..]),
            Some(("unix", path)) => (!path.is_empty()).then(|| Self::Unix(path_of(path))),
            Some(("fd", which)) => (!which.is_empty()).then(|| Self::Inherited(which.to_owned())),
            _ => tcp(text),
        };
        read.ok_or_else(|| {
            Error::malformed(format!("{text:?} is not an address such as host:80, unix:/path, unix:@name or fd:3"))
        })
    }
}

/// Takes the IP address as the host; the flow label of IPv6 is lost.
impl From<SocketAddr> for BindAddr {
    fn from(address: SocketAddr) -> Self {
        let scope = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("%{}", v6.scope_id()),
            _ => String::new(),
        };
        Self::Tcp { host: format!("{}{scope}", address.ip()), port: address.port() }
    }
}

impl fmt::Display for BindAddr {
    /// Writes a form of [`BindAddr`] that `parse` reads as the same address. A path that is not
    /// UTF-8 gets replacement characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindAddr::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            // Without the scheme, hosts of these names would be read as another kind of address.
            BindAddr::Tcp { host, port } if host == "unix" || host == "fd" => write!(f, "{TCP}{host}:{port}"),
            BindAddr::Tcp { host, port } => write!(f, "{host}:{port}"),
            BindAddr::Unix(path) => write!(f, "unix:{}", text_of(path)),
            BindAddr::Inherited(which) => write!(f, "fd:{which}"),
        }
    }
}

/// Reads `host:port`, with brackets around an IPv6 address.
fn tcp(text: &str) -> Option<BindAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = bare.is_some_and(|bare| bare.contains(':'));
    let host = if is_v6 { bare? } else { host };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() || (!is_v6 && host.contains([':', '[', ']', '/', '@'])) || !is_port {
        return None;
    }
    Some(BindAddr::Tcp { host: host.to_owned(), port: port.parse().ok()? })
}

/// Reads the path of a Unix socket, or `@` and an abstract name.
pub(crate) fn path_of(text: &str) -> PathBuf {
    PathBuf::from(text.strip_prefix('@').map_or(text.to_owned(), |name| format!("\0{name}")))
}

/// Writes the path of a Unix socket, or `@` and an abstract name.
pub(crate) fn text_of(path: &Path) -> String {
    let text = path.display().to_string();
    match text.strip_prefix('\0') {
        Some(name) => format!("@{name}"),
        // Without a directory, the path would be read as an abstract name.
        None if text.starts_with('@') => format!("./{text}"),
        None => text,
    }
}

const TCP: &str = "tcp://";

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> BindAddr {
        BindAddr::Tcp { host: host.to_owned(), port }
    }

    fn unix(path: &str) -> BindAddr {
        BindAddr::Unix(path.into())
    }

    fn passed(which: &str) -> BindAddr {
        BindAddr::Inherited(which.to_owned())
    }

    #[test]
    fn address_is_written_as_a_user_would_and_read_again() {
        for (address, text) in [
            (tcp("127.0.0.1", 8080), "127.0.0.1:8080"),
            (tcp("localhost", 0), "localhost:0"),
            (tcp("tcp", 1), "tcp:1"),
            (tcp("unix", 80), "tcp://unix:80"),
            (tcp("fd", 3), "tcp://fd:3"),
            (tcp("::1", 80), "[::1]:80"),
            (tcp("fe80::1%eth0", 65535), "[fe80::1%eth0]:65535"),
            (unix("/run/a b.sock"), "unix:/run/a b.sock"),
            (unix("app.sock"), "unix:app.sock"),
            (unix("a:b"), "unix:a:b"),
            (unix("\0app"), "unix:@app"),
            (unix("\0@app"), "unix:@@app"),
            (unix("./@app"), "unix:./@app"),
            (passed("3"), "fd:3"),
            (passed("web.socket"), "fd:web.socket"),
            (passed("*"), "fd:*"),
        ] {
            assert_eq!(address.to_string(), text);
            assert_eq!(text.parse::<BindAddr>().unwrap(), address, "{text}");
        }
        assert_eq!(unix("@app").to_string(), "unix:./@app", "a file is not taken for an abstract name");
        assert_eq!("tcp://localhost:80".parse::<BindAddr>().unwrap(), tcp("localhost", 80));
    }

    #[test]
    fn text_that_is_no_address_is_quoted() {
        for text in [
            "",
            "7",
            "localhost",
            "localhost:",
            "localhost:http",
            "localhost:65536",
            "localhost:+1",
            ":80",
            "::1:80",
            "[::1]",
            "[localhost]:80",
            "user@host:80",
            "host:80/",
            "unix:",
            "fd:",
            "fd",
            "/run/a.sock",
            "http://localhost:80",
            "tcp://a:1/",
        ] {
            for text in [text.to_owned(), format!("tcp://{text}")] {
                let reason = text.parse::<BindAddr>().unwrap_err().to_string();
                assert!(reason.starts_with(&format!("{text:?} is not an address such as ")), "{reason}");
            }
        }
    }

    #[test]
    fn socket_address_becomes_a_listening_address() {
        for text in ["127.0.0.1:80", "[::1]:0", "[fe80::1%2]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(BindAddr::from(address).to_string(), text);
        }
    }
}
