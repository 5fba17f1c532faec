//! A temporary directory for sockets, and programs that connect to them, as another user if needed.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use drupe::{Handler, Server};

/// A new directory, readable by all users, removed at the end of the test.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = loop {
            let name = format!("drupe-it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => break path,
                // Of a process that had this number before, and was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file atomically: a reader sees the old or the new one.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&new, content).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    /// The usual path of a socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("s")
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A server that is not started, to listen on the socket.
    pub(crate) fn server(&self, handler: impl Handler) -> Server {
        let mut server = Server::new(handler);
        server.settings.socket_file = Some(self.socket());
        server
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// True if the test can act as other users. Otherwise prints that `what` is not tested.
pub(crate) fn is_root(what: &str) -> bool {
    let is_root = run("id", &["-u"]).trim() == "0";
    if !is_root {
        say(&format!("{what}: the tests do not run as root"));
    }
    is_root
}

/// Prints a skipped check with its reason, even if the output of a passing test is hidden.
pub(crate) fn say(what: &str) {
    std::io::stderr().write_all(format!("not tested: {what}\n").as_bytes()).unwrap();
}

/// Returns the output of a program, which must succeed.
///
/// # Panics
/// If the program is missing: a missing program must fail the test.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn output(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("these tests need {program} on the PATH: {error}"))
}

/// Returns the answer to curl for `target` over `socket`, followed by the status; `cannot connect`
/// if curl cannot.
pub(crate) fn curl(socket: &Path, target: &str) -> String {
    curl_by(&[], socket, target)
}

/// As [`curl`], run by the user and the group with these numbers, without other groups.
pub(crate) fn curl_as(user: u32, group: u32, socket: &Path, target: &str) -> String {
    let (user, group) = (user.to_string(), group.to_string());
    curl_by(&["setpriv", "--reuid", &user, "--regid", &group, "--clear-groups"], socket, target)
}

fn curl_by(by: &[&str], socket: &Path, target: &str) -> String {
    let (socket, url) = (socket.to_str().unwrap(), format!("http://localhost{target}"));
    let flag = if socket.starts_with('@') { "--abstract-unix-socket" } else { "--unix-socket" };
    let plain = ["curl", "-q", "-sS", "--max-time", "60", "-w", " %{http_code}", flag];
    let line = [by, &plain, &[socket.trim_start_matches('@'), &url]].concat();
    let output = output(line[0], &line[1..]);
    match output.status.code() {
        Some(0) => String::from_utf8(output.stdout).unwrap(),
        Some(7) => "cannot connect".to_owned(),
        _ => panic!("{line:?}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}
