//! Unix sockets: the same server, and the socket file.

use std::fs::{self, File};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use drupe::{BindAddr, Body, Error, Peer, Request, RequestExt, Response, Server, ServerHandle, Settings};

use crate::client::{Client, Framing, get, post, wait_until};
use crate::place::{Place, curl, curl_as, is_root, output, run};
use crate::process::{descriptors, is_alone, is_alone_after, threads};

fn hello(_: &mut Request) -> &'static str {
    "hello"
}

fn tell(request: &mut Request) -> std::io::Result<String> {
    let said = format!("{} {}", request.method(), request.uri());
    let length = std::mem::take(request.body_mut()).into_vec()?.len();
    Ok(format!("{said} {length}"))
}

fn connect(path: &Path) -> Client {
    Client::over_unix(UnixStream::connect(path).expect("the server accepts"))
}

// ---- the same server ----

#[test]
fn a_connection_persists_and_answers_in_order() {
    let place = Place::new();
    let server = place.server(tell);
    server.start().unwrap();
    let mut client = connect(&place.socket());
    client.assert_in_step("/1", "GET /1 0");
    client.send([get("/2").as_bytes(), &post("/3", b"abc"), get("/4").as_bytes()].concat());
    for expected in ["GET /2 0", "POST /3 3", "GET /4 0"] {
        assert_eq!(client.answer().text(), expected);
    }
    let large = vec![b'x'; 5 << 20];
    assert_eq!(client.post("/5", &large).text(), format!("POST /5 {}", large.len()));
    let statistics = server.statistics();
    assert_eq!((statistics.accepts, statistics.requests), (1, 5));
    assert!(statistics.bytes_read > large.len() as u64);
}

#[test]
fn every_kind_of_body_arrives() {
    let place = Place::new();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let (file, kept) = (place.path("content"), content.clone());
    fs::write(&file, &content).unwrap();
    let server = place.server(move |request: &mut Request| match request.uri().path() {
        "/file" => Body::from_file(File::open(&file).unwrap()),
        "/stream" => {
            let content = kept.clone();
            Body::stream(move |writer| writer.write_all(&content))
        }
        "/echo" => std::mem::take(request.body_mut()),
        _ => Body::from(kept.clone()),
    });
    server.start().unwrap();
    let mut client = connect(&place.socket());
    for (target, framing) in [("/", Framing::Length), ("/file", Framing::Length), ("/stream", Framing::Chunked)] {
        let answer = client.get(target);
        assert_eq!(answer.framing, framing, "{target}");
        assert!(answer.content == content, "{target} differs");
    }
    // The content echoed while it arrives fills both directions, so the client must read as well.
    let mut sender = client.sender();
    let upload = post("/echo", &content);
    let sending = std::thread::spawn(move || sender.write_all(&upload));
    assert!(client.answer().content == content);
    sending.join().unwrap().unwrap();
}

#[test]
fn silent_and_idle_clients_hold_no_thread() {
    let place = Place::new();
    let mut server = place.server(hello);
    server.settings.thread_pool = 1;
    server.settings.thread_pool_max = Some(1);
    server.start().unwrap();
    let silent: Vec<Client> = (0..100).map(|_| connect(&place.socket())).collect();
    let mut idle: Vec<Client> = (0..100).map(|_| connect(&place.socket())).collect();
    for _ in 0..2 {
        idle.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
    }
    wait_until("all are parked", || server.statistics().parked == silent.len() + idle.len());
}

#[test]
fn a_head_that_does_not_come_is_408_and_an_upload_too_large_reads_its_413() {
    let place = Place::new();
    let mut server = place.server(tell);
    server.settings.header_timeout = Some(Duration::from_millis(50));
    server.settings.max_request_body_size = Some(1000);
    server.start().unwrap();
    let mut client = connect(&place.socket());
    client.send("GET / HT");
    assert_eq!(client.answer().status, 408);
    let mut client = connect(&place.socket());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    client.send(vec![b'x'; 100_000]);
    assert_eq!(client.answer().status, 413);
}

