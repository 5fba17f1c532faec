//! Starts and reloads without descriptors, for every system call that needs one.
//!
//! A limit (`ulimit`, here and in `faults`) tests calls that keep their descriptor. strace makes
//! the other calls fail: those that close their descriptor again.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use drupe::{Request, Server};

use crate::client::{Client, PATIENCE, wait_until};
use crate::faults::lacking;
use crate::place::{Place, run};
use crate::process::{assert_nothing_left, descriptors, is_of_the_program, no_descriptors};
use crate::program::drupe;
use crate::secure::{AUTHORITY, config, connect, connect_to, shake, shown, trusting};

// ---- the program ----

/// Input files of all kinds, and a directory for the program's own files.
struct Folder {
    place: Place,
    own: Place,
    listen: String,
}

impl Folder {
    /// Creates the files for a program that listens on a Unix socket and on `elsewhere`.
    fn new(elsewhere: &str) -> Self {
        let (place, own) = (Place::new(), Place::new());
        let listen = format!("[\"unix:{}\"{elsewhere}]", own.socket().display());
        let folder = Self { place, own, listen };
        folder.place.write("served", "content");
        folder.certify("old.test");
        folder.configure("old");
        folder
    }

    /// Writes a certificate for `host`.
    fn certify(&self, host: &str) {
        let made = AUTHORITY.issue(&["localhost", host]);
        self.place.write("ca.pem", &AUTHORITY.pem);
        self.place.write("a.pem", &made.pem);
        self.place.write("a.key", &made.key);
        self.place.write("sni.pem", made.both());
        for name in ["a.key", "sni.pem"] {
            // Else every user could read it, which would be a warning.
            fs::set_permissions(self.place.path(name), Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn configure(&self, software: &str) {
        let (at, own) = (|name| self.place.path(name), |name| self.own.path(name));
        let text = format!(
            "[drupe]\ndirectory = {:?}\naccess_log = {:?}\npid_file = {:?}\n[server]\nsoftware = {software:?}\n\
             listen = {}\nsocket_user = {:?}\nsocket_group = {:?}\nssl_certificate = {:?}\nssl_private_key = {:?}\n\
             ssl_sni = [{:?}]\nssl_client_ca = {:?}\nssl_verify_mode = \"optional\"\n",
            at("."),
            own("log"),
            own("pid"),
            self.listen,
            who("-un"),
            who("-gn"),
            at("a.pem"),
            at("a.key"),
            at("sni.pem"),
            at("ca.pem"),
        );
        self.place.write("drupe.toml", text);
    }

    /// The arguments that have the program go by all that.
    fn arguments(&self) -> Vec<String> {
        let config = self.place.path("drupe.toml").to_str().unwrap().to_owned();
        vec!["--host-name=a".to_owned(), "--config".to_owned(), config]
    }
}

/// Returns the name of the current user or group.
fn who(what: &str) -> String {
    let output = Command::new("id").arg(what).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The program, which may start or not.
struct Started {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Started {
    /// Starts the program by `command`, and waits until the program serves or has ended.
    fn by(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&said);
        let reader = Some(thread::spawn(move || lines.for_each(|line| keep.lock().unwrap().push(line))));
        let mut started = Self { child, said, reader };
        wait_until("it serves or has ended", || started.has_ended() || started.has_said("press Ctrl-C to stop"));
        started
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn has_said(&self, what: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(what))
    }

    /// Returns the exit status and the whole output.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        wait_until("it has ended", || self.has_ended());
        self.reader.take().unwrap().join().unwrap();
        let mut said = std::mem::take(&mut *self.said.lock().unwrap());
        said.retain(|line| is_of_the_program(line));
        (self.child.wait().unwrap().code(), said)
    }

    /// The TCP address of the program.
    fn address(&self) -> SocketAddr {
        let said = self.said.lock().unwrap();
        let (_, rest) = said.iter().find_map(|line| line.split_once("https://")).unwrap();
        rest.split([',', '/', ' ']).next().unwrap().parse().unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the outcome of a start: the error, or the answer of a program that served and ended
/// normally.
fn outcome(command: &mut Command, folder: &Folder) -> Result<u16, String> {
    let started = Started::by(command);
    if started.has_said("press Ctrl-C to stop") {
        let answer = over_unix(&folder.own.socket()).get("/served");
        assert!(matches!((answer.status, answer.text()), (200, "content") | (503, _)), "{answer:?}");
        // Not by the child, which may be strace.
        signal(&folder.own, "TERM");
        let (code, said) = started.end();
        assert_eq!(code, Some(0), "{said:?}");
        assert_eq!(folder.own.names(), ["log"], "{said:?}");
        fs::remove_file(folder.own.path("log")).unwrap();
        return Ok(answer.status);
    }
    let (code, said) = started.end();
    assert_eq!(said.len(), 1, "{said:?}");
    if !said[0].starts_with("drupe: ") {
        // Its libraries are not there.
        assert!(code == Some(127) && said[0].contains("error while loading shared libraries"), "{said:?}");
    } else {
        assert!(matches!(code, Some(1 | 2)), "{code:?} {said:?}");
        // The C library looks names up, and does not report the missing descriptor.
        let names_why = said[0].ends_with(&no_descriptors());
        assert!(names_why || said[0].starts_with("drupe: cannot find an address of host \"localhost\": "), "{said:?}");
    }
    // The log is opened early, so that later failures can be logged; an empty one may stay.
    let left = folder.own.names();
    assert!(left.is_empty() || left == ["log"], "{left:?} is left: {said:?}");
    if !left.is_empty() {
        assert_eq!(fs::read_to_string(folder.own.path("log")).unwrap(), "");
        fs::remove_file(folder.own.path("log")).unwrap();
    }
    Err(said[0].trim_start_matches("drupe: ").to_owned())
}

/// A client over TLS over a Unix socket.
fn over_unix(path: &Path) -> Client {
    let socket = TcpStream::from(OwnedFd::from(UnixStream::connect(path).unwrap()));
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::over_line(Box::new(shake(socket, &config(None)).unwrap()))
}

fn number(own: &Place) -> String {
    fs::read_to_string(own.path("pid")).unwrap().trim().to_owned()
}

fn signal(own: &Place, name: &str) {
    run("kill", &["-s", name, &number(own)]);
}

/// Descriptor limits from just enough to load the libraries, up to enough for everything.
#[test]
fn program_without_descriptors_names_the_use_and_leaves_nothing() {
    let folder = Folder::new("");
    let (mut failures, mut served) = (Vec::new(), Vec::new());
    for most in 4..64 {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]);
        command.arg(drupe().get_program()).args(folder.arguments()).env_clear();
        match outcome(&mut command, &folder) {
            Err(said) => failures.push(said),
            Ok(status) => served.push(status),
        }
        if served.last() == Some(&200) {
            break;
        }
    }
    println!("{failures:#?}");
    // The first that starts has room for a connection and none for a file; and who waits for another connection has its descriptor already.
    let (last, before) = served.split_last().expect("it starts");
    assert!(*last == 200 && before.iter().all(|status| *status == 503), "{served:?}");
}

/// Neither settings nor certificates nor the log.
#[test]
fn files_that_cannot_be_reopened_without_descriptors_stay_in_use() {
    let folder = Folder::new(", \"tcp://localhost:0\"");
    let mut command = drupe();
    command.args(folder.arguments());
    let program = Started::by(&mut command);
    let address = program.address();
    let limit = |most: &str| run("prlimit", &["--pid", &number(&folder.own), &format!("--nofile={most}:")]);
    let log = |name: &str| fs::read_to_string(folder.own.path(name)).map_or(0, |text| text.lines().count());
    let mut client = connect_to(address);
    let mut ask = || {
        let answer = client.get("/served");
        (answer.status, answer.field("server").map(str::to_owned))
    };
    let (old, new) = (Some("old".to_owned()), Some("new".to_owned()));
    assert_eq!((ask(), shown(address)), ((200, old.clone()), "old.test"));

    folder.certify("new.test");
    folder.configure("new");
    fs::rename(folder.own.path("log"), folder.own.path("log.1")).unwrap();
    limit("4");
    let why = no_descriptors();
    let file = folder.place.path("drupe.toml");
    let settings = format!(
        "cannot reload settings: cannot read settings from {}: {why}; the old settings stay in effect",
        file.display()
    );
    let certificates = format!(
        "cannot reload certificates: setting ssl_certificate: cannot read {:?}: {why}; the old certificates stay in use",
        folder.place.path("a.pem")
    );
    let access =
        format!("cannot reopen the access log {}: {why}; the old file stays in use", folder.own.path("log").display());
    signal(&folder.own, "HUP");
    wait_until("settings are not read", || program.has_said(&settings));
    wait_until("nor is the log opened", || program.has_said(&access));
    signal(&folder.own, "USR1");
    wait_until("nor are certificates", || program.has_said(&certificates));
    // The program goes on: without files, with its old settings and its old log.
    assert_eq!(ask(), (503, old.clone()));
    wait_until("it is logged", || log("log.1") == 2);

    limit("64");
    assert_eq!((ask(), shown(address)), ((200, old), "old.test"));
    signal(&folder.own, "HUP");
    wait_until("all is new", || ask() == (200, new.clone()));
    wait_until("the log is", || folder.own.path("log").exists());
    assert_eq!(shown(address), "new.test");
    signal(&folder.own, "TERM");
    let (code, said) = program.end();
    assert_eq!((code, folder.own.names()), (Some(0), vec!["log".to_owned(), "log.1".to_owned()]), "{said:?}");
}

// ---- every call ----

/// All but `accept4`, which a start does not need.
const CALLS: &[&str] = &["openat", "socket", "socketpair", "pipe2", "epoll_create1", "eventfd2"];

/// Runs `program` repeatedly so that a different system call fails each time for lack of a
/// descriptor. Returns the purpose of each call and the outcome. Skips the calls that `program`
/// `burns` first.
fn each_call<T>(burns: usize, mut program: impl FnMut(Command) -> T) -> Vec<(String, T)> {
    let place = Place::new();
    let file = place.path("trace");
    let mut all = Vec::new();
    for call in CALLS {
        let first = if ["openat", "socket"].contains(call) { burns + 1 } else { 1 };
        for number in first.. {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o"]).arg(&file).args(["-e", &format!("trace={call}")]);
            strace.args(["-e", &format!("inject={call}:error=EMFILE:when={number}")]);
            let come_of_it = program(strace);
            let Some(what) = injected(&fs::read_to_string(&file).unwrap()) else { break };
            all.push((what, come_of_it));
        }
    }
    all
}

/// Returns the failed call: of the thread that has marked its end, before the mark, or else the
/// first.
///
/// A line is `7 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = -1 EMFILE (Too many open
/// files) (INJECTED)`, or the same in two parts.
fn injected(trace: &str) -> Option<String> {
    let mark = trace.lines().position(|line| line.contains(END));
    let thread = trace.lines().nth(mark.unwrap_or_default())?.split(' ').next()?;
    let own = trace.lines().take(mark.unwrap_or(usize::MAX)).filter(|line| line.split(' ').next() == Some(thread));
    let own: Vec<&str> = own.map(|line| line.split_once(' ').unwrap().1.trim()).collect();
    let at = own.iter().position(|line| line.ends_with("(INJECTED)"))?;
    let line = if own[at].contains(" resumed>") { own[at - 1] } else { own[at] };
    Some(line.split(" = ").next().unwrap().trim().to_owned())
}

/// True for optional lookups, most of them by the C library; a program without `/dev/tty` has no
/// terminal.
fn is_of_libraries(what: &str) -> bool {
    let its_own = [
        "\"/lib",
        "\"/usr/",
        "\"/etc/",
        "\"/proc/",
        "\"/sys/",
        "\"/dev/tty",
        "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK",
        "SOCK_DGRAM",
        "AF_NETLINK",
    ];
    its_own.iter().any(|part| what.contains(part))
}

#[test]
#[ignore = "needs strace; .ci/run has it"]
fn each_call_without_a_descriptor_is_reported_or_skipped() {
    let folder = Folder::new(", \"tcp://localhost:0\"");
    let all = each_call(0, |mut strace| {
        strace.arg(drupe().get_program()).args(folder.arguments()).env_clear();
        outcome(strace.env("PATH", std::env::var_os("PATH").unwrap()), &folder)
    });
    let mut own = 0;
    for (what, come_of_it) in &all {
        println!("{what}: {come_of_it:?}");
        if is_of_libraries(what) {
            continue;
        }
        own += 1;
        let said = come_of_it.as_ref().expect_err(what);
        let named = match what.split_once('"') {
            Some((_, path)) => path.split('"').next().unwrap(),
            None if what.starts_with("socketpair(") => "cannot set up signals",
            None if what.starts_with("e") => "cannot set up epoll",
            None if what.starts_with("socket(AF_UNIX") => "cannot listen on unix:",
            None => "cannot listen on ",
        };
        assert!(said.contains(named), "{what}: {said}");
    }
    println!("{own} calls of its own, {} of its libraries", all.len() - own);
}

/// Each is one that the start fails at, by an error that says so to a program; and the next start works.
#[test]
#[ignore = "needs strace; .ci/run has it"]
fn each_start_call_without_a_descriptor_is_a_typed_error() {
    let folder = Folder::new("");
    let all = each_call(BURNT, |mut strace| {
        strace.arg(std::env::current_exe().unwrap()).args(["exhausted::begin", "--exact", "--nocapture"]);
        let output = strace
            .env(FOLDERS, format!("{}:{}", folder.place.path("").display(), folder.own.path("").display()))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lacking = text.lines().find_map(|line| line.strip_prefix(LACKING)).map(str::to_owned);
        (output.status.success(), lacking, String::from_utf8_lossy(&output.stderr).into_owned())
    });
    let mut seen = BTreeMap::new();
    for (what, (is_well, lacking, told)) in &all {
        println!("{what}: {lacking:?}");
        assert!(is_well, "{what}: {told}");
        if is_of_libraries(what) {
            continue;
        }
        let lacking = lacking.as_deref().expect(what);
        // One or two, as localhost is here.
        let is_tcp = lacking.starts_with("127.0.0.1:") || lacking.starts_with("[::1]:");
        *seen.entry(if is_tcp { "tcp" } else { lacking }).or_insert(0) += 1;
    }
    let unix = format!("unix:{}", folder.own.socket().display());
    let expected = [
        // The wake-up descriptor, and that of upgraded connections.
        ("epoll", 3),
        ("ssl_certificate", 1),
        ("ssl_certificate_chain", 1),
        ("ssl_client_ca", 1),
        ("ssl_private_key", 1),
        ("ssl_sni", 1),
        // And a handle on its file.
        (&*unix, 2),
    ];
    assert!(matches!(seen.remove("tcp"), Some(1 | 2)), "{all:?}");
    assert_eq!(seen, BTreeMap::from(expected));
}

/// The start in the child process; does nothing by itself.
///
/// strace counts calls for each thread. The starting thread makes so many calls first that those of
/// other threads do not fail, and the asking thread makes more.
#[test]
fn begin() {
    let Ok(folders) = std::env::var(FOLDERS) else { return };
    let (place, own) = folders.split_once(':').unwrap();
    let mut server = Server::new(|_: &mut Request| "hello");
    for (name, value) in [
        ("listen", format!("tcp://localhost:0,unix:{own}s")),
        ("ssl_certificate", format!("{place}a.pem")),
        ("ssl_certificate_chain", format!("{place}ca.pem")),
        ("ssl_private_key", format!("{place}a.key")),
        ("ssl_client_ca", format!("{place}ca.pem")),
        ("ssl_verify_mode", "optional".to_owned()),
        ("ssl_sni", format!("{place}sni.pem")),
    ] {
        server.settings.set(name, &value).unwrap();
    }
    let client = trusting(&fs::read_to_string(format!("{place}ca.pem")).unwrap(), None);
    let before = descriptors();
    thread::scope(|scope| {
        let starting = scope.spawn(|| {
            burn(BURNT);
            let started = server.start();
            drop(File::open(END));
            if let Err(error) = started {
                println!("\n{LACKING}{}", lacking(&error));
                assert_nothing_left(before, "after it failed");
                assert_eq!(fs::read_dir(own).unwrap().count(), 0);
                server.start().unwrap();
            }
        });
        starting.join().unwrap();
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            burn(2 * BURNT);
            connect(server.bound_addr().unwrap(), &client).unwrap().assert_in_step("/", "hello");
        });
    });
    server.stop();
}

/// Opens and closes descriptors.
fn burn(times: usize) {
    for _ in 0..times {
        drop((File::open("/dev/null"), UdpSocket::bind("127.0.0.1:0")));
    }
}

/// More than a thread here makes otherwise.
const BURNT: usize = 64;
const END: &str = "/the end of the start";
const LACKING: &str = "@@ lacking ";
const FOLDERS: &str = "DRUPE_TEST_FOLDERS";
