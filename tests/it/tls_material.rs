//! Certificates and keys as operators hand them to the program: through pipes, and with names of
//! all listeners.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::place::Place;
use crate::secure::{AUTHORITY, Made};

/// The running program and its lines on standard error.
struct Running {
    child: Child,
    lines: Receiver<String>,
    /// The lines before the announcement.
    first: Vec<String>,
    url: String,
}

impl Running {
    /// Starts the program by a line of `bash`, in which `$drupe` is the program.
    fn start(line: &str, folder: &Place) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec {line}")]).current_dir(folder.path("")).stderr(Stdio::piped());
        let mut child = command.env("drupe", env!("CARGO_BIN_EXE_drupe")).spawn().unwrap();
        let lines = read(child.stderr.take().unwrap());
        let mut running = Self { child, lines, first: Vec::new(), url: String::new() };
        let mut first = Vec::new();
        let served = running.after(" at https://", &mut first);
        running.first = first;
        running.url =
            served.split_once(" at ").unwrap().1.split([',', ' ']).next().unwrap().trim_end_matches('/').to_owned();
        running
    }

    /// The next line that contains `part`.
    fn until(&self, part: &str) -> String {
        self.after(part, &mut Vec::new())
    }

    /// As `until`, and adds the lines before to `all`.
    fn after(&self, part: &str, all: &mut Vec<String>) -> String {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => all.push(line),
                Err(error) => panic!("{error}: no {part:?} in {all:?}"),
            }
        }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Gets `/file` with further arguments for curl.
    fn curl(&self, arguments: &[&str], folder: &Place) -> Output {
        let url = format!("{}/file", self.url);
        let given = ["-q", "-sS", "--insecure", "--noproxy", "*", "--max-time", "20"];
        Command::new("curl").args(given).args(arguments).arg(url).current_dir(folder.path("")).output().unwrap()
    }

    fn stop(mut self) {
        self.signal("-TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

/// Reads lines on a thread, so that the program never waits for its reader.
fn read(errors: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

fn place() -> (Place, Made) {
    let (folder, made) = (Place::new(), AUTHORITY.issue(&["localhost"]));
    folder.write("file", "content");
    for (name, text) in
        [("a.pem", &made.pem), ("a.key", &made.key), ("both.pem", &made.both()), ("ca.pem", &AUTHORITY.pem)]
    {
        folder.write(name, text);
    }
    (folder, made)
}

#[test]
fn key_through_a_pipe_is_read_once_and_kept_by_a_reload() {
    let (folder, _) = place();
    for files in [
        "--ssl-certificate a.pem --ssl-private-key <(cat a.key)",
        "--ssl-certificate <(cat both.pem)",
        "--ssl-certificate /dev/fd/9 --ssl-private-key /proc/self/fd/9 9< <(cat both.pem)",
    ] {
        let server = Running::start(&format!("$drupe {files} --quiet --socket-port 0"), &folder);
        assert_eq!(server.curl(&[], &folder).stdout, b"content", "{files}");
        server.signal("-HUP");
        let told = server.until("is a pipe without new content");
        assert!(told.starts_with("drupe: warning: setting ssl_"), "{told}");
        assert!(told.ends_with("the content read before stays in use"), "{told}");
        assert_eq!(server.curl(&[], &folder).stdout, b"content", "{files}");
        server.stop();
    }
}

#[test]
fn fifo_without_a_writer_is_an_error_that_names_the_file() {
    let (folder, _) = place();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_drupe"));
    command.args(["--ssl-certificate", "a.pem", "--ssl-private-key", "fifo", "--socket-port", "0"]);
    let ended = command.current_dir(folder.path("")).output().unwrap();
    let expected = "drupe: option --ssl-private-key: cannot read \"fifo\": no content within 5 s\n";
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), expected);
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn refused_client_certificate_is_a_warning_of_the_program() {
    let (folder, _) = place();
    let line = "$drupe --ssl-certificate both.pem --ssl-client-ca ca.pem --quiet --socket-port 0";
    let server = Running::start(line, &folder);
    let expired = AUTHORITY.issue_until(0, &["plum"]);
    folder.write("old.pem", expired.both());
    let answer = server.curl(&["--cert", "old.pem"], &folder);
    assert!(!answer.status.success());
    let told = server.until("the client certificate of ");
    assert!(told.starts_with("drupe: warning: TLS handshake with 127.0.0.1:"), "{told}");
    assert!(told.ends_with(" has expired; connection closed"), "{told}");
    server.stop();
}

#[test]
fn missing_client_certificate_is_a_warning_of_the_program() {
    let (folder, _) = place();
    for version in ["1.2", "1.3"] {
        let line = "$drupe --ssl-certificate both.pem --ssl-client-ca ca.pem --quiet --socket-port 0";
        let server = Running::start(line, &folder);
        let answer = server.curl(&["--tls-max", version], &folder);
        assert!(!answer.status.success());
        let told = server.until("TLS handshake with 127.0.0.1:");
        assert!(told.starts_with("drupe: warning: "), "{told}");
        let reason = " failed: the client sent no certificate, which ssl_verify_mode requires; connection closed";
        assert!(told.ends_with(reason), "{told}");
        server.stop();
    }
}

#[test]
fn log_level_chooses_the_messages_of_the_program() {
    let (folder, _) = place();
    let line = "$drupe --ssl-certificate both.pem --quiet --socket-port 0 --log-level ";
    let server = Running::start(&format!("{line}info"), &folder);
    // Without `--insecure`, curl does not know the authority.
    let url = server.url.clone();
    let answer = Command::new("curl").args(["-q", "-sS", "--noproxy", "*", &url]).output().unwrap();
    assert!(!answer.status.success());
    let told = server.until("TLS handshake");
    assert!(told.contains("failed: the client refused the server's certificate (alert UnknownCA)"), "{told}");
    server.stop();

    fs::set_permissions(folder.path("both.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    for (level, is_told) in [("warning", true), ("error", false)] {
        let server = Running::start(&format!("{line}{level}"), &folder);
        assert_eq!(server.first.iter().any(|line| line.contains("every user may read")), is_told, "{level}");
        server.stop();
    }
}

#[test]
fn unused_block_of_a_file_is_named_with_its_line() {
    let (folder, made) = place();
    let block = "-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n";
    folder.write("odd.pem", format!("{}{block}{}", made.both().trim_end(), AUTHORITY.pem));
    let server = Running::start("$drupe --ssl-certificate odd.pem --quiet --socket-port 0", &folder);
    let line = made.both().trim_end().lines().count();
    let expected = format!("\"odd.pem\" line {line}: the block \"DH PARAMETERS\" is not used");
    assert!(server.first.iter().any(|line| line.ends_with(&expected)), "{expected} {:?}", server.first);
    server.stop();
}

#[test]
fn self_signed_certificate_has_the_names_of_all_listeners_for_a_year() {
    let (folder, _) = place();
    let line = "$drupe --ssl-self-signed --quiet --listen 127.0.0.1:0,127.0.0.7:0";
    let server = Running::start(line, &folder);
    let address = server.url.trim_start_matches("https://");
    let script = format!(
        "openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName -checkend 33000000"
    );
    let shown = Command::new("bash").args(["-c", &script]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    server.stop();
    for name in ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:127.0.0.7"] {
        assert!(shown.contains(name), "{name} {shown}");
    }
    // 396 days are 34 million seconds.
    assert!(shown.contains("will not expire"), "{shown}");
}
