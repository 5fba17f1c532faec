//! The servers. Each runs an application that reports the received request: `X-Seen: METHOD LENGTH
//! START TARGET`, with the start of the content in hexadecimal and the target as received.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// A server that runs.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) address: SocketAddr,
    /// Ends the server; threads of this process end with the process.
    _running: Running,
}

#[expect(dead_code, reason = "they are kept so that they go on")]
enum Running {
    Here(Box<TestServer>),
    Thread,
    Process(Process),
}

/// A process that ends with its owner, with its folder.
struct Process {
    child: Child,
    folder: Option<PathBuf>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked, so that it ends its own workers.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Starts all servers, drupe first.
pub(crate) fn start(root: &Path) -> Vec<Server> {
    let python = python(root);
    let behind = hyper();
    let nginx = nginx(behind);
    vec![
        ours(),
        Server { name: "hyper", version: locked(root, "hyper"), address: hyper(), _running: Running::Thread },
        nginx,
        node(root),
        python_server(root, &python, "cheroot"),
        python_server(root, &python, "waitress"),
        gunicorn(root, &python),
    ]
}

fn ours() -> Server {
    let server = TestServer::with(tell, |settings| {
        settings.max_request_header_size = 8192;
        settings.max_request_target_size = 4096;
        settings.max_request_body_size = None;
    });
    let address = server.address();
    Server { name: "drupe", version: "this tree".to_owned(), address, _running: Running::Here(Box::new(server)) }
}

fn tell(request: &mut Request) -> std::io::Result<Response> {
    let (method, target) = (request.method().to_string(), request.uri().to_string());
    let content = std::mem::take(request.body_mut()).into_vec()?;
    let mut response = Response::new(drupe::Body::empty());
    let seen = seen(&method, &content, &target).parse().expect("a field value");
    response.headers_mut().insert("x-seen", seen);
    Ok(response)
}

fn seen(method: &str, content: &[u8], target: &str) -> String {
    let start: String = content.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
    format!("{method} {} {start} {target}", content.len())
}

/// Starts hyper on a free port, in a thread of this process.
fn hyper() -> SocketAddr {
    let (told, port) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            told.send(listener.local_addr().expect("an address")).expect("somebody asks");
            let local = tokio::task::LocalSet::new();
            local
                .run_until(async {
                    while let Ok((stream, _)) = listener.accept().await {
                        let io = TokioIo::new(stream);
                        let connection =
                            hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer));
                        tokio::task::spawn_local(connection);
                    }
                })
                .await;
        });
    });
    port.recv().expect("a port")
}

async fn answer(request: hyper::Request<Incoming>) -> Result<hyper::Response<Empty<Bytes>>, hyper::Error> {
    let (method, target) = (request.method().to_string(), request.uri().to_string());
    let content = request.into_body().collect().await?.to_bytes();
    let response = hyper::Response::builder().header("x-seen", seen(&method, &content, &target)).body(Empty::new());
    Ok(response.expect("a response"))
}

/// Starts nginx in front of hyper, to which nginx passes the requests.
fn nginx(behind: SocketAddr) -> Server {
    let address = free_port();
    let folder = std::env::temp_dir().join(format!("drupe-servers-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log /dev/null;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off; client_max_body_size 0; keepalive_requests 100000;\n\
         client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
         server {{ listen {address}; location / {{\n\
         proxy_pass http://{behind}; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host a;\n\
         }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a file");
    let child = Command::new("nginx").arg("-p").arg(&folder).arg("-c").arg(&file).stderr(Stdio::null()).spawn();
    let process = Process { child: child.expect("nginx is installed"), folder: Some(folder) };
    await_port(address);
    let told = Command::new("nginx").arg("-v").output().expect("nginx is installed").stderr;
    let version = String::from_utf8_lossy(&told).trim().trim_start_matches("nginx version: nginx/").to_owned();
    Server { name: "nginx", version, address, _running: Running::Process(process) }
}

fn node(root: &Path) -> Server {
    let mut command = Command::new("node");
    command.arg(root.join("programs/server.mjs"));
    let version = said(Command::new("node").arg("--version")).trim_start_matches('v').to_owned();
    printing("Node", version, &mut command)
}

fn python_server(root: &Path, python: &Path, name: &'static str) -> Server {
    let mut command = tidy(python);
    command.arg(root.join("programs/seen.py")).arg(name);
    printing(name, package(root, name), &mut command)
}

fn gunicorn(root: &Path, python: &Path) -> Server {
    let address = free_port();
    let mut command = tidy(python);
    command.args([
        "-m",
        "gunicorn",
        "seen:application",
        "--worker-class",
        "gthread",
        "--threads",
        "32",
        "--keep-alive",
        "60",
    ]);
    command.args(["--log-level", "critical", "--bind", &address.to_string()]);
    command.arg("--chdir").arg(root.join("programs"));
    let child = command.stderr(Stdio::null()).spawn().expect("gunicorn is installed");
    let process = Process { child, folder: None };
    await_port(address);
    Server { name: "gunicorn", version: package(root, "gunicorn"), address, _running: Running::Process(process) }
}

/// Python that leaves nothing in the tree.
fn tidy(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Starts a server that prints its port.
fn printing(name: &'static str, version: String, command: &mut Command) -> Server {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
    let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("{name} says {line:?} where its port was to come"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Server { name, version, address, _running: Running::Process(Process { child, folder: None }) }
}

/// Creates a Python environment with the packages of `requirements.txt`, beside the build output.
fn python(root: &Path) -> PathBuf {
    let place = std::env::current_exe().expect("a program").parent().expect("a folder").join("python");
    let python = place.join("bin/python");
    let stamp = place.join("installed");
    let wanted = fs::read_to_string(root.join("requirements.txt")).expect("requirements");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    must(Command::new("python3").args(["-m", "venv"]).arg(&place));
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(root.join("requirements.txt")),
    );
    fs::write(&stamp, wanted).expect("a stamp");
    python
}

fn must(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The version of a Python package in `requirements.txt`.
fn package(root: &Path, name: &str) -> String {
    let text = fs::read_to_string(root.join("requirements.txt")).expect("requirements");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="));
    line.unwrap_or("unknown").to_owned()
}

/// The version of a crate in `Cargo.lock`.
fn locked(root: &Path, name: &str) -> String {
    let text = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let at = text.find(&format!("name = \"{name}\"\nversion = \"")).map(|at| &text[at..]);
    at.and_then(|text| text.split('"').nth(3)).unwrap_or("unknown").to_owned()
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

fn await_port(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Ok(mut stream) = TcpStream::connect(address) {
            // Reading waits until there is something to say of it, so that a server that is coming up is not asked at full speed.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(10)));
            let _ = stream.read(&mut [0]);
            return;
        }
        thread::yield_now();
    }
    panic!("nobody listens on {address}");
}
