//! Inherited sockets, and several listeners at once.
//!
//! Each test starts this program again as the server, by a Python script that opens the sockets, or
//! by systemd's own tool.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use drupe::{Error, Request, RequestExt, Server};

use crate::client::{Client, wait_until};
use crate::place::{Place, curl, run};
use crate::process::descriptors;

/// The server: listens on `DRUPE_TEST_LISTEN` until a request for `/stop`. Does nothing by itself.
#[test]
fn serve() {
    let Ok(listen) = std::env::var("DRUPE_TEST_LISTEN") else { return };
    static SERVER: std::sync::OnceLock<drupe::ServerHandle> = std::sync::OnceLock::new();
    let mut server = Server::new(|request: &mut Request| match request.uri().path() {
        "/stop" => {
            SERVER.get().unwrap().stop();
            "stopped".to_owned()
        }
        "/children" => shared().to_string(),
        "/environment" => format!("{:?}", std::env::var_os("LISTEN_FDS")),
        _ => request.connection().peer().unwrap().to_string(),
    });
    SERVER.set(server.handle()).unwrap();
    server.settings.set("listen", &listen).unwrap();
    for round in 0..std::env::var("DRUPE_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap()) {
        match server.start() {
            Ok(()) => println!("round {round}: {} at {}", server.description(), server.base()),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                println!("round {round}: {error}{cause}");
            }
        }
        let _ = server.block();
        println!("after round {round}: {} descriptors", descriptors());
    }
}

/// The number of sockets from 3 on that a child process gets; at least one.
fn shared() -> usize {
    let links = (3..).map_while(|fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).ok());
    let sockets: Vec<String> = links
        .map_while(|link| link.into_os_string().into_string().ok().filter(|text| text.starts_with("socket:")))
        .collect();
    assert!(!sockets.is_empty());
    let of_child = run("ls", &["-l", "/proc/self/fd"]);
    sockets.iter().filter(|socket| of_child.contains(socket.as_str())).count()
}

/// A server in a process of its own.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// A script that opens the sockets of its first argument as descriptors from 3 on, prints their
/// addresses, and runs the rest of its arguments.
const PASS: &str = r#"
import fcntl, os, socket, sys
opened = []
for what in sys.argv[1].split(','):
    kind, _, where = what.partition(':')
    if kind in ('tcp4', 'tcp6', 'idle'):
        s = socket.socket(socket.AF_INET6 if kind == 'tcp6' else socket.AF_INET)
        s.bind(('::1' if kind == 'tcp6' else '127.0.0.1', 0))
        where = s.getsockname()[1]
    elif kind == 'unix':
        s = socket.socket(socket.AF_UNIX)
        s.bind(where.replace('@', '\0'))
    elif kind == 'datagram':
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elif kind == 'file':
        s = open('/dev/null')
    if kind in ('tcp4', 'tcp6', 'unix'):
        s.listen()
    print(kind, where, flush=True)
    opened.append(fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100))
for at, fd in enumerate(opened):
    os.dup2(fd, 3 + at)
    os.close(fd)
os.environ['LISTEN_PID'] = os.environ.get('DRUPE_TEST_PID', str(os.getpid()))
os.environ['LISTEN_FDS'] = str(len(opened))
os.execv(sys.argv[2], sys.argv[2:])
"#;

