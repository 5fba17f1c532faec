//! Behind a proxy: PROXY headers in raw bytes, and fields that only trusted proxies may set.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use drupe::http::{HeaderMap, HeaderName};
use drupe::testing::{Conversation, TestServer};
use drupe::{Peer, Request, RequestExt, Settings};

use crate::client::{Client, get, wait_until};
use crate::place::Place;

/// Answers `peer|proxy|local|client|scheme|host`, as seen by the handler.
fn seen(request: &mut Request) -> String {
    let connection = request.connection();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    format!(
        "{}|{}|{}|{}|{}|{}",
        shown(connection.peer().map(ToString::to_string)),
        shown(connection.proxy().map(ToString::to_string)),
        shown(connection.local_addr().map(|address| address.to_string())),
        shown(request.client().map(|address| address.to_string())),
        request.scheme(),
        shown(request.host().map(str::to_owned)),
    )
}

/// The names of all fields that a handler sees, in order.
fn fields(request: &mut Request) -> String {
    let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

fn server(settings: &[(&str, &str)]) -> TestServer {
    server_of(seen, settings)
}

fn server_of(handler: fn(&mut Request) -> String, settings: &[(&str, &str)]) -> TestServer {
    TestServer::with(handler, |own| settings.iter().for_each(|(name, value)| own.set(name, value).unwrap()))
}

fn refused(server: &TestServer) -> u64 {
    server.server().statistics().proxy_refused
}

/// A header of version 2.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
}

const INET: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 9, 0xdc, 0x04, 0x01, 0xbb];
/// The extension that says that the client came over TLS.
const TLS: &[u8] = &[0x20, 0, 5, 1, 0, 0, 0, 0];

/// Valid headers, and the addresses seen by the handler: `P` is the address of the sender, `S` that
/// of the server.
fn sound() -> Vec<(Vec<u8>, &'static str)> {
    let six = [[0x20; 16], [0xfe; 16]].concat().into_iter().chain([0, 1, 0, 80]).collect::<Vec<u8>>();
    let itself = "P|-|S|127.0.0.1|http|a";
    let unknown = "P|P|S|127.0.0.1|http|a";
    let known = "192.0.2.1:56324|P|192.0.2.9:443|192.0.2.1|http|a";
    vec![
        (b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n".to_vec(), known),
        (b"PROXY TCP6 2001:db8::1 ::1 1 80\r\n".to_vec(), "[2001:db8::1]:1|P|[::1]:80|2001:db8::1|http|a"),
        (b"PROXY UNKNOWN\r\n".to_vec(), unknown),
        (b"PROXY UNKNOWN TCP4 1.2.3.4 1.2.3.4 1 1\r\n".to_vec(), unknown),
        (v2(0x21, 0x11, INET), known),
        (v2(0x21, 0x11, &[INET, TLS].concat()), "192.0.2.1:56324|P|192.0.2.9:443|192.0.2.1|https|a"),
        (
            v2(0x21, 0x21, &six),
            "[2020:2020:2020:2020:2020:2020:2020:2020]:1|P|[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:80|2020:2020:2020:2020:2020:2020:2020:2020|http|a",
        ),
        (v2(0x21, 0x31, &[0; 216]), "unix:|P|S|-|http|a"),
        (v2(0x21, 0x00, b"whatever"), unknown),
        (v2(0x20, 0x00, b""), itself),
        (v2(0x20, 0x11, INET), itself),
    ]
}

/// Things that are no header.
fn unsound() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.9 56324\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\n",
        "PROXY TCP4 192.0.2.1 192.0.2.9 56324 65536\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.9 56324 443\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.9 56324 443\r\n",
        "\u{16}\u{3}\u{1}\0",
        "\0",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    all.push(format!("PROXY UNKNOWN {}\r\n", "x".repeat(107)).into_bytes());
    all.push([b"PROXY ".to_vec(), vec![b'x'; 1 << 20]].concat());
    all.push(v2(0x11, 0x11, INET));
    all.push(v2(0x22, 0x11, INET));
    all.push(v2(0x21, 0x13, INET));
    all.push(v2(0x21, 0x11, &INET[1..]));
    all.push(v2(0x21, 0x11, &[INET, &[4, 0, 1]].concat()));
    all.push(v2(0x21, 0x11, &[INET, &[3, 0, 4, 0, 0, 0, 0]].concat()));
    all.push(v2(0x21, 0x11, &[INET, &[0xe0, 0x0f, 0xf2], &[0; 4082]].concat()));
    all
}

