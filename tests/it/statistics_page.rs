//! The statistics page: its places, its viewers, its formats.

use std::io::Write;
use std::time::Duration;

use drupe::exchange::MatchedRoute;
use drupe::http::Method;
use drupe::statistics::Page;
use drupe::testing::TestServer;
use drupe::{BindAddr, IntoResponse, Request, Response, Server};

use crate::client::{Answer, Client, wait_until};
use crate::statistics::handle;

fn shown(change: impl FnOnce(Page) -> Page) -> Server {
    started(Server::new(handle), change)
}

fn started(mut server: Server, change: impl FnOnce(Page) -> Page) -> Server {
    server.settings.socket_port = 0;
    server.settings.statistics = true;
    server.settings.shutdown_timeout = Duration::from_secs(60);
    server.mount_statistics(change(Page::at("/statistics")));
    server.start().unwrap();
    server
}

/// Patterns with characters that end a label, a text or a tag if not escaped.
const ODD: [&str; 4] = ["/tea/{name}", "/a\"b\\c'", "/</script><b>&amp;", "/é\u{2028}{*rest}"];

/// Answers with the pattern of [`ODD`] that the path has the number of.
fn odd(request: &mut Request) -> Response {
    let mut response = "odd\n".into_response();
    let number: usize = request.uri().path()[1..].parse().unwrap();
    response.extensions_mut().insert(MatchedRoute::new(ODD[number]));
    response
}

fn connect(server: &Server) -> Client {
    Client::connect(server.bound_addr().unwrap())
}

fn ask(client: &mut Client, method: &Method, target: &str, fields: &str) -> Answer {
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
    client.answer_to(method.as_str()).unwrap()
}

#[test]
fn statistics_page_is_served_in_front_of_the_handler() {
    let server = shown(|page| page);
    let mut client = connect(&server);
    let mut get = |target: &str| ask(&mut client, &Method::GET, target, "");
    assert_eq!(get("/").text(), "hello\n");
    assert_eq!(get("/statistics-else").text(), "hello\n");
    assert_eq!((get("/statistics").status, get("/statistics").field("location")), (308, Some("./statistics/")));
    let page = get("/statistics/");
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let json = get("/statistics/json");
    assert_eq!(json.field("content-type"), Some("application/json"));
    assert_eq!(json.field("cache-control"), Some("no-store"));
    // Its own request is counted, and not yet answered.
    let text = json.text();
    assert!(text.contains("\"Requests\":6,") && text.contains("\"In Progress\":1,"), "{text}");
    let metrics = get("/statistics/metrics");
    assert_eq!(metrics.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("\ndrupe_requests_total{by=\"handler\"} 7\n"), "{}", metrics.text());
    assert_eq!(get("/statistics/else").status, 404);
}

#[test]
fn json_is_parsed_by_python() {
    let server = shown(|page| page);
    let mut client = connect(&server);
    (0..10).for_each(|_| drop(client.get("/large")));
    let json = ask(&mut client, &Method::GET, "/statistics/json", "");
    let script = "
import json, sys
s = json.load(sys.stdin)
w = s['Worker Threads'].values()
assert s['Enabled'] is True and s['Run time'] > 0, s
assert s['Requests'] == 11 and s['Accepts'] == 1 and abs(s['Accepts/sec'] * s['Run time'] - 1) < 1e-6, s
assert s['Latency']['Count'] == sum(n for _, n in s['Latency']['Buckets']) == 10, s
assert 0 < s['Latency']['p50'] <= s['Latency']['p90'] <= s['Latency']['p99'] <= s['Latency']['Max'], s
assert s['Latency']['Sum'] <= 10 * s['Latency']['Max'], s
for name in 'Requests', 'Bytes Read', 'Bytes Written':
    assert sum(row[name] for row in w) == s[name], name
assert s['Threads'] == 10 and s['Queue'] == 0 and s['Socket Errors'] == 0, s
assert s['Read Throughput'] > 0 and s['Write Throughput'] > s['Read Throughput'], s
print('sound')
";
    assert_eq!(pipe("python3", &["-c", script], &json.content), "sound\n");
}

#[test]
fn odd_patterns_of_routes_reach_python_unchanged() {
    let server = started(Server::new(odd), |page| page);
    let mut client = connect(&server);
    for number in 0..ODD.len() {
        (0..=number).for_each(|_| assert_eq!(client.get(&format!("/{number}")).text(), "odd\n"));
    }
    let json = ask(&mut client, &Method::GET, "/statistics/json", "");
    let script = "
import json, sys
routes = json.load(sys.stdin)['Routes']
assert list(routes) == sorted(sys.argv[1:]), routes
for number, name in enumerate(sys.argv[1:], 1):
    row = routes[name]
    assert row['Requests'] == row['Answers']['2xx'] == row['Measured'] == number, routes
    assert abs(row['Mean'] - row['Time'] / number) < 1e-8, routes
print('sound')
";
    let arguments: Vec<&str> = ["-c", script].into_iter().chain(ODD).collect();
    assert_eq!(pipe("python3", &arguments, &json.content), "sound\n");
}

