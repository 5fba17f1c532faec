//! The programs of `examples/`, each run as a user would, by a real client.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::wait_until;
use crate::place::{Place, is_root, output};

/// A running example, ended with the test.
struct Example {
    child: Child,
    address: SocketAddr,
}

impl Example {
    /// Starts the example on a free port, which it reads from the environment under `prefix`.
    fn start(name: &str, prefix: &str, arguments: &[&str]) -> Self {
        Self::start_by(command(name).args(arguments), name, prefix)
    }

    fn start_by(command: &mut Command, name: &str, prefix: &str) -> Self {
        // Free until another process takes it, which the tests of one machine do not do.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = address.port().to_string();
        let child = command.env(format!("{prefix}SOCKET_PORT"), port).spawn();
        let example = Self { child: started(name, child), address };
        wait_until("it listens", || TcpStream::connect(address).is_ok());
        example
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Returns the content of curl's answer, and the status.
    fn curl(&self, target: &str, arguments: &[&str]) -> (String, u16) {
        curl(&[&[&*self.url(target)], arguments].concat())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str) -> Command {
    Command::new(std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples").join(name))
}

fn started(name: &str, child: std::io::Result<Child>) -> Child {
    child.unwrap_or_else(|error| panic!("cargo build --example {name} comes first: {error}"))
}

fn curl(arguments: &[&str]) -> (String, u16) {
    let plain = ["-q", "-sS", "--noproxy", "*", "--max-time", "60", "-w", "\n%{http_code}"];
    let output = output("curl", &[&plain[..], arguments].concat());
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (content, status) = text.rsplit_once('\n').unwrap();
    (content.to_owned(), status.parse().unwrap())
}

#[test]
fn exporter_counts_its_scrapes() {
    let exporter = Example::start("exporter", "EXPORTER_", &[]);
    for scrape in 1..=2 {
        let (text, status) = exporter.curl("/metrics", &[]);
        assert_eq!(status, 200);
        assert!(text.contains("\nnode_load1 ") && text.ends_with(&format!("\nexporter_scrapes_total {scrape}\n")));
    }
    assert_eq!(exporter.curl("/other", &[]).1, 404);
}

#[cfg(feature = "forms")]
#[test]
fn login_takes_the_code_of_its_own_request_only() {
    let mut oauth = command("oauth");
    let oauth = oauth.args(["https://login.example/authorize", "me"]).stdout(Stdio::piped()).spawn();
    let mut oauth = started("oauth", oauth);
    let mut told = BufReader::new(oauth.stdout.take().unwrap()).lines().map(Result::unwrap);
    let page = told.nth(1).unwrap();
    let part = |name: &str| {
        page.split(&['?', '&'][..]).find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    let (callback, state) = (part("redirect_uri"), part("state"));
    assert_eq!(curl(&[&format!("{callback}?code=1&state=guessed")]).1, 403);
    assert_eq!(
        curl(&[&format!("{callback}?code=1")]),
        ("the query is malformed: missing field `state`\n".to_owned(), 400)
    );
    let (text, status) = curl(&[&format!("{callback}?code=a%2Fb&state={state}")]);
    assert!(status == 200 && text.contains("You are logged in."), "{text}");
    assert_eq!(told.next().as_deref(), Some("code: a/b"));
    assert!(oauth.wait().unwrap().success());
}

#[test]
fn new_lines_of_a_log_are_events_and_missed_ones_come_after_a_break() {
    let mut tail = Example::start_by(command("log_tail").stdin(Stdio::piped()), "log_tail", "TAIL_");
    let mut log = tail.child.stdin.take().unwrap();
    let events = |fields: &str| {
        let mut stream = TcpStream::connect(tail.address).unwrap();
        stream.write_all(format!("GET /events HTTP/1.0\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
        BufReader::new(stream).lines().map(Result::unwrap)
    };
    let data = |line: &String| line.starts_with("data: ");
    let mut first = events("");
    // The first id shows that the client is a subscriber.
    let id = first.find(|line| line.starts_with("id: ")).unwrap();
    log.write_all(b"new 1\nnew 2\nhalf").unwrap();
    assert_eq!(first.find(data).as_deref(), Some("data: new 1"));
    assert_eq!(first.find(data).as_deref(), Some("data: new 2"));
    log.write_all(b" a line\n").unwrap();
    assert_eq!(first.find(data).as_deref(), Some("data: half a line"));
    let mut second = events(&id.replace("id: ", "Last-Event-ID: ").replace("-0", "-1\r\n"));
    assert_eq!(second.find(data).as_deref(), Some("data: new 2"));
    assert!(tail.curl("/", &[]).0.contains("EventSource"));
}

#[test]
fn daemon_shows_each_user_the_own_note_only() {
    let place = Place::new();
    let socket = place.socket();
    let child = command("daemon").env("DAEMON_SOCKET_FILE", &socket).spawn();
    let _daemon = Example { child: started("daemon", child), address: ([127, 0, 0, 1], 0).into() };
    wait_until("it listens", || UnixStream::connect(&socket).is_ok());
    let socket = socket.to_str().unwrap();
    let own = ["--unix-socket", socket, "http://localhost/"];
    assert_eq!(curl(&own).1, 404);
    assert_eq!(curl(&[&own[..], &["-X", "PUT", "-d", "mine"]].concat()).1, 204);
    assert_eq!(curl(&own), ("mine".to_owned(), 200));
    let long = format!("@{}", place.write("long", "a".repeat(10_001)).display());
    assert_eq!(curl(&[&own[..], &["-X", "PUT", "--data-binary", &long]].concat()).1, 413);
    if is_root("a note of another user") {
        assert_eq!(crate::place::curl_as(12345, 12345, Path::new(socket), "/"), " 404");
    }
}

#[test]
fn chat_hands_each_message_to_all() {
    let chat = Example::start("chat", "CHAT_", &[]);
    assert!(chat.curl("/", &[]).0.contains("WebSocket"));
    assert_eq!(chat.curl("/chat", &[]).1, 400);
    let connect = || {
        let stream = TcpStream::connect(chat.address).unwrap();
        tungstenite::client(format!("ws://{}/chat", chat.address), stream).unwrap().0
    };
    let mut all = [connect(), connect(), connect()];
    // A message of one's own shows that one is in the room.
    for (at, client) in all.iter_mut().enumerate() {
        client.send(format!("{at} is here").into()).unwrap();
        while client.read().unwrap().to_text().unwrap() != format!("{at} is here") {}
    }
    all[2].send("hello".into()).unwrap();
    for client in &mut all {
        while client.read().unwrap().to_text().unwrap() != "hello" {}
    }
    Command::new("kill").arg(chat.child.id().to_string()).status().unwrap();
    if cfg!(feature = "signals") {
        for client in &mut all {
            let tungstenite::Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no goodbye") };
            assert_eq!(u16::from(frame.code), 1001);
        }
    }
}

/// A second writer, such as one that answers pings, would write into the middle of a message.
#[test]
fn answers_to_pings_are_not_mixed_into_the_messages_of_a_chat() {
    const MESSAGES: usize = 3000;
    // Less than the mailbox of a browser.
    const AT_ONCE: usize = 10;
    let chat = Example::start("chat", "CHAT_", &[]);
    let connect = || {
        let stream = TcpStream::connect(chat.address).unwrap();
        tungstenite::client(format!("ws://{}/chat", chat.address), stream).unwrap().0
    };
    let (mut slow, mut loud) = (connect(), connect());
    for client in [&mut slow, &mut loud] {
        client.send("here".into()).unwrap();
        while client.read().unwrap().to_text().unwrap() != "here" {}
    }
    slow.get_ref().set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut pinging = slow.get_ref().try_clone().unwrap();
    let mut hearing = loud.get_ref().try_clone().unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let ping = [&[0x89, 0x80 | 100, 0, 0, 0, 0][..], &[b'p'; 100]].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::SeqCst) {
                let _ = pinging.write_all(&ping);
            }
        });
        scope.spawn(move || std::io::copy(&mut hearing, &mut std::io::sink()));
        let (mut heard, mut said) = (0, 0);
        while heard < MESSAGES {
            if heard == said {
                said += AT_ONCE;
                (0..AT_ONCE).for_each(|_| loud.send("x".repeat(9000).into()).unwrap());
            }
            match slow.read() {
                Ok(tungstenite::Message::Text(text)) if text.len() == 9000 => {
                    assert!(text.bytes().all(|byte| byte == b'x'), "{heard}: {text}");
                    heard += 1;
                    // Slow enough that frames leave the server in pieces.
                    std::thread::sleep(std::time::Duration::from_micros(300));
                }
                Ok(_) => {}
                Err(error) => panic!("message {heard}: {error}"),
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(chat);
    });
}

#[cfg(feature = "files")]
#[test]
fn application_has_its_page_at_its_own_paths_and_its_interface_behind() {
    let place = Place::new();
    std::fs::create_dir(place.path("dist")).unwrap();
    place.write("dist/index.html", "the application");
    place.write("dist/app.js", "code");
    let backend = drupe::testing::TestServer::new(drupe::handler(|request| {
        let text = drupe::RequestExt::text(request)?;
        let said = format!("{} {} {text}", request.method(), request.uri());
        Ok::<_, drupe::Failure>(([("x-backend", "yes")], said))
    }));
    let spa = Example::start("spa", "SPA_", &[place.path("dist").to_str().unwrap(), &backend.url("")]);
    assert_eq!(spa.curl("/", &[]), ("the application".to_owned(), 200));
    assert_eq!(spa.curl("/app.js", &[]), ("code".to_owned(), 200));
    assert_eq!(spa.curl("/tea/7", &[]), ("the application".to_owned(), 200));
    assert_eq!(spa.curl("/none.js", &[]).1, 404);
    assert_eq!(spa.curl("/api/a?b=c", &[]), ("GET /api/a?b=c ".to_owned(), 200));
    assert_eq!(spa.curl("/api/a", &["-d", "tea"]), ("POST /api/a tea".to_owned(), 200));
    drop(backend);
    assert_eq!(spa.curl("/api/a", &[]).1, 502);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn renewed_certificate_is_used_and_clients_without_one_are_refused() {
    use crate::secure::Authority;
    let (place, authority) = (Place::new(), Authority::new("mtls"));
    let (first, second) = (authority.issue(&["localhost", "first"]), authority.issue(&["localhost", "second"]));
    let client = authority.issue(&["ann"]);
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    place.write("certificate", &first.pem);
    place.write("key", &first.key);
    place.write("authority", &authority.pem);
    place.write("client", client.both());
    let mtls = Example::start("mtls", "MTLS_", &[&path("certificate"), &path("key"), &path("authority")]);
    let url = format!("https://localhost:{}/", mtls.address.port());
    let (root, own) = (path("authority"), path("client"));
    let trusting = ["--cacert", &root, "-q", "-s", "--max-time", "60"];
    let known = [&trusting[..], &["--cert", &own, &url]].concat();
    let shown = || String::from_utf8(output("curl", &[&known[..], &["-v"]].concat()).stderr).unwrap();
    assert!(String::from_utf8(output("curl", &known).stdout).unwrap().starts_with("hello, CN=ann, over TLSv1.3"));
    assert!(!output("curl", &[&trusting[..], &[&url]].concat()).status.success());
    assert!(shown().contains("first"));
    place.write("certificate", &second.pem);
    place.write("key", &second.key);
    wait_until("the new certificate is shown", || shown().contains("second"));
}

#[cfg(all(feature = "forms", feature = "json", feature = "router"))]
#[test]
fn notes_are_created_read_changed_and_deleted() {
    let api = Example::start("json_api", "NOTES_", &[]);
    let send = |method: &str, target: &str, content: &str| {
        api.curl(target, &["-X", method, "-H", "Content-Type: application/json", "-d", content])
    };
    assert_eq!(api.curl("/notes", &[]), ("[]".to_owned(), 200));
    let tea = r#"{"id":1,"title":"tea","done":false}"#;
    assert_eq!(send("POST", "/notes", r#"{"title":"tea"}"#), (tea.to_owned(), 201));
    assert_eq!(api.curl("/notes/1", &[]), (tea.to_owned(), 200));
    let done = tea.replace("false", "true");
    assert_eq!(send("PUT", "/notes/1", &done), (done.clone(), 200));
    assert_eq!(api.curl("/notes?done=true", &[]), (format!("[{done}]"), 200));
    assert_eq!(api.curl("/notes?done=false", &[]), ("[]".to_owned(), 200));
    for (method, target, content, status) in [
        ("POST", "/notes", "{", 400),
        ("POST", "/notes", r#"{"title":1}"#, 400),
        ("POST", "/notes", r#"{"title":""}"#, 422),
        ("PUT", "/notes/2", &done, 404),
        ("PATCH", "/notes/1", "", 405),
        ("DELETE", "/notes/x", "", 404),
        ("DELETE", "/notes/1", "", 204),
        ("DELETE", "/notes/1", "", 404),
    ] {
        assert_eq!(send(method, target, content).1, status, "{method} {target} {content}");
    }
    assert_eq!(api.curl("/notes", &["-d", "{}"]).1, 415);
    assert_eq!(api.curl("/notes?done=maybe", &[]).1, 400);
}

#[cfg(all(feature = "files", feature = "multipart", feature = "router"))]
#[test]
fn uploads_arrive_by_a_form_and_resume_after_a_break() {
    let place = Place::new();
    let folder = place.path("uploads");
    std::fs::create_dir(&folder).unwrap();
    let (whole, rest) = (place.write("whole", "a".repeat(100_000)), place.write("rest", "b".repeat(1000)));
    let upload = Example::start("upload", "UPLOAD_", &[folder.to_str().unwrap()]);
    let form = format!("file=@{};filename=../tea.txt", whole.display());
    assert_eq!(upload.curl("/", &["-F", &form]), ("tea.txt: 100000 bytes\n".to_owned(), 200));
    assert_eq!(upload.curl("/", &["-F", &form]).1, 409);
    let head = upload.curl("/files/tea.txt", &["-I"]).0.to_lowercase();
    assert!(head.contains("content-length: 100000\r\n"), "{head}");
    let data = format!("@{}", rest.display());
    let send = |offset: &str| {
        upload.curl(
            "/resume/tea.txt",
            &["-X", "PATCH", "-H", &format!("Upload-Offset: {offset}"), "--data-binary", &data],
        )
    };
    assert_eq!(send("99999").1, 409);
    assert_eq!(send("100000").1, 204);
    assert_eq!(std::fs::read_to_string(folder.join("tea.txt")).unwrap(), "a".repeat(100_000) + &"b".repeat(1000));
    assert_eq!(upload.curl("/resume/..%2Frest", &["-X", "PATCH", "--data-binary", "c"]).1, 404);
    assert_eq!(std::fs::read_to_string(rest).unwrap().len(), 1000);
}

#[cfg(all(feature = "compression", feature = "json", feature = "layers"))]
#[test]
fn page_behind_layers_is_compressed_and_refusals_are_json() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = command("layers").env("PASSWORD", "tea").env("LAYERS_SOCKET_PORT", address.port().to_string()).spawn();
    let layers = Example { child: started("layers", child), address };
    wait_until("it listens", || TcpStream::connect(address).is_ok());
    let known = ["-i", "--compressed", "-u", "ann:tea"];
    let (text, status) = layers.curl("/", &known);
    assert!(status == 200 && text.ends_with("hello, ann\n"), "{text}");
    let head = text.to_lowercase();
    for field in ["content-encoding: gzip\r\n", "x-request-id: ", "x-content-type-options: nosniff\r\n"] {
        assert!(head.contains(field), "{text}");
    }
    let (text, status) = layers.curl("/", &["-i"]);
    assert!(status == 401 && text.to_lowercase().contains("www-authenticate: basic realm=\"tea room\""), "{text}");
    assert!(text.ends_with(r#"{"detail":"unauthorized","status":401}"#), "{text}");
    let (text, status) = layers.curl("/other", &["-u", "ann:tea"]);
    assert_eq!((&*text, status), (r#"{"detail":"there is one page only","status":404}"#, 404));
    // The server's own refusal has the form, too.
    let (text, status) = layers.curl("/", &["-u", "ann:tea", "-H", "Content-Length: 10001"]);
    assert!(status == 413 && text.starts_with('{') && text.ends_with(r#","status":413}"#), "{text}");
}
