//! Where a server listens: as it is asked to, as it does, and as people would write it.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use crate::address::BindAddr;

impl Server {
    /// The URL of its root, for people: `http://127.0.0.1:8080`, with TLS `https://`. Port 80, or 443, is left out, `0.0.0.0` and `::`
    /// become this machine's name, and port 0 the real one while it runs.
    #[must_use]
    pub fn base(&self) -> String {
        let (host, port) = match self.bound_addr() {
            Some(bound) => (self.settings.socket_host.clone(), bound.port()),
            None => (self.settings.socket_host.clone(), self.settings.socket_port),
        };
        url(self.scheme(), &public_name(&host), port)
    }

    /// Where it is asked to listen: `socket_file`, or `socket_host` and `socket_port`.
    #[must_use]
    pub fn bind_addr(&self) -> BindAddr {
        match &self.settings.socket_file {
            Some(path) => BindAddr::Unix(path.clone()),
            None => BindAddr::Tcp { host: self.settings.socket_host.clone(), port: self.settings.socket_port },
        }
    }

    /// Sets where the next start listens; a path sets `socket_file`, a host and port clear it.
    pub fn set_bind_addr(&mut self, address: BindAddr) {
        match address {
            BindAddr::Tcp { host, port } => {
                self.settings.socket_file = None;
                self.settings.socket_host = host;
                self.settings.socket_port = port;
            }
            BindAddr::Unix(path) => self.settings.socket_file = Some(path),
        }
    }

    /// The first address it listens on, with its real port; `None` unless it runs.
    #[must_use]
    pub fn bound_addr(&self) -> Option<SocketAddr> {
        self.shared.addresses().first().copied()
    }

    /// What it serves on, in words: the URL of each address while it runs, else what it is asked for.
    #[must_use]
    pub fn description(&self) -> String {
        let url = |bound: &SocketAddr| url(self.scheme(), &bound.ip().to_string(), bound.port());
        let urls: Vec<String> = self.shared.addresses().iter().map(url).collect();
        if urls.is_empty() { self.bind_addr().to_string() } else { urls.join(", ") }
    }

    /// `https` with TLS, else `http`: as it runs, or as it is asked to.
    pub(crate) fn scheme(&self) -> &'static str {
        let is_asked = self.settings.ssl_certificate.is_some() || self.settings.ssl_context.is_some();
        if self.shared.is_secure().unwrap_or(is_asked) { "https" } else { "http" }
    }
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
