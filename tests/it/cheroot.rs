//! The environ compared with cheroot's for the same requests: each key is the same, or a row here
//! has the difference with its reason.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use drupe::Server;
use drupe::wsgi::{ApplicationError, Environ, StartResponse, Value};

use crate::client::Client;
use crate::place::{Place, run};

/// Keys and values as text; only `status` if the request was refused.
type Told = BTreeMap<String, String>;

/// The requests, each sent on a connection of its own.
const REQUESTS: &[(&str, &[u8])] = &[
    ("plain", b"GET / HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("query", b"GET /a/b?c=d&e HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("empty query", b"GET /a? HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("encoded query", b"GET /a?b=%20%2F%C3%A9+c;d?e HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("blank", b"GET /a%20b/%7Ec HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("utf-8", b"GET /caf%C3%A9 HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("latin-1", b"GET /caf%E9 HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("slash", b"GET /a%2Fb HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("small slash", b"GET /a%2fb%2Fc HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("twice encoded", b"GET /a%252Fb HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("nul", b"GET /a%00b HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("parameters", b"GET /a;b=c/d;e HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("dots", b"GET /a/../b/./c HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("colon", b"GET /a:b@c HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("two slashes", b"GET /a//b/ HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("two slashes first", b"GET //a/b HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("absolute", b"GET http://pot.example/a?b HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("own method", b"BREW /pot HTTP/1.1\r\nHost: tea.example\r\n\r\n"),
    ("content", b"POST /a HTTP/1.1\r\nHost: tea.example\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"),
    ("no content", b"PUT /a HTTP/1.1\r\nHost: tea.example\r\nContent-Length: 0\r\n\r\n"),
    ("chunks", b"POST /a HTTP/1.1\r\nHost: tea.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("1.0", b"GET /a HTTP/1.0\r\n\r\n"),
    ("1.0 with host", b"GET /a HTTP/1.0\r\nHost: tea.example\r\nConnection: keep-alive\r\n\r\n"),
    ("port", b"GET /a HTTP/1.1\r\nHost: tea.example:99\r\n\r\n"),
    ("ipv6", b"GET /a HTTP/1.1\r\nHost: [::1]:99\r\n\r\n"),
    ("list", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nAccept: a/b\r\nAccept: c/d\r\n\r\n"),
    ("several lines", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nX-A: 1\r\nX-A: 2\r\n\r\n"),
    ("cookies", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n"),
    ("underscore", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nX-A: 1\r\nX_A: forged\r\n\r\n"),
    ("underscore alone", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nContent_Length: 99\r\n\r\n"),
    ("bytes", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nX-A: caf\xe9 \xc3\xa9\r\n\r\n"),
    ("blanks", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nX-A:  a  b\t\r\nX-B:\r\nx-c.d: e\r\n\r\n"),
    ("secrets", b"GET /a HTTP/1.1\r\nHost: tea.example\r\nAuthorization: Basic YTpi\r\nProxy: http://evil/\r\n\r\n"),
];

/// The request (`*`: any), the key, cheroot's value, drupe's value (`-`: none), and the reason.
const DIFFERENCES: &[(&str, &str, &str, &str, &str)] = &[
    ("*", "SERVER_NAME", "Cheroot/11.1.2", "tea.example", "a name, not a product (RFC 3875 4.1.14)"),
    ("1.0", "SERVER_NAME", "Cheroot/11.1.2", "127.0.0.1", "nobody gave a name: the address it came to"),
    ("ipv6", "SERVER_NAME", "Cheroot/11.1.2", "[::1]", "a name, not a product; in brackets (RFC 3875 4.1.14)"),
    ("*", "SERVER_SOFTWARE", "Cheroot/11.1.2 Server", concat!("drupe/", env!("CARGO_PKG_VERSION")), "its own name"),
    ("*", "wsgi.file_wrapper", "-", "object", "PEP 3333 offers it, cheroot has none"),
    ("*", "wsgi.input_terminated", "False", "True", "reading ends with the content however it is framed"),
    ("two slashes first", "status", "400", "-", "a path may begin so (RFC 9110 4.1: absolute-path)"),
    ("absolute", "status", "400", "-", "a server has to take absolute-form (RFC 9112 3.2.2)"),
    ("several lines", "HTTP_X_A", "2", "1, 2", "no line is lost (RFC 3875 4.1.18)"),
    ("cookies", "HTTP_COOKIE", "c=d", "a=b; c=d", "no line is lost, and cookies have a mark of their own"),
    ("underscore", "HTTP_X_A", "forged", "1", "X_A must not pass for X-A"),
    ("underscore alone", "CONTENT_LENGTH", "99", "-", "there is no content: Content_Length is not Content-Length"),
];

/// Each difference is documented in the guide for users of CherryPy.
#[test]
fn each_difference_is_documented() {
    let text = crate::readme::read("src/wsgi/mod.rs");
    let begin = text.find("//! # Beside cheroot").unwrap();
    let written: Vec<&str> = text[begin..]
        .lines()
        .skip_while(|line| !line.starts_with("//! |---"))
        .skip(1)
        .take_while(|line| line.starts_with("//! |"))
        .collect();
    let row = |(request, key, theirs, ours, why): &(&str, &str, &str, &str, &str)| {
        let request = if *request == "*" { "any" } else { request };
        format!("//! | {request} | `{key}` | `{theirs}` | `{ours}` | {why} |")
    };
    assert_eq!(written, DIFFERENCES.iter().map(row).collect::<Vec<_>>());
}

const CHEROOT: &str = r#"
import sys
from cheroot import wsgi

def told(value):
    if isinstance(value, str):
        return "text " + value.encode("utf-8").hex()
    return repr(value) if isinstance(value, (bool, tuple)) else "object"

def tell(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    environ["wsgi.input"].read()
    return ["".join("%s %s\n" % (key, told(environ[key])) for key in environ).encode()]

server = wsgi.Server(("127.0.0.1", 0), tell)
if sys.argv[1] == "u":
    server.gateway = wsgi.WSGIGateway_u0
server.prepare()
print(server.bind_addr[1], flush=True)
server.serve()
"#;

/// The application for drupe, which reports the environ like the one for cheroot.
fn tell(mut environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    std::io::copy(environ.input(), &mut std::io::sink())?;
    let lines = environ.iter().map(|(key, value)| {
        let told = match value {
            Value::Text(text) => format!("text {}", hexadecimal(&text.text())),
            Value::Flag(true) => "True".to_owned(),
            Value::Flag(false) => "False".to_owned(),
            Value::Version(name, number) if name == "1" => format!("(1, {number})"),
            Value::Version(name, number) => format!("('{name}', {number})"),
            _ => "object".to_owned(),
        };
        format!("{key} {told}\n")
    });
    Ok(lines.collect())
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hexadecimal(digits: &str) -> String {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    String::from_utf8((0..digits.len()).step_by(2).map(byte).collect()).unwrap()
}

/// cheroot, in a process of its own.
struct Cheroot {
    child: Child,
    address: SocketAddr,
}

impl Cheroot {
    fn start(python: &Path, version: &str) -> Self {
        let child = Command::new(python).args(["-c", CHEROOT, version]).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 =
            line.trim().parse().unwrap_or_else(|_| panic!("cheroot says {line:?} where its port was to come"));
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for Cheroot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks, and puts names for the ports, which are never the same twice.
fn ask(address: SocketAddr, request: &[u8]) -> Told {
    let mut client = Client::connect(address);
    client.send(request);
    client.end();
    let answer = client.rest();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or("none").to_owned();
    if status != "200" {
        return Told::from([("status".to_owned(), status)]);
    }
    let ports = [(address.port(), "its port"), (client.address().port(), "our port")];
    // Lines of chunks, and of fields, are none of these.
    let keys = answer.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ').filter(|(key, _)| !key.contains(':') && !key.starts_with("HTTP/"))?;
        let text = value.strip_prefix("text ").map_or_else(|| value.to_owned(), from_hexadecimal);
        let port = ports.iter().find(|(port, _)| key.ends_with("_PORT") && text == port.to_string());
        Some((key.to_owned(), port.map_or(text, |(_, name)| (*name).to_owned())))
    });
    keys.collect()
}

/// Returns the differences: key, cheroot's value, drupe's value.
fn compare(theirs: &Told, ours: &Told) -> Vec<(String, String, String)> {
    if let Some(status) = theirs.get("status") {
        return vec![("status".to_owned(), status.clone(), ours.get("status").map_or("-", String::as_str).to_owned())];
    }
    let value = |told: &Told, key: &str| told.get(key).map_or("-".to_owned(), Clone::clone);
    let keys: std::collections::BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let pairs = keys.into_iter().map(|key| (key.clone(), value(theirs, key), value(ours, key)));
    pairs.filter(|(_, theirs, ours)| theirs != ours).collect()
}

#[test]
#[ignore = "installs cheroot from the Python registry; .ci/run runs it"]
fn environ_equals_that_of_cheroot_except_for_listed_keys() {
    assert!(REQUESTS.len() >= 30);
    let place = Place::new();
    let venv = place.path("venv");
    let python = venv.join("bin/python");
    run("python3", &["-m", "venv", venv.to_str().unwrap()]);
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "cheroot==11.1.2"];
    run(python.to_str().unwrap(), &pip);
    let mut unseen: Vec<_> = DIFFERENCES.iter().collect();
    let mut unlisted = Vec::new();
    for version in ["1", "u"] {
        let cheroot = Cheroot::start(&python, version);
        let mut server = Server::wsgi(tell);
        server.settings.socket_port = 0;
        server.settings.wsgi_version = (version.to_owned(), 0);
        server.start().unwrap();
        let address = server.bound_addr().unwrap();
        for (name, request) in REQUESTS {
            let (theirs, ours) = (ask(cheroot.address, request), ask(address, request));
            assert!(theirs.len() >= 20 || theirs.contains_key("status"), "{name}: {theirs:?}");
            assert!(ours.len() >= 20, "{name}: {ours:?}");
            for (key, theirs, ours) in compare(&theirs, &ours) {
                let found = DIFFERENCES.iter().find(|(of, known, they, we, _)| {
                    (*of == "*" || of == name) && (*known, *they, *we) == (&*key, &*theirs, &*ours)
                });
                match found {
                    Some(row) => unseen.retain(|other| *other != row),
                    None => unlisted.push(format!("{version}.0 {name}: {key}: {theirs:?}, here {ours:?}")),
                }
            }
        }
    }
    assert!(unlisted.is_empty(), "not listed:\n{}", unlisted.join("\n"));
    assert!(unseen.is_empty(), "listed, but no longer so: {unseen:#?}");
    println!("{} requests in 2 versions; these differ:", REQUESTS.len());
    for (request, key, theirs, ours, reason) in DIFFERENCES {
        println!("  {request}: {key}: {theirs} | {ours} | {reason}");
    }
}
