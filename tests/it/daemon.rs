//! The program as a daemon: its PID file, its user, and life as process 1 of a container.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use crate::client::{PATIENCE, wait_until};
use crate::place::{Place, is_root};
use crate::process::is_of_the_program;

/// The program, running.
struct Program {
    child: Killed,
    /// The program itself: the child, or the child of that.
    number: u32,
    address: SocketAddr,
    said: BufReader<ChildStderr>,
}

/// A program that ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command line for the program, at a port the system chooses, serving `place`.
fn drupe(wrapped: &[&str], place: &Place, arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let program = env!("CARGO_BIN_EXE_drupe");
    let mut command = match wrapped {
        [] => Command::new(program),
        [wrapper, rest @ ..] => {
            let mut command = Command::new(wrapper);
            command.args(rest).arg(program);
            command
        }
    };
    // Other variables of the environment may be settings of the program.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.args(["--socket-port", "0", "--quiet"]).args(arguments).arg(place.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Program {
    fn start(wrapped: &[&str], place: &Place, arguments: &[&dyn AsRef<OsStr>]) -> Self {
        let mut child = drupe(wrapped, place, arguments).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = crate::program::address_of(&line, "http://").unwrap_or_default();
        let address = address.parse().unwrap_or_else(|_| panic!("it does not serve: {line}"));
        let mut number = child.id();
        if !wrapped.is_empty() {
            let children = fs::read_to_string(format!("/proc/{number}/task/{number}/children")).unwrap();
            number = children.trim().parse().unwrap();
        }
        // It says so once signals are caught.
        Self { child: Killed(child), number, address, said }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.number.to_string()]).status().unwrap().success());
    }

    /// Waits for the end. Returns the status and the output since the start.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.child.0.wait().unwrap(), rest)
    }

    /// Sends a request for `target`; the connection stays open.
    fn begin(&self, target: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        client
    }

    fn get(&self, target: &str) -> String {
        let mut answer = String::new();
        self.begin(target).read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Runs a program that must fail to start. Returns its exit status and output.
fn refused(place: &Place, arguments: &[&dyn AsRef<OsStr>]) -> (Option<i32>, String) {
    // One that starts after all must not be waited for.
    let output = drupe(&["timeout", "30"], place, arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said.split_inclusive('\n').filter(|line| is_of_the_program(line)).collect())
}

fn number_in(file: &Path) -> u32 {
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

#[test]
fn pid_file_is_held_by_one_program_and_removed_at_its_end() {
    let place = Place::new();
    let file = place.path("drupe.pid");
    let first = Program::start(&[], &place, &[&"--pid-file", &file]);
    assert_eq!(number_in(&file), first.number);
    let (code, said) = refused(&place, &[&"--pid-file", &file]);
    let expected = format!(
        "drupe: PID file {} is locked by another process; the file contains \"{}\"\n",
        file.display(),
        first.number
    );
    assert_eq!((code, said), (Some(2), expected));
    assert_eq!(number_in(&file), first.number, "the first one's stays");
    first.signal("TERM");
    let (status, _) = first.end();
    assert!(status.success() && !file.exists(), "{status}");

    // One that was killed leaves it, and is no obstacle.
    let killed = Program::start(&[], &place, &[&"--pid-file", &file]);
    killed.signal("KILL");
    killed.end();
    assert!(file.exists());
    let next = Program::start(&[], &place, &[&"--pid-file", &file]);
    assert_eq!(number_in(&file), next.number);
    next.signal("INT");
    assert!(next.end().0.success() && !file.exists());
}

/// A program that receives a signal right after its start cleans up as well.
#[test]
fn signal_after_the_ready_message_ends_the_program() {
    for signal in ["TERM", "INT"].repeat(10) {
        let place = Place::new();
        let program = Program::start(&[], &place, &[&"--pid-file", &place.path("drupe.pid")]);
        program.signal(signal);
        let (status, said) = program.end();
        assert!(status.success(), "{status}: {said}");
        assert_eq!(place.names(), [""; 0]);
    }
}

/// The program serves but blocks on its message, because the reader does not read; then the signal
/// comes.
#[test]
fn signal_before_the_ready_message_ends_the_program() {
    let place = Place::new();
    let (mut reader, mut full) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.write(b".").is_ok() {}
    full.set_nonblocking(false).unwrap();
    let mut command = drupe(&[], &place, &[&"--pid-file", &place.path("pid"), &"--socket-file", &place.socket()]);
    let child = command.stderr(OwnedFd::from(full)).spawn().unwrap();
    drop(command);
    let mut child = Killed(child);
    let mut client = None;
    wait_until("it accepts", || {
        client = UnixStream::connect(place.socket()).ok();
        client.is_some()
    });
    let mut client = client.unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let number = child.0.id().to_string();
    assert!(answer.ends_with(&format!("\r\n\r\n{number}\n")), "{answer}");
    assert!(Command::new("kill").args(["-s", "TERM", &number]).status().unwrap().success());
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    let status = child.0.wait().unwrap();
    assert!(status.success() && said.ends_with("drupe: press Ctrl-C to stop\n"), "{status}: {said}");
    assert_eq!(place.names(), [""; 0]);
}

/// A signal handled by the thread that waits for room on standard error interrupts the wait.
#[cfg(target_os = "linux")]
#[test]
fn interrupted_wait_for_standard_error_loses_no_lines() {
    let place = Place::new();
    let (mut reader, mut full) = UnixStream::pair().unwrap();
    // The program shares the non-blocking mode.
    full.set_nonblocking(true).unwrap();
    while full.write(b".").is_ok() {}
    let log = place.path("access.log");
    let mut command = drupe(&[], &place, &[&"--access-log", &log, &"--socket-file", &place.socket()]);
    let mut child = Killed(command.stderr(OwnedFd::from(full)).spawn().unwrap());
    drop(command);
    wait_until("it accepts", || UnixStream::connect(place.socket()).is_ok());
    let task = PathBuf::from(format!("/proc/{}/task", child.0.id()));
    let read = |number: &OsStr, name: &str| fs::read_to_string(task.join(number).join(name)).unwrap();
    // One of the threads writes to standard error, the other one the access log.
    let mut writers = Vec::new();
    wait_until("it writes", || {
        writers = fs::read_dir(&task).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        writers.retain(|number| read(number, "comm") == "drupe-log\n");
        writers.len() == 2
    });
    for writer in writers {
        wait_until("it waits", || read(&writer, "stat").contains(") S "));
        fs::remove_file(&log).unwrap();
        // Linux prefers the thread of this number to others of the process.
        assert!(Command::new("kill").args(["-s", "USR1"]).arg(writer).status().unwrap().success());
        wait_until("the signal is obeyed", || log.exists());
    }
    assert!(Command::new("kill").args(["-s", "TERM", &child.0.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    let status = child.0.wait().unwrap();
    assert!(status.success() && said.ends_with("drupe: press Ctrl-C to stop\n"), "{status}: {said}");
    assert!(said.contains("drupe: serving "), "{said}");
}

#[test]
fn root_binds_and_another_user_serves() {
    if !is_root("serving as another user") {
        return;
    }
    let place = Place::new();
    fs::write(place.path("hello.txt"), "hello").unwrap();
    fs::write(place.path("secret.txt"), "secret").unwrap();
    fs::set_permissions(place.path("secret.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    let program = Program::start(&[], &place, &[&"--user", &"nobody", &"--group", &"65533", &"--umask", &"027"]);
    let status = fs::read_to_string(format!("/proc/{}/status", program.number)).unwrap();
    let said = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let all = |id: u32| format!("{id} {id} {id} {id}");
    assert_eq!((said("Uid:"), said("Gid:")), (all(65534), all(65533)));
    assert_eq!((said("Groups:"), said("Umask:")), (String::new(), "0027".to_owned()));
    assert!(program.get("/hello.txt").ends_with("hello"));
    assert!(!program.get("/secret.txt").contains("\r\n\r\nsecret"), "what is root's stays root's");
    program.signal("TERM");
    assert!(program.end().0.success());
}

/// A directory owned by the new user, as reopening a log requires.
fn folder_of(owner: u32, place: &Place) -> PathBuf {
    let folder = place.path("log");
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(owner), Some(owner)).unwrap();
    folder
}

#[test]
fn serving_user_opens_the_access_log() {
    if !is_root("a log of another user") {
        return;
    }
    let place = Place::new();
    let log = folder_of(NOBODY, &place).join("access.log");
    let program = Program::start(&[], &place, &[&"--user", &"nobody", &"--umask", &"077", &"--access-log", &log]);
    let whose = || fs::metadata(&log).map(|facts| (facts.uid(), facts.mode() & 0o777)).unwrap();
    assert_eq!(whose(), (NOBODY, 0o600));
    program.get("/first");
    wait_until("it is logged", || fs::read_to_string(&log).unwrap().contains("GET /first "));
    fs::rename(&log, log.with_extension("1")).unwrap();
    program.signal("USR1");
    wait_until("it is opened anew", || log.exists());
    assert_eq!(whose(), (NOBODY, 0o600));
    program.signal("TERM");
    let (status, said) = program.end();
    assert!(status.success() && !said.contains("error"), "{status}: {said}");
}

#[test]
fn umask_holds_for_the_access_log_without_another_user() {
    let place = Place::new();
    let log = place.path("access.log");
    let program = Program::start(&[], &place, &[&"--umask", &"077", &"--access-log", &log]);
    assert_eq!(fs::metadata(&log).unwrap().mode() & 0o777, 0o600);
    program.get("/first");
    wait_until("it is logged", || fs::read_to_string(&log).unwrap().contains("GET /first "));
    program.signal("TERM");
    assert!(program.end().0.success());
    let missing = place.path("missing/access.log");
    let (code, said) = refused(&place, &[&"--umask", &"077", &"--access-log", &missing]);
    let expected = format!(
        "drupe: option --access-log: cannot open the access log {}: No such file or directory (os error 2)\n",
        missing.display()
    );
    assert_eq!((code, said), (Some(2), expected));
}

/// An attacker in the server's user must not make root write elsewhere at the next start.
#[test]
fn no_log_is_written_or_created_with_root_rights() {
    if !is_root("a log of another user") {
        return;
    }
    let place = Place::new();
    let folder = folder_of(NOBODY, &place);
    let (log, precious) = (folder.join("access.log"), place.path("precious"));
    let (pid, socket) = (folder.join("pid"), folder.join("s"));
    fs::write(&precious, "precious").unwrap();
    for target in [&precious, &place.path("made")] {
        symlink(target, &log).unwrap();
        let (code, said) = refused(
            &place,
            &[&"--user", &"nobody", &"--access-log", &log, &"--pid-file", &pid, &"--socket-file", &socket],
        );
        let expected = format!(
            "drupe: option --access-log: cannot open the access log {} with the rights of the serving user: \
             Permission denied (os error 13)\n",
            log.display()
        );
        assert_eq!((code, said), (Some(2), expected));
        fs::remove_file(&log).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(place.names(), ["log", "precious"]);
    // Nor where it stays root that cannot become another.
    let started = drupe(
        &["timeout", "30", "setpriv", "--bounding-set=-setuid"],
        &place,
        &[&"--user", &"nobody", &"--access-log", &log],
    );
    let output = { started }.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!log.exists());
}

/// Another user cannot open a pipe of root, but the process may write to it.
#[test]
fn serving_user_can_log_to_inherited_descriptors() {
    if !is_root("serving as another user") {
        return;
    }
    let place = Place::new();
    let mut command = drupe(&[], &place, &[&"--user", &"nobody", &"--access-log", &"/dev/stdout"]);
    command.arg("--socket-file").arg(place.socket());
    let mut child = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    wait_until("it accepts", || UnixStream::connect(place.socket()).is_ok());
    let mut client = UnixStream::connect(place.socket()).unwrap();
    client.write_all(b"GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("GET /first "), "{line}");
}

#[test]
fn invalid_settings_are_refused_with_their_origin_before_a_start() {
    let place = Place::new();
    for (flag, value, reason) in [
        ("--user", "nobody here", "there is no user \"nobody here\""),
        ("--group", "nobody here", "there is no group \"nobody here\""),
        ("--umask", "1777", "\"1777\" is not an octal mode such as 027"),
        ("--umask", "089", "\"089\" is not an octal mode such as 027"),
    ] {
        let (code, said) = refused(&place, &[&flag, &value]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.ends_with(&format!("{flag}: {reason}\n")) && said.lines().count() == 1, "{said}");
    }
    let file = place.path("drupe.toml");
    fs::write(&file, "[drupe]\numask = \"027\"\nuser = \"nobody here\"\n").unwrap();
    let (code, said) = refused(&place, &[&"--config", &file]);
    let expected = format!("drupe: {}:3: setting drupe.user: there is no user \"nobody here\"\n", file.display());
    assert_eq!((code, said), (Some(2), expected));
    let check = Command::new(env!("CARGO_BIN_EXE_drupe")).env_clear().arg("check").arg(&file).output().unwrap();
    assert_eq!(check.status.code(), Some(2));
    let (code, said) = refused(&place, &[&"--pid-file", &place.path("missing/drupe.pid")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.starts_with("drupe: option --pid-file: cannot use "), "{said}");
    assert!(said.contains("missing/drupe.pid: No such file"), "{said}");
}

/// With 2, `RestartPreventExitStatus=2` of the unit would keep the service down.
#[test]
fn full_disk_at_the_start_ends_with_1() {
    if !is_root("a full file system, which has to be mounted") {
        return;
    }
    let place = Place::new();
    let full = place.path("full");
    fs::create_dir(&full).unwrap();
    // One inode: that of the root.
    let script = format!("mount -t tmpfs -o nr_inodes=1 none {} && exec \"$0\" \"$@\"", full.display());
    for (flag, umask) in [("--pid-file", ""), ("--access-log", ""), ("--access-log", "027")] {
        let wrapped = ["timeout", "30", "unshare", "-m", "sh", "-c", script.as_str()];
        let output = drupe(&wrapped, &place, &[&flag, &full.join("file"), &"--umask", &umask]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("drupe: option {flag}: ")) && said.contains("No space left"), "{said}");
    }
}

#[test]
fn program_as_process_1_drains_and_exits() {
    if !is_root("life as process 1, for which a namespace has to be made") {
        return;
    }
    let place = Place::new();
    // More than sockets hold.
    let content = vec![b'x'; 16 << 20];
    fs::write(place.path("large"), &content).unwrap();
    let file = place.path("drupe.pid");
    let program = Program::start(
        &["unshare", "--pid", "--fork", "--kill-child"],
        &place,
        &[&"--shutdown-timeout", &"60", &"--pid-file", &file],
    );
    assert_eq!(number_in(&file), 1, "it is process 1 of its own");
    let mut client = program.begin("/large");
    let mut received = vec![0; 1 << 16];
    client.read_exact(&mut received).unwrap();
    program.signal("TERM");
    wait_until("nobody is accepted any more", || TcpStream::connect(program.address).is_err());
    client.read_to_end(&mut received).unwrap();
    assert!(received.ends_with(&content), "{} bytes: it was cut", received.len());
    let (status, said) = program.end();
    assert!(status.success() && !file.exists(), "{status}: {said}");
}

/// The number of the user `nobody`.
const NOBODY: u32 = 65534;
