//! The keys of an environ, made from a request.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, Version};
use percent_encoding::percent_decode_str;

use super::environ::Environ;
use super::input::Input;
use super::secure;
use super::value::{Text, Value};
use crate::address::{Credentials, Peer};
use crate::message::request::Claimed;
use crate::message::routing::{is_mount_itself, mount_path, original_target};
use crate::message::{Request, RequestExt};

/// The facts about the server that are the same for all connections.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// `SERVER_SOFTWARE`.
    pub(super) software: String,
    /// `ACTUAL_SERVER_PROTOCOL`.
    pub(super) protocol: Version,
}

/// Makes the environ of `request`, in version 1.0, and takes the content of `request`.
pub(super) fn of(request: &mut Request, site: &Site) -> Environ {
    let mut environ = Environ::new(Input::new(std::mem::take(request.body_mut())));
    // In the order of the keys, so that each is the last one.
    environ.insert("ACTUAL_SERVER_PROTOCOL", protocol(site.protocol));
    add_fields(&mut environ, request.headers());
    add_path(&mut environ, request);
    add_peer(&mut environ, request.connection().peer());
    add_request(&mut environ, request);
    add_server(&mut environ, request, site);
    add_gateway(&mut environ, request.scheme());
    if let Some(facts) = request.connection().tls() {
        secure::add(&mut environ, facts, &site.software, SystemTime::now());
    }
    if request.scheme() == "https" {
        environ.insert("HTTPS", "on");
    }
    correct(&mut environ, request);
    environ
}

/// Replaces values of the connection with those from trusted proxies.
fn correct(environ: &mut Environ, request: &Request) {
    let claimed = Claimed::of(request);
    if claimed.client {
        // Empty if the proxy hides the client. The known port is the proxy's, not the client's.
        environ.insert("REMOTE_ADDR", request.client().map(|address| address.to_string()).unwrap_or_default());
        environ.insert("REMOTE_PORT", "");
    }
    if let Some(host) = request.host().filter(|_| claimed.origin) {
        environ.insert("HTTP_HOST", Text::latin1(host.as_bytes().to_vec()));
    }
}

/// Adds the keys of PEP 3333, except `wsgi.version`: see [`WsgiVersion`](super::WsgiVersion).
fn add_gateway(environ: &mut Environ, scheme: &'static str) {
    environ.insert("wsgi.errors", Value::Errors);
    environ.insert("wsgi.file_wrapper", Value::FileWrapper);
    environ.insert("wsgi.input", Value::Input);
    // Reading ends with the content, however the content is framed.
    environ.insert("wsgi.input_terminated", true);
    environ.insert("wsgi.multiprocess", false);
    environ.insert("wsgi.multithread", true);
    environ.insert("wsgi.run_once", false);
    environ.insert("wsgi.url_scheme", scheme);
}

fn add_path(environ: &mut Environ, request: &Request) {
    let uri = request.uri();
    // A CONNECT has an authority instead of a path.
    let path = uri.authority().map_or(uri.path(), Authority::as_str);
    let path = decode(if is_mount_itself(request) { "" } else { path });
    // A path begins with a slash; no other key could carry `*` (RFC 9112 §3.2.4) or an authority.
    let path = if path.is_empty() || path.starts_with(b"/") { path } else { [b"/", path.as_slice()].concat() };
    environ.insert("PATH_INFO", Text::latin1(path));
    environ.insert("QUERY_STRING", latin1(uri.query().unwrap_or_default()));
}

fn add_request(environ: &mut Environ, request: &Request) {
    let original = original_target(request);
    let target = original.path_and_query().map_or_else(|| original.to_string(), ToString::to_string);
    environ.insert("REQUEST_METHOD", latin1(request.method().as_str()));
    environ.insert("REQUEST_URI", latin1(&target));
    environ.insert("SCRIPT_NAME", Text::latin1(decode(mount_path(request))));
}

fn add_server(environ: &mut Environ, request: &Request, site: &Site) {
    // The host from a proxy includes the port; the local port is only the proxy's target.
    let local = request.connection().local_addr().filter(|_| !Claimed::of(request).origin);
    let (name, port) = name_and_port(request.host().unwrap_or_default(), local, request.scheme());
    environ.insert("SERVER_NAME", Text::latin1(name.into_bytes()));
    environ.insert("SERVER_PORT", Text::latin1(port.into_bytes()));
    environ.insert("SERVER_PROTOCOL", protocol(request.version()));
    environ.insert("SERVER_SOFTWARE", latin1(&site.software));
}

fn add_peer(environ: &mut Environ, peer: Option<&Peer>) {
    let (address, port) = match peer {
        Some(Peer::Tcp(address)) => (address.ip().to_string(), address.port().to_string()),
        _ => (String::new(), String::new()),
    };
    environ.insert("REMOTE_ADDR", address);
    environ.insert("REMOTE_PORT", port);
    if let Some(Peer::Unix(Some(who))) = peer {
        add_credentials(environ, who);
    }
}