#[test]
fn unix_connection_can_be_upgraded() {
    let place = Place::new();
    let server = place.server(|request: &mut Request| -> Response {
        drupe::upgrade(request, "say", |mut stream| stream.write_all(b"said").unwrap())
    });
    server.start().unwrap();
    let mut client = connect(&place.socket());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: say\r\n\r\n");
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.rest(), b"said");
}

#[test]
fn incomplete_content_over_http_1_0_ends_without_a_reset() {
    let place = Place::new();
    let server = place.server(|_: &mut Request| {
        Body::stream(|writer| {
            writer.write_all(b"part")?;
            writer.flush()?;
            Err(std::io::Error::other("broken"))
        })
    });
    server.start().unwrap();
    let mut client = connect(&place.socket());
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(client.try_rest().unwrap().ends_with(b"\r\n\r\npart"));
    // Chunks tell: the last one is missing.
    let mut client = connect(&place.socket());
    client.send(get("/"));
    assert!(client.try_rest().unwrap().ends_with(b"\r\n4\r\npart\r\n"));
}

#[test]
fn the_peer_is_a_unix_socket_without_credentials_unless_asked() {
    let place = Place::new();
    let server = place.server(|request: &mut Request| {
        assert_eq!(request.connection().local_addr(), None);
        assert_eq!(request.connection().peer(), Some(&Peer::Unix(None)));
        request.connection().peer().unwrap().to_string()
    });
    server.start().unwrap();
    connect(&place.socket()).assert_in_step("/", "unix:");
}

/// A descriptor that a client sends along is not kept.
#[test]
fn descriptors_that_come_along_are_closed() {
    if !is_alone("unix::descriptors_that_come_along_are_closed") {
        return;
    }
    let place = Place::new();
    let server = place.server(hello);
    server.start().unwrap();
    let before = descriptors();
    let script = "import socket, sys\n\
        for _ in range(20):\n\
        \x20 s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
        \x20 socket.send_fds(s, [b'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'], [0, 1, 2] * 10)\n\
        \x20 assert b'hello' in s.makefile('rb').read()\n";
    run("python3", &["-c", script, place.socket().to_str().unwrap()]);
    // Not "as many": while threads start, one of them may have a file open for a moment.
    wait_until("none is left", || descriptors() <= before);
}

// ---- other clients ----

#[test]
fn curl_and_python_are_clients() {
    let place = Place::new();
    let server = place.server(tell);
    server.start().unwrap();
    assert_eq!(curl(&place.socket(), "/a?b"), "GET /a?b 0 200");
    let script = "import http.client, socket, sys\n\
        class Connection(http.client.HTTPConnection):\n\
        \x20 def connect(self):\n\
        \x20  self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(sys.argv[1])\n\
        c = Connection('localhost')\n\
        c.request('GET', '/first'); print(c.getresponse().read().decode())\n\
        c.request('POST', '/second', body=b'x' * 1000000); print(c.getresponse().read().decode())\n\
        c.request('PUT', '/third', body=iter([b'ab', b'c'])); print(c.getresponse().read().decode())\n";
    let printed = run("python3", &["-c", script, place.socket().to_str().unwrap()]);
    assert_eq!(printed, "GET /first 0\nPOST /second 1000000\nPUT /third 3\n");
    assert_eq!(server.statistics().accepts, 2);
}

#[test]
fn an_abstract_name_has_no_file() {
    let name = format!("drupe-it-{}", std::process::id());
    let mut server = Server::new(hello);
    server.settings.set("socket_file", &format!("@{name}")).unwrap();
    server.start().unwrap();
    assert_eq!(curl(Path::new(&format!("@{name}")), "/"), "hello 200");
    assert_eq!(server.base(), format!("@{name}"));
    assert_eq!(server.description(), format!("unix:@{name}"));
    let mut other = Server::new(hello);
    other.set_bind_addr(server.bind_addr());
    assert!(matches!(other.start(), Err(Error::Bind { address, .. }) if address == format!("unix:@{name}")));
    server.restart().unwrap();
    assert_eq!(curl(Path::new(&format!("@{name}")), "/"), "hello 200");
    server.stop();
    other.start().unwrap();
}