/// Runs `program`, which this test needs, with `input`. Returns the output.
fn pipe(program: &str, arguments: &[&str], input: &[u8]) -> String {
    use std::process::{Command, Stdio};

    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("this test needs {program} on the PATH: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && wrong.is_empty(), "{program}: {said}{wrong}");
    said
}

#[test]
#[ignore = "needs promtool, of the package prometheus; .ci/run has it"]
fn promtool_accepts_the_metrics() {
    let server = shown(|page| page);
    let mut client = connect(&server);
    (0..10).for_each(|_| drop(client.get("/large")));
    let metrics = ask(&mut client, &Method::GET, "/statistics/metrics", "");
    pipe("promtool", &["check", "metrics"], &metrics.content);
    let server = started(Server::new(odd), |page| page);
    let mut client = connect(&server);
    (0..ODD.len()).for_each(|number| drop(client.get(&format!("/{number}"))));
    let metrics = ask(&mut client, &Method::GET, "/statistics/metrics", "");
    assert_eq!(metrics.text().matches("\ndrupe_route_requests_total{").count(), ODD.len());
    pipe("promtool", &["check", "metrics"], &metrics.content);
}

#[test]
fn remote_clients_see_no_statistics() {
    let server = shown(|page| page);
    let address = server.bound_addr().unwrap();
    for (host, fields, status) in [
        ("localhost", "", 200),
        ("127.0.0.1:80", "", 200),
        ("[::1]", "", 200),
        // A foreign name that resolves to this machine.
        ("evil.example", "", 403),
        ("10.0.0.1", "", 403),
        ("localhost", "X-Forwarded-For: 127.0.0.1\r\n", 403),
        ("localhost", "Forwarded: for=127.0.0.1\r\n", 403),
        ("localhost", "Via: 1.1 proxy\r\n", 403),
    ] {
        for target in ["/statistics/", "/statistics/json", "/statistics/metrics", "/statistics/else"] {
            let mut client = Client::connect(address);
            client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
            let expected = if target.ends_with("else") && status == 200 { 404 } else { status };
            assert_eq!(client.answer().status, expected, "{host} {fields} {target}");
        }
    }
    // Unless it is said otherwise.
    let server = shown(|page| page.allow(|request| request.headers().contains_key("x-key")));
    let mut client = connect(&server);
    assert_eq!(ask(&mut client, &Method::GET, "/statistics/json", "").status, 403);
    assert_eq!(ask(&mut client, &Method::GET, "/statistics/json", "X-Key: a\r\nVia: 1.1 a\r\n").status, 200);
}

#[test]
fn remote_clients_of_a_trusted_proxy_see_no_statistics() {
    let mut server = Server::new(handle);
    server.settings.socket_port = 0;
    server.settings.trusted_proxies = vec!["127.0.0.1".to_owned()];
    server.settings.proxy_protocol = true;
    server.mount_statistics(Page::at("/statistics"));
    server.start().unwrap();
    for (header, status) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 403),
        ("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", 403),
        // A request of the proxy itself.
        ("PROXY UNKNOWN\r\n", 403),
    ] {
        let mut client = connect(&server);
        client.send(header);
        assert_eq!(ask(&mut client, &Method::GET, "/statistics/json", "").status, status, "{header}");
    }
}

/// Untrusted fields are removed before the page sees the request; their presence still counts.
#[test]
fn clients_of_an_untrusted_proxy_see_no_statistics() {
    let for_another = "X-Forwarded-For: 192.0.2.1\r\n";
    for (proxies, believed, fields) in [
        // A proxy on this machine that is not listed: it comes from another loopback address, or only those elsewhere are.
        (&["::1"][..], &["x-forwarded-for"][..], for_another),
        (&["10.0.0.1"], &["x-forwarded-for"], for_another),
        (&["10.0.0.1"], &["x-forwarded-for"], "X-Forwarded-For: 127.0.0.1\r\n"),
        (&["10.0.0.1"], &["x-forwarded-for"], "Forwarded: for=192.0.2.1\r\n"),
        (&["10.0.0.1"], &["x-forwarded-for"], "X_Forwarded_For: 192.0.2.1\r\n"),
        (&["10.0.0.1"], &["x-client"], "X-Client: 192.0.2.1\r\n"),
        // One that is listed, but not believed in this.
        (&["127.0.0.1"], &["x-forwarded-proto"], for_another),
        (&["127.0.0.1"], &["x-forwarded-proto"], "X-Forwarded-Proto: http\r\n"),
        (&["127.0.0.1"], &["x-client"], "X-Client: 192.0.2.1\r\n"),
    ] {
        let place = crate::place::Place::new();
        let mut server = Server::new(handle);
        let tcp = BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 0 };
        server.settings.listen = vec![tcp, BindAddr::Unix(place.socket())];
        server.settings.statistics = true;
        server.settings.trusted_proxies = proxies.iter().map(ToString::to_string).collect();
        server.settings.trusted_proxy_headers = believed.iter().map(ToString::to_string).collect();
        server.mount_statistics(Page::at("/statistics"));
        server.start().unwrap();
        let unix = std::os::unix::net::UnixStream::connect(place.socket()).unwrap();
        for mut client in [connect(&server), Client::over_unix(unix)] {
            // It says nothing about the requests before and after it on the same connection.
            for (fields, status) in [("", 200), (fields, 403), ("", 200), (fields, 403)] {
                let answer = ask(&mut client, &Method::GET, "/statistics/json", fields);
                assert_eq!(answer.status, status, "{proxies:?} {believed:?} {fields}");
            }
            let answer =
                ask(&mut client, &Method::POST, "/statistics/pause", &format!("Content-Length: 0\r\n{fields}"));
            assert_eq!((answer.status, server.statistics().enabled), (403, true), "{proxies:?} {believed:?} {fields}");
        }
    }
}

