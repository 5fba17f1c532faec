//! Applications behind the gateway, over real sockets.

use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use drupe::bytes::Bytes;
use drupe::exchange::NoAnswer;
use drupe::wsgi::{self, Application, ApplicationError, Chunks, Content, Environ, FileWrapper, StartResponse};
use drupe::{Server, Settings};

use crate::client::{Answer, Client, Framing, wait_until};
use crate::door::Door;
use crate::logging;
use crate::place::{Place, run};
use crate::process::is_alone;

const TEXT: [(&str, &str); 1] = [("Content-Type", "text/plain")];

/// Starts a server on a free port.
pub(crate) fn serving(application: impl Application, change: impl FnOnce(&mut Settings)) -> Server {
    let mut server = Server::wsgi(application);
    server.settings.socket_port = 0;
    change(&mut server.settings);
    server.start().unwrap();
    server
}

pub(crate) fn client(server: &Server) -> Client {
    Client::connect(server.bound_addr().unwrap())
}

/// Returns the keys named in the query.
fn tell(environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
    start_response.start("200 OK", TEXT)?;
    let asked = environ.text("QUERY_STRING").unwrap_or_default().into_owned();
    let told = asked.split('&').map(|key| environ.get(key).map_or("-".to_owned(), ToString::to_string));
    Ok(told.collect::<Vec<_>>().join(" "))
}

/// Yields one block for each request, and counts the closed ones.
#[derive(Clone, Default)]
struct Site {
    closed: Arc<AtomicUsize>,
    door: Door,
}

struct Blocks {
    site: Site,
    blocks: std::vec::IntoIter<&'static str>,
}

impl Chunks for Blocks {
    fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
        match self.blocks.next()? {
            "fail" => Some(Err("as asked".into())),
            "panic" => panic!("as asked"),
            "door" => {
                self.site.door.pass();
                Some(Ok("open".into()))
            }
            "endless" => {
                self.blocks = vec!["endless"].into_iter();
                Some(Ok(vec![b'x'; 64 << 10].into()))
            }
            block => Some(Ok(block.into())),
        }
    }

    fn close(&mut self) -> Result<(), ApplicationError> {
        self.site.closed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Site {
    fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    /// An application that answers with `blocks` and declares `length`.
    fn yielding(&self, length: Option<&'static str>, blocks: &[&'static str]) -> impl Application + use<> {
        let (site, blocks) = (self.clone(), blocks.to_vec());
        move |environ: Environ, start_response: StartResponse| {
            if environ.path_info() == "/plain" {
                start_response.start("200 OK", TEXT)?;
                return Ok(Content::from("plain"));
            }
            start_response.start("200 OK", length.map(|length| ("Content-Length", length)))?;
            Ok(Content::chunks(Blocks { site: site.clone(), blocks: blocks.clone().into_iter() }))
        }
    }
}

#[test]
fn wsgi_version_selects_the_version() {
    wsgi::register(("it", 3), |environ| {
        environ.insert("it.mark", "made");
    })
    .unwrap();
    let mut server = serving(tell, |_| {});
    for (version, expected) in [
        (("1", 0), "1.0 caf\u{c3}\u{a9} - -"),
        (("u", 0), "u.0 caf\u{e9} utf-8 -"),
        (("it", 3), "it.3 caf\u{c3}\u{a9} - made"),
    ] {
        server.settings.wsgi_version = (version.0.to_owned(), version.1);
        server.restart().unwrap();
        let answer = client(&server).get("/caf%C3%A9?wsgi.version&PATH_INFO&wsgi.url_encoding&it.mark");
        assert_eq!((answer.status, answer.text().replace('/', "").as_str()), (200, expected));
    }
    server.settings.wsgi_version = ("it".to_owned(), 4);
    let text = server.restart().unwrap_err().to_string();
    assert!(text.starts_with("setting wsgi_version: it.4 is not registered; known: 1.0, u.0, it.3"), "{text}");
}

