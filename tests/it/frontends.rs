//! HAProxy, nginx, Apache httpd and Caddy in front: the client's address arrives, and no request is
//! lost over many requests and restarts of either side.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::TestServer;
use drupe::{Request, RequestExt, Server, Settings};
use socket2::{Domain, Socket, Type};

use crate::client::{Client, PATIENCE, wait_until};

/// Of the servers, in turn: with other settings, which ends no connection.
const CHANGES: usize = 8;
/// Of the servers, in turn.
const RESTARTS: usize = 16;
/// Of the proxy.
const RELOADS: usize = 8;
/// Over each way into the server.
const REQUESTS: usize = 100_000;
/// The number of concurrent clients, each with its own address.
const CLIENTS: usize = 8;
/// After so many each begins a new connection.
const REQUESTS_PER_CONNECTION: usize = 500;
/// The bound on connections to a server behind a proxy that keeps connections: 200 of the clients
/// with HAProxy, and one for each health check, ten a second. nginx closes a connection after 1,000
/// requests; the others keep theirs.
const FEW: u64 = REQUESTS as u64 / 50;

/// Answers `peer|client|scheme|host`, as seen by the handler.
fn seen(request: &mut Request) -> String {
    let peer = request.connection().peer().map(ToString::to_string).unwrap_or_default();
    let client = request.client().map(|address| address.to_string()).unwrap_or_default();
    format!("{peer}|{client}|{}|{}", request.scheme(), request.host().unwrap_or_default())
}

fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(seen, |settings| {
        // A proxy may open a connection that it does not need: it must not be late before the end.
        settings.header_timeout = Some(Duration::from_secs(300));
        change(settings);
    })
}

fn announced(settings: &mut Settings) {
    settings.proxy_protocol = true;
    settings.set("trusted_proxies", "127.0.0.1").unwrap();
}

fn told(settings: &mut Settings) {
    settings.set("trusted_proxies", "127.0.0.1").unwrap();
    settings.set("trusted_proxy_headers", "x-forwarded-for,x-forwarded-proto,x-forwarded-host").unwrap();
}

#[test]
#[ignore = "takes half a minute and HAProxy; .ci/run has both"]
fn haproxy_announces_the_clients_of_a_hundred_thousand_requests_by_version_1() {
    let server = server(announced);
    let proxy = Proxy::haproxy(&format!("mode http\n server drupe {} check inter 100ms send-proxy", server.address()));
    load(&proxy, "", |client| format!("{client}|{}|http|a", client.ip()));
    // How many connections that takes is HAProxy's to say: it shares none of those that announce a client.
    all_came(&server);
}

#[test]
#[ignore = "takes half a minute and HAProxy; .ci/run has both"]
fn haproxy_announces_the_clients_of_a_hundred_thousand_requests_by_version_2() {
    let server = server(announced);
    let ways = "check inter 100ms send-proxy-v2 proxy-v2-options crc32c,unique-id";
    let proxy = Proxy::haproxy(&format!("mode tcp\n server drupe {} {ways}", server.address()));
    load(&proxy, "", |client| format!("{client}|{}|http|a", client.ip()));
    all_came_over_few_connections(&server);
}

#[test]
#[ignore = "takes half a minute and HAProxy; .ci/run has both"]
fn haproxy_forwards_the_clients_of_a_hundred_thousand_requests() {
    let server = server(told);
    let ways = "mode http\n option forwardfor\n http-request set-header X-Forwarded-Proto https\n http-request del-header X-Forwarded-Host";
    let proxy = Proxy::haproxy(&format!("{ways}\n server drupe {} check inter 100ms", server.address()));
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\n";
    load_as(&proxy, lies, |client, text| text.ends_with(&format!("|{}|https|a", client.ip())));
    all_came_over_few_connections(&server);
}