#[test]
fn statistics_are_served_over_a_unix_socket() {
    let place = crate::place::Place::new();
    let mut server = place.server(handle);
    server.mount_statistics(Page::at("/statistics"));
    server.start().unwrap();
    let stream = std::os::unix::net::UnixStream::connect(place.socket()).unwrap();
    let mut client = Client::over_unix(stream);
    client.send("GET /statistics/json HTTP/1.1\r\nHost: anything\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"Bind Address\":\"unix:/"), "{}", answer.text());
}

#[test]
fn only_the_page_itself_can_pause_measuring() {
    let server = shown(|page| page);
    let mut client = connect(&server);
    let mut post = |target: &str, fields: &str| {
        let fields = format!("Content-Length: 0\r\n{fields}");
        let answer = ask(&mut client, &Method::POST, target, &fields);
        (answer.status, server.statistics().enabled)
    };
    for fields in ["Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: http://evil.example\r\n"]
    {
        assert_eq!(post("/statistics/pause", fields), (403, true), "{fields}");
    }
    assert_eq!(post("/statistics/pause", "Sec-Fetch-Site: same-origin\r\n"), (204, false));
    assert_eq!(post("/statistics/resume", "Origin: http://localhost\r\n"), (204, true));
    assert_eq!(post("/statistics/pause", ""), (204, false));
    let mut client = connect(&server);
    let answer = ask(&mut client, &Method::GET, "/statistics/resume", "");
    assert_eq!((answer.status, answer.field("allow"), server.statistics().enabled), (405, Some("POST"), false));
}

/// Reads the next event.
fn event(client: &mut Client) -> String {
    let mut text = String::new();
    while !text.ends_with("\n\n") || !text.contains("data: ") {
        text.push_str(std::str::from_utf8(&client.chunk().unwrap()).unwrap());
    }
    text.split_once("data: ").unwrap().1.trim_end().to_owned()
}

#[test]
fn statistics_events_end_with_the_server_and_never_delay_a_stop() {
    let server = shown(|page| page.viewers(2));
    let viewer = || {
        let mut client = connect(&server);
        client.send("GET /statistics/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = client.head().unwrap();
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
        client
    };
    let (mut first, mut second) = (viewer(), viewer());
    assert!(event(&mut second).starts_with("{\"Enabled\":true,"));
    let count = |event: &str| {
        let (_, rest) = event.split_once("\"Requests\":").unwrap();
        rest.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let before = count(&event(&mut first));
    let mut client = connect(&server);
    (0..7).for_each(|_| client.assert_in_step("/", "hello\n"));
    // One of the next has them: an event may be on its way already.
    wait_until("an event has them", || count(&event(&mut first)) >= before + 7);

    // There is no room for a third, until one leaves.
    let third = ask(&mut client, &Method::GET, "/statistics/events", "");
    assert_eq!((third.status, third.field("retry-after")), (503, Some("10")));
    drop(second);
    wait_until("there is room", || {
        let mut client = connect(&server);
        client.send("GET /statistics/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.head().unwrap().status == 200
    });

    // They have a minute to end, and end at once.
    let stopped = server.stop();
    assert_eq!(stopped.cut, 0);
    assert!(stopped.finished >= 1, "{stopped:?}");
    while !first.chunk().unwrap().is_empty() {}
}

#[test]
fn page_can_be_served_by_another_server() {
    let public = TestServer::new(handle);
    let mut private = Server::new(public.handle().statistics_page(Page::at("/").allow(|_| true)));
    private.settings.socket_port = 0;
    private.start().unwrap();
    Client::connect(public.address()).assert_in_step("/", "hello\n");
    let mut client = connect(&private);
    let json = client.get("/json");
    let place = format!("\"Bind Address\":\"{}\"", public.address());
    assert!(json.text().contains("\"Requests\":1,") && json.text().contains(&place), "{}", json.text());
    assert_eq!((client.get("/else").status, client.get("/").status), (404, 200));
    assert_eq!(client.post("/resume", b"").status, 204);
    assert!(public.handle().statistics().enabled && !private.statistics().enabled);
}
