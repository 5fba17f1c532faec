//! The statistics page in a browser, under load: the page shows the numbers counted by the clients.
//!
//! The test drives the browser by the DevTools protocol over pipes: JSON messages, separated by
//! NUL.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use drupe::exchange::MatchedRoute;
use drupe::statistics::Page;
use drupe::{IntoResponse, Request, Server};

use crate::client::{Client, get, wait_until};
use crate::place::Place;

/// Chromium with one page open.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last: u64,
    session: String,
    /// Errors of the page, and its console output.
    pub(crate) said: Vec<String>,
}

impl Browser {
    pub(crate) fn open(profile: &Path) -> Self {
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-background-networking \
            --user-data-dir=\"$0\" --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(profile).env("HOME", profile).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, input, output, last: 0, session: String::new(), said: Vec::new() };
        let made = browser.call("Target.createTarget", "\"url\":\"about:blank\"");
        let target = text(&made, "targetId");
        let attached = browser.call("Target.attachToTarget", &format!("\"targetId\":\"{target}\",\"flatten\":true"));
        browser.session = text(&attached, "sessionId");
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), "");
        }
        browser
    }

    /// Calls a method of the browser, and returns the result.
    pub(crate) fn call(&mut self, method: &str, parameters: &str) -> String {
        let message = self.ask(method, parameters);
        assert!(!message.contains("\"error\":{"), "{method}: {message}");
        message
    }

    /// Calls a method of the browser, and returns the result or the error.
    fn ask(&mut self, method: &str, parameters: &str) -> String {
        self.last += 1;
        let session =
            if self.session.is_empty() { String::new() } else { format!(",\"sessionId\":\"{}\"", self.session) };
        let id = format!("\"id\":{}", self.last);
        write!(self.input, "{{{id},\"method\":\"{method}\",\"params\":{{{parameters}}}{session}}}\0").unwrap();
        self.input.flush().unwrap();
        loop {
            let mut message = Vec::new();
            self.output.read_until(0, &mut message).unwrap();
            assert!(!message.is_empty(), "chromium has ended; this test needs it on the PATH");
            let message = String::from_utf8_lossy(&message).into_owned();
            if message.starts_with(&format!("{{{id},")) {
                return message;
            }
            let events = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
            if events.iter().any(|event| message.contains(&format!("\"method\":\"{event}\""))) {
                self.said.push(message);
            }
        }
    }

    pub(crate) fn show(&mut self, url: &str) {
        self.call("Page.navigate", &format!("\"url\":\"{url}\""));
    }

    /// Evaluates `expression` in the page, and returns the result as text.
    pub(crate) fn evaluate(&mut self, expression: &str) -> String {
        self.try_evaluate(expression).unwrap_or_else(|| panic!("{expression}: the page was left"))
    }

    /// As [`evaluate`](Self::evaluate); `None` if the browser leaves the page meanwhile.
    pub(crate) fn try_evaluate(&mut self, expression: &str) -> Option<String> {
        let expression = expression.replace('\\', "\\\\").replace('"', "\\\"");
        let parameters = format!("\"expression\":\"String({expression})\",\"returnByValue\":true");
        let message = self.ask("Runtime.evaluate", &parameters);
        if message.contains("Inspected target navigated or closed") {
            return None;
        }
        let has_failed = message.contains("exceptionDetails") || message.contains("\"error\":{");
        assert!(!has_failed, "{expression}: {message}");
        Some(text(&message, "value"))
    }

    /// Waits until `expression` comes to `expected`.
    pub(crate) fn wait_for(&mut self, expression: &str, expected: &str) {
        wait_until(&format!("{expression} is {expected}"), || {
            self.try_evaluate(expression).is_some_and(|found| found == expected)
        });
    }

    /// The figure that the table has in the row `name`.
    fn figure(&mut self, table: &str, name: &str) -> String {
        let found = format!(
            "[...document.querySelectorAll('table')].find((t) => t.caption.textContent === '{table}') \
             .querySelectorAll('tr').values().find((r) => r.cells[0].textContent === '{name}').cells[1].textContent"
        );
        self.evaluate(&found)
    }

    /// Makes the window so wide.
    pub(crate) fn resize(&mut self, width: u32, is_dark: bool) {
        let size = format!("\"width\":{width},\"height\":900,\"deviceScaleFactor\":1,\"mobile\":false");
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let feature = format!("\"features\":[{{\"name\":\"prefers-color-scheme\",\"value\":\"{scheme}\"}}]");
        self.call("Emulation.setEmulatedMedia", &feature);
    }

    /// Writes a picture of the page, for people to look at.
    fn picture(&mut self, path: &Path) {
        let message = self.call("Page.captureScreenshot", "\"format\":\"png\",\"captureBeyondViewport\":true");
        let mut decode = Command::new("base64");
        decode.arg("-d").stdin(Stdio::piped()).stdout(std::fs::File::create(path).unwrap());
        let mut child = decode.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text(&message, "data").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends with its input; should it not, by force.
        let _ = self.input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.output.read_to_end(&mut Vec::new());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text that the first member called `name` has.
fn text(message: &str, name: &str) -> String {
    let mark = format!("\"{name}\":\"");
    let (_, rest) = message.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {message}"));
    let mut text = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
        text.push(if letter == '\\' { letters.next().unwrap() } else { letter });
    }
    text
}