fn expected(text: &str, client: SocketAddr, server: SocketAddr) -> String {
    text.replace('P', &client.to_string()).replace('S', &server.to_string())
}

#[test]
fn client_is_the_one_announced_by_the_header() {
    let server = server(&[("proxy_protocol", "on")]);
    for (header, text) in sound() {
        let mut client = Client::connect(server.address());
        let expected = expected(text, client.address(), server.address());
        client.send([&header[..], get("/").as_bytes(), get("/").as_bytes()].concat());
        assert_eq!(client.answer().text(), expected);
        assert_eq!(client.answer().text(), expected, "it holds for the connection");
        client.assert_in_step("/", &expected);
        // Only once, and only at the beginning.
        client.send(&header);
        assert_eq!(client.answer().status, 400);
        client.over();
    }
    assert_eq!(refused(&server), 0);
}

/// The announced client is not the proxy: credentials of the proxy must not pass for the client's.
#[test]
fn credentials_of_a_proxy_are_not_given_to_its_clients() {
    let place = Place::new();
    let mut server = place.server(|request: &mut Request| {
        let who = |peer: Option<&Peer>| match peer {
            Some(Peer::Unix(Some(who))) => who.pid.to_string(),
            other => other.map_or("-".to_owned(), ToString::to_string),
        };
        let connection = request.connection();
        format!("{} {}", who(connection.peer()), who(connection.proxy()))
    });
    (server.settings.peercreds, server.settings.proxy_protocol) = (true, true);
    server.start().unwrap();
    let me = std::process::id().to_string();
    for (header, text) in sound() {
        let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
        client.send([&header[..], get("/").as_bytes()].concat());
        let expected = match text.split('|').collect::<Vec<_>>()[..2] {
            // It speaks for itself.
            ["P", "-"] => format!("{me} -"),
            ["P", _] => format!("unix: {me}"),
            [announced, _] => format!("{announced} {me}"),
            _ => panic!("{text}"),
        };
        assert_eq!(client.answer().text(), expected, "{text}");
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let server = server(&[("proxy_protocol", "on")]);
    for (header, text) in sound() {
        let mut client = Client::connect(server.address());
        for byte in &header {
            client.send([*byte]);
        }
        client.assert_in_step("/", &expected(text, client.address(), server.address()));
    }
    assert_eq!(refused(&server), 0);
}

#[test]
fn proxy_header_in_memory_may_be_cut_at_any_byte() {
    let settings = Settings { proxy_protocol: true, ..Settings::default() };
    let conversation = Conversation::new(seen, &settings).unwrap();
    let plain = |answer: Vec<u8>| String::from_utf8(answer).unwrap().split("\r\n\r\n").nth(1).map(str::to_owned);
    for (header, text) in sound() {
        let bytes = [&header[..], get("/").as_bytes()].concat();
        let expected = text.replace("127.0.0.1|http", "-|http").replace(['P', 'S'], "-");
        for cut in 0..bytes.len() {
            let answer = plain(conversation.run([bytes[..cut].to_vec(), bytes[cut..].to_vec()]));
            assert_eq!(answer.as_deref(), Some(expected.as_str()), "cut at {cut}");
        }
    }
    for bytes in unsound().into_iter().filter(|bytes| bytes.len() < 5000) {
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(conversation.run([bytes[..cut].to_vec(), bytes[cut..].to_vec()]), b"", "cut at {cut}");
        }
    }
}

#[test]
fn malformed_header_is_closed_silently_and_counted() {
    let server = server(&[("proxy_protocol", "on")]);
    for (at, bytes) in unsound().into_iter().enumerate() {
        let mut client = Client::connect(server.address());
        // It may be gone before it has taken all.
        let _ = std::io::Write::write_all(&mut client.sender(), &bytes);
        assert_eq!(client.over(), b"", "{}", String::from_utf8_lossy(&bytes));
        wait_until("it is counted", || refused(&server) == at as u64 + 1);
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.refused), (0, 0));
}

#[test]
fn truncated_header_is_counted_and_an_empty_connection_is_not() {
    let server = server(&[("proxy_protocol", "on")]);
    // Like a balancer that only checks for a listener.
    let mut look = Client::connect(server.address());
    look.end();
    assert_eq!(look.over(), b"");
    let mut parts = 0;
    for (header, _) in sound() {
        for length in [1, header.len() / 2, header.len() - 1] {
            let mut client = Client::connect(server.address());
            client.send(&header[..length]);
            client.end();
            assert_eq!(client.over(), b"");
            parts += 1;
        }
    }
    wait_until("all are counted", || refused(&server) == parts);
}

