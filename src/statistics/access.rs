//! Who may look at statistics, and who may switch them.

use std::net::IpAddr;

use crate::address::Peer;
use crate::message::request::is_relayed;
use crate::message::{Request, RequestExt};

/// Whether a request comes from this machine, as far as anybody can tell: over a Unix socket, or from a loopback address to a name that is
/// this machine's own everywhere.
///
/// Who has a browser on this machine ask, by a name that has been made to lead here, has that name in `Host` (DNS rebinding). Who comes by
/// way of a proxy on this machine is betrayed by the fields that proxies send, also those that nobody is believed and that are gone by now.
pub(super) fn is_local(request: &Request) -> bool {
    let connection = request.connection();
    let has_fields = || PROXIED.iter().any(|name| request.headers().contains_key(*name));
    if connection.proxy().is_some() || is_relayed(request) || has_fields() {
        return false;
    }
    match connection.peer() {
        Some(Peer::Unix(_)) => request.client().is_none(),
        Some(Peer::Tcp(address)) => {
            let is_near = |address: IpAddr| address.to_canonical().is_loopback();
            is_near(address.ip()) && request.client().is_some_and(is_near) && request.host().is_none_or(is_own_name)
        }
        // In memory there is nobody else.
        None => true,
    }
}

/// Whether `host`, with or without a port, is a name that leads to this machine wherever it is asked for.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match inner.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => inner.eq_ignore_ascii_case("localhost") || inner.to_ascii_lowercase().ends_with(".localhost"),
    }
}

/// Whether nothing speaks against a request's coming from a page of this very server, or from no browser at all.
///
/// A browser says where a POST comes from, by `Sec-Fetch-Site`, older ones by `Origin`; a page cannot change either. What sends neither, a
/// command line, nobody has been talked into.
pub(super) fn is_same_origin(request: &Request) -> bool {
    let field = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = field("sec-fetch-site") {
        return site == "same-origin";
    }
    match field("origin") {
        None => true,
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some_and(|host| request.host().is_some_and(|own| own.eq_ignore_ascii_case(host)))
        }
    }
}

/// Fields that proxies add to what they pass on.
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
    fn own_names_are_those_that_lead_here_from_everywhere() {
        for host in ["localhost", "LocalHost:80", "a.localhost:1", "127.0.0.1", "127.9.9.9:8080", "[::1]:80", "[::1]"] {
            assert!(is_own_name(host), "{host}");
        }
        for host in
            ["", "example.org", "localhost.example.org:80", "10.0.0.1", "127.0.0.1.example.org", "[::2]:80", "0"]
        {
            assert!(!is_own_name(host), "{host}");
        }
    }

    #[test]
    fn what_a_proxy_sends_gives_it_away() {
        assert!(is_local(&request(&[("host", "a")])), "in memory there is nobody else");
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
            assert!(!is_local(&request(&[(name, "a")])), "{name}");
        }
    }

    #[test]
    fn other_sites_are_told_from_the_page_itself() {
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