/// Adds the ids of the peer, and their names if known.
fn add_credentials(environ: &mut Environ, who: &Credentials) {
    environ.insert("X_REMOTE_PID", who.pid.to_string());
    environ.insert("X_REMOTE_UID", who.uid.to_string());
    environ.insert("X_REMOTE_GID", who.gid.to_string());
    if let Some(user) = who.user() {
        environ.insert("X_REMOTE_USER", user.clone());
        environ.insert("REMOTE_USER", user);
    }
    if let Some(group) = who.group() {
        environ.insert("X_REMOTE_GROUP", group);
    }
}

/// Adds each field as `HTTP_` and its name, except the two that describe the content.
///
/// Several lines of a field are joined (RFC 3875 §4.1.18). A name containing `_` is left out,
/// because it could pass for the name with `-`, possibly set by a trusted proxy.
fn add_fields(environ: &mut Environ, fields: &HeaderMap) {
    let names = fields.keys().filter(|name| !name.as_str().contains('_'));
    let mut keys: Vec<_> = names.map(|name| (key(name), name)).collect();
    // The client chooses the order of the fields, and adding a key out of order moves other values.
    keys.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    for (key, name) in keys {
        let mark: &[u8] = if name == COOKIE { b"; " } else { b", " };
        let mut values = fields.get_all(name).iter().map(http::HeaderValue::as_bytes);
        let mut joined = values.next().unwrap_or_default().to_vec();
        values.for_each(|value| joined.extend_from_slice(&[mark, value].concat()));
        environ.insert(key, Text::latin1(joined));
    }
}

fn key(name: &HeaderName) -> Cow<'static, str> {
    match *name {
        CONTENT_TYPE => "CONTENT_TYPE".into(),
        CONTENT_LENGTH => "CONTENT_LENGTH".into(),
        _ => {
            let mut key = String::with_capacity("HTTP_".len() + name.as_str().len());
            key.push_str("HTTP");
            name.as_str().split('-').for_each(|part| key.extend(["_", part]));
            key.make_ascii_uppercase();
            key.into()
        }
    }
}

/// Returns the host and port of the server (RFC 3875 §4.1.14 and §4.1.15): the requested name, and
/// the local port. Missing values get defaults, because neither may be empty (PEP 3333).
fn name_and_port(authority: &str, local: Option<SocketAddr>, scheme: &str) -> (String, String) {
    let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (name, port) = colon.map_or((authority, ""), |at| (&authority[..at], &authority[at + 1..]));
    let own_name = || match local.map(|local| local.ip()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        None => "localhost".to_owned(),
    };
    let usual_port = if scheme == "https" { "443" } else { "80" };
    let asked_port = if port.is_empty() { usual_port } else { port };
    (
        if name.is_empty() { own_name() } else { name.to_owned() },
        local.map_or_else(|| asked_port.to_owned(), |local| local.port().to_string()),
    )
}

/// Decodes percent-encoding except `%2F`, because an encoded slash does not separate segments (RFC
/// 3986 §2.2). A `%` without two digits is left unchanged.
fn decode(path: &str) -> Vec<u8> {
    if !path.contains('%') {
        return path.as_bytes().to_vec();
    }
    let slashes_twice_encoded = path.replace("%2f", "%2F").replace("%2F", "%252F");
    percent_decode_str(&slashes_twice_encoded).collect()
}