#[test]
fn environ_has_server_name_and_port() {
    let server = serving(tell, |settings| {
        settings.software = Some("orchard/2".to_owned());
        settings.protocol_version = "HTTP/1.0".to_owned();
    });
    let port = server.bound_addr().unwrap().port();
    let mut client = client(&server);
    let from = client.address();
    client.send(
        "GET /?SERVER_NAME&SERVER_PORT&SERVER_SOFTWARE&SERVER_PROTOCOL&ACTUAL_SERVER_PROTOCOL&REMOTE_ADDR&REMOTE_PORT \
         HTTP/1.1\r\nHost: tea.example:99\r\n\r\n",
    );
    let expected = format!("tea.example {port} orchard/2 HTTP/1.1 HTTP/1.0 127.0.0.1 {}", from.port());
    assert_eq!(client.answer().text(), expected);
}

#[test]
fn protocol_of_a_later_minor_version_is_the_highest_known() {
    let server = serving(tell, |_| {});
    let mut client = client(&server);
    client.send("GET /?SERVER_PROTOCOL&ACTUAL_SERVER_PROTOCOL HTTP/1.2\r\nHost: tea.example\r\n\r\n");
    assert_eq!(client.answer().text(), "HTTP/1.1 HTTP/1.1");
}

#[test]
fn target_of_any_form_becomes_a_path() {
    const KEYS: &str = "PATH_INFO&REQUEST_URI&HTTP_HOST&SERVER_NAME&wsgi.url_scheme";
    let server = serving(tell, |_| {});
    let mut client = client(&server);
    for (target, told) in [
        ("//a/b", "//a/b //a/b?{} tea.example tea.example http"),
        // The authority is that of the target (RFC 9112 section 3.2.2); the scheme is that of the connection.
        ("http://pot.example/a", "/a /a?{} pot.example pot.example http"),
        ("https://pot.example", "/ /?{} pot.example pot.example http"),
    ] {
        client.send(format!("GET {target}?{KEYS} HTTP/1.1\r\nHost: tea.example\r\n\r\n"));
        assert_eq!(client.answer().text(), told.replace("{}", KEYS), "{target}");
    }
}

#[test]
fn application_closes_the_connection_without_an_answer() {
    let server = serving(
        |_: Environ, start_response: StartResponse| {
            start_response.start("200 OK", TEXT)?;
            Err::<(), ApplicationError>(NoAnswer.into())
        },
        |_| {},
    );
    let mut client = client(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.over(), b"");
}

#[test]
fn connect_has_its_authority_as_the_path() {
    let server = serving(
        |environ: Environ, start_response: StartResponse| {
            let text = |key| environ.text(key).unwrap_or_default().into_owned();
            start_response.start("403 Forbidden", [("Content-Type", "text/plain")])?;
            Ok::<_, ApplicationError>(["REQUEST_METHOD", "PATH_INFO", "REQUEST_URI"].map(text).join(" "))
        },
        |settings| settings.accept_connect = true,
    );
    let mut client = client(&server);
    client.send("CONNECT pot.example:80 HTTP/1.1\r\nHost: pot.example\r\n\r\n");
    assert_eq!(client.answer().text(), "CONNECT /pot.example:80 pot.example:80");
}

#[test]
fn environ_has_the_caller() {
    const KEYS: &str = "X_REMOTE_PID&X_REMOTE_UID&X_REMOTE_GID&X_REMOTE_USER&X_REMOTE_GROUP&REMOTE_USER&REMOTE_ADDR";
    let place = Place::new();
    let mut server = Server::wsgi(tell);
    server.settings.socket_file = Some(place.socket());
    let me = |flag| run("id", &[flag]).trim().to_owned();
    let (pid, numbers) = (std::process::id(), format!("{} {}", me("-u"), me("-g")));
    let (user, group) = (me("-un"), me("-gn"));
    for (peercreds, resolve, expected) in [
        (false, false, "- - - - - - ".to_owned()),
        (true, false, format!("{pid} {numbers} - - - ")),
        (true, true, format!("{pid} {numbers} {user} {group} {user} ")),
    ] {
        (server.settings.peercreds, server.settings.peercreds_resolve) = (peercreds, resolve);
        server.restart().unwrap();
        let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
        // Fields of a client are separate from its identity.
        client.send(format!("GET /?{KEYS} HTTP/1.1\r\nHost: a\r\nRemote-User: root\r\nX-Remote-Uid: 0\r\n\r\n"));
        assert_eq!(client.answer().text(), expected);
    }
}

