//! A server in a process of its own, so that the figures are those of the server: this program, run
//! again for one test that serves.
//!
//! The test asks and stops the server over standard input, which works while the sockets are busy.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use drupe::stream::{Overflow, Sender};
use drupe::{Body, Request, Response, Server, Upgraded};
use log::{LevelFilter, Log, Metadata, Record};

use crate::client::PATIENCE;
use crate::door::Door;
use crate::figures::Figures;
use crate::process::wait_until_stopped;

/// A server in another process; dropping the value ends the process.
pub(crate) struct Service {
    child: Child,
    /// The channel to the server. Closing it ends the process, also if the test panics.
    talk: Mutex<Option<(ChildStdin, mpsc::Receiver<String>)>>,
    logged: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    address: SocketAddr,
}

impl Service {
    /// Starts one with `settings`, written as text: `thread_pool=4 header_timeout=2`.
    pub(crate) fn start(settings: &str) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), settings)
    }

    /// As [`start`](Self::start), with `descriptors` as the limit of the process.
    pub(crate) fn start_with(descriptors: u32, settings: &str) -> Self {
        Self::start_after(&format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""), settings)
    }

    /// As [`start`](Self::start), run by the shell `script`, whose `$0` and `$@` are the program and its arguments.
    pub(crate) fn start_after(script: &str, settings: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(std::env::current_exe().unwrap());
        Self::run(shell, settings)
    }

    /// As [`start`](Self::start), with every system call written to `file`.
    ///
    /// # Panics
    /// If there is no strace: a missing program must fail the test.
    pub(crate) fn start_traced(file: &Path, settings: &str) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(file).arg(std::env::current_exe().unwrap());
        Self::run(strace, settings)
    }

    fn run(mut command: Command, settings: &str) -> Self {
        command.args(["service::serve", "--exact", "--nocapture"]).env(SETTINGS, settings);
        // What glibc's allocator keeps for each of many threads, and of large blocks that were freed, would hide what we keep.
        command.env("MALLOC_ARENA_MAX", "1").env("MALLOC_MMAP_THRESHOLD_", "131072");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = command.get_program().to_owned();
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("this test needs {program:?} on the PATH: {error}"));
        let input = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        let logged: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&logged);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match line.strip_prefix(MARK).and_then(|line| line.split_once(' ')) {
                    Some(("log", text)) => log.lock().unwrap().push(text.to_owned()),
                    Some(("told", text)) => drop(tell.send(text.to_owned())),
                    // A line of the test harness.
                    _ => {}
                }
            }
        });
        let address = told.recv_timeout(PATIENCE).expect("it says where it listens").parse().unwrap();
        Self { child, talk: Mutex::new(Some((input, told))), logged, reader: Some(reader), address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The figures of the process.
    pub(crate) fn figures(&self) -> Figures {
        Figures::of(self.child.id())
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{name}: {sent}");
    }

    /// Stops the process until the signal `CONT`.
    pub(crate) fn hold(&self) {
        self.signal("STOP");
        wait_until_stopped(self.child.id());
    }

    /// The warnings and errors logged by the server.
    pub(crate) fn logged(&self) -> Vec<String> {
        self.logged.lock().unwrap().clone()
    }

    /// The current counts of the server.
    pub(crate) fn counts(&self) -> Counts {
        let line = self.ask("statistics");
        let pairs = line.split(' ').map(|pair| pair.split_once('=').unwrap());
        Counts(pairs.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect())
    }

    /// Stops the server. Returns the numbers of finished and of cut requests, and the milliseconds
    /// taken.
    pub(crate) fn stop(&self) -> [u64; 3] {
        let line = self.ask("stop");
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Lets all handlers of `/hold` go on that wait by now.
    pub(crate) fn release(&self) {
        self.ask("release");
    }

    fn ask(&self, what: &str) -> String {
        let mut talk = self.talk.lock().unwrap();
        let (input, told) = talk.as_mut().expect("it is there until it is dropped");
        writeln!(input, "{what}").unwrap();
        told.recv_timeout(PATIENCE).expect("it answers")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        *self.talk.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// The statistics of a server, by name.
#[derive(Clone, Debug)]
pub(crate) struct Counts(HashMap<String, u64>);

impl Counts {
    pub(crate) fn of(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no count is called {name}"))
    }
}

// ---- the other side ----

/// The server in the child process; does nothing by itself.
#[test]
fn serve() {
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    log::set_logger(&Told).unwrap();
    log::set_max_level(LevelFilter::Warn);
    // A thousand panics on purpose are not to fill the screen.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            usual(info);
        }
    }));
    let mut server = Server::new(handle);
    server.settings.socket_port = 0;
    for (name, value) in settings.split_whitespace().map(|pair| pair.split_once('=').unwrap()) {
        server.settings.set(name, value).unwrap();
    }
    server.start().unwrap();
    tell("told", &server.bound_addr().unwrap().to_string());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "stop" => {
                let stopped = server.stop();
                tell("told", &format!("{} {} {}", stopped.finished, stopped.cut, stopped.took.as_millis()));
            }
            "release" => {
                std::mem::take(&mut *HELD.lock().unwrap()).open();
                tell("told", "released");
            }
            _ => tell("told", &counts(&server)),
        }
    }
}