fn protocol(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

fn latin1(text: &str) -> Text {
    Text::latin1(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Body;

    #[test]
    fn a_path_is_decoded_but_for_its_slashes() {
        for (path, decoded) in [
            ("/", &b"/"[..]),
            ("/a%20b", b"/a b"),
            ("/a%2Fb%2fc", b"/a%2Fb%2Fc"),
            ("/caf%C3%a9", b"/caf\xc3\xa9"),
            ("/%e9", b"/\xe9"),
            ("/%252F", b"/%2F"),
            ("/a+b;c=d", b"/a+b;c=d"),
            ("/%00", b"/\0"),
            ("/%", b"/%"),
            ("/%4", b"/%4"),
            ("/%zz", b"/%zz"),
        ] {
            assert_eq!(decode(path), decoded, "{path}");
        }
    }

    #[test]
    fn a_server_has_a_name_and_a_port() {
        let v4 = "127.0.0.1:8080".parse().ok();
        let v6 = "[::1]:8081".parse().ok();
        for (authority, local, scheme, name, port) in [
            ("tea.example", v4, "http", "tea.example", "8080"),
            ("tea.example:80", v4, "http", "tea.example", "8080"),
            ("[::1]", v6, "http", "[::1]", "8081"),
            ("[::1]:99", v6, "http", "[::1]", "8081"),
            ("", v4, "http", "127.0.0.1", "8080"),
            ("", v6, "http", "[::1]", "8081"),
            // Over a Unix socket only the client's values are known.
            ("tea.example:99", None, "http", "tea.example", "99"),
            ("tea.example", None, "https", "tea.example", "443"),
            ("[::1]", None, "http", "[::1]", "80"),
            ("[v1.x:5]", None, "http", "[v1.x:5]", "80"),
            ("[v1.x:5]:99", None, "http", "[v1.x:5]", "99"),
            ("tea.example:", None, "http", "tea.example", "80"),
            ("", None, "http", "localhost", "80"),
        ] {
            let expected = (name.to_owned(), port.to_owned());
            assert_eq!(name_and_port(authority, local, scheme), expected, "{authority} {local:?}");
        }
    }

    fn made(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Environ {
        let mut request = build(http::Request::builder()).body(Body::from("content")).unwrap();
        of(&mut request, &Site { software: "tree/1".to_owned(), protocol: Version::HTTP_11 })
    }

    #[test]
    fn fields_become_keys() {
        let environ = made(|request| {
            request
                .uri("/a/%C3%A9?b=%20&c")
                .header("Host", "tea.example")
                .header("Content-Type", "text/plain")
                .header("Content-Length", "7")
                .header("X-A", "1")
                .header("x-a", "2")
                .header("X_A", "forged")
                .header("Content_Length", "999")
                .header("Cookie", "a=b")
                .header("Cookie", "c=d")
                .header("X-Bytes", http::HeaderValue::from_bytes(b"\xe9").unwrap())
        });
        for (key, bytes) in [
            ("PATH_INFO", Some(&b"/a/\xc3\xa9"[..])),
            ("QUERY_STRING", Some(b"b=%20&c")),
            ("REQUEST_URI", Some(b"/a/%C3%A9?b=%20&c")),
            ("REQUEST_METHOD", Some(b"GET")),
            ("SCRIPT_NAME", Some(b"")),
            ("SERVER_NAME", Some(b"tea.example")),
            ("SERVER_PORT", Some(b"80")),
            ("SERVER_PROTOCOL", Some(b"HTTP/1.1")),
            ("ACTUAL_SERVER_PROTOCOL", Some(b"HTTP/1.1")),
            ("SERVER_SOFTWARE", Some(b"tree/1")),
            ("REMOTE_ADDR", Some(b"")),
            ("REMOTE_PORT", Some(b"")),
            ("CONTENT_TYPE", Some(b"text/plain")),
            ("CONTENT_LENGTH", Some(b"7")),
            ("HTTP_X_A", Some(b"1, 2")),
            ("HTTP_COOKIE", Some(b"a=b; c=d")),
            ("HTTP_X_BYTES", Some(b"\xe9")),
            ("HTTP_CONTENT_TYPE", None),
            ("HTTP_CONTENT_LENGTH", None),
            ("HTTPS", None),
            ("REMOTE_USER", None),
        ] {
            assert_eq!(environ.bytes(key), bytes, "{key}");
        }
        assert_eq!(environ.text("wsgi.url_scheme").unwrap(), "http");
        assert_eq!(environ.text("HTTP_X_BYTES").unwrap(), "\u{e9}");
    }

    #[test]
    fn asterisk_form_becomes_a_path() {
        let environ = made(|request| request.method("OPTIONS").uri("*"));
        assert_eq!((environ.bytes("PATH_INFO"), environ.bytes("REQUEST_URI")), (Some(&b"/*"[..]), Some(&b"*"[..])));
    }

    #[test]
    fn the_scheme_is_not_the_clients() {
        let environ = made(|request| request.uri("https://tea.example/a"));
        assert_eq!(environ.text("wsgi.url_scheme").unwrap(), "http");
        assert_eq!(environ.bytes("REQUEST_URI"), Some(&b"/a"[..]));
    }

    #[test]
    fn known_callers_have_environ_keys() {
        static NAMES: crate::address::FixedNames = crate::address::FixedNames {
            user: |uid| (uid == 7).then(|| "alice".to_owned()),
            group: |_| None,
            groups: |_, _| vec![],
        };
        let told = |peer: Peer| {
            let mut environ = Environ::default();
            add_peer(&mut environ, Some(&peer));
            environ.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        let who = |uid, names| Peer::Unix(Some(Credentials { pid: 1, uid, gid: 4_000_000_000, names }));
        assert_eq!(told(Peer::Tcp("[::1]:90".parse().unwrap())), "REMOTE_ADDR=::1 REMOTE_PORT=90");
        assert_eq!(told(Peer::Unix(None)), "REMOTE_ADDR= REMOTE_PORT=");
        let numbers = "X_REMOTE_GID=4000000000 X_REMOTE_PID=1";
        assert_eq!(told(who(7, None)), format!("REMOTE_ADDR= REMOTE_PORT= {numbers} X_REMOTE_UID=7"));
        assert_eq!(
            told(who(7, Some(&NAMES))),
            format!("REMOTE_ADDR= REMOTE_PORT= REMOTE_USER=alice {numbers} X_REMOTE_UID=7 X_REMOTE_USER=alice")
        );
        assert_eq!(told(who(8, Some(&NAMES))), format!("REMOTE_ADDR= REMOTE_PORT= {numbers} X_REMOTE_UID=8"));
    }
}
