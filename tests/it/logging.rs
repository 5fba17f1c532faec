//! The contents and the amount of the log. Each test runs in a process of its own, because a
//! process has one logger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use drupe::exchange::{AccessRecord, MatchedRoute, RequestId};
use drupe::testing::TestServer;
use drupe::{Peer, Request, Server, Settings};
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use socket2::SockRef;

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::door::Door;
use crate::process::{is_alone, is_alone_with, no_descriptors};

/// Keeps every record.
struct Kept(Mutex<Vec<(Level, String, String)>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl Log for Kept {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let entry = (record.level(), record.target().to_owned(), record.args().to_string());
        self.0.lock().unwrap().push(entry);
    }

    fn flush(&self) {}
}

/// Records the log of this process from now on.
pub(crate) fn listen() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(LevelFilter::Trace);
}

/// The records of a level, or of the access log.
pub(crate) fn records(is_wanted: impl Fn(Level, &str) -> bool) -> Vec<String> {
    let kept = KEPT.0.lock().unwrap();
    let wanted = kept.iter().filter(|(level, target, _)| is_wanted(*level, target));
    wanted.map(|(_, _, text)| text.clone()).collect()
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn failed_handshakes_have_one_line_a_second_below_warnings() {
    if !is_alone("logging::failed_handshakes_have_one_line_a_second_below_warnings") {
        return;
    }
    listen();
    let server =
        TestServer::with(|_: &mut Request| "hello", |settings| settings.ssl_context = Some(crate::secure::context()));
    let told = |wanted: Level| -> Vec<String> {
        let lines = records(|level, _| level == wanted).into_iter();
        lines.filter(|text| text.starts_with("TLS handshake with 127.0.0.1:")).collect()
    };
    for (sent, level) in [
        (&b"\xFF\xFF\xFF"[..], Level::Info),
        (b"\x16\x03\x01\x00\x05\x01\xFF\xFF\xFF\xFF", Level::Info),
        (b"", Level::Debug),
        (b"\x16\x03", Level::Debug),
    ] {
        let before = server.server().statistics().handshakes_failed;
        let mut client = Client::connect(server.address());
        client.send(sent);
        client.end();
        client.over();
        wait_until("a count", || server.server().statistics().handshakes_failed == before + 1);
        assert!(!told(level).is_empty(), "{sent:?}");
    }
    let told = [told(Level::Info), told(Level::Debug)];
    assert!(told[0][0].ends_with(": the client sent bytes that are no TLS; connection closed"), "{told:?}");
    assert!(told[1][0].ends_with(": the client closed the connection; connection closed"), "{told:?}");
    // Bytes without a request have no line of their own; an HTTP request has one.
    assert_eq!(records(|_, target| target == "drupe::access"), [""; 0]);
    assert_eq!(Client::connect(server.address()).get("/").status, 400);
    wait_until("it is logged", || records(|_, target| target == "drupe::access").len() == 1);
    let plain = records(|level, _| level == Level::Info);
    assert!(plain.iter().any(|line| line.starts_with("plain HTTP from 127.0.0.1:")), "{plain:?}");
    assert_eq!(records(|level, _| level <= Level::Warn), [""; 0]);
}

#[test]
fn silent_connections_are_closed_and_counted_without_a_log_line() {
    if !is_alone("logging::silent_connections_are_closed_and_counted_without_a_log_line") {
        return;
    }
    listen();
    let late = |change: fn(&mut Settings)| {
        let server = TestServer::with(
            |_: &mut Request| "hello",
            |settings| {
                settings.socket_timeout = Duration::from_millis(200);
                change(settings);
            },
        );
        assert_eq!(Client::connect(server.address()).over(), b"");
        server.server().statistics()
    };
    assert_eq!(late(|_| ()).timeouts.head, 1);
    let proxied = late(|settings| settings.proxy_protocol = true);
    assert_eq!((proxied.timeouts.proxy, proxied.proxy_refused), (1, 1));
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    {
        let shaking = late(|settings| settings.ssl_context = Some(crate::secure::context()));
        assert_eq!((shaking.timeouts.handshake, shaking.handshakes_failed), (1, 1));
        let server = TestServer::with(
            |_: &mut Request| "hello",
            |settings| {
                settings.ssl_context = Some(crate::secure::context());
                settings.header_timeout = Some(Duration::from_millis(200));
            },
        );
        assert_eq!(crate::secure::connect_to(server.address()).over(), b"");
        assert_eq!(server.server().statistics().timeouts.head, 1);
    }
    assert_eq!(records(|_, target| target == "drupe::access"), [""; 0]);
    let of_clients = records(|level, target| level <= Level::Debug && target.starts_with("drupe"));
    let of_clients: Vec<_> =
        of_clients.iter().filter(|line| line.contains("from 127.0.0.1:") || line.contains("with 127.0.0.1:")).collect();
    assert_eq!(of_clients, [""; 0]);
}

/// A server whose handlers wait at the door, and clients that have each sent a request.
fn held(number: usize, change: impl FnOnce(&mut Settings)) -> (Door, TestServer, Vec<Client>) {
    let door = Door::default();
    let own = door.clone();
    let server = TestServer::with(move |_: &mut Request| own.pass(), change);
    let mut clients: Vec<Client> = (0..number).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/held?by=secret")));
    (door, server, clients)
}

#[test]
fn full_pool_warning_has_waiting_and_running_requests() {
    if !is_alone("logging::full_pool_warning_has_waiting_and_running_requests") {
        return;
    }
    listen();
    let two_workers = |settings: &mut Settings| (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
    let (door, server, mut clients) = held(5, two_workers);
    let warnings = || records(|level, _| level <= Level::Warn);
    wait_until("a warning", || !warnings().is_empty());
    let warning = warnings().remove(0);
    assert!(
        warning.starts_with("all 2 workers are busy (thread_pool_max): 3 requests wait, the first for "),
        "{warning}"
    );
    assert!(warning.contains("longest running: GET /held from 127.0.0.1:") && !warning.contains("secret"), "{warning}");
    let statistics = server.server().statistics();
    let serving: Vec<&str> =
        statistics.workers.iter().filter_map(|worker| Some(&*worker.serving.as_ref()?.target)).collect();
    assert_eq!((serving, statistics.queue), (vec!["/held?by=secret"; 2], 3));
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    wait_until("no worker serves", || {
        server.server().statistics().workers.iter().all(|worker| worker.serving.is_none())
    });
}

#[test]
fn handlers_that_outlast_a_stop_are_named() {
    if !is_alone("logging::handlers_that_outlast_a_stop_are_named") {
        return;
    }
    listen();
    let (door, server, _clients) = held(2, |settings| settings.shutdown_timeout = Duration::from_millis(50));
    wait_until("both run", || server.server().statistics().in_progress() == 2);
    server.server().stop();
    let [error] = &records(|level, _| level == Level::Error)[..] else { panic!("one error") };
    let begin = "2 handlers did not return after the stop; their connections were cut, their threads left running: ";
    assert!(error.starts_with(&format!("{begin}GET /held from 127.0.0.1:")), "{error}");
    assert!(error.ends_with(" s, and 1 more of this path)"), "{error}");
    door.open();
}

#[test]
fn each_exchange_is_one_line_that_no_peer_can_forge() {
    if !is_alone("logging::each_exchange_is_one_line_that_no_peer_can_forge") {
        return;
    }
    listen();
    let server = TestServer::new(|_: &mut Request| "hello");
    let mut client = Client::connect(server.address());
    client.assert_in_step("/first", "hello");
    client.send("GET /second HTTP/1.1\r\nHost: a\r\nUser-Agent: \"quoted\" \\ \tand\r\nReferer: x\r\n\r\n");
    client.answer();
    client.send("HEAD /third HTTP/1.1\r\nHost: a\r\n\r\n");
    client.answer_to("HEAD").unwrap();
    let mut refused = Client::connect(server.address());
    refused.send("what a forger sends\" 200\r\n\r\n");
    assert_eq!(refused.answer().status, 400);
    wait_until("four lines", || records(|_, target| target == "drupe::access").len() == 4);
    let lines = records(|_, target| target == "drupe::access");
    assert!(lines[0].starts_with("127.0.0.1 - - [") && lines[0].contains("\"GET /first HTTP/1.1\" 200 5 \"-\" \"-\" "));
    assert!(lines[1].contains(r#""GET /second HTTP/1.1" 200 5 "x" "\"quoted\" \\ \x09and" "#), "{}", lines[1]);
    assert!(lines[2].contains("\"HEAD /third HTTP/1.1\" 200 0 "), "{}", lines[2]);
    assert!(lines[3].contains(r#"] "-" 400 77 "-" "-" "#), "{}", lines[3]);
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\t'])));
    assert_eq!(records(|level, _| level <= Level::Warn), [""; 0], "nothing went wrong");
}

/// The key-values of records.
struct Parts(Mutex<Vec<BTreeMap<String, String>>>);

static PARTS: Parts = Parts(Mutex::new(Vec::new()));

impl Log for Parts {
    fn enabled(&self, facts: &Metadata) -> bool {
        facts.target() == "drupe::access"
    }

    fn log(&self, record: &Record) {
        struct Visitor(BTreeMap<String, String>);
        impl<'v> VisitSource<'v> for Visitor {
            fn visit_pair(&mut self, key: Key<'v>, value: Value<'v>) -> Result<(), log::kv::Error> {
                self.0.insert(key.to_string(), format!("{value:?}"));
                Ok(())
            }
        }
        if self.enabled(record.metadata()) {
            let mut visitor = Visitor(BTreeMap::new());
            record.key_values().visit(&mut visitor).unwrap();
            self.0.lock().unwrap().push(visitor.0);
        }
    }

    fn flush(&self) {}
}

#[test]
fn access_record_has_the_parts_as_key_values() {
    if !is_alone("logging::access_record_has_the_parts_as_key_values") {
        return;
    }
    log::set_logger(&PARTS).unwrap();
    log::set_max_level(LevelFilter::Info);
    let server = TestServer::new(noted);
    let mut client = Client::connect(server.address());
    client.send("GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: \"q\"\t\u{e9}\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let mut refused = Client::connect(server.address());
    refused.send("nothing\r\n\r\n");
    assert_eq!(refused.answer().status, 400);
    wait_until("two records", || PARTS.0.lock().unwrap().len() == 2);
    let mut parts = PARTS.0.lock().unwrap().clone();
    for part in &mut parts {
        assert!(part.remove("seconds").unwrap().parse::<f64>().unwrap() >= 0.0);
    }
    let expected = |pairs: [(&str, &str); 12]| pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let first: BTreeMap<String, String> = expected([
        ("peer", "\"127.0.0.1\""),
        ("user", "None"),
        ("method", "\"GET\""),
        ("request_target", "\"/a?b\""),
        ("version", "\"1.1\""),
        ("status", "200"),
        ("bytes", "5"),
        ("cut", "false"),
        ("referer", "None"),
        ("user_agent", "\"\\\"q\\\"\\t\u{e9}\""),
        ("request_id", "\"id-1\""),
        ("route", "\"/{name}\""),
    ]);
    let second = expected([
        ("peer", "\"127.0.0.1\""),
        ("user", "None"),
        ("method", "None"),
        ("request_target", "None"),
        ("version", "None"),
        ("status", "400"),
        ("bytes", "77"),
        ("cut", "false"),
        ("referer", "None"),
        ("user_agent", "None"),
        ("request_id", "None"),
        ("route", "None"),
    ]);
    assert_eq!(parts, [first, second]);
}

#[test]
fn access_log_has_the_client_behind_a_proxy() {
    if !is_alone("logging::access_log_has_the_client_behind_a_proxy") {
        return;
    }
    listen();
    let server = TestServer::with(
        |_: &mut Request| "hello",
        |settings| {
            settings.proxy_protocol = true;
            settings.set("trusted_proxies", "127.0.0.1, 192.0.2.0/24").unwrap();
            settings.set("trusted_proxy_headers", "x-forwarded-for").unwrap();
        },
    );
    let mut client = Client::connect(server.address());
    client.send("PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n");
    client.assert_in_step("/announced", "hello");
    client.send("GET /claimed HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 2001:db8::1\r\n\r\n");
    client.answer();
    client.send("GET /hidden HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: unknown\r\n\r\n");
    client.answer();
    client.send("GET /wrong HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: x\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    let begun = Instant::now();
    let mut stranger = Client::connect(server.address());
    stranger.send("GET / HTTP/1.1\r\n");
    stranger.over();
    wait_until("four lines", || records(|_, target| target == "drupe::access").len() == 4);
    let lines = records(|_, target| target == "drupe::access");
    let expected = ["192.0.2.1 - - [", "2001:db8::1 - - [", "- - - [", "192.0.2.1 - - ["];
    for (line, (expected, target)) in
        lines.iter().zip(expected.into_iter().zip(["announced", "claimed", "hidden", "wrong"]))
    {
        assert!(line.starts_with(expected) && line.contains(&format!("\"GET /{target} HTTP/1.1\"")), "{line}");
    }
    let refusals = |level| {
        records(|of, _| of == level).into_iter().filter(|text| text.starts_with("PROXY header from ")).collect()
    };
    let refused = |level, count| {
        wait_until("the refused header is there to be found", || {
            let refusals: Vec<String> = refusals(level);
            refusals.len() == count
        });
        for text in refusals(level) {
            assert!(text.starts_with("PROXY header from 127.0.0.1:"), "{text}");
            assert!(text.contains(" refused: no PROXY header; connection closed"), "{text}");
        }
    };
    refused(Level::Warn, 1);
    // The others within a second have no line.
    for _ in 0..3 {
        let mut stranger = Client::connect(server.address());
        stranger.send("GET / HTTP/1.1\r\n");
        stranger.over();
    }
    wait_until("all are refused", || server.server().statistics().proxy_refused == 4);
    let seconds = begun.elapsed().as_secs() + 1;
    assert!(records(|level, _| level == Level::Warn).len() as u64 <= seconds, "at most one a second");
}

#[test]
fn proxy_protocol_without_trusted_proxies_is_a_warning_at_the_start() {
    if !is_alone("logging::proxy_protocol_without_trusted_proxies_is_a_warning_at_the_start") {
        return;
    }
    listen();
    let warned = || records(|level, _| level == Level::Warn);
    for proxies in ["127.0.0.1", "unix"] {
        let trusting = |settings: &mut Settings| {
            settings.proxy_protocol = true;
            settings.set("trusted_proxies", proxies).unwrap();
        };
        drop(TestServer::with(|_: &mut Request| "hello", trusting));
    }
    assert_eq!(warned(), [""; 0]);
    drop(TestServer::with(|_: &mut Request| "hello", |settings| settings.proxy_protocol = true));
    let expected =
        "proxy_protocol is on, but trusted_proxies is empty; every client that can connect may claim any address";
    assert_eq!(warned(), [expected]);
}

#[test]
fn misbehaving_clients_are_not_logged_as_errors() {
    if !is_alone("logging::misbehaving_clients_are_not_logged_as_errors") {
        return;
    }
    listen();
    let server = TestServer::new(|request: &mut Request| std::mem::take(request.body_mut()).into_string());
    for bytes in [
        "BAD\r\n\r\n",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "",
    ] {
        let mut client = Client::connect(server.address());
        client.send(bytes);
        client.end();
        client.over();
        // And one that does not even say goodbye.
        let mut client = Client::connect(server.address());
        client.send(bytes);
    }
    wait_until("all are served", || server.server().statistics().parked == 0);
    drop(server);
    assert_eq!(records(|level, _| level <= Level::Warn), [""; 0]);
}

#[test]
fn lack_of_descriptors_is_logged_once_a_second() {
    const NAME: &str = "logging::lack_of_descriptors_is_logged_once_a_second";
    if !is_alone_with(64, NAME) {
        return;
    }
    listen();
    let server = TestServer::new(|_: &mut Request| "hello");
    let begun = Instant::now();
    let mut early = Client::connect(server.address());
    early.assert_in_step("/", "hello");
    // With a part of a request it does not give way, and nothing else could.
    let request = get("/");
    let (part, rest) = request.split_at(1);
    early.send(part);
    wait_until("the part is read", || server.server().statistics().bytes_read == request.len() as u64 + 1);
    let mut spare = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        spare.push(file);
    }
    let lacks = || records(|level, _| level <= Level::Warn);
    let mut late = Vec::new();
    // The server may have put some by for connections that it waits for, but there is none for the next.
    while lacks().is_empty() {
        // For our own end, which the server may be faster to take.
        spare.pop();
        let Ok(stream) = TcpStream::connect(server.address()) else { continue };
        let mut client = Client::over_stream(stream);
        client.send(part);
        late.push(client);
        let read = request.len() + 1 + late.len();
        wait_until("a part of it is read, or it is not accepted for now", || {
            !lacks().is_empty() || server.server().statistics().bytes_read == read as u64
        });
    }
    let expected = format!("accept failed on {}: {}; retrying in ", server.address(), no_descriptors());
    assert!(lacks().iter().all(|line| line.starts_with(&expected) && line.ends_with(" ms")), "{:?}", lacks());
    // The client that is in is served as ever.
    early.send(rest);
    assert_eq!(early.answer().text(), "hello");
    early.send(part);
    wait_until("two seconds have passed", || begun.elapsed() > Duration::from_secs(2));
    let seconds = begun.elapsed().as_secs() + 1;
    assert!(lacks().len() as u64 <= seconds, "{} lines in {seconds} s: {:?}", lacks().len(), lacks());
    assert_eq!(server.server().statistics().accepts, late.len() as u64, "all but the last, and the early one");
    drop(spare);
    for client in &mut late {
        client.send(rest);
        assert_eq!(client.answer().text(), "hello");
    }
    Client::connect(server.address()).assert_in_step("/", "hello");
    let stopped = server.server().stop();
    assert!(stopped.took < Duration::from_secs(4), "{stopped:?}");
}

/// Every record is said under a target that the guide names.
#[test]
fn each_target_is_documented() {
    let text = crate::readme::read("src/guide/operating.rs");
    let rows = text.lines().filter(|line| line.starts_with("//! | `drupe::"));
    let documented: BTreeSet<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split(", "))
        .map(|word| word.trim().trim_matches('`'))
        .collect();
    let mut used = BTreeSet::from(["drupe::access".to_owned()]);
    let mut folders = vec![crate::readme::home().join("src")];
    let library = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let content = std::fs::read_to_string(&entry).unwrap();
            let code = content.split("#[cfg(test)]\nmod tests").next().unwrap();
            let says = ["error!(", "warn!(", "info!(", "debug!(", "trace!("].iter();
            if says.clone().any(|how| code.contains(&format!("log::{how}"))) {
                let path = entry.strip_prefix(&library).unwrap().with_extension("");
                used.insert(format!("drupe::{}", path.components().next().unwrap().as_os_str().to_str().unwrap()));
            }
        }
    }
    // The program's own is no target of the library.
    used.remove("drupe::main");
    // Its lines have a target of the server.
    used.remove("drupe::http_server");
    assert_eq!(documented, used.iter().map(String::as_str).collect());
}

/// A handler with a mistake for each path.
fn mistaken(request: &mut Request) -> drupe::Response {
    request.extensions_mut().insert(RequestId::new("id-1\n"));
    let streamed = |error| drupe::Body::stream(move |_| Err(std::io::Error::other(error)));
    match request.uri().path() {
        "/panics" => panic!("over\nboard"),
        "/short" => drupe::Response::new(drupe::Body::sized(&b"short"[..], 9)),
        "/long" => {
            let surplus = drupe::Body::stream(|writer| writer.write_all(b"much too long"));
            http::Response::builder().header("Content-Length", 4).body(surplus).unwrap()
        }
        "/stream" => drupe::Response::new(streamed("the source is dry")),
        "/unread" => drupe::Response::new(drupe::Body::from_reader(Dry)),
        "/content" => drupe::Response::new(drupe::Body::stream(|_| panic!("in the middle"))),
        _ => drupe::Response::new("fine".into()),
    }
}

struct Dry;

impl Read for Dry {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("dry"))
    }
}

#[test]
fn each_error_of_a_handler_is_one_line_that_names_the_request() {
    if !is_alone("logging::each_error_of_a_handler_is_one_line_that_names_the_request") {
        return;
    }
    listen();
    let server = TestServer::new(mistaken);
    for (path, level, begin, end) in [
        (
            "/panics",
            Level::Error,
            "a handler failed: ",
            ": a panic: over\\nboard; answering 500, or cutting the connection if the answer has begun",
        ),
        ("/short", Level::Error, "a body ended 4 bytes short of its declared length: ", "; closing the connection"),
        ("/long", Level::Error, "a body was longer than its declared length: ", "; the surplus was not sent"),
        ("/stream", Level::Warn, "a response body failed: ", ": the source is dry; connection cut"),
        (
            "/unread",
            Level::Error,
            "a response was refused: ",
            ": the body failed at its first read: dry; answering 500",
        ),
        ("/content", Level::Error, "a response body panicked: ", ": a panic: in the middle; connection cut"),
    ] {
        let before = records(|level, _| level <= Level::Warn).len();
        let mut client = Client::connect(server.address());
        client.send(get(&format!("{path}?key=secret")));
        client.end();
        let own = client.address();
        client.over();
        wait_until("a line", || records(|level, _| level <= Level::Warn).len() > before);
        let lines = records(|level, _| level <= Level::Warn);
        let expected = format!("{begin}GET {path} from {own}, request id-1\\n{end}");
        assert_eq!(&lines[before..], std::slice::from_ref(&expected));
        assert_eq!(records(|of, _| of == level).last(), Some(&expected));
    }
}

#[test]
fn trailer_fields_left_out_of_an_answer_are_one_warning_with_their_names() {
    if !is_alone("logging::trailer_fields_left_out_of_an_answer_are_one_warning_with_their_names") {
        return;
    }
    listen();
    let server = TestServer::new(|request: &mut Request| {
        let mut fields = http::HeaderMap::new();
        fields.insert("content-digest", http::HeaderValue::from_static("sha-256=:eA==:"));
        for value in ["a=1", "b=2"] {
            fields.append("set-cookie", http::HeaderValue::from_static(value));
        }
        fields.insert("content-type", http::HeaderValue::from_static("text/plain"));
        if request.uri().path() == "/allowed" {
            fields = fields
                .into_iter()
                .filter(|(name, _)| name.as_ref().is_some_and(|name| name == "content-digest"))
                .filter_map(|(name, value)| Some((name?, value)))
                .collect();
        }
        if request.uri().path() == "/channel" {
            let (sender, body) = drupe::Body::channel(1000);
            sender.send("x", Duration::ZERO).unwrap();
            sender.finish_with(fields);
            return body;
        }
        drupe::Body::stream(move |writer| {
            writer.write_all(b"x")?;
            writer.trailers(fields);
            Ok(())
        })
    });
    let mut client = Client::connect(server.address());
    for (target, lines) in [("/allowed", 0), ("/stream", 1), ("/channel", 2)] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.trailers, [("content-digest".to_owned(), "sha-256=:eA==:".to_owned())], "{target}");
        wait_until("the lines", || records(|level, _| level <= Level::Warn).len() >= lines);
        let warnings = records(|level, _| level <= Level::Warn);
        assert_eq!(warnings.len(), lines, "{warnings:?}");
        let own = client.address();
        let expected = format!(
            "fields are not allowed in a trailer section: GET {target} from {own}: set-cookie, content-type; the fields were not sent"
        );
        assert_eq!(warnings.last().filter(|_| lines > 0), Some(&expected).filter(|_| lines > 0));
    }
}