/// Every kind of handler there is a test for.
fn handle(request: &mut Request) -> Response {
    let (kind, rest) = request.uri().path()[1..].split_once('/').unwrap_or((&request.uri().path()[1..], ""));
    let body: Body = match kind {
        "panic" => std::panic::panic_any(ON_PURPOSE),
        "large" => (*LARGE).into(),
        "ignore" => "ignored".into(),
        "block" => {
            thread::sleep(Duration::from_millis(rest.parse().unwrap()));
            request.uri().to_string().into()
        }
        "hold" => {
            let door = HELD.lock().unwrap().clone();
            door.pass();
            "held".into()
        }
        "bytes" => Body::sized(std::io::repeat(b'x'), rest.parse().unwrap()),
        // Made for this request, unlike `large`.
        "copy" => vec![b'x'; rest.parse().unwrap()].into(),
        "owner" => Bytes::from_owner(vec![b'x'; rest.parse().unwrap()]).into(),
        // A quarter of the memory it keeps.
        "quarter" => {
            let mut content = vec![b'x'; rest.parse().unwrap()];
            content.truncate(content.len() / 4);
            content.into()
        }
        "range" => {
            let content = Bytes::from(vec![b'x'; rest.parse().unwrap()]);
            content.slice(content.len() / 2..).into()
        }
        "cached" => CACHED.get_or_init(|| vec![b'x'; rest.parse().unwrap()].into()).clone().into(),
        #[cfg(feature = "files")]
        "file" => return drupe::Handler::handle(&*FILES, request),
        "upgrade" => return drupe::upgrade(request, "echo", |mut stream| drop(echo(&mut stream))),
        // So many events of so many bytes.
        "events" => {
            let (count, length) = rest.split_once('/').unwrap();
            events(count.parse().unwrap(), length.parse().unwrap())
        }
        // Takes all descriptors there are but so many, until the next one.
        "fill" => {
            let mut taken = TAKEN.lock().unwrap();
            taken.clear();
            taken.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
            let left = taken.len().saturating_sub(rest.parse().unwrap_or(usize::MAX));
            taken.truncate(left);
            "filled".into()
        }
        "count" => match std::io::copy(request.body_mut(), &mut std::io::sink()) {
            Ok(count) => count.to_string().into(),
            Err(_) => "cut".into(),
        },
        "length" => match std::mem::take(request.body_mut()).into_vec() {
            Ok(content) => content.len().to_string().into(),
            Err(_) => "cut".into(),
        },
        _ => request.uri().to_string().into(),
    };
    Response::new(body)
}

/// Ends when the client leaves or the server stops.
fn echo(stream: &mut Upgraded) -> std::io::Result<()> {
    let mut room = [0; 4096];
    loop {
        let length = stream.read(&mut room)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&room[..length])?;
    }
}

