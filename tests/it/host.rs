//! A process with surroundings of another kind: signals, pipes, closed descriptors.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use drupe::testing::TestServer;
use drupe::{Body, Request};

use crate::client::get;
use crate::place::Place;
use crate::process::is_alone;

/// As a C program, or a Rust program that wants to end with its reader.
fn end_at_sigpipe() {
    let ends = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_default(signal_hook::consts::SIGPIPE, ends).unwrap();
}

/// A file without content on the disk.
fn sparse(place: &Place) -> Arc<File> {
    let file = File::create_new(place.path("sparse")).unwrap();
    file.set_len(64 << 20).unwrap();
    Arc::new(File::open(place.path("sparse")).unwrap())
}

/// Requests the file, and leaves after some of it.
fn leave_early(mut socket: impl Read + Write) {
    socket.write_all(get("/").as_bytes()).unwrap();
    socket.read_exact(&mut [0; 100_000]).unwrap();
}

#[test]
fn client_that_leaves_a_file_does_not_end_a_host_with_sigpipe_at_default() {
    if !is_alone("host::client_that_leaves_a_file_does_not_end_a_host_with_sigpipe_at_default") {
        return;
    }
    end_at_sigpipe();
    let place = Place::new();
    let file = sparse(&place);
    let answer = move |_: &mut Request| Body::from_file(file.try_clone().unwrap());
    let server = place.server(answer.clone());
    server.start().unwrap();
    let tcp = TestServer::new(answer);
    for _ in 0..50 {
        leave_early(UnixStream::connect(place.socket()).unwrap());
        leave_early(TcpStream::connect(tcp.address()).unwrap());
    }
    assert_eq!(tcp.handle().statistics().accepts, 50);
}

#[cfg(feature = "cli")]
mod program {
    use std::fs;
    use std::io::{BufRead, BufReader, Read};
    use std::net::SocketAddr;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;
    use std::process::{Child, ChildStderr, Command, Stdio};

    use crate::client::{Client, PATIENCE, wait_until};
    use crate::place::{Place, is_root};
    use crate::program::{Program, drupe};

    /// The program with `arguments`, started by the shell `script`, whose `$@` is the command line.
    fn by_shell(script: &str, arguments: &[&str]) -> Command {
        let program = drupe();
        let mut shell = Command::new("bash");
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
        shell.args(["-c", script, "bash"]).arg(program.get_program()).args(arguments);
        shell
    }