#[test]
fn header_and_head_have_one_deadline() {
    let server = server(&[("proxy_protocol", "on"), ("header_timeout", "1")]);
    let begun = Instant::now();
    let mut silent = Client::connect(server.address());
    let mut trickling = Client::connect(server.address());
    trickling.send("PROXY TCP4 192.0.2.1 ");
    let mut announced = Client::connect(server.address());
    announced.send("PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\nGET / HT");
    assert_eq!((silent.over(), trickling.over()), (vec![], vec![]), "whoever announces nobody is told nothing");
    assert_eq!(announced.answer().status, 408, "a client is told");
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    wait_until("both are counted", || refused(&server) == 2);
    // The received part of the header has not restarted the deadline.
    let late = server.server().statistics().timed_out;
    let mut slow = Client::connect(server.address());
    slow.send("PROXY UNKNOWN");
    wait_until("half the time is over", || begun.elapsed() > Duration::from_millis(1500));
    slow.send("\r\nGET ");
    assert_eq!(slow.answer().status, 408);
    assert_eq!(server.server().statistics().timed_out, late + 1);
}

#[test]
fn clients_that_wait_in_their_header_hold_no_worker() {
    let server = server(&[("proxy_protocol", "on"), ("thread_pool", "1"), ("thread_pool_max", "1")]);
    let mut waiting: Vec<Client> = (0..50).map(|_| Client::connect(server.address())).collect();
    for (at, client) in waiting.iter_mut().enumerate() {
        if at % 2 == 0 {
            client.send("PROXY TCP4 192.0.2.1 192.0.2.9 56324");
        }
    }
    wait_until("all are parked", || server.server().statistics().parked == 50);
    let mut other = Client::connect(server.address());
    other.send("PROXY UNKNOWN\r\n");
    assert_eq!(other.get("/").status, 200);
    for client in waiting.iter_mut().step_by(2) {
        client.send(" 443\r\n");
        assert!(client.get("/").text().starts_with("192.0.2.1:56324|"));
    }
}

#[test]
fn unexpected_header_is_a_bad_request() {
    let server = server(&[]);
    for (header, _) in sound() {
        let mut client = Client::connect(server.address());
        client.send([&header[..], get("/").as_bytes()].concat());
        assert_eq!(client.answer().status, 400);
        client.over();
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.requests, statistics.proxy_refused), (0, 0));
}

#[test]
fn a_header_counts_only_from_a_trusted_proxy() {
    let header = "PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n";
    let stranger = server(&[("proxy_protocol", "on"), ("trusted_proxies", "10.0.0.0/8,::1,unix")]);
    let mut client = Client::connect(stranger.address());
    client.send([header, &get("/")].concat());
    assert_eq!(client.over(), b"");
    wait_until("it is counted", || refused(&stranger) == 1);
    let friend = server(&[("proxy_protocol", "on"), ("trusted_proxies", "127.0.0.0/8")]);
    let mut client = Client::connect(friend.address());
    client.send(header);
    assert!(client.get("/").text().starts_with("192.0.2.1:56324|127.0.0.1:"));
}

/// A request with fields.
fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
}

/// Returns `client|scheme|host` as seen by the handler.
fn asked(client: &mut Client, fields: &str) -> String {
    client.send(with(fields));
    let answer = client.answer();
    assert_eq!(answer.status, 200, "{fields}");
    answer.text().splitn(4, '|').nth(3).unwrap().to_owned()
}

const X_FORWARDED: (&str, &str) = ("trusted_proxy_headers", "x-forwarded-for,x-forwarded-proto,x-forwarded-host");