// ---- addresses ----

#[test]
fn addresses_are_those_of_the_file() {
    let place = Place::new();
    let mut server = place.server(hello);
    // As the seed says: ignored beside a file.
    server.settings.socket_host = "no such host".to_owned();
    let path = place.socket();
    assert_eq!(server.bind_addr(), BindAddr::Unix(path.clone()));
    assert_eq!(server.description(), format!("unix:{}", path.display()));
    assert_eq!(server.listening(), []);
    server.start().unwrap();
    assert_eq!(server.base(), path.to_str().unwrap());
    assert_eq!(server.description(), format!("unix:{}", path.display()));
    assert_eq!(server.listening(), [BindAddr::Unix(path)]);
    assert_eq!((server.bound_addr(), server.handle().addresses()), (None, vec![]));
}

// ---- permissions ----

#[test]
fn the_file_has_the_mode_and_the_owner_that_are_set() {
    let place = Place::new();
    let mut server = place.server(hello);
    let mode = || fs::symlink_metadata(place.socket()).unwrap().permissions().mode() & 0o7777;
    server.start().unwrap();
    assert_eq!(mode(), 0o660, "the default");
    for (text, bits) in [("0600", 0o600), ("777", 0o777), ("0666", 0o666)] {
        server.settings.set("socket_mode", text).unwrap();
        server.restart().unwrap();
        assert_eq!(mode(), bits);
    }
    if !is_root("owners of a socket file") {
        return;
    }
    let owner = || {
        let file = fs::symlink_metadata(place.socket()).unwrap();
        (file.uid(), file.gid())
    };
    assert_eq!(owner(), (0, 0));
    for (user, group, expected) in [
        ("nobody", "", (65534, 0)),
        ("", "daemon", (0, 1)),
        ("4000000000", "4000000001", (4_000_000_000, 4_000_000_001)),
    ] {
        server.settings.set("socket_user", user).unwrap();
        server.settings.set("socket_group", group).unwrap();
        server.restart().unwrap();
        assert_eq!(owner(), expected);
    }
    server.stop();
    assert_eq!(place.names(), [""; 0], "who gave it away can still remove it");
}

#[test]
fn umask_does_not_affect_the_socket_file() {
    const NAME: &str = "unix::umask_does_not_affect_the_socket_file";
    if !is_alone_after("umask 0177 && exec \"$0\" \"$@\"", NAME) {
        return;
    }
    let place = Place::new();
    let server = place.server(hello);
    server.start().unwrap();
    assert_eq!(fs::symlink_metadata(place.socket()).unwrap().permissions().mode() & 0o7777, 0o660);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    assert!(status.contains("Umask:\t0177\n"), "{status}");
}

#[test]
fn client_without_write_permission_cannot_connect() {
    if !is_root("connecting as other users") {
        return;
    }
    let place = Place::new();
    let mut server = place.server(hello);
    let nobody = |expected| assert_eq!(curl_as(65534, 65534, &place.socket(), "/"), expected);
    server.start().unwrap();
    nobody("cannot connect");
    assert_eq!(curl(&place.socket(), "/"), "hello 200");
    server.settings.socket_group = Some("65534".to_owned());
    server.restart().unwrap();
    nobody("hello 200");
    server.settings.socket_mode = 0o600;
    server.restart().unwrap();
    nobody("cannot connect");
    server.settings.socket_user = Some("nobody".to_owned());
    server.restart().unwrap();
    nobody("hello 200");
    server.settings = Settings::default();
    server.settings.socket_file = Some(place.socket());
    server.settings.socket_mode = 0o666;
    server.restart().unwrap();
    nobody("hello 200");
}