    /// Starts the program with standard error on a pipe, and sends requests with long targets while
    /// only the first line of the pipe is read.
    fn unread() -> (Child, BufReader<ChildStderr>) {
        let place = Place::new();
        let mut command = drupe();
        let mut child = command
            .args(["--socket-port", "0", "--host-name", "a"])
            .arg(place.path(""))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::with_capacity(1, child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = crate::program::address_of(&line, "http://").unwrap();
        let mut client = Client::connect(address.parse::<SocketAddr>().unwrap());
        let target = format!("/{}", "x".repeat(1000));
        for _ in 0..REQUESTS {
            assert_eq!(client.get(&target).status, 404);
        }
        (child, log)
    }

    fn terminate(child: &Child) {
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    }

    /// More than a pipe and the queue of lines hold.
    const REQUESTS: usize = 3000;

    #[test]
    fn log_without_a_reader_delays_neither_requests_nor_the_end() {
        let (mut child, mut log) = unread();
        terminate(&child);
        wait_until("the program ends", || child.try_wait().unwrap().is_some());
        assert!(child.wait().unwrap().success());
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert!(rest.lines().count() < REQUESTS / 2, "the pipe has less room than that");
    }

    #[test]
    fn each_line_for_a_late_reader_is_written_or_counted() {
        let (mut child, mut log) = unread();
        let (mut written, mut lost) = (0, 0);
        let mut line = String::new();
        while lost == 0 && log.read_line(&mut line).unwrap() > 0 {
            written += usize::from(line.contains("GET /xxx"));
            if let Some((_, rest)) = line.split_once("standard error was not read in time; ") {
                lost = rest.split(' ').next().unwrap().parse().unwrap();
            }
            line.clear();
        }
        assert!(lost > 0 && written > 0, "{lost} {written}");
        assert_eq!(written + lost, REQUESTS);
        terminate(&child);
        log.read_to_string(&mut line).unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn standard_streams_are_access_logs_even_as_sockets() {
        let place = Place::new();
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            let (near, far) = UnixStream::pair().unwrap();
            near.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut command = drupe();
            command
                .args(["--access-log", name])
                .arg(place.path("."))
                .stdout(OwnedFd::from(far))
                .current_dir(place.path(""));
            let program = Program::start(&mut command);
            // The command keeps the other end.
            drop(command);
            let mut lines = BufReader::new(near).lines();
            let mut next = || lines.next().unwrap().unwrap();
            let mut client = Client::connect(program.address);
            client.get("/before");
            assert!(next().contains("GET /before "), "{name}");
            program.signal("USR1");
            client.get("/after");
            assert!(next().contains("GET /after "), "{name}");
            let said = program.end();
            assert_eq!(said.len(), 1, "{said:?}");
        }
        assert_eq!(place.names(), [""; 0]);
        let program = Program::start(drupe().args(["--access-log", "/dev/stderr"]).arg(place.path(".")));
        Client::connect(program.address).get("/there");
        assert!(program.end().iter().any(|line| line.contains("GET /there ")));
    }

    #[test]
    fn settings_stay_in_force_if_their_file_is_a_pipe_or_empty_or_gone() {
        let place = Place::new();
        let path = place.path("drupe.toml");
        let text = "[server]\nsoftware = \"mine\"\n";
        let file = path.to_str().unwrap();
        let shows = |program: &Program, what: &str, expected: usize| {
            wait_until(what, || program.said().iter().filter(|line| line.contains(what)).count() == expected);
            assert_eq!(Client::connect(program.address).get("/").field("server"), Some("mine"), "{what}");
        };

        fs::write(&path, text).unwrap();
        let script = "exec \"$@\" --config <(cat drupe.toml) ";
        let mut command = by_shell(script, &["--quiet", place.path(".").to_str().unwrap(), "--socket-port", "0"]);
        let program = Program::start_as_it_is(command.current_dir(place.path("")));
        program.signal("HUP");
        shows(&program, "are not read again: a pipe can be read only once", 1);
        program.end();

        let program = Program::start(drupe().args(["--quiet", "--config", file]).arg(place.path(".")));
        for emptied in ["", "\n", "[server]\n# software = \"mine\"\n"] {
            fs::write(&path, emptied).unwrap();
            program.signal("HUP");
            shows(&program, "no setting of the server is left in the file", 1);
        }
        // A file cut in the middle may still be sound.
        fs::write(&path, "[server]\nsoftware = \"other\"\nheader_timeout = 5\nbody_timeout = 10\n").unwrap();
        program.signal("HUP");
        wait_until("reload", || Client::connect(program.address).get("/").field("server") == Some("other"));
        fs::write(&path, format!("{text}header_timeout = 5\n")).unwrap();
        program.signal("HUP");
        let file_line = format!("setting body_timeout, set before in {file}:4, is no longer set; the value is ");
        shows(&program, &file_line, 1);
        shows(&program, "is no longer set", 1);
        fs::remove_file(&path).unwrap();
        program.signal("HUP");
        shows(&program, "No such file", 1);
        // Nothing opens a pipe without a writer.
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        program.signal("HUP");
        shows(&program, "are not read again", 1);
        program.end();
    }

    #[test]
    fn passed_sockets_without_a_listener_are_named() {
        let place = Place::new();
        let script = "export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin; exec \"$@\" 3</dev/null 4</dev/null";
        let mut command = by_shell(script, &["--quiet", place.path(".").to_str().unwrap(), "--socket-port", "0"]);
        let said = Program::start_as_it_is(&mut command).end();
        let expected = "drupe: warning: no listener takes the passed sockets 3 (web), 4 (admin); ";
        assert!(said.iter().any(|line| line.starts_with(expected)), "{said:?}");
    }

    /// Runs the program on a terminal of its own, closes the terminal, and requests something after
    /// that. Returns the output of the script.
    fn on_a_terminal(before: &str) -> String {
        const SCRIPT: &str = r#"
import os, pty, re, select, signal, socket, sys, time
before, program, folder = sys.argv[1:4]
said, saying = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.dup2(saying, 2)
    os.close(said)
    # The tests themselves may run under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.execvp("sh", ["sh", "-c", before + ' exec "$0" --socket-port 0 --config "$1/drupe.toml" "$1"', program, folder])
os.close(saying)
line = b""
while not line.endswith(b"\n"):
    line += os.read(said, 1)
port = int(re.search(rb":(\d+)/", line).group(1))
open(folder + "/drupe.toml", "w").close()
os.kill(child, signal.SIGHUP)
text = b""
while b"cannot reload" not in text:
    text += os.read(said, 4096)
os.close(terminal)
if not before:
    print("ended", os.waitpid(child, 0)[1])
else:
    # A signal that would end the program arrives before the next one.
    os.kill(child, signal.SIGHUP)
    time.sleep(0.5)
    socket.create_connection(("127.0.0.1", port)).close()
    os.kill(child, signal.SIGTERM)
    print("served", os.waitpid(child, 0)[1])
"#;
        let place = Place::new();
        fs::write(place.path("drupe.toml"), "[server]\nthread_pool = 3\n").unwrap();
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT, before, env!("CARGO_BIN_EXE_drupe")]).arg(place.path(""));
        let output = python.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn program_ends_with_its_terminal_unless_started_by_nohup() {
        assert_eq!(on_a_terminal(""), "ended 0\n");
        assert_eq!(on_a_terminal("trap '' HUP;"), "served 0\n");
    }

