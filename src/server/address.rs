//! The addresses of a server: as set, as bound, and in words.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use crate::address::BindAddr;
use crate::engine::ReservedPorts;
use crate::settings::{ListeningSocket, Settings};
use crate::system::host_name::host_name;

/// Reserves the ports at which a server with `settings` listens on `0.0.0.0`.
pub(super) fn reserve(settings: &Settings) -> ReservedPorts {
    let sockets = settings.listen_sockets.iter().filter_map(ListeningSocket::address);
    let set = match &settings.socket_file {
        _ if !settings.listen.is_empty() => settings.listen.clone(),
        None if !settings.has_only_sockets() => {
            vec![BindAddr::Tcp { host: settings.socket_host.clone(), port: settings.socket_port }]
        }
        _ => Vec::new(),
    };
    ReservedPorts::of(set.into_iter().chain(sockets))
}

impl Server {
    /// Returns the URL of the server's root, for users: `http://127.0.0.1:8080`, or `https://` with
    /// TLS. Of several addresses the first counts; a Unix socket gives its path, or `@` and its
    /// name. Port 80, or 443 with TLS, is left out. `0.0.0.0` and `::` become this machine's name,
    /// and port 0 the real port of a running server.
    #[must_use]
    pub fn base(&self) -> String {
        match self.bind_addr() {
            BindAddr::Tcp { host, port } => {
                let port = self.bound_addr().map_or(port, |bound| bound.port());
                url(self.scheme(), &public_name(&host), port)
            }
            BindAddr::Inherited(which) => match self.listening().first() {
                Some(BindAddr::Tcp { host, port }) => url(self.scheme(), &public_name(host), *port),
                Some(bound) => without_kind(bound),
                None => format!("fd:{which}"),
            },
            unix @ BindAddr::Unix(_) => without_kind(&unix),
        }
    }

    /// Returns the address to listen on, as set: the first of `listen`, or `socket_file`, or
    /// `socket_host` and `socket_port`; or that of the first of `listen_sockets`, if there is no
    /// other.
    #[must_use]
    pub fn bind_addr(&self) -> BindAddr {
        let sockets = self.settings.listen_sockets.iter().filter(|_| self.settings.has_only_sockets());
        if let Some(address) = sockets.filter_map(ListeningSocket::address).next() {
            return address;
        }
        match (self.settings.listen.first(), &self.settings.socket_file) {
            (Some(first), _) => first.clone(),
            (None, Some(path)) => BindAddr::Unix(path.clone()),
            (None, None) => BindAddr::Tcp { host: self.settings.socket_host.clone(), port: self.settings.socket_port },
        }
    }

    /// Sets the only address for the next start, without `listen_sockets`: a path sets
    /// `socket_file`, a host and port clear `socket_file`, an inherited descriptor sets `listen`.
    pub fn set_bind_addr(&mut self, address: BindAddr) {
        self.settings.listen.clear();
        self.settings.listen_sockets.clear();
        match address {
            BindAddr::Tcp { host, port } => {
                self.settings.socket_file = None;
                self.settings.socket_host = host;
                self.settings.socket_port = port;
            }
            BindAddr::Unix(path) => self.settings.socket_file = Some(path),
            inherited @ BindAddr::Inherited(_) => self.settings.listen.push(inherited),
        }
    }

    /// Returns the first TCP address of the server, with the real port; `None` if the server does
    /// not run, or listens on Unix sockets only.
    #[must_use]
    pub fn bound_addr(&self) -> Option<SocketAddr> {
        self.shared.addresses().first().copied()
    }

    /// Returns all addresses of the server: IP addresses with real ports, paths and names of Unix
    /// sockets; empty unless the server runs.
    #[must_use]
    pub fn listening(&self) -> Vec<BindAddr> {
        self.shared.listening()
    }

    /// Describes the addresses in words: the bound addresses of a running server, TCP as a URL,
    /// else the set addresses.
    #[must_use]
    pub fn description(&self) -> String {
        let words: Vec<String> = self.listening().iter().map(|address| self.in_words(address)).collect();
        if !words.is_empty() {
            return words.join(", ");
        }
        let asked: Vec<String> = self.settings.listen.iter().map(BindAddr::to_string).collect();
        if asked.is_empty() { self.bind_addr().to_string() } else { asked.join(", ") }
    }

    /// Returns `https` with TLS, else `http`; of the running server, or else of the settings.
    pub(crate) fn scheme(&self) -> &'static str {
        let is_asked = self.settings.ssl_certificate.is_some() || self.settings.ssl_context.is_some();
        if self.shared.is_secure().unwrap_or(is_asked) { "https" } else { "http" }
    }

    fn in_words(&self, address: &BindAddr) -> String {
        match address {
            BindAddr::Tcp { host, port } => url(self.scheme(), host, *port),
            other => other.to_string(),
        }
    }
}

fn without_kind(address: &BindAddr) -> String {
    let text = address.to_string();
    text.strip_prefix("unix:").map_or(text.clone(), str::to_owned)
}

/// Returns this machine's name for an unspecified address, else `host`.
fn public_name(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => host_name().unwrap_or_else(|| "localhost".to_owned()),
        _ => host.to_owned(),
    }
}

fn url(scheme: &str, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}