#[test]
fn blocks_are_sent_as_they_come() {
    let site = Site::default();
    let server = serving(site.yielding(None, &["one", "door", "", "two"]), |_| {});
    let mut client = client(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().unwrap().field("transfer-encoding"), Some("chunked"));
    assert_eq!(client.chunk().unwrap(), b"one");
    assert_eq!(site.closed(), 0);
    site.door.open();
    assert_eq!((client.chunk().unwrap(), client.chunk().unwrap()), (b"open".to_vec(), b"two".to_vec()));
    assert_eq!((client.chunk().unwrap(), client.fields().unwrap().len()), (vec![], 0));
    client.assert_in_step("/plain", "plain");
    assert_eq!(site.closed(), 1);
}

#[test]
fn a_failure_is_a_500_before_the_first_byte_and_a_cut_after() {
    for (length, blocks, expected) in [
        (None, &["", "fail"][..], Ok((500, ""))),
        (None, &["panic"], Ok((500, "internal server error\n"))),
        (None, &["a", "fail"], Err("the end ")),
        (None, &["a", "panic"], Err("the end ")),
        (Some("9"), &["a", "fail"], Err("the end ")),
        // Too much at once, too much later, too little.
        (Some("3"), &["abcd"], Ok((500, ""))),
        (Some("3"), &["ab", "cd"], Ok((200, "abc"))),
        (Some("3"), &["ab"], Err("the end ")),
    ] {
        let site = Site::default();
        let server = serving(site.yielding(length, blocks), |settings| settings.thread_pool = 1);
        let mut asking = client(&server);
        asking.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = asking.answer_to("GET");
        let found = answer.as_ref().map(|answer| (answer.status, answer.text()));
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{blocks:?}"),
            Err(_) => assert!(
                found.as_ref().is_err_and(|error| error.contains("cut") || error.contains("the end")),
                "{blocks:?}: {found:?}"
            ),
        }
        wait_until("it is closed", || site.closed() == 1);
        // The worker is none the worse for it.
        client(&server).assert_in_step("/plain", "plain");
    }
}