#[test]
#[ignore = "takes half a minute and nginx; .ci/run has both"]
fn nginx_forwards_the_clients_of_a_hundred_thousand_requests() {
    let server = server(told);
    let proxy = Proxy::nginx(&[server.address()]);
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n";
    load_as(&proxy, lies, |client, text| text.ends_with(&format!("|{}|http|front.example", client.ip())));
    all_came_over_few_connections(&server);
}

#[test]
#[ignore = "takes half a minute and Apache httpd; .ci/run has both"]
fn apache_forwards_the_clients_of_a_hundred_thousand_requests() {
    let server = server(told);
    let proxy = Proxy::apache(&[server.address()]);
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n";
    load_as(&proxy, lies, |client, text| text.ends_with(&format!("|{}|http|a", client.ip())));
    all_came_over_few_connections(&server);
}

#[test]
#[ignore = "takes half a minute and Caddy; .ci/run has both"]
fn caddy_forwards_the_clients_of_a_hundred_thousand_requests() {
    let server = server(told);
    let proxy = Proxy::caddy(&[server.address()]);
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n";
    load_as(&proxy, lies, |client, text| text.ends_with(&format!("|{}|http|a", client.ip())));
    all_came_over_few_connections(&server);
}

#[test]
#[ignore = "takes half a minute and HAProxy; .ci/run has both"]
fn behind_haproxy_either_side_restarts_without_a_lost_request() {
    let servers = [Restarting::start(announced), Restarting::start(announced)];
    let [one, two] = servers.each_ref().map(|server| server.address);
    let ways = "mode http\n option redispatch 1\n retries 5\n retry-on all-retryable-errors";
    let proxy = Proxy::haproxy(&format!("{ways}\n server one {one} send-proxy\n server two {two} send-proxy-v2"));
    survive(&proxy, &servers, Passes::Nothing);
}

#[test]
#[ignore = "takes half a minute and nginx; .ci/run has both"]
fn behind_nginx_either_side_restarts_without_a_lost_request() {
    let servers = [Restarting::start(told), Restarting::start(told)];
    let proxy = Proxy::nginx(&servers.each_ref().map(|server| server.address));
    survive(&proxy, &servers, Passes::Nothing);
}

#[test]
#[ignore = "takes half a minute and Apache httpd; .ci/run has both"]
fn behind_apache_either_side_restarts_without_a_lost_request() {
    let servers = [Restarting::start(told), Restarting::start(told)];
    let proxy = Proxy::apache(&servers.each_ref().map(|server| server.address));
    survive(&proxy, &servers, Passes::Endings);
}

#[test]
#[ignore = "takes half a minute and Caddy; .ci/run has both"]
fn behind_caddy_either_side_restarts_without_a_lost_request() {
    let servers = [Restarting::start(told), Restarting::start(told)];
    let proxy = Proxy::caddy(&servers.each_ref().map(|server| server.address));
    survive(&proxy, &servers, Passes::Nothing);
}

/// Every request has come, and no connection was refused or late.
fn all_came(server: &TestServer) {
    let statistics = server.server().statistics();
    println!("{statistics:?}");
    assert_eq!((statistics.requests, statistics.refused), (REQUESTS as u64, 0));
    assert_eq!((statistics.proxy_refused, statistics.turned_away, statistics.timed_out), (0, 0, 0));
}

/// As [`all_came`], with few connections: a server that closed connections would have accepted
/// more.
fn all_came_over_few_connections(server: &TestServer) {
    all_came(server);
    let accepts = server.server().statistics().accepts;
    assert!(accepts <= FEW, "{accepts} connections");
}

fn load(proxy: &Proxy, fields: &str, expected: impl Fn(SocketAddr) -> String + Sync) {
    load_as(proxy, fields, |client, text| text == expected(client));
}

