//! A guard against DNS rebinding: on loopback, only requests for names of this machine are answered.
//!
//! A web page of a foreign name can make this name resolve to a loopback address. A browser on this
//! machine would then let the page read the served files. The browser sends the foreign name as the
//! host, and gets a 421.
//!
//! Behind trusted proxies the guard is off unless host names are given: the proxies pass on the
//! names of their sites.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use drupe::http::{Method, StatusCode, Uri};
use drupe::{Failure, Handler, IntoResponse, Request, RequestExt, Response, Settings};

/// A handler for requests for names of this machine.
pub(super) struct HostNames<H> {
    names: Vec<String>,
    is_off: bool,
    /// The addresses of the running server, for requests during its stop; set by the first request
    /// that needs them.
    listeners: OnceLock<Vec<SocketAddr>>,
    inner: H,
}

impl<H: Handler> HostNames<H> {
    /// Guards `inner`; `names` are the names of this machine beside `localhost` and the loopback
    /// addresses, separated by commas.
    pub(super) fn guard(inner: H, names: &str, settings: &Settings) -> Self {
        let is_off = is_off(names, settings);
        let names = self::names(names).map(|name| bare(name).to_owned()).collect();
        Self { names, is_off, listeners: OnceLock::new(), inner }
    }

    fn is_own(&self, request: &Request) -> bool {
        // HTTP/1.0 may omit the host, which browsers never do.
        let Some(host) = request.host().filter(|_| !self.is_off) else { return true };
        let name = bare(without_port(host));
        let is_known = is_of_loopback(name) || self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        is_known || !self.is_at_loopback_listener(request)
    }

    /// True if the client has connected to a listener on a loopback address, and not to one on all
    /// addresses.
    fn is_at_loopback_listener(&self, request: &Request) -> bool {
        let Some(local) = request.connection().local_addr().filter(|address| address.ip().is_loopback()) else {
            return false;
        };
        let Some(server) = request.server() else { return true };
        let current = server.addresses();
        // A server that starts or stops names no addresses. Unknown ones may be loopback addresses.
        let known =
            if current.is_empty() { self.listeners.get() } else { Some(self.listeners.get_or_init(|| current)) };
        known.is_none_or(|listeners| listeners.contains(&local))
    }
}

impl<H: Handler> Handler for HostNames<H> {
    fn handle(&self, request: &mut Request) -> Response {
        if self.is_own(request) {
            return self.inner.handle(request);
        }
        Failure::new(StatusCode::MISDIRECTED_REQUEST, REASON).into_response()
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.inner.body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.inner.is_prompt(method, target)
    }
}

/// Returns a warning if the settings `after` need a guard and `before` do not, or the reverse: the
/// guard stays as it was made at the start.
pub(super) fn warning(names: &str, before: &Settings, after: &Settings) -> Option<&'static str> {
    match (is_off(names, before), is_off(names, after)) {
        (false, true) => Some("proxies are trusted now, but the check of host names stays on until a restart"),
        (true, false) => Some("proxies are not trusted now, but the check of host names stays off until a restart"),
        _ => None,
    }
}

/// True if the guard is off: behind proxies, without `names`.
fn is_off(names: &str, settings: &Settings) -> bool {
    let has_proxies = settings.proxy_protocol || !settings.trusted_proxies.is_empty();
    has_proxies && self::names(names).next().is_none()
}

/// Splits a list of names; an empty element is no name.
pub(super) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// True if `name` is a host without a port.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    without_brackets(name).parse::<IpAddr>().is_ok() || (!name.is_empty() && name.bytes().all(is_part))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The name without brackets, and without the dot of the DNS root: `localhost.` is `localhost`.
fn bare(name: &str) -> &str {
    let name = without_brackets(name);
    name.strip_suffix('.').unwrap_or(name)
}