#[test]
fn client_that_leaves_a_stream_is_no_warning() {
    if !is_alone("logging::client_that_leaves_a_stream_is_no_warning") {
        return;
    }
    listen();
    let server = TestServer::new(|_: &mut Request| {
        drupe::Body::stream(|writer| {
            loop {
                writer.write_all(&[b'x'; 10_000])?;
            }
        })
    });
    let mut client = Client::connect(server.address());
    client.send(get("/left"));
    client.head().unwrap();
    drop(client);
    let cut = || {
        records(|level, _| level == Level::Debug)
            .iter()
            .any(|line| line.starts_with("the answer was cut: GET /left from 127.0.0.1:"))
    };
    wait_until("the cut is there to be found", cut);
    assert_eq!(records(|level, _| level <= Level::Warn), [""; 0]);
}

/// Answers as under a router and a layer with ids.
fn noted(request: &mut Request) -> drupe::Response {
    request.extensions_mut().insert(MatchedRoute::new("/{name}"));
    *request.uri_mut() = "/changed".parse().unwrap();
    let mut response = drupe::Response::new("hello".into());
    response.extensions_mut().insert(RequestId::new("id-1"));
    response.extensions_mut().insert(Layer("left"));
    response
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Layer(&'static str);

#[test]
fn access_line_ends_with_id_and_route_where_there_are_such() {
    if !is_alone("logging::access_line_ends_with_id_and_route_where_there_are_such") {
        return;
    }
    listen();
    let server = TestServer::new(noted);
    Client::connect(server.address()).get("/a");
    wait_until("a line", || records(|_, target| target == "drupe::access").len() == 1);
    let line = records(|_, target| target == "drupe::access").remove(0);
    assert!(
        line.contains("\"GET /a HTTP/1.1\" 200 5 \"-\" \"-\" 0.") && line.ends_with(r#" id="id-1" route="/{name}""#),
        "{line}"
    );
}

#[test]
fn log_lines_of_a_refusal_have_the_id_that_its_shape_was_given() {
    if !is_alone("logging::log_lines_of_a_refusal_have_the_id_that_its_shape_was_given") {
        return;
    }
    listen();
    let mut server = Server::new(noted);
    (server.settings.socket_host, server.settings.socket_port) = ("127.0.0.1".to_owned(), 0);
    server.on_refusal(|_| {
        let mut response = drupe::Response::default();
        response.extensions_mut().insert(RequestId::new("id-9"));
        Some(response)
    });
    server.start().unwrap();
    for (request, start) in [
        ("GET /a HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n", "refused a request: GET /a from 127.0.0.1:"),
        ("nothing\r\n\r\n", "refused bytes from 127.0.0.1:"),
    ] {
        let mut client = Client::connect(server.handle().addresses()[0]);
        client.send(request);
        client.answer();
        wait_until("the refusal is logged", || {
            let lines = records(|level, _| level == Level::Debug);
            lines.iter().any(|line| line.starts_with(start) && line.contains(", request id-9: "))
        });
    }
    wait_until("both exchanges are logged", || {
        let lines = records(|_, target| target == "drupe::access");
        lines.len() == 2 && lines.iter().all(|line| line.ends_with(" id=\"id-9\""))
    });
}

/// Without any logger.
#[test]
fn program_sees_each_exchange_with_what_layers_added() {
    let mut server = Server::new(noted);
    server.settings.socket_port = 0;
    server.settings.socket_host = "127.0.0.1".to_owned();
    let (send, seen) = mpsc::channel();
    server.on_access(move |record: &AccessRecord| {
        send.send(record.clone()).unwrap();
        // Contained: the next exchange is seen too.
        panic!("on purpose");
    });
    server.start().unwrap();
    let address = server.handle().addresses()[0];
    let mut client = Client::connect(address);
    let own = client.address();
    client.assert_in_step("/a?b", "hello");
    client.assert_in_step("/second", "hello");
    client.send("GET /later HTTP/1.2\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    for target in ["/a?b", "/second", "/later"] {
        let record = seen.recv().unwrap();
        assert_eq!(record.target.as_deref(), Some(target));
        assert_eq!((record.method, record.version), (Some(http::Method::GET), Some(http::Version::HTTP_11)));
        assert_eq!((record.status, record.bytes), (Some(http::StatusCode::OK), Some(5)));
        assert_eq!(record.client, Some(Peer::Tcp(own)));
        assert_eq!((record.id, record.route), (Some(RequestId::new("id-1")), Some(MatchedRoute::new("/{name}"))));
        assert_eq!(record.extensions.get(), Some(&Layer("left")));
    }
    let mut refused = Client::connect(address);
    refused.send("nothing\r\n\r\n");
    assert_eq!(refused.answer().status, 400);
    let record = seen.recv().unwrap();
    assert_eq!((record.method, record.target, record.id), (None, None, None));
    assert_eq!(record.status, Some(http::StatusCode::BAD_REQUEST));
}

#[test]
fn requests_cut_before_their_handlers_are_recorded_too() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let mut server = Server::new(move |request: &mut Request| {
        if request.uri().path() == "/blocking" {
            let _ = released.lock().unwrap().recv();
        }
        "done"
    });
    server.settings.socket_port = 0;
    server.settings.socket_host = "127.0.0.1".to_owned();
    (server.settings.thread_pool, server.settings.thread_pool_max) = (1, Some(1));
    server.settings.shutdown_timeout = Duration::ZERO;
    let (send, seen) = mpsc::channel();
    server.on_access(move |record: &AccessRecord| {
        send.send((record.target.clone().unwrap_or_default(), record.is_cut, record.status)).unwrap();
    });
    server.start().unwrap();
    let address = server.handle().addresses()[0];
    let mut upload = TcpStream::connect(address).unwrap();
    upload.write_all(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
    let statistics = || server.statistics();
    wait_until("its head is read", || statistics().bytes_read > 0);
    SockRef::from(&upload).set_linger(Some(Duration::ZERO)).unwrap();
    drop(upload);
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ("/upload".to_owned(), true, None));
    let (mut blocking, mut queued) = (Client::connect(address), Client::connect(address));
    blocking.send(get("/blocking"));
    wait_until("the only worker is busy", || statistics().threads_idle == 0);
    queued.send(get("/queued"));
    wait_until("it waits for the worker", || statistics().queue > 0);
    server.stop();
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), ("/queued".to_owned(), true, None));
    drop(release);
}

/// A value that panics when cloned.
struct Unclonable;

impl Clone for Unclonable {
    fn clone(&self) -> Self {
        panic!("on purpose")
    }
}

#[test]
fn extensions_that_panic_when_cloned_do_not_cost_the_answer() {
    let mut server = Server::new(|_: &mut Request| {
        let mut response = drupe::Response::new("hello");
        response.extensions_mut().insert(Unclonable);
        response
    });
    server.settings.socket_port = 0;
    server.settings.socket_host = "127.0.0.1".to_owned();
    let (send, seen) = mpsc::channel();
    server.on_access(move |record: &AccessRecord| send.send(record.extensions.len()).unwrap());
    server.start().unwrap();
    Client::connect(server.handle().addresses()[0]).assert_in_step("/", "hello");
    assert_eq!(seen.recv().unwrap(), 0);
}