#[test]
fn a_failure_in_http_1_0_is_no_ordinary_end() {
    let site = Site::default();
    let server = serving(site.yielding(None, &["a", "fail"]), |_| {});
    let mut client = client(&server);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.try_rest().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_head_is_answered_as_a_get_without_content() {
    let site = Site::default();
    for (length, blocks) in [(Some("6"), &["abc", "def"][..]), (None, &["abc", "def"]), (None, &[])] {
        let server = serving(site.yielding(length, blocks), |_| {});
        let mut client = client(&server);
        let got = client.get("/");
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.answer_to("HEAD").unwrap();
        let fields = |answer: &Answer| {
            let is_same = |name: &str| name != "date" && name != "transfer-encoding";
            answer.fields.iter().filter(|(name, _)| is_same(name)).cloned().collect::<Vec<_>>()
        };
        assert_eq!((head.status, fields(&head)), (200, fields(&got)));
        client.assert_in_step("/plain", "plain");
    }
    assert_eq!(site.closed(), 6);
}

#[test]
fn content_is_closed_when_the_client_leaves() {
    let site = Site::default();
    let server = serving(site.yielding(None, &["endless"]), |_| {});
    let mut leaving = client(&server);
    leaving.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    leaving.head().unwrap();
    drop(leaving);
    wait_until("it is closed", || site.closed() == 1);
}

#[test]
fn no_line_can_be_injected_into_a_head() {
    let split = |mut environ: Environ, start_response: StartResponse| {
        let value = environ.take_input().into_string()?;
        start_response.start("200 OK", [("X-Value", value.as_str())])?;
        Ok::<_, ApplicationError>("content")
    };
    let server = serving(split, |_| {});
    let mut client = client(&server);
    assert_eq!(client.post("/", b"plain").field("x-value"), Some("plain"));
    for value in ["a\r\nSet-Cookie: b=c", "a\nb", "a\rb", "a\0b", "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"] {
        let answer = client.post("/", value.as_bytes());
        assert_eq!(
            (answer.status, answer.field("x-value"), answer.field("set-cookie")),
            (500, None, None),
            "{value:?}"
        );
    }
}

/// Returns the length of the content, read by lines or as a whole.
fn count(mut environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
    let length = environ.content_length();
    let path = environ.path_info().into_owned();
    let told = match path.as_str() {
        "/lines" => format!("{} lines", environ.input().lines().collect::<Result<Vec<_>, _>>()?.len()),
        "/line" => {
            let mut line = String::new();
            environ.input().read_line(&mut line)?;
            line
        }
        "/text" => environ.take_input().into_string()?,
        "/read" => {
            let mut text = String::new();
            environ.input().read_to_string(&mut text)?;
            text
        }
        "/file" => Err(io::Error::new(io::ErrorKind::InvalidData, "a file of the application's is no UTF-8"))?,
        "/nothing" => String::new(),
        _ => format!("{} of {length:?}", io::copy(environ.input(), &mut io::sink())?),
    };
    start_response.start("200 OK", TEXT)?;
    Ok(told)
}

#[test]
fn content_of_any_framing_is_read() {
    let server = serving(count, |settings| settings.max_request_body_size = Some(1 << 20));
    let mut client = client(&server);
    let lines = "line\n".repeat(10_000);
    assert_eq!(client.post("/", lines.as_bytes()).text(), "50000 of Some(50000)");
    assert_eq!(client.post("/lines", lines.as_bytes()).text(), "10000 lines");
    assert_eq!(client.post("/line", b"one\ntwo\n").text(), "one\n");
    assert_eq!(client.get("/").text(), "0 of None");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "7 of None");
    assert_eq!(client.post("/nothing", &vec![b'x'; 60_000]).text(), "");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 100);
    client.send("abc");
    assert_eq!(client.answer().text(), "3 of Some(3)");
    // The client learns of the flaw in its content.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (400, true));
}

#[test]
fn non_utf8_content_is_a_400_and_application_failures_are_a_500() {
    let server = serving(count, |_| {});
    let mut client = client(&server);
    for target in ["/text", "/read", "/line", "/lines"] {
        assert_eq!(client.post(target, "caf\u{e9}\n".as_bytes()).status, 200, "{target}");
        assert_eq!(client.post(target, b"caf\xe9\n").status, 400, "{target}");
    }
    let answer = client.post("/file", b"caf");
    assert_eq!((answer.status, answer.text()), (500, ""));
}

#[test]
fn content_that_is_too_large_is_a_413() {
    let server = serving(count, |settings| settings.max_request_body_size = Some(100_000));
    let mut client = client(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"2710\r\n", &[b'x'; 10_000][..], b"\r\n"].concat();
    (0..11).for_each(|_| client.send(&chunk));
    assert_eq!(client.answer().status, 413);
}

#[test]
fn a_file_is_sent_whole() {
    let place = Place::new();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
    fs::write(place.path("file"), &content).unwrap();
    let file = place.path("file");
    let sending = move |environ: Environ, start_response: StartResponse| {
        let length = environ.text("QUERY_STRING").filter(|length| !length.is_empty());
        start_response.start("200 OK", length.map(|length| ("Content-Length", length.into_owned())))?;
        Ok::<_, ApplicationError>(FileWrapper::new(fs::File::open(&file)?))
    };
    let server = serving(sending, |_| {});
    let mut client = client(&server);
    let answer = client.get("/");
    assert_eq!((answer.framing, answer.content == content), (Framing::Length, true));
    assert_eq!(client.get("/?1000").content, content[..1000]);
    assert_eq!(client.get("/?3000001").status, 500);
}