impl Running {
    /// Starts the server with `sockets` passed, and `extra` in its environment.
    fn with(sockets: &str, listen: &str, extra: &[(&str, &str)]) -> Self {
        let me = std::env::current_exe().unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", PASS, sockets]).arg(me).args(["inherited::serve", "--exact", "--nocapture"]);
        command.env("DRUPE_TEST_LISTEN", listen).envs(extra.iter().copied()).stdout(Stdio::piped());
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("these tests need {:?}: {error}", command.get_program()));
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next line that begins with `begin`, without that.
    fn line(&mut self, begin: &str) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("no line {begin:?}");
    }

    fn port(&mut self, kind: &str) -> u16 {
        self.line(kind).trim().parse().unwrap()
    }

    /// Returns the rest of the output; the server must end normally.
    fn ends(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn over_tcp(address: impl Into<SocketAddr>, target: &str) -> String {
    Client::connect(address.into()).get(target).text().to_owned()
}

fn over_unix(stream: UnixStream, target: &str) -> String {
    Client::over_unix(stream).get(target).text().to_owned()
}

#[test]
fn sockets_of_every_kind_are_taken_over_at_once() {
    let place = Place::new();
    let path = place.socket();
    let name = format!("drupe-it-{}-passed", std::process::id());
    let sockets = format!("tcp4,unix:{},tcp6,unix:@{name}", path.display());
    let mut server = Running::with(&sockets, "fd:*", &[]);
    let (v4, v6) = (server.port("tcp4"), server.port("tcp6"));
    let expected = format!(
        "http://127.0.0.1:{v4}, unix:{}, http://[::1]:{v6}, unix:@{name} at http://127.0.0.1:{v4}",
        path.display()
    );
    assert_eq!(server.line("round 0: "), expected);
    assert!(over_tcp(([127, 0, 0, 1], v4), "/").starts_with("127.0.0.1:"));
    assert!(over_tcp(([0, 0, 0, 0, 0, 0, 0, 1], v6), "/").starts_with("[::1]:"));
    assert_eq!(over_unix(UnixStream::connect(&path).unwrap(), "/"), "unix:");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    assert_eq!(over_unix(UnixStream::connect_addr(&address).unwrap(), "/"), "unix:");

    // No other process gets them, neither by inheritance nor by name.
    assert_eq!(over_tcp(([127, 0, 0, 1], v4), "/children"), "0");
    assert_eq!(over_tcp(([127, 0, 0, 1], v4), "/environment"), "None");
    assert_eq!(over_tcp(([127, 0, 0, 1], v4), "/stop"), "stopped");
    server.ends();
    assert_eq!(place.names(), ["s"], "the file is its maker's");
}

/// The socket is usable at the next start: a shared socket must not be shut down.
#[test]
fn a_socket_outlives_the_server_and_loses_no_client() {
    let place = Place::new();
    let path = place.socket();
    let mut server =
        Running::with(&format!("tcp4,unix:{}", path.display()), "fd:3,fd:4", &[("DRUPE_TEST_ROUNDS", "20")]);
    let port = server.port("tcp4");
    // Both are open now.
    server.line("unix ");
    let mut left = Vec::new();
    for round in 0..20 {
        // Listening already or not: the kernel queues new clients.
        let mut tcp = Client::over_stream(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let unix = UnixStream::connect(&path).unwrap();
        tcp.assert_in_step("/environment", "None");
        // Before it is stopped: afterwards it would only say where it is asked to listen.
        server.line(&format!("round {round}: http://127.0.0.1:{port}, unix:"));
        assert_eq!(over_unix(unix, "/stop"), "stopped", "round {round}");
        left.push(server.line(&format!("after round {round}: ")));
    }
    assert_eq!(left[0], left[19]);
    server.ends();
}

#[test]
fn a_socket_is_chosen_by_number_or_by_name() {
    let place = Place::new();
    let path = place.socket();
    let sockets = format!("tcp4,unix:{},tcp4", path.display());
    let names = [("LISTEN_FDNAMES", "web:admin:web")];
    let mut server = Running::with(&sockets, "fd:4", &names);
    assert!(server.line("round 0: ").starts_with(&format!("unix:{} at {}", path.display(), path.display())));
    drop(server);
    std::fs::remove_file(&path).unwrap();
    let mut server = Running::with(&sockets, "fd:web", &names);
    let ports = [server.port("tcp4"), server.port("tcp4")];
    let served = server.line("round 0: ");
    assert!(
        served.starts_with(&format!("http://127.0.0.1:{}, http://127.0.0.1:{} at", ports[0], ports[1])),
        "{served}"
    );
    for port in ports {
        assert_eq!(over_tcp(([127, 0, 0, 1], port), "/environment"), "None");
    }
}

/// Inherited and own sockets together.
#[test]
fn inherited_and_own_sockets_may_be_mixed() {
    let place = Place::new();
    let (path, other) = (place.socket(), place.path("t"));
    let listen = format!("fd:3, unix:{}, tcp://127.0.0.1:0, unix:{}", path.display(), other.display());
    let mut server = Running::with("tcp4", &listen, &[]);
    let passed = server.port("tcp4");
    let served = server.line("round 0: ");
    let urls: Vec<&str> = served.split(" at ").next().unwrap().split(", ").collect();
    assert_eq!((urls.len(), urls[0]), (4, &*format!("http://127.0.0.1:{passed}")));
    for url in [urls[0], urls[2]] {
        assert!(over_tcp(url.trim_start_matches("http://").parse::<SocketAddr>().unwrap(), "/").starts_with("127."));
    }
    for path in [&path, &other] {
        assert_eq!(over_unix(UnixStream::connect(path).unwrap(), "/"), "unix:");
    }
    assert_eq!(over_unix(UnixStream::connect(&other).unwrap(), "/stop"), "stopped");
    server.ends();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn unusable_descriptors_are_named_by_number() {
    let pid = [("DRUPE_TEST_PID", "1")];
    for (sockets, listen, extra, expected) in [
        ("tcp4,datagram", "fd:*", &[][..], "cannot listen on fd:4: not a stream socket of TCP or Unix"),
        ("tcp4,file", "fd:4", &[], "cannot listen on fd:4: not a stream socket of TCP or Unix"),
        ("tcp4,idle", "fd:4", &[], "cannot listen on fd:4: the socket does not listen"),
        ("tcp4", "fd:4", &[], "cannot listen on fd:4: not among the passed sockets: 3 (unknown)"),
        ("tcp4", "fd:web", &[], "cannot listen on fd:web: not among the passed sockets: 3 (unknown)"),
        ("tcp4", "fd:3", &pid, "cannot listen on fd:3: no socket was passed to this process, which is "),
    ] {
        let mut server = Running::with(sockets, listen, extra);
        let found = server.line("round 0: ");
        assert!(found.starts_with(expected), "{sockets} {listen}: {found}");
        server.ends();
    }
}

#[test]
fn inherited_address_without_passed_sockets_is_refused() {
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.set("listen", "tcp://127.0.0.1:0,fd:3").unwrap();
    let error = server.start().unwrap_err();
    assert!(matches!(&error, Error::Bind { address, .. } if address == "fd:3"), "{error}");
    assert_eq!(server.description(), "127.0.0.1:0, fd:3");
}

/// systemd's own tool, with a TCP and a Unix socket at once. The tool starts the program at the
/// first client.
#[test]
fn systemd_socket_activate_starts_the_server() {
    let place = Place::new();
    let path = place.socket();
    // It takes no port 0; one that was free a moment ago is not given out again so soon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &format!("127.0.0.1:{port}"), "-l", path.to_str().unwrap(), "--fdname=web:admin"]);
    command.args(["-E", "DRUPE_TEST_LISTEN=fd:web,fd:admin"]).arg(me);
    command.args(["inherited::serve", "--exact", "--nocapture"]).stdout(Stdio::piped());
    let mut server = Running::of(command);
    wait_until("it listens", || path.exists());
    assert_eq!(curl(&path, "/"), "unix: 200");
    let served = server.line("round 0: ");
    assert!(served.starts_with(&format!("http://127.0.0.1:{port}, unix:{}", path.display())), "{served}");
    assert!(over_tcp(([127, 0, 0, 1], port), "/").starts_with("127.0.0.1:"));
    assert_eq!(curl(&path, "/children"), "0 200");
    assert_eq!(curl(&path, "/stop"), "stopped 200");
    server.ends();
    assert!(Path::new(&path).exists(), "the file is systemd's");
}
