//! The health check of containers: asks a server once, over TCP or a Unix socket.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::failure::ProgramFailure;

/// The URL to ask, and the limit for the answer.
#[derive(Debug)]
pub(super) struct HealthCheck {
    url: OsString,
    limit: Duration,
}

impl HealthCheck {
    /// Creates a check of the server at `url`. The time limit is in seconds, by default 5.
    pub(super) fn new(url: OsString, limit: Option<&OsStr>) -> Result<Self, ProgramFailure> {
        let Some(text) = limit else { return Ok(Self { url, limit: LIMIT }) };
        let seconds = text.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0.0);
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(limit) => Ok(Self { url, limit }),
            None => Err(ProgramFailure::Settings(format!(
                "option --health-timeout: {text:?} is not a number of seconds above 0, such as 5 or 0.5"
            ))),
        }
    }

    /// Succeeds if the server answers GET with 2xx, 3xx, or 401 because it asks for a login, in time.
    ///
    /// # Errors
    /// [`ProgramFailure::Serve`] for anything else, so that the program exits with 1: containers
    /// know no other status of an unhealthy one.
    pub(super) fn run(&self) -> Result<(), ProgramFailure> {
        let url = self.url.to_string_lossy();
        let failed = |reason: String| ProgramFailure::Serve(format!("unhealthy: {}: {reason}", url.escape_debug()));
        let target = Target::of(&self.url).map_err(|reason| failed(reason.to_owned()))?;
        let (sender, receiver) = mpsc::channel();
        // Neither the resolver nor a connect to a Unix socket takes a time limit.
        let ask = move || {
            // A late answer has no reader.
            let _ = sender.send(target.status());
        };
        thread::Builder::new().name("health".to_owned()).spawn(ask).map_err(|error| failed(error.to_string()))?;
        match receiver.recv_timeout(self.limit) {
            Ok(Ok(200..=399 | 401)) => Ok(()),
            Ok(Ok(status)) => Err(failed(format!("the status is {status}"))),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer within {} s", self.limit.as_secs_f64()))),
        }
    }
}

/// The server to ask, and the request.
#[derive(Debug, PartialEq)]
enum Target {
    /// Host and port, and the request.
    Tcp(String, String),
    /// The path of a socket.
    Unix(PathBuf, String),
}

impl Target {
    /// Parses `http://HOST[:PORT][/PATH]` or `unix:PATH`.
    fn of(url: &OsStr) -> Result<Self, &'static str> {
        if let Some(path) = url.as_bytes().strip_prefix(b"unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(PathBuf::from(OsStr::from_bytes(path)), request("localhost", "/")));
        }
        let url = url.to_str().ok_or(EXPECTED)?;
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let rest = url.strip_prefix("http://").filter(|_| is_plain).ok_or(EXPECTED)?;
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') {
            return Err(EXPECTED);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self::Tcp(address, request(host, &format!("{slash}{path}"))))
    }

    /// Sends the request. Returns the status of the answer.
    fn status(&self) -> io::Result<u16> {
        match self {
            Self::Tcp(address, request) => answer(TcpStream::connect(address)?, request),
            Self::Unix(path, request) => answer(connect(path)?, request),
        }
    }
}

/// Connects to the socket at `path`. A path that begins with `@` is an abstract name.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"@") else { return UnixStream::connect(path) };
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect(&abstract_address(name)?)?;
    Ok(socket.into())
}

fn abstract_address(name: &[u8]) -> io::Result<SockAddr> {
    SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))
}

/// A request in HTTP/1.0, so that no interim response comes before the answer (RFC 9110 §15.2).
fn request(host: &str, target: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("GET {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: drupe-health/{version}\r\n\r\n")
}

/// Returns the status in the first bytes of the answer to `request`.
fn answer(mut stream: impl Read + Write, request: &str) -> io::Result<u16> {
    stream.write_all(request.as_bytes())?;
    let mut line = [0; "HTTP/1.1 200".len()];
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1");
    stream.read_exact(&mut line).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => foreign(),
        _ => error,
    })?;
    let text = std::str::from_utf8(&line).ok().filter(|text| text.starts_with("HTTP/1."));
    text.and_then(|text| text.get("HTTP/1.1 ".len()..)?.parse().ok()).ok_or_else(foreign)
}

/// The time limit of a check.
const LIMIT: Duration = Duration::from_secs(5);
const EXPECTED: &str = "expected http://HOST:PORT/PATH or unix:PATH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let tcp = |address: &str, host, path| Ok(Target::Tcp(address.to_owned(), request(host, path)));
        for (url, expected) in [
            ("http://a", tcp("a:80", "a", "/")),
            ("http://a:8080/b/c?d", tcp("a:8080", "a:8080", "/b/c?d")),
            ("http://[::1]?d", tcp("[::1]:80", "[::1]", "/?d")),
            ("http://[::1]:81/", tcp("[::1]:81", "[::1]:81", "/")),
            ("unix:/run/a.sock", Ok(Target::Unix("/run/a.sock".into(), request("localhost", "/")))),
            ("https://a", Err(EXPECTED)),
            ("http://", Err(EXPECTED)),
            ("http://a/b c", Err(EXPECTED)),
            ("http://a\r\nb", Err(EXPECTED)),
            ("http://user@a", Err(EXPECTED)),
            ("unix:", Err(EXPECTED)),
            ("127.0.0.1:80", Err(EXPECTED)),
        ] {
            assert_eq!(Target::of(OsStr::new(url)), expected, "{url}");
        }
        let path = OsStr::from_bytes(b"/run/\xff");
        let target = Ok(Target::Unix(path.into(), request("localhost", "/")));
        assert_eq!(Target::of(OsStr::from_bytes(b"unix:/run/\xff")), target);
        assert_eq!(Target::of(OsStr::from_bytes(b"http://a/\xff")), Err(EXPECTED));
    }

    #[test]
    fn abstract_socket_is_reached() {
        let name = format!("drupe-health-{}", std::process::id());
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("there are descriptors");
        let address = abstract_address(name.as_bytes()).expect("the name is short");
        listener.bind(&address).and_then(|()| listener.listen(1)).expect("the name is free");
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client comes");
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("the client reads");
        });
        let target = Target::of(OsStr::new(&format!("unix:@{name}"))).expect("it is an address");
        assert_eq!(target.status().expect("it answers"), 200);
        server.join().expect("it has answered");
    }
}