#[test]
fn claims_of_a_trusted_proxy_apply_to_one_request() {
    let server = server(&[("trusted_proxies", "127.0.0.1"), X_FORWARDED]);
    let mut client = Client::connect(server.address());
    let all = "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b:8443";
    assert_eq!(asked(&mut client, all), "192.0.2.1|https|b:8443");
    assert_eq!(asked(&mut client, "Accept: x"), "127.0.0.1|http|a", "nothing is left of the request before");
    assert_eq!(asked(&mut client, "X-Forwarded-For: unknown"), "-|http|a");
    assert_eq!(asked(&mut client, "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: ::1"), "::1|http|a");
    assert_eq!(asked(&mut client, "Forwarded: for=6.6.6.6;proto=https"), "127.0.0.1|http|a", "not what it is believed");
    // Not lost while content is waited for, nor between two requests that come together.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n");
    wait_until("it is parked", || server.server().statistics().parked == 1);
    client.send([b"ok", with("X-Forwarded-For: 192.0.2.8").as_bytes(), with("Accept: x").as_bytes()].concat());
    for expected in ["|192.0.2.7|http|a", "|192.0.2.8|http|a", "|127.0.0.1|http|a"] {
        let answer = client.answer();
        assert!(answer.text().ends_with(expected), "{} and {expected}", answer.text());
    }
    assert!(client.get("/").text().starts_with(&client.address().to_string()), "the peer is a fact");
}

#[test]
fn forwarded_is_trusted_for_the_number_of_proxies() {
    for (count, expected) in [("1", "192.0.2.3|https|b"), ("2", "192.0.2.2|https|c"), ("3", "2001:db8::1|https|c")] {
        let trusted = ("trusted_proxies", "192.0.2.0/24, 127.0.0.0/8");
        let server = server(&[trusted, ("trusted_proxy_headers", "forwarded"), ("trusted_proxy_count", count)]);
        let mut client = Client::connect(server.address());
        let fields =
            "Forwarded: for=\"[2001:db8::1]:80\", for=192.0.2.2;host=c\r\nForwarded: for=192.0.2.3;proto=https;host=b";
        assert_eq!(asked(&mut client, fields), expected);
    }
}

#[test]
fn forwarded_hop_that_is_no_trusted_proxy_is_the_client() {
    let server = |count, headers| {
        let trusted = ("trusted_proxies", "::ffff:127.0.0.0/104, 10.0.0.0/8");
        server(&[trusted, ("trusted_proxy_headers", headers), ("trusted_proxy_count", count)])
    };
    // The inner proxy, reached directly by 203.0.113.9, has appended this address.
    let forged = "X-Forwarded-For: 6.6.6.6, 2.2.2.2, 203.0.113.9";
    let through_both = "X-Forwarded-For: 203.0.113.7, 10.0.0.2";
    for (count, fields, expected) in [
        ("1", forged, "203.0.113.9|http|a"),
        ("2", forged, "203.0.113.9|http|a"),
        ("3", forged, "203.0.113.9|http|a"),
        ("1", through_both, "10.0.0.2|http|a"),
        ("2", through_both, "203.0.113.7|http|a"),
        ("2", "X-Forwarded-For: ::ffff:203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7|http|a"),
        ("2", "X-Forwarded-For: 203.0.113.7, ", "203.0.113.7|http|a"),
        ("2", "X-Forwarded-For:", "127.0.0.1|http|a"),
    ] {
        let server = server(count, "x-forwarded-for");
        assert_eq!(asked(&mut Client::connect(server.address()), fields), expected, "{count} {fields}");
    }
    let server = server("2", "forwarded");
    for (fields, expected) in [
        ("Forwarded: for=6.6.6.6;host=evil, for=203.0.113.9", "203.0.113.9|http|a"),
        ("Forwarded: for=\"[::ffff:203.0.113.7]\";host=b,, for=10.0.0.2,", "203.0.113.7|http|b"),
    ] {
        assert_eq!(asked(&mut Client::connect(server.address()), fields), expected, "{fields}");
    }
}

#[test]
fn malformed_claim_of_a_trusted_proxy_is_refused() {
    for (believed, wrong) in [
        ("x-forwarded-for", "X-Forwarded-For: somebody"),
        ("x-forwarded-for", "X-Forwarded-For: somebody,"),
        ("x-forwarded-proto", "X-Forwarded-Proto: gopher"),
        ("x-forwarded-host", "X-Forwarded-Host: a/b"),
        ("forwarded", "Forwarded: for=\"192.0.2.1"),
        ("forwarded", "Forwarded: for=192.0.2.1;for=192.0.2.2"),
    ] {
        let trusting = server(&[("trusted_proxies", "127.0.0.1"), ("trusted_proxy_headers", believed)]);
        let mut client = Client::connect(trusting.address());
        client.send(with(wrong));
        assert_eq!(client.answer().status, 400, "{wrong}");
        client.assert_closed();
        assert_eq!(trusting.server().statistics().requests, 0);
        // The fields of any other peer are not even parsed.
        let other = server(&[("trusted_proxies", "10.0.0.1"), ("trusted_proxy_headers", believed)]);
        assert_eq!(asked(&mut Client::connect(other.address()), wrong), "127.0.0.1|http|a");
    }
}