#[test]
fn phrase_of_an_application_goes_out_also_by_write() {
    let application = |environ: Environ, start_response: StartResponse| {
        let status = if environ.path_info() == "/plain" { "404 Not Found" } else { "404 Nope" };
        let mut write = start_response.start(status, [("Content-Length", "2")])?;
        if environ.path_info() == "/written" {
            write.write_all(b"ab")?;
            return Ok(String::new());
        }
        Ok::<_, ApplicationError>("ab".to_owned())
    };
    let server = serving(application, |_| {});
    for (path, line) in [("/given", "404 Nope"), ("/written", "404 Nope"), ("/plain", "404 Not Found")] {
        let mut client = client(&server);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let text = String::from_utf8(client.rest()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{text}");
    }
}

#[test]
fn an_application_reports_to_the_log() {
    if !is_alone("wsgi::an_application_reports_to_the_log") {
        return;
    }
    logging::listen();
    let reporting = |environ: Environ, _: StartResponse| {
        writeln!(environ.errors(), "one\rline")?;
        write!(environ.errors(), "and another")?;
        Err::<(), _>(ApplicationError::from("it has\nfailed"))
    };
    let server = serving(reporting, |_| {});
    assert_eq!(client(&server).get("/").status, 500);
    let said = logging::records(|level, target| level == log::Level::Error && target.starts_with("drupe::wsgi"));
    assert_eq!(said[..2], ["one\\rline", "and another"]);
    let failure = &said[2];
    assert!(failure.starts_with("a WSGI application failed: GET / from 127.0.0.1:"), "{failure}");
    assert!(failure.ends_with(": it has\\nfailed; answering 500") && said.len() == 3, "{said:?}");
}

// ---- the example cgi ----

/// The example, running a program, on a Unix socket.
struct Cgi {
    child: std::process::Child,
    socket: PathBuf,
}

impl Cgi {
    fn start(place: &Place, program: &str) -> Self {
        let path = place.path("program");
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let example = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/cgi");
        let mut command = std::process::Command::new(example);
        command.args([&path, &place.socket()]).env("SECRET", "leaked").env("HTTP_PROXY", "leaked");
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("cargo build --example cgi comes first: {error}"));
        let cgi = Self { child, socket: place.socket() };
        wait_until("it listens", || UnixStream::connect(&cgi.socket).is_ok());
        cgi
    }

    fn client(&self) -> Client {
        Client::over_unix(UnixStream::connect(&self.socket).unwrap())
    }
}

impl Drop for Cgi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SHELL: &str = r#"#!/bin/sh
case "$PATH_INFO" in
/env) printf 'Content-Type: text/plain\n\n'; env | sort ;;
/echo) printf 'Content-Type: %s\r\nX-Length: %s\r\n\r\n' "$CONTENT_TYPE" "$CONTENT_LENGTH"; cat ;;
/missing) printf 'Status: 404 No Such Tea\nContent-Type: text/plain\n\nno tea\n' ;;
/there) printf 'Location: http://tea.example/\n\n' ;;
/silent) exit 1 ;;
/wrong) echo "this is no head" ;;
/endless) printf 'Content-Type: text/plain\n\n'; echo $$ >"$(dirname "$0")/pid"; while :; do echo tea; done ;;
esac
"#;