    /// Starts the program by `script` at a Unix socket, requests a file, and ends the program. Returns
    /// the permission bits and the group of the socket.
    fn serves_by(script: &str) -> (u32, u32) {
        let place = Place::new();
        fs::write(place.path("f"), "content").unwrap();
        let (folder, socket) = (place.path("."), place.socket());
        let arguments = ["--socket-file", socket.to_str().unwrap(), folder.to_str().unwrap()];
        let mut child = by_shell(script, &arguments).current_dir(place.path("")).spawn().unwrap();
        let ends = |child: &mut Child| child.try_wait().unwrap();
        wait_until(script, || ends(&mut child).is_some() || UnixStream::connect(&socket).is_ok());
        assert_eq!(ends(&mut child), None, "{script}");
        assert_eq!(crate::place::curl(&socket, "/f"), "content 200", "{script}");
        let found = fs::metadata(&socket).unwrap();
        terminate(&child);
        assert!(child.wait().unwrap().success(), "{script}");
        (found.mode() & 0o777, found.gid())
    }

    #[test]
    fn program_serves_and_ends_in_poor_surroundings() {
        for script in [
            "exec \"$@\" 2>/dev/null <&-",
            "exec \"$@\" <&- >&- 2>&-",
            "exec \"$@\" 2>/dev/full >/dev/full",
            "exec \"$@\" --access-log /dev/full 2>/dev/null",
            "exec \"$@\" --access-log - >/dev/full 2>&1",
            "umask 077; unset HOME; exec \"$@\" 2>/dev/null",
            "mkdir gone; cd gone; rmdir ../gone; exec \"$@\" 2>/dev/null",
        ] {
            serves_by(script);
        }
    }

    #[test]
    fn unix_socket_has_its_mode_and_group_without_proc() {
        if !is_root("the program without /proc") {
            return;
        }
        let script = "exec unshare -m sh -c 'mount -t tmpfs -o ro none /proc && exec \"$0\" \"$@\"' \"$@\" \
                      --socket-mode 0751 --socket-group 12345 2>/dev/null";
        assert_eq!(serves_by(script), (0o751, 12345));
    }

    #[test]
    fn program_serves_and_ends_without_proc_and_on_a_read_only_disk() {
        if !is_root("the program without /proc") {
            return;
        }
        let place = Place::new();
        fs::write(place.path("f"), "content").unwrap();
        let script = "exec unshare -m sh -c 'mount -o bind . . && mount -o remount,ro,bind . && \
                      mount -t tmpfs -o ro none /proc && exec \"$0\" \"$@\"' \"$@\"";
        let mut command = by_shell(script, &["--socket-port", "0", place.path(".").to_str().unwrap()]);
        let program = Program::start_as_it_is(command.current_dir(place.path("")));
        assert_eq!(Client::connect(program.address).get("/f").status, 200);
        program.end();
    }
}