fn handle(request: &mut Request) -> String {
    match request.uri().path() {
        "/slow" => {
            thread::sleep(Duration::from_millis(20));
            "slow\n".to_owned()
        }
        "/" => "x".repeat(5000),
        // The page has its picture in itself.
        other => panic!("nobody is to ask for {other}"),
    }
}

/// Formats a number with separators of thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}

#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn the_page_moves_under_load_and_has_the_numbers_of_its_clients() {
    let place = Place::new();
    let mut server = Server::new(handle);
    server.settings.socket_port = 0;
    server.settings.statistics = true;
    server.mount_statistics(Page::at("/statistics"));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();

    let mut browser = Browser::open(&place.path("profile"));
    browser.show(&format!("http://{address}/statistics"));
    browser.wait_for("document.querySelector('#state')?.dataset.state", "live");

    // Load: the page shows the sums counted by the clients.
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (before, after) = thread::scope(|scope| {
        for number in 0..6 {
            let (is_over, asked) = (&is_over, &asked);
            scope.spawn(move || {
                let mut client = Client::connect(address);
                while !is_over.load(Ordering::SeqCst) {
                    let target = if number < 2 { "/slow" } else { "/" };
                    client.send(get(target).repeat(3));
                    for _ in 0..3 {
                        assert_eq!(client.answer().status, 200);
                        asked.fetch_add(1, Ordering::SeqCst);
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let samples = "document.documentElement.dataset.samples || 0";
        let line = "document.querySelector('#throughput .line').getAttribute('d')";
        let seconds = if std::env::var_os(PICTURES).is_some() { 25 } else { 4 };
        wait_until("there is a line", || browser.evaluate(samples).parse::<u64>().unwrap() >= 2);
        let before = browser.evaluate(line);
        wait_until("it has gone on", || browser.evaluate(samples).parse::<u64>().unwrap() >= seconds);
        let after = browser.evaluate(line);
        if let Some(folder) = std::env::var_os(PICTURES) {
            let folder = Path::new(&folder);
            for (name, width, is_dark) in
                [("light.png", 1280, false), ("dark.png", 1280, true), ("phone.png", 390, false)]
            {
                browser.resize(width, is_dark);
                browser.picture(&folder.join(name));
            }
        }
        is_over.store(true, Ordering::SeqCst);
        (before, after)
    });
    assert_ne!(before, after);
    for chart in ["throughput", "latency", "threads", "connections", "queue", "traffic"] {
        let lines = browser.evaluate(&format!("document.querySelectorAll('#{chart} .line').length"));
        assert!(lines.parse::<u64>().unwrap() >= 1, "{chart}");
        let label = browser.evaluate(&format!("document.querySelector('#{chart} svg[role=img]').ariaLabel"));
        assert!(label.contains("Now:"), "{label}");
    }

    // Nothing is beside the window, however narrow it is.
    for width in [320, 390, 800, 1920] {
        browser.resize(width, false);
        let beside = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(beside), "0", "{width}");
    }

    // What is not the load's is the browser's own: the redirection, the page, and the events that go on. A connection that the
    // browser may have opened for later is closed without an answer.
    let asked = asked.load(Ordering::SeqCst);
    wait_until("its own is left", || server.statistics().in_progress() == 1);
    browser.wait_for("document.querySelector('#threads .figure b').textContent", "1");
    assert_eq!(browser.figure("Requests", "asked of handlers"), grouped(asked + 3));
    assert_eq!(browser.figure("Requests", "answered by them"), grouped(asked + 2));
    assert_eq!(browser.figure("Requests", "refused by the server"), "0");
    assert_eq!(browser.figure("Requests", "all"), grouped(asked + 3));
    assert_eq!(browser.figure("Requests", "in progress"), "1");
    assert_eq!(browser.figure("Latency since the start", "measured requests"), grouped(asked + 2));
    assert_eq!(browser.figure("Answers", "2xx"), grouped(asked + 1));
    assert_eq!(browser.figure("Out of time", "idle connection"), "0");
    let statistics = server.statistics();
    assert_eq!((statistics.requests, statistics.latency.count()), (asked + 3, asked + 2));

    // Paused and resumed by the button.
    browser.evaluate("document.querySelector('#switch').click()");
    browser.wait_for("document.querySelector('#state').dataset.state", "paused");
    assert!(!server.statistics().enabled);
    browser.evaluate("document.querySelector('#switch').click()");
    browser.wait_for("document.querySelector('#state').dataset.state", "live");
    assert!(server.statistics().enabled);

    assert_eq!(browser.said, Vec::<String>::new(), "nothing is to be on the console");
    // An open page delays no stop.
    let stopped = server.stop();
    assert_eq!(stopped.cut, 0, "{stopped:?}");
}

#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn the_page_shows_routes_as_text_and_no_table_without_routes() {
    let place = Place::new();
    let mut server = Server::new(|_: &mut Request| {
        let mut response = "tea".into_response();
        response.extensions_mut().insert(MatchedRoute::new("/<b>{tea}&amp;"));
        response
    });
    server.settings.socket_port = 0;
    server.settings.statistics = true;
    server.mount_statistics(Page::at("/statistics"));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();

    let mut browser = Browser::open(&place.path("profile"));
    browser.show(&format!("http://{address}/statistics"));
    browser.wait_for("document.querySelector('#state')?.dataset.state", "live");
    let section = "[...document.querySelectorAll('section.all')].find((s) => s.querySelector('caption').textContent === 'Routes')";
    assert_eq!(browser.evaluate(&format!("{section}.hidden")), "true");
    let mut client = Client::connect(address);
    (0..3).for_each(|_| assert_eq!(client.get("/").text(), "tea"));
    browser.wait_for(&format!("{section}.hidden"), "false");
    let row = format!(
        "[...{section}.querySelectorAll('tbody tr')].map((r) => [...r.cells].slice(0, 7).map((c) => c.textContent))"
    );
    assert_eq!(browser.evaluate(&row), "/<b>{tea}&amp;,3,0,3,0,0,0");
    assert_eq!(browser.said, Vec::<String>::new(), "nothing is to be on the console");
}

#[cfg(feature = "compression")]
#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn chromium_gets_each_event_of_a_compressed_stream_at_once() {
    use drupe::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
    use drupe::{Body, Handler, IntoResponse, Response, layers};

    const PAGE: &str = "<!doctype html><link rel=icon href='data:,'><script>seen = [];
        new EventSource('/events').onmessage = event => seen.push(event.data);</script>";
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(Some(held));
    let inner = layers::compress(move |request: &mut Request| -> Response {
        let (media_type, body) = match request.uri().path() {
            "/" => ("text/html", PAGE.into()),
            _ => {
                let held = held.lock().unwrap().take().unwrap();
                let events = Body::stream(move |writer| {
                    for event in 1..=3 {
                        write!(writer, "data: {event}\n\n")?;
                        writer.flush()?;
                        held.recv_timeout(crate::client::PATIENCE).map_err(std::io::Error::other)?;
                    }
                    while !writer.stops_within(Duration::from_secs(60)) {}
                    Ok(())
                });
                ("text/event-stream", events)
            }
        };
        let mut response = body.into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    });
    let server = drupe::testing::TestServer::new(move |request: &mut Request| {
        let response = inner.handle(request);
        let is_stream = request.uri().path() == "/events";
        assert_eq!(response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip"), is_stream);
        response
    });
    let place = Place::new();
    let mut browser = Browser::open(&place.path("profile"));
    browser.show(&server.url("/"));
    for seen in ["1", "1,2", "1,2,3"] {
        browser.wait_for("window.seen", seen);
        release.send(()).unwrap();
    }
    assert_eq!(browser.said, Vec::<String>::new(), "nothing is to be on the console");
    // The open stream delays no stop.
    assert_eq!(server.server().stop().cut, 0);
}

/// A folder that pictures are wanted in.
const PICTURES: &str = "DRUPE_TEST_PICTURES";
