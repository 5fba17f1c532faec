//! slowhttptest as the attacker. Other clients must be served meanwhile.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::service::Service;

const CONNECTIONS: &str = "1000";
/// The duration of an attack.
const SECONDS: &str = "15";
/// Descriptors for each side.
const DESCRIPTORS: u32 = 4000;
/// The acceptable time of a small request.
const ACCEPTABLE: Duration = Duration::from_secs(3);

#[test]
#[ignore = "takes a quarter of a minute and slowhttptest; .ci/run has both"]
fn slow_heads_leave_the_program_in_service() {
    let program = Program::start();
    let seen = attack(program.address, "/large", &["-H", "-i", "2"], "/small");
    assert!(seen.connected >= 900, "they were not there: {seen:?}");
}

#[test]
#[ignore = "takes a quarter of a minute and slowhttptest; .ci/run has both"]
fn slow_content_leaves_a_handler_that_wants_it_in_service() {
    let service = Service::start_with(DESCRIPTORS, "");
    let seen = attack(service.address(), "/length", &["-B", "-i", "2", "-s", "8192"], "/small");
    assert!(seen.connected >= 900, "they were not there: {seen:?}");
}

#[test]
#[ignore = "takes a quarter of a minute and slowhttptest; .ci/run has both"]
fn slow_readers_of_a_file_leave_the_program_in_service() {
    let program = Program::start();
    let seen = attack(program.address, "/large", SLOW_READING, "/small");
    assert!(seen.connected >= 900, "they were not there: {seen:?}");
}

#[test]
#[ignore = "takes a quarter of a minute and slowhttptest; .ci/run has both"]
fn slow_readers_of_bytes_leave_a_server_in_service() {
    let service = Service::start_with(DESCRIPTORS, "");
    let seen = attack(service.address(), "/large", SLOW_READING, "/small");
    assert!(seen.connected >= 900, "they were not there: {seen:?}");
}

#[test]
#[ignore = "takes a quarter of a minute and slowhttptest; .ci/run has both"]
fn many_overlapping_ranges_leave_the_program_in_service() {
    let program = Program::start();
    // A thousand overlapping ranges in each request, of each of the connections. They are answered, and it may be over early.
    attack(program.address, "/large", &["-R", "-t", "GET"], "/small");
}

/// A window of half a kibibyte to one, of which 32 bytes are taken every five seconds, three times the same.
const SLOW_READING: &[&str] = &["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"];

/// The results of slowhttptest and of the other clients.
#[derive(Debug)]
struct Seen {
    /// The most connections open at a time, as reported by slowhttptest.
    connected: usize,
}

/// Attacks `target`, and asks for `other` ten times a second until the attack is over: each time there must be an answer.
fn attack(address: SocketAddr, target: &str, mode: &[&str], other: &str) -> Seen {
    let mut command = limited("slowhttptest");
    command.args(["-c", CONNECTIONS, "-r", "400", "-l", SECONDS, "-p", "3", "-v", "1"]).args(mode);
    command.args(["-u", &format!("http://{address}{target}")]);
    let mut attacker = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = attacker.stdout.take().unwrap();
    let is_over = AtomicBool::new(false);
    let (told, (served, longest)) = thread::scope(|scope| {
        let others = scope.spawn(|| {
            let (mut served, mut longest) = (0, Duration::ZERO);
            while !is_over.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let answer = Client::connect(address).get(other);
                assert_eq!(answer.status, 200);
                assert!(begun.elapsed() < ACCEPTABLE, "answer {served} took {:?}", begun.elapsed());
                longest = longest.max(begun.elapsed());
                served += 1;
                thread::sleep(Duration::from_millis(100).saturating_sub(begun.elapsed()));
            }
            (served, longest)
        });
        let mut told = String::new();
        // It draws on a terminal, in bytes of any kind.
        let mut bytes = Vec::new();
        let read = output.read_to_end(&mut bytes);
        is_over.store(true, Ordering::SeqCst);
        read.unwrap();
        told.push_str(&String::from_utf8_lossy(&bytes));
        (told, others.join().expect("everybody else is served"))
    });
    let status = attacker.wait().unwrap();
    assert!(status.success(), "slowhttptest, which this test needs on the PATH: {status}\n{told}");
    println!("{mode:?}: {served} others were served, in {longest:?} at the most");
    assert!(served > 10, "{served} others were served");
    let rows = |name: &str| told.lines().filter(move |line| line.contains(name)).map(plain).collect::<Vec<_>>();
    let available = rows("service available:");
    assert!(!available.is_empty() && available.iter().all(|row| row.ends_with("YES")), "{available:?}\n{told}");
    let connected = rows("connected:").iter().filter_map(|row| row.rsplit(' ').next()?.parse().ok()).max();
    Seen { connected: connected.unwrap_or(0) }
}

/// Removes the colours from a line.
fn plain(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.split_once(char::is_alphabetic)).map(|(_, text)| text);
    (first + &rest.collect::<String>()).trim().to_owned()
}

/// `program` with the needed limit of descriptors.
fn limited(program: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\""), program]);
    shell
}

/// The program `drupe`, serving a folder with a `small` and a `large` file; dropping the value ends
/// the program.
struct Program {
    child: Child,
    address: SocketAddr,
    folder: std::path::PathBuf,
}

impl Program {
    fn start() -> Self {
        let name = format!("drupe-slow-{}-{:?}", std::process::id(), thread::current().id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("small"), "small").unwrap();
        std::fs::write(folder.join("large"), vec![b'x'; 16 << 20]).unwrap();
        let mut command = limited(env!("CARGO_BIN_EXE_drupe"));
        command.args(["--quiet", "--socket-port", "0"]).arg("--host-name=a").arg(&folder).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| crate::program::address_of(&line, "http://"));
        let address = address.expect("it says where it listens").parse().unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self { child, address, folder }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