#[test]
fn untrusted_fields_are_removed_from_the_request() {
    let all = "Forwarded: for=::1\r\nX-Forwarded-For: ::1\r\nX_Forwarded_For: ::1\r\nX-Forwarded-Host: b\r\nX-Forwarded-User: root\r\n\
               X-Real-IP: ::1\r\nAccept: x";
    for (proxies, headers, expected) in [
        ("", "", "accept forwarded host x-forwarded-for x-forwarded-host x-forwarded-user x-real-ip x_forwarded_for"),
        ("10.0.0.1", "x-forwarded-for", "accept host x-real-ip"),
        ("10.0.0.1", "x-forwarded-for,x-real-ip", "accept host"),
        ("127.0.0.1", "x-forwarded-for,x-real-ip", "accept host x-forwarded-for x-real-ip"),
        ("127.0.0.1", "forwarded,x-forwarded-user", "accept forwarded host x-forwarded-user x-real-ip"),
    ] {
        let all =
            if headers.starts_with("forwarded") { all.replace("for=::1", "for=\"[::1]\"") } else { all.to_owned() };
        let server = server_of(fields, &[("trusted_proxies", proxies), ("trusted_proxy_headers", headers)]);
        let mut client = Client::connect(server.address());
        client.send(with(&all));
        assert_eq!(client.answer().text(), expected, "{headers} of {proxies}");
    }
}

#[test]
fn announced_peer_is_trusted_like_a_direct_one() {
    let forwarded = "X-Forwarded-For: 192.0.2.77";
    let announce = |header: Vec<u8>, proxies: &str| {
        let server = server(&[("proxy_protocol", "on"), ("trusted_proxies", proxies), X_FORWARDED]);
        let mut client = Client::connect(server.address());
        client.send(header);
        asked(&mut client, forwarded)
    };
    let tcp = || b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n".to_vec();
    assert_eq!(announce(tcp(), "127.0.0.1"), "192.0.2.1|http|a", "a client in the open cannot pass for another");
    assert_eq!(announce(tcp(), "127.0.0.1,192.0.2.0/24"), "192.0.2.77|http|a", "a proxy behind a proxy is believed");
    assert_eq!(announce(v2(0x20, 0, b""), "127.0.0.1"), "192.0.2.77|http|a", "as is the proxy for itself");
    for unknown in [b"PROXY UNKNOWN\r\n".to_vec(), v2(0x21, 0x00, b"")] {
        assert_eq!(announce(unknown, "127.0.0.1"), "127.0.0.1|http|a", "but nobody knows who this is");
    }
    assert_eq!(announce(v2(0x21, 0x31, &[0; 216]), "127.0.0.1"), "-|http|a", "a Unix socket has no address");
    assert_eq!(announce(v2(0x21, 0x31, &[0; 216]), "127.0.0.1,unix"), "192.0.2.77|http|a");
}

#[test]
fn peer_in_memory_without_an_address_is_a_unix_peer() {
    let mut settings = Settings::default();
    settings.set("trusted_proxies", "unix").unwrap();
    settings.set("trusted_proxy_headers", "x-forwarded-for").unwrap();
    let conversation = Conversation::new(seen, &settings).unwrap();
    let answer = conversation.run([with("X-Forwarded-For: 192.0.2.1").into_bytes()]);
    assert!(answer.ends_with(b"-|-|-|192.0.2.1|http|a"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn extensions_of_a_handler_stay() {
    fn handler(request: &mut Request) -> String {
        let found = request.extensions_mut().insert(7_u32).is_some();
        let gone = std::mem::take::<HeaderMap>(request.headers_mut()).len();
        format!("{found} {gone} {:?}", request.client())
    }
    let server = server_of(handler, &[("trusted_proxies", "127.0.0.1"), X_FORWARDED]);
    let mut client = Client::connect(server.address());
    for _ in 0..3 {
        client.send(with("X-Forwarded-For: ::1"));
        assert_eq!(client.answer().text(), "false 2 Some(::1)");
        client.assert_in_step("/", "false 1 Some(127.0.0.1)");
    }
}