/// Sends [`REQUESTS`] requests: each answer must be a 200 that satisfies `is_right`.
fn load_as(proxy: &Proxy, fields: &str, is_right: impl Fn(SocketAddr, &str) -> bool + Sync) {
    let request = request(fields);
    let begun = Instant::now();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (request, is_right) = (&request, &is_right);
            scope.spawn(move || {
                for _ in 0..REQUESTS / CLIENTS / REQUESTS_PER_CONNECTION {
                    let mut client = connect(number, proxy.address).unwrap();
                    for _ in 0..REQUESTS_PER_CONNECTION {
                        client.send(request);
                        let answer = client.answer();
                        assert_eq!(answer.status, 200, "{answer:?}");
                        assert!(is_right(client.address(), answer.text()), "{} of {}", answer.text(), client.address());
                    }
                }
            });
        }
    });
    println!("{REQUESTS} requests in {:?}", begun.elapsed());
}

/// Sends requests while servers reload and restart in turn, and while the proxy reloads after that.
/// Every answer is a 200 that names the client. A request may be lost only at a reload of the
/// proxy, or at a restart that the proxy `passes` on.
fn survive(proxy: &Proxy, servers: &[Restarting; 2], passes: Passes) {
    let (answered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Each event that may cost requests adds how many before it begins.
    let (asked_again, allowed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (answered, asked_again, is_over, allowed) = (&answered, &asked_again, &is_over, &allowed);
            scope.spawn(move || {
                let mut client = None;
                while !is_over.load(Ordering::SeqCst) {
                    match ask(client.take(), number, proxy.address) {
                        Ok(next) => {
                            client = next;
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        // It may close a connection at any time between two requests, or lose a new one that its old process has not taken
                        // yet: what any client does then is to ask again.
                        Err(error) => {
                            let lost = asked_again.fetch_add(1, Ordering::SeqCst) + 1;
                            assert!(lost <= allowed.load(Ordering::SeqCst), "a request was lost, the {lost}.: {error}");
                        }
                    }
                }
            });
        }
        let made_way = |what: &str| {
            let before = answered.load(Ordering::SeqCst);
            wait_until(what, || {
                is_over.load(Ordering::SeqCst)
                    || answered.load(Ordering::SeqCst) > before + REQUESTS / (CHANGES + RESTARTS + 1 + RELOADS)
            });
        };
        // After any failure in here, the clients must end.
        let end = End(&is_over);
        // Other settings end no connection, not even one that is idle.
        for round in 0..CHANGES {
            made_way("clients are served");
            servers[round % 2].change(round);
        }
        // A restart may end a connection under a request, of which each client has one at a time.
        for round in 0..RESTARTS {
            made_way("clients are served by servers that change or restart");
            allowed.fetch_add(if passes == Passes::Endings { CLIENTS } else { 0 }, Ordering::SeqCst);
            servers[round % 2].server.restart().unwrap();
        }
        made_way("clients are served by servers that stay");
        let by_restarts = asked_again.load(Ordering::SeqCst);
        // A proxy that reloads ends the one connection that each client keeps, before any request.
        for _ in 0..RELOADS {
            allowed.fetch_add(CLIENTS, Ordering::SeqCst);
            proxy.reload();
            made_way("clients are served by a proxy that reloads");
        }
        println!("{by_restarts} requests were asked again before the proxy reloaded");
        drop(end);
    });
    let refused: u64 = servers.iter().map(|server| server.server.statistics().proxy_refused).sum();
    let (answered, asked_again) = (answered.load(Ordering::SeqCst), asked_again.load(Ordering::SeqCst));
    println!("{answered} requests answered, {asked_again} asked again");
    assert_eq!(refused, 0);
    assert!(answered >= REQUESTS && asked_again <= allowed.into_inner());
}

/// Sends one request, over a new connection if there is none. Returns the connection if it stays
/// open.
///
/// # Errors
/// If there was no answer at all. Half an answer, or one that is not a 200 for this client, fails
/// the test.
fn ask(client: Option<Client>, number: usize, address: SocketAddr) -> Result<Option<Client>, String> {
    let mut client = client.map_or_else(|| connect(number, address), Ok).map_err(|error| error.to_string())?;
    client.sender().write_all(request("").as_bytes()).map_err(|error| error.to_string())?;
    let answer = client.answer_to("GET").inspect_err(|error| {
        assert!(error.ends_with("in the line \"\"") && !error.starts_with("cut"), "half an answer: {error}");
    })?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let who = client.address().ip().to_string();
    assert_eq!(answer.text().split('|').nth(1), Some(who.as_str()), "{}", answer.text());
    Ok((!answer.closes()).then_some(client))
}

