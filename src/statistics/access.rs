//! Access control for statistics and for switching them.

use std::net::IpAddr;

use crate::address::Peer;
use crate::message::request::is_relayed;
use crate::message::{Request, RequestExt};

/// True if a request seems to come from this machine: over a Unix socket, or from a loopback
/// address and for a host name that always means this machine.
///
/// A DNS rebinding attack, by a browser on this machine, has a foreign name in `Host`. A proxy on
/// this machine is detected by the fields that proxies send, even by untrusted fields that have
/// been removed since. A page of another origin, which has its origin in `Origin`, may run in a
/// browser on this machine, but does not belong to this server.
pub(super) fn is_local(request: &Request) -> bool {
    let connection = request.connection();
    let has_fields = || PROXIED.iter().any(|name| request.headers().contains_key(*name));
    if connection.proxy().is_some() || is_relayed(request) || has_fields() || !has_own_origin(request) {
        return false;
    }
    match connection.peer() {
        Some(Peer::Unix(_)) => request.client().is_none(),
        Some(Peer::Tcp(address)) => {
            let is_near = |address: IpAddr| address.is_loopback();
            is_near(address.ip()) && request.client().is_some_and(is_near) && request.host().is_none_or(is_own_name)
        }
        // In memory there is no remote client.
        None => true,
    }
}

/// True if `host`, with or without a port, means this machine on every machine.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    // The dot of the DNS root changes no name.
    let inner = inner.strip_suffix('.').unwrap_or(inner);
    match inner.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => inner.eq_ignore_ascii_case("localhost") || inner.to_ascii_lowercase().ends_with(".localhost"),
    }
}

/// True if a request comes from a page of this server, or from a program other than a browser.
///
/// A browser reports the origin of a POST in `Sec-Fetch-Site`, older browsers in `Origin`; a page
/// cannot change either field. A request without both fields comes from a program such as a command
/// line, not from a page.
pub(super) fn is_same_origin(request: &Request) -> bool {
    match field(request, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => has_own_origin(request),
    }
}

/// True if the request has no `Origin`, or that of the host that it asks for.
fn has_own_origin(request: &Request) -> bool {
    let Some(origin) = field(request, "origin") else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some_and(|host| request.host().is_some_and(|own| own.eq_ignore_ascii_case(host)))
}

/// Returns the first field `name`; a value that is no text is empty.
fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Fields that proxies add to forwarded requests.
const PROXIED: &[&str] = &["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::message::Body;

    fn request(fields: &[(&'static str, &str)]) -> Request {
        let mut request = Request::new(Body::empty());
        for (name, value) in fields {
            request.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
        }
        request
    }

    #[test]
    fn own_names_are_loopback_names_and_addresses() {
        for host in [
            "localhost",
            "LocalHost:80",
            "a.localhost:1",
            "127.0.0.1",
            "127.9.9.9:8080",
            "[::1]:80",
            "[::1]",
            "localhost.:80",
        ] {
            assert!(is_own_name(host), "{host}");
        }
        for host in
            ["", "example.org", "localhost.example.org:80", "10.0.0.1", "127.0.0.1.example.org", "[::2]:80", "0"]
        {
            assert!(!is_own_name(host), "{host}");
        }
    }

    #[test]
    fn proxy_fields_give_a_proxy_away() {
        assert!(is_local(&request(&[("host", "a")])), "in memory there is nobody else");
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
            assert!(!is_local(&request(&[(name, "a")])), "{name}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_not_local() {
        let host = ("host", "localhost:80");
        assert!(is_local(&request(&[host, ("origin", "http://localhost:80")])));
        for origin in ["http://localhost:81", "https://evil.example", "null", ""] {
            assert!(!is_local(&request(&[host, ("origin", origin)])), "{origin:?}");
        }
    }

    #[test]
    fn requests_of_other_sites_differ_from_those_of_the_page() {
        let host = ("host", "localhost:80");
        for (fields, expected) in [
            (&[host][..], true),
            (&[host, ("origin", "http://localhost:80")], true),
            (&[host, ("origin", "http://LOCALHOST:80")], true),
            (&[host, ("origin", "http://localhost:81")], false),
            (&[host, ("origin", "http://evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[("origin", "http://localhost")], false),
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:80")], true),
            (&[host, ("sec-fetch-site", "same-site"), ("origin", "http://localhost:80")], false),
            (&[host, ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_same_origin(&request(fields)), expected, "{fields:?}");
        }
    }
}