/// Files opened by `/fill`.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

fn counts(server: &Server) -> String {
    let statistics = server.statistics();
    let counts = [
        ("accepts", statistics.accepts),
        ("requests", statistics.requests),
        ("answered", statistics.answered),
        ("broken_off", statistics.broken_off),
        ("bytes_read", statistics.bytes_read),
        ("bytes_written", statistics.bytes_written),
        ("tls_bytes_read", statistics.tls_bytes_read),
        ("refused", statistics.refused),
        ("turned_away", statistics.turned_away),
        ("timed_out", statistics.timed_out),
        ("panics", statistics.panics),
        ("handshakes_failed", statistics.handshakes_failed),
        ("proxy_refused", statistics.proxy_refused),
        ("connections", statistics.connections as u64),
        ("upgraded", statistics.upgraded as u64),
        ("queue", statistics.queue as u64),
        ("parked", statistics.parked as u64),
        ("parked_bytes", statistics.parked_answer_bytes + statistics.parked_request_bytes),
        ("threads", statistics.threads as u64),
        ("threads_idle", statistics.threads_idle as u64),
    ];
    counts.map(|(name, count)| format!("{name}={count}")).join(" ")
}

/// Writes a line of its own, even if the test harness has begun a line.
fn tell(kind: &str, text: &str) {
    let mut output = std::io::stdout().lock();
    write!(output, "\n{MARK}{kind} {text}\n").unwrap();
    output.flush().unwrap();
}

/// A logger that passes records on to the test.
struct Told;

impl Log for Told {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        tell("log", &format!("{}", record.args()));
    }

    fn flush(&self) {}
}

/// The answer of `/cached`, made by the first request.
static CACHED: OnceLock<Bytes> = OnceLock::new();

/// The door of `/hold`.
static HELD: LazyLock<Mutex<Door>> = LazyLock::new(Mutex::default);

/// A stream of events, without a thread of its own. A client that reads too slowly is disconnected.
fn events(count: usize, length: usize) -> Body {
    let (sender, body) = Body::channel(64 << 10);
    LISTENERS.lock().unwrap().push(Listener { sender, sent: 0, count, length });
    body
}

struct Listener {
    sender: Sender,
    sent: usize,
    count: usize,
    length: usize,
}

impl Listener {
    /// Sends the next event. Returns false if the stream is over.
    fn go_on(&mut self) -> bool {
        let event = format!("{:1$}", self.sent, self.length);
        self.sent += 1;
        self.sender.send_or(event, Overflow::Disconnect).is_ok() && self.sent < self.count
    }
}

/// All streams, served by one thread.
static LISTENERS: LazyLock<Arc<Mutex<Vec<Listener>>>> = LazyLock::new(|| {
    let listeners: Arc<Mutex<Vec<Listener>>> = Arc::default();
    let all = Arc::clone(&listeners);
    let go_on = move || {
        loop {
            all.lock().unwrap().retain_mut(Listener::go_on);
            thread::sleep(Duration::from_millis(5));
        }
    };
    // Without a name of its own the thread would have that of a worker.
    thread::Builder::new().name("events".to_owned()).spawn(go_on).unwrap();
    listeners
});

/// The files of `/file`: the whole file system.
#[cfg(feature = "files")]
static FILES: LazyLock<drupe::Files> = LazyLock::new(|| drupe::Files::new("/").unwrap().prefix("/file").dotfiles(true));

/// The answer of `/large`: larger than all buffers on the way, and in memory once only.
static LARGE: LazyLock<&'static [u8]> = LazyLock::new(|| Box::leak(vec![b'x'; LARGE_LENGTH].into_boxed_slice()));

pub(crate) const LARGE_LENGTH: usize = 16 << 20;

const ON_PURPOSE: &str = "a defect of the handler, on purpose";
const SETTINGS: &str = "DRUPE_TEST_SERVE";
const MARK: &str = "@@ ";