#[test]
fn a_shell_script_answers() {
    let place = Place::new();
    let cgi = Cgi::start(&place, SHELL);
    let mut client = cgi.client();
    client.send(
        "GET /env?a=b%20c&d HTTP/1.1\r\nHost: tea.example\r\nUser-Agent: it\r\nProxy: http://evil/\r\n\
         Authorization: Basic c2VjcmV0\r\nX_Real_Ip: forged\r\nIFS: x\r\n\r\n",
    );
    let answer = client.answer();
    let ours = ["PWD=", "SHLVL=", "_=", "OLDPWD=", "PATH="];
    let given: Vec<&str> =
        answer.text().lines().filter(|line| !ours.iter().any(|name| line.starts_with(name))).collect();
    let expected = format!(
        "ACTUAL_SERVER_PROTOCOL=HTTP/1.1\nGATEWAY_INTERFACE=CGI/1.1\nHTTP_HOST=tea.example\nHTTP_IFS=x\nHTTP_USER_AGENT=it\n\
         PATH_INFO=/env\nQUERY_STRING=a=b%20c&d\nREMOTE_ADDR=\nREMOTE_PORT=\nREQUEST_METHOD=GET\n\
         REQUEST_URI=/env?a=b%20c&d\nSCRIPT_NAME=\nSERVER_NAME=tea.example\nSERVER_PORT=80\nSERVER_PROTOCOL=HTTP/1.1\n\
         SERVER_SOFTWARE=drupe/{}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(given.join("\n"), expected);

    let content = vec![b'x'; 300_000];
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Length: 300000\r\n\r\n");
    client.send(&content);
    let answer = client.answer();
    assert_eq!((answer.field("content-type"), answer.field("x-length")), (Some("a/b"), Some("300000")));
    assert!(answer.content == content);
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntea\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.field("x-length"), answer.text()), (Some("3"), "tea"));

    let answer = client.get("/missing");
    assert_eq!((answer.status, answer.text()), (404, "no tea\n"));
    let answer = client.get("/there");
    assert_eq!((answer.status, answer.field("location")), (302, Some("http://tea.example/")));
    assert_eq!((client.get("/silent").status, client.get("/wrong").status), (500, 500));
    let answer = client.get("/a%00b");
    assert_eq!((answer.status, answer.text()), (400, "the request is malformed: PATH_INFO has a NUL\n"));
    client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").unwrap().status, 200);
    assert_eq!(client.get("/missing").status, 404);
}

#[test]
fn a_program_ends_when_its_client_leaves() {
    let place = Place::new();
    let cgi = Cgi::start(&place, SHELL);
    let mut leaving = cgi.client();
    leaving.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    leaving.head().unwrap();
    wait_until("it has said its number", || fs::read_to_string(place.path("pid")).is_ok_and(|pid| pid.ends_with('\n')));
    let pid = fs::read_to_string(place.path("pid")).unwrap();
    drop(leaving);
    wait_until("it is gone", || !Path::new("/proc").join(pid.trim()).exists());
}

const PYTHON: &str = r#"#!/usr/bin/env python3
import os, sys
sent = sys.stdin.buffer.read()
out = sys.stdout.buffer
out.write(b"Status: 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n")
out.write(b"%s %s\n" % (os.environb[b"REQUEST_METHOD"], os.environb[b"PATH_INFO"]))
out.write(b"%d of %s\n" % (len(sent), os.environb.get(b"CONTENT_LENGTH", b"nothing")))
out.write(b" ".join(sorted(key for key in os.environb if b"leaked" in os.environb[key])))
"#;

#[test]
fn a_python_script_answers() {
    run("python3", &["--version"]);
    let place = Place::new();
    let cgi = Cgi::start(&place, PYTHON);
    let mut client = cgi.client();
    let answer = client.get("/caf%C3%A9");
    assert_eq!((answer.status, answer.text()), (201, "GET /caf\u{e9}\n0 of nothing\n"));
    let cookies: Vec<_> =
        answer.fields.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).collect();
    assert_eq!(cookies, ["a=b", "c=d"]);
    assert_eq!(client.post("/", &vec![0; 200_000]).text(), "POST /\n200000 of 200000\n");
    // Refused before the program runs, because no environment variable can have a NUL.
    assert_eq!(client.get("/a%00b").status, 400);
}

/// Reads the content, and tells the trailer fields before and after.
fn tell_trailers(mut environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
    start_response.start("200 OK", TEXT)?;
    let before = environ.input().trailers();
    let mut content = String::new();
    environ.input().read_to_string(&mut content)?;
    let after = environ.input().trailers();
    Ok(format!("{content} {} {:?}", before.is_none(), after.and_then(|fields| fields.get("content-digest").cloned())))
}

#[test]
fn trailer_fields_are_available_after_the_content() {
    let server = serving(tell_trailers, |_| {});
    let mut client = client(&server);
    client.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Digest: x\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "abc true Some(\"x\")");
}