// ---- existing and remaining files ----

#[test]
fn a_hundred_starts_and_stops_leave_no_file() {
    if !is_alone("unix::a_hundred_starts_and_stops_leave_no_file") {
        return;
    }
    let place = Place::new();
    let server = place.server(hello);
    let before = descriptors();
    for _ in 0..100 {
        server.start().unwrap();
        assert_eq!(place.names(), ["s"]);
        let mut idle = connect(&place.socket());
        idle.assert_in_step("/", "hello");
        let _silent = connect(&place.socket());
        server.stop();
        assert_eq!(place.names(), [""; 0]);
        idle.assert_closed();
    }
    wait_until("the threads have left the list", || threads().is_empty());
    assert_eq!(descriptors(), before);
}

#[test]
fn dropping_the_server_removes_the_file() {
    let place = Place::new();
    let server = place.server(hello);
    server.start().unwrap();
    drop(server);
    assert_eq!(place.names(), [""; 0]);
}

/// The path is meant as of the start, wherever the program goes.
#[test]
fn a_relative_path_is_removed_from_another_directory() {
    if !is_alone("unix::a_relative_path_is_removed_from_another_directory") {
        return;
    }
    let place = Place::new();
    std::env::set_current_dir(place.path("")).unwrap();
    let mut server = Server::new(hello);
    // One character: cheroot takes such a path for a host and a port.
    server.settings.socket_file = Some("s".into());
    server.start().unwrap();
    std::env::set_current_dir("/").unwrap();
    connect(&place.socket()).assert_in_step("/", "hello");
    server.stop();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn socket_file_of_a_killed_server_is_replaced() {
    let place = Place::new();
    let script = "import socket, sys, time\n\
        s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n\
        print('ready', flush=True); time.sleep(600)\n";
    let mut other = Command::new("python3");
    other.args(["-c", script, place.socket().to_str().unwrap()]).stdout(Stdio::piped());
    let mut other = other.spawn().unwrap_or_else(|error| panic!("these tests need python3 on the PATH: {error}"));
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(other.stdout.take().unwrap()), &mut said).unwrap();
    assert_eq!(said, "ready\n");

    let server = place.server(hello);
    let alive = server.start().unwrap_err();
    assert!(
        matches!(&alive, Error::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse),
        "{alive:?}"
    );
    let before = fs::symlink_metadata(place.socket()).unwrap().ino();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(fs::symlink_metadata(place.socket()).unwrap().ino(), before, "the live one was left alone");
    server.start().unwrap();
    connect(&place.socket()).assert_in_step("/", "hello");
    server.stop();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn no_other_file_is_ever_touched() {
    let place = Place::new();
    let server = place.server(hello);
    fs::write(place.socket(), "precious").unwrap();
    server.start().unwrap_err();
    assert_eq!(fs::read_to_string(place.socket()).unwrap(), "precious");
    fs::rename(place.socket(), place.path("target")).unwrap();
    std::os::unix::fs::symlink(place.path("target"), place.socket()).unwrap();
    server.start().unwrap_err();
    assert_eq!(fs::read_to_string(place.socket()).unwrap(), "precious");
    fs::remove_file(place.socket()).unwrap();

    // A file that replaces the socket meanwhile is not removed either.
    server.start().unwrap();
    fs::remove_file(place.socket()).unwrap();
    let other = UnixListener::bind(place.socket()).unwrap();
    server.stop();
    UnixStream::connect(place.socket()).unwrap();
    assert!(other.accept().is_ok());
    assert_eq!(place.names(), ["s", "target"]);
}

#[test]
fn impossible_settings_are_named() {
    let place = Place::new();
    let missing = place.path("no/s").to_str().unwrap().to_owned();
    let long = place.path(&"x".repeat(108)).to_str().unwrap().to_owned();
    for (name, value, reason) in [
        ("socket_file", missing.as_str(), "there is no directory"),
        ("socket_file", long.as_str(), "a Unix socket may have 107"),
        ("socket_mode", "1777", "from 0000 to 0777"),
        ("socket_user", "no such user", "is neither the name of a user nor a number"),
        ("socket_group", "no such group", "is neither the name of a group nor a number"),
        ("socket_user", "4294967295", "is neither the name of a user nor a number"),
    ] {
        let mut server = place.server(hello);
        server.settings.set(name, value).unwrap();
        let text = server.start().unwrap_err().to_string();
        assert!(text.starts_with(&format!("setting {name}: ")) && text.contains(reason), "{text}");
        assert!(text.contains(value), "{text}");
        assert_eq!(place.names(), [""; 0]);
    }
}

/// A user who may not give files away gets an error that names the setting.
#[test]
fn unavailable_owner_is_named_and_leaves_nothing() {
    if !is_root("a start as another user") {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    let me = std::env::current_exe().unwrap();
    let copy = place.path("it");
    fs::copy(me, &copy).unwrap();
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", copy.to_str().unwrap()];
    let told = |arguments: &[&str]| {
        let output = output("setpriv", &[&nobody[..], arguments].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = told(&["unix::start_as_another_user", "--exact", "--nocapture"]);
    assert!(text.contains("setting socket_user: cannot give \"root\" the file "), "{text}");
    assert_eq!(place.names(), ["it"]);
}

/// The child process of the test above; does nothing by itself.
#[test]
fn start_as_another_user() {
    let me = std::env::current_exe().unwrap();
    if me.file_name().unwrap() != "it" {
        return;
    }
    let mut server = Server::new(hello);
    server.settings.socket_file = Some(me.with_file_name("s"));
    server.settings.socket_user = Some("root".to_owned());
    println!("{}", server.start().unwrap_err());
}

// ---- restarts ----

#[test]
fn a_restart_keeps_the_address_and_takes_new_ones() {
    let place = Place::new();
    let mut server = place.server(hello);
    server.start().unwrap();
    for _ in 0..20 {
        server.restart().unwrap();
        connect(&place.socket()).assert_in_step("/", "hello");
    }
    server.set_bind_addr(BindAddr::Unix(place.path("other")));
    server.restart().unwrap();
    assert_eq!(place.names(), ["other"]);
    server.set_bind_addr(BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 0 });
    server.restart().unwrap();
    assert_eq!(place.names(), [""; 0]);
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
}

/// The thread that runs the handler lives on for a while, but holds no listener.
#[test]
fn an_address_is_free_once_a_handler_has_stopped_its_server() {
    static SERVER: OnceLock<ServerHandle> = OnceLock::new();
    let place = Place::new();
    let names: [PathBuf; 2] = [place.socket(), format!("\0drupe-it-{}-handler", std::process::id()).into()];
    let (start_again, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let mut server = place.server(move |_: &mut Request| {
        SERVER.get().unwrap().stop();
        let _ = waits.lock().unwrap().recv();
        "stopped"
    });
    SERVER.set(server.handle()).unwrap();
    for name in names {
        server.settings.socket_file = Some(name.clone());
        server.start().unwrap();
        let mut client = Client::over_unix(match server.bind_addr() {
            BindAddr::Unix(path) if path.is_absolute() => UnixStream::connect(path).unwrap(),
            _ => over_abstract(&name),
        });
        client.send(get("/"));
        let mut other = Server::new(hello);
        other.set_bind_addr(BindAddr::Unix(name));
        wait_until("the address is free", || other.start().is_ok());
        other.stop();
        start_again.send(()).unwrap();
        assert_eq!(client.answer().text(), "stopped");
    }
}

fn over_abstract(name: &Path) -> UnixStream {
    let address = SocketAddr::from_abstract_name(&name.as_os_str().as_bytes()[1..]).unwrap();
    UnixStream::connect_addr(&address).unwrap()
}
