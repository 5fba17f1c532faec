//! Where a server listens: as it is asked to, as it does, and as people would write it.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use crate::address::BindAddr;

impl Server {
    /// The URL of its root, for people: `http://127.0.0.1:8080`; of a Unix socket the path, or `@` and its name; of several addresses the
    /// first. With TLS it begins with `https://`. Port 80, or 443, is left out, `0.0.0.0` and `::` become this machine's name, and port 0 the
    /// real one while it runs.
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

    /// Where it is asked to listen: the first of `listen`, or `socket_file`, or `socket_host` and `socket_port`.
    #[must_use]
    pub fn bind_addr(&self) -> BindAddr {
        match (self.settings.listen.first(), &self.settings.socket_file) {
            (Some(first), _) => first.clone(),
            (None, Some(path)) => BindAddr::Unix(path.clone()),
            (None, None) => BindAddr::Tcp { host: self.settings.socket_host.clone(), port: self.settings.socket_port },
        }
    }

    /// Sets where the next start listens, and nowhere else: a path sets `socket_file`, a host and port clear it, what is inherited sets `listen`.
    pub fn set_bind_addr(&mut self, address: BindAddr) {
        self.settings.listen.clear();
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

    /// The first address of TCP it listens on, with its real port; `None` unless it runs, and where it listens on Unix sockets only.
    #[must_use]
    pub fn bound_addr(&self) -> Option<SocketAddr> {
        self.shared.addresses().first().copied()
    }

    /// Everything it listens on: IP addresses with their real ports, paths and names of Unix sockets; empty unless it runs.
    #[must_use]
    pub fn listening(&self) -> Vec<BindAddr> {
        self.shared.listening()
    }

    /// What it serves on, in words: each address while it runs, TCP as a URL, else what it is asked for.
    #[must_use]
    pub fn description(&self) -> String {
        let words: Vec<String> = self.listening().iter().map(|address| self.in_words(address)).collect();
        if !words.is_empty() {
            return words.join(", ");
        }
        let asked: Vec<String> = self.settings.listen.iter().map(BindAddr::to_string).collect();
        if asked.is_empty() { self.bind_addr().to_string() } else { asked.join(", ") }
    }

    /// `https` with TLS, else `http`: as it runs, or as it is asked to.
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

/// The name under which others reach what listens everywhere.
fn public_name(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => match std::fs::read_to_string("/proc/sys/kernel/hostname") {
            Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => "localhost".to_owned(),
        },
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