/// The reaction of a proxy to a server connection that ends under a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    /// The proxy asks another server.
    Nothing,
    /// The proxy ends the client's connection without an answer; the client may ask again (RFC 9112
    /// §9.3.1).
    Endings,
}

/// Ends the clients when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn request(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// Connects from an address of the client's own.
pub(crate) fn connect(number: usize, address: SocketAddr) -> std::io::Result<Client> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let own = [127, 0, 1, u8::try_from(number + 1).unwrap()];
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    socket.connect_timeout(&address.into(), PATIENCE)?;
    Ok(Client::over_stream(TcpStream::from(socket)))
}

/// A server that keeps its port over a restart.
struct Restarting {
    server: Server,
    address: SocketAddr,
}

impl Restarting {
    fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let mut server = Server::new(seen);
        change(&mut server.settings);
        let address = free_port();
        server.settings.socket_port = address.port();
        server.start().unwrap();
        Self { server, address }
    }

    /// Goes by other settings from now on, as at SIGHUP, but for those that need a restart.
    fn change(&self, round: usize) {
        let mut settings = self.server.settings.clone();
        settings.thread_pool = [4, 16][round / 2 % 2];
        settings.keep_alive_timeout += Duration::from_secs(1 + round as u64);
        assert_eq!(self.server.handle().reload(&settings).unwrap(), [""; 0]);
        assert!(self.server.statistics().threads >= settings.thread_pool);
    }
}

/// A running proxy with its files in its own folder. Dropping the value ends the proxy and its
/// child processes.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    reload: Reload,
}