fn without_brackets(name: &str) -> &str {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

/// True if `name` means this machine on every machine.
fn is_of_loopback(name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

const REASON: &str = "this server answers only to names of this machine, and to names set by --host-name\n";

#[cfg(test)]
mod tests {
    use drupe::handler;
    use drupe::testing::TestRequest;

    use super::*;

    fn status(names: &str, settings: &Settings, host: &str, local: &str) -> u16 {
        let guard = HostNames::guard(handler(|_: &mut Request| "served"), names, settings);
        let local: SocketAddr = local.parse().unwrap();
        let mut request = TestRequest::get("/").field("host", host).local_addr(local).build();
        guard.handle(&mut request).status().as_u16()
    }

    #[test]
    fn foreign_name_is_misdirected_on_loopback_only() {
        let settings = Settings::default();
        for host in [
            "localhost",
            "LocalHost:8080",
            "a.localhost",
            "127.0.0.1:80",
            "127.1.2.3",
            "[::1]",
            "[::1]:8080",
            "localhost.",
            "a.localhost.:80",
            "127.0.0.1.",
        ] {
            assert_eq!(status("", &settings, host, "127.0.0.1:80"), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "192.0.2.1",
            "127.0.0.1.evil",
            "",
            ".",
            "localhost..",
        ] {
            assert_eq!(status("", &settings, host, "127.0.0.1:80"), 421, "{host}");
            assert_eq!(status("", &settings, host, "[::1]:80"), 421, "{host}");
            assert_eq!(status("", &settings, host, "192.0.2.9:80"), 200, "{host}");
        }
        for (host, expected) in
            [("box.test", 200), ("BOX.test.:80", 200), ("b.test", 200), ("b.test.", 200), ("c.test", 421)]
        {
            assert_eq!(status("box.test, b.test.,", &settings, host, "127.0.0.1:80"), expected, "{host}");
        }
    }

    #[test]
    fn guard_holds_while_the_server_starts_and_stops() {
        let mut server = drupe::Server::new(|_: &mut Request| "never");
        (server.settings.socket_host, server.settings.socket_port) = ("0.0.0.0".to_owned(), 0);
        let status = |guard: &HostNames<_>, port: u16| {
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            let request = TestRequest::get("/").field("host", "evil.example").local_addr(local);
            request.server(&server.handle()).call(guard).status().as_u16()
        };
        let guard = HostNames::guard(handler(|_: &mut Request| "served"), "", &Settings::default());
        assert_eq!(status(&guard, 80), 421, "the listeners are unknown");
        server.start().expect("any port is free");
        let port = server.bound_addr().expect("it runs").port();
        assert_eq!(status(&guard, port), 200, "the listener is on all addresses");
        server.stop();
        assert_eq!(status(&guard, port), 200, "the listeners are remembered");
    }

    #[test]
    fn guard_is_off_behind_trusted_proxies_unless_names_are_given() {
        let mut settings = Settings::default();
        settings.set("trusted_proxies", "127.0.0.1").expect("it is an address");
        assert_eq!(status("", &settings, "example.org", "127.0.0.1:80"), 200);
        assert_eq!(status("example.org", &settings, "example.org", "127.0.0.1:80"), 200);
        assert_eq!(status("example.org", &settings, "other.example", "127.0.0.1:80"), 421);
    }

    #[test]
    fn reload_that_would_turn_the_guard_on_or_off_is_warned_of() {
        let set = |name, text| {
            let mut settings = Settings::default();
            settings.set(name, text).expect("it is valid");
            settings
        };
        let none = Settings::default();
        let (trusted, protocol) = (set("trusted_proxies", "127.0.0.1"), set("proxy_protocol", "true"));
        for (before, after, expected) in [
            (&none, &none, None),
            (&trusted, &protocol, None),
            (&none, &trusted, Some("stays on")),
            (&none, &protocol, Some("stays on")),
            (&protocol, &none, Some("stays off")),
        ] {
            let text = warning(",", before, after);
            assert_eq!(text.is_some(), expected.is_some(), "{text:?}");
            assert!(text.unwrap_or_default().contains(expected.unwrap_or_default()), "{text:?}");
            assert_eq!(warning("a.test", before, after), None);
        }
    }

    #[test]
    fn name_has_neither_port_nor_blanks() {
        for name in ["box.test", "localhost", "192.0.2.1", "[::1]", "::1", "a_b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["box:80", "a b", "a/b", "http://a", "user@a", "[::1]:80"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