/// The way to make a proxy reload its configuration.
pub(crate) enum Reload {
    Signal(&'static str),
    /// This program with these arguments.
    Command(&'static str, Vec<String>),
}

impl Proxy {
    /// Starts HAProxy with one port, and `section` for the servers behind.
    fn haproxy(section: &str) -> Self {
        // In the foreground, with a master that can be told to reload.
        let arguments = ["-W", "-db", "-f"];
        let address = free_port();
        let section = section.replace('\n', "\n   ");
        let config = format!(
            "global\n    maxconn 1000\ndefaults\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n\
             listen front\n    bind {address}\n    {section}\n"
        );
        Self::start("haproxy", &arguments, &config, address, Reload::Signal("-USR2"))
    }

    /// Starts nginx in front of `servers`, as in nginx's manual.
    fn nginx(servers: &[SocketAddr]) -> Self {
        let address = free_port();
        let servers: String = servers.iter().map(|server| format!("server {server} max_fails=0; ")).collect();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind}; "))
            .concat();
        let config = format!(
            "daemon off; pid nginx.pid; error_log stderr crit; events {{ worker_connections 512; }}\n\
             http {{ access_log off; {temporary}\n\
             upstream drupe {{ {servers} keepalive 16; }}\n\
             server {{ listen {address}; server_name front.example; location / {{\n\
             proxy_pass http://drupe; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;\n\
             proxy_set_header X-Forwarded-Host $server_name; proxy_next_upstream error timeout; }} }} }}\n"
        );
        Self::start("nginx", &["-e", "stderr", "-c"], &config, address, Reload::Signal("-HUP"))
    }

    /// Apache httpd in front of `servers`, with a pool of connections to each.
    fn apache(servers: &[SocketAddr]) -> Self {
        let address = free_port();
        let folder = Self::folder("apache2", address);
        let modules = [
            "mpm_event",
            "authz_core",
            "headers",
            "slotmem_shm",
            "proxy",
            "proxy_http",
            "proxy_balancer",
            "lbmethod_byrequests",
        ]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
        // One that restarts is asked again at once.
        let members: String =
            servers.iter().map(|server| format!("BalancerMember http://{server} retry=0\n")).collect();
        let config = format!(
            "ServerRoot {0}\nPidFile httpd.pid\nDefaultRuntimeDir {0}\nServerName front.example\nListen {address}\n{modules}\
             User www-data\nGroup www-data\n\
             ErrorLog {0}/error.log\nLogLevel crit\nKeepAliveTimeout 60\nMaxKeepAliveRequests 0\nGracefulShutdownTimeout 5\n\
             <Proxy balancer://drupe>\n{members}</Proxy>\n\
             RequestHeader unset X-Forwarded-Host\nRequestHeader set X-Forwarded-Proto http\nProxyPreserveHost On\n\
             ProxyPass / balancer://drupe/ forcerecovery=On maxattempts=5\n",
            folder.display()
        );
        Self::start("apache2", &["-D", "FOREGROUND", "-f"], &config, address, Reload::Signal("-USR1"))
    }

    /// Starts Caddy in front of `servers`, configured over a socket.
    fn caddy(servers: &[SocketAddr]) -> Self {
        let address = free_port();
        let folder = Self::folder("caddy", address);
        let admin = format!("unix/{}/admin", folder.display());
        let servers: String = servers.iter().map(|server| format!(" {server}")).collect();
        let config = format!(
            "{{\nadmin {admin}\nauto_https off\nstorage file_system {0}\n}}\n\
             http://:{1} {{\nbind 127.0.0.1\nreverse_proxy{servers} {{\nlb_policy round_robin\nlb_try_duration 5s\nlb_try_interval 10ms\n}}\n}}\n",
            folder.display(),
            address.port()
        );
        let file = folder.join("front.conf").display().to_string();
        let reload = ["reload", "--force", "--address", &admin, "--adapter", "caddyfile", "--config", &file];
        let reload = Reload::Command("caddy", reload.map(str::to_owned).to_vec());
        Self::start("caddy", &["run", "--adapter", "caddyfile", "--config"], &config, address, reload)
    }

    /// The folder with the files of the proxy at `address`.
    fn folder(program: &str, address: SocketAddr) -> PathBuf {
        std::env::temp_dir().join(format!("drupe-{program}-{}", address.port()))
    }

    /// # Panics
    /// If the program is missing: a missing program must fail the test.
    pub(crate) fn start(program: &str, arguments: &[&str], config: &str, address: SocketAddr, reload: Reload) -> Self {
        let folder = Self::folder(program, address);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("front.conf");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if program == "nginx" {
            command.arg("-p").arg(&folder);
        }
        // Caddy keeps its last configuration.
        command.env("XDG_CONFIG_HOME", &folder);
        // Debian's path of these programs, missing in the PATH of ordinary users.
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        let child = command.spawn().unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
        let mut proxy = Self { child, address, folder, reload };
        wait_until("the proxy listens", || {
            assert!(
                matches!(proxy.child.try_wait(), Ok(None)),
                "{program} has ended; its configuration was:\n{config}"
            );
            TcpStream::connect(address).is_ok()
        });
        proxy
    }

    fn reload(&self) {
        match &self.reload {
            Reload::Signal(signal) => self.tell(signal),
            Reload::Command(program, arguments) => {
                let output = Command::new(program).args(arguments).output().expect("it has been started once");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }

    /// Sends a signal to the proxy only.
    fn tell(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Not killed: it has processes of its own to end.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns a free address with a port outside the range of outgoing connections. Otherwise, during
/// a restart, a connection to the port could be connected to itself.
pub(crate) fn free_port() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let first = std::process::id() as usize * 16;
    let candidates = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::SeqCst)).take(10_000);
    let mut addresses =
        candidates.map(|at| SocketAddr::from(([127, 0, 0, 1], 12_000 + u16::try_from(at % 10_000).unwrap())));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}
