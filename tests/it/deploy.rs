//! The files of examples/deploy, which the guide shows. Each file runs, or its own tool checks it,
//! unchanged except for addresses and paths.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use drupe::http::header::CONNECTION;
use drupe::testing::TestServer;
use drupe::{Body, BodyWriter, IntoResponse, Request, RequestExt, Response, Settings, Upgraded};

use crate::client::{Client, get, post};
use crate::door::Door;
use crate::frontends::{Proxy, Reload, connect, free_port};
use crate::guide::pages;
use crate::place::Place;
use crate::readme::{home, read};

/// Answers `client|scheme|host` and the names of the fields meant for proxies; streams wait at
/// `door` after their first event.
fn seen(request: &mut Request, door: &Door) -> Response {
    let door = door.clone();
    let events = move |writer: &mut BodyWriter| {
        writer.write_all(b"first")?;
        writer.flush()?;
        door.pass();
        writer.write_all(b"last")
    };
    match request.uri().path() {
        "/events" => Body::stream(events).into_response(),
        "/shout" if request.headers().contains_key(CONNECTION) => {
            drupe::upgrade(request, "shout", |mut stream: Upgraded| {
                let _ = stream.write_all(b"AHOY");
            })
        }
        "/count" => {
            std::mem::take(request.body_mut()).into_vec().map(|content| content.len().to_string()).into_response()
        }
        _ => {
            let client = request.client().map(|address| address.to_string()).unwrap_or_default();
            let names =
                request.headers().keys().map(ToString::to_string).filter(|name| name.starts_with("x-forwarded"));
            let (scheme, host, names) =
                (request.scheme(), request.host().unwrap_or_default(), names.collect::<Vec<_>>());
            format!("{client}|{scheme}|{host}|{}", names.join(",")).into_response()
        }
    }
}

/// Starts a server with the settings of a file of examples/deploy, on a free port.
fn server(file: &str, door: &Door) -> TestServer {
    let settings = Settings::from_file(home().join("examples/deploy").join(file)).unwrap();
    let door = door.clone();
    TestServer::with(move |request: &mut Request| seen(request, &door), |changed| *changed = settings)
}

/// The file, with each of `changes` made, which have to be there once.
fn changed(file: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(read(&format!("examples/deploy/{file}")), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old} in {file}");
        text.replace(old, new)
    })
}

#[test]
#[ignore = "takes nginx; .ci/run has it"]
fn nginx_with_the_file_of_the_guide_passes_everything_on() {
    let door = Door::default();
    let server = server("nginx.toml", &door);
    let address = free_port();
    let site = changed(
        "nginx.conf",
        &[
            ("listen 80;", format!("listen {address};")),
            ("server 127.0.0.1:8080;", format!("server {};", server.address())),
        ],
    );
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind}; ")).concat();
    let config = format!(
        "daemon off; pid nginx.pid; error_log stderr crit; events {{ worker_connections 64; }}\n\
         http {{ access_log off; {temporary}\n{site}}}\n"
    );
    let proxy = Proxy::start("nginx", &["-e", "stderr", "-c"], &config, address, Reload::Signal("-HUP"));
    hands_on(&proxy, &door, "x-forwarded-for,x-forwarded-proto");
    // A kept connection for each of the clients there were, not one for each request.
    assert!(server.server().statistics().accepts <= 10, "{:?}", server.server().statistics());
    assert_eq!(server.server().statistics().refused, 0);
}

#[test]
#[ignore = "takes HAProxy; .ci/run has it"]
fn haproxy_with_the_file_of_the_guide_passes_everything_on() {
    let door = Door::default();
    let servers = [server("haproxy.toml", &door), server("haproxy.toml", &door)];
    let address = free_port();
    let config = changed(
        "haproxy.cfg",
        &[
            ("bind :80", format!("bind {address}")),
            ("127.0.0.1:8080", servers[0].address().to_string()),
            ("127.0.0.1:8081", servers[1].address().to_string()),
        ],
    );
    let proxy = Proxy::start("haproxy", &["-W", "-db", "-f"], &config, address, Reload::Signal("-USR2"));
    hands_on(&proxy, &door, "");
    // One that stops is not missed.
    servers[0].server().stop();
    for _ in 0..8 {
        let mut client = connect(1, proxy.address).unwrap();
        assert_eq!(client.get("/").status, 200);
    }
    for server in &servers {
        assert_eq!((server.server().statistics().proxy_refused, server.server().statistics().refused), (0, 0));
    }
}

/// Checks that the client is known, forged fields have no effect, and content, events and upgrades
/// get through.
fn hands_on(proxy: &Proxy, door: &Door, fields: &str) {
    let mut client = connect(4, proxy.address).unwrap();
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n";
    for _ in 0..4 {
        client.send(format!("GET / HTTP/1.1\r\nHost: front.example\r\n{lies}\r\n"));
        assert_eq!(client.answer().text(), format!("127.0.1.5|http|front.example|{fields}"));
    }
    client.send(post("/count", &vec![b'x'; 2 << 20]));
    assert_eq!(client.answer().text(), "2097152");

    client.send(get("/events"));
    let head = client.head().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(client.chunk().unwrap(), b"first", "it is here while there is more to come");
    door.open();

    let mut client = connect(4, proxy.address).unwrap();
    client.send("GET /shout HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 101);
    assert_eq!(client.take(4).unwrap(), b"AHOY");
}

/// systemd accepts the units, and the program accepts their command lines.
#[test]
fn systemd_knows_every_line_of_the_units() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drupe").to_owned();
    let service = changed("drupe.service", &[("/usr/local/bin/drupe", program)]);
    fs::write(place.path("drupe.service"), &service).unwrap();
    fs::write(place.path("drupe.socket"), read("examples/deploy/drupe.socket")).unwrap();
    let units = [place.path("drupe.service"), place.path("drupe.socket")];
    let verified = output(Command::new("systemd-analyze").arg("verify").arg("--man=no").args(&units));
    assert_eq!((verified.status.code(), text(&verified.stderr)), (Some(0), String::new()));

    let bad = service.replace("ProtectHome=yes", "ProtectHome=perhaps");
    fs::write(place.path("drupe.service"), bad).unwrap();
    let verified = output(Command::new("systemd-analyze").arg("verify").arg("--man=no").args(&units));
    assert!(text(&verified.stderr).contains("perhaps"), "what is wrong would have been found");

    let wait = seconds(&service, "TimeoutStopSec=");
    let settings = printed("examples/deploy/drupe.toml");
    assert!(wait > number(&settings, "shutdown_timeout"), "systemd kills it before it has stopped");
    // Unless a number is set there may be so many where descriptors allow it.
    let most = settings["max_connections"].parse().unwrap_or(65_536);
    assert!(seconds(&service, "LimitNOFILE=") > most, "connections need descriptors");
    let name = settings["listen"].trim_matches('"').strip_prefix("fd:").unwrap().to_owned();
    assert!(read("examples/deploy/drupe.socket").contains(&format!("FileDescriptorName={name}\n")));
}

/// The program listens on the socket opened by systemd's own tool, by the name in the unit.
#[test]
fn the_program_finds_the_socket_of_the_unit_by_its_name() {
    let place = Place::new();
    fs::write(place.path("index.html"), "found").unwrap();
    let folder = place.path("").display().to_string();
    let settings = changed(
        "drupe.toml",
        &[("/srv/www", folder.clone()), ("/var/log/drupe/access.log", place.path("access.log").display().to_string())],
    );
    fs::write(place.path("drupe.toml"), settings).unwrap();
    let address = free_port();
    let mut command = Command::new("systemd-socket-activate");
    command.args([
        "--listen",
        &address.to_string(),
        "--fdname=www",
        "--setenv=DRUPE_HOST_NAME=a",
        env!("CARGO_BIN_EXE_drupe"),
        "--config",
    ]);
    let mut child = command.arg(place.path("drupe.toml")).stderr(Stdio::null()).spawn().expect("it comes with systemd");
    crate::client::wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    assert_eq!(Client::connect(address).get("/").text(), "found");
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success() && child.wait().unwrap().success());
    assert!(fs::read_to_string(place.path("access.log")).unwrap().contains("\"GET / HTTP/1.1\" 200"));
}

/// No Kubernetes is available. The test checks that the file is YAML, that its parts fit each
/// other, and that the program accepts its settings.
#[test]
fn the_parts_of_the_deployment_fit_each_other() {
    let place = Place::new();
    let script = r#"
import sys, yaml
config, deployment, service = yaml.safe_load_all(open(sys.argv[1]))
pod = deployment['spec']['template']
container, = pod['spec']['containers']
# Else Kubernetes puts variables for each service into the environment, whatever their names mean to the program.
assert pod['spec']['enableServiceLinks'] is False
ports = {port['name']: port['containerPort'] for port in container['ports']}
open(sys.argv[2], 'w').write(config['data']['drupe.toml'])
mounted = {mount['name']: mount['mountPath'] for mount in container['volumeMounts']}
volume, = pod['spec']['volumes']
assert volume['configMap']['name'] == config['metadata']['name']
assert container['command'][1:] == ['--config', mounted[volume['name']] + '/drupe.toml']
labels = pod['metadata']['labels']
assert labels == deployment['spec']['selector']['matchLabels'] == service['spec']['selector']
for use in container['readinessProbe']['httpGet'], container['livenessProbe']['tcpSocket']:
    assert use['port'] in ports
assert service['spec']['ports'][0]['targetPort'] in ports
print('port', ports['http'])
print('patience', pod['spec']['terminationGracePeriodSeconds'])
print('sleep', container['lifecycle']['preStop']['sleep']['seconds'])
print('mebibytes', container['resources']['limits']['memory'].removesuffix('Mi'))
env = {entry['name']: entry['value'] for entry in container['env']}
print('threshold', env['MALLOC_MMAP_THRESHOLD_'])
"#;
    let file = home().join("examples/deploy/deployment.yaml");
    let told = output(Command::new("python3").args(["-c", script]).arg(file).arg(place.path("drupe.toml")));
    assert_eq!(text(&told.stderr), "", "this takes python3 with yaml (python3-yaml)");
    let told = text(&told.stdout);
    let told: BTreeMap<&str, u64> = told
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    let settings = printed(place.path("drupe.toml").to_str().unwrap());
    let bytes = |name| number(&settings, name);
    let each = 3 * bytes("max_request_header_size") + bytes("body_buffer_size");
    let (parked, stacks) = (2 * bytes("max_parked_size"), 100_000 * bytes("thread_pool_max"));
    let listings = bytes("thread_pool_max") * LISTING + LARGE_LISTINGS;
    let held = parked + bytes("max_connections") * 24 * 1024 + bytes("thread_pool_max") * each + listings + stacks;
    let page = read("src/guide/in_kubernetes.rs");
    for (factor, unit, sum) in [
        (bytes("max_connections"), 24 << 10, "24 KiB"),
        (bytes("thread_pool_max"), each, &format!("{} KiB", each >> 10)),
        (bytes("thread_pool_max"), LISTING, "320 KiB"),
    ] {
        let row = format!("{factor} × {sum} = {} MiB", (factor * unit + (1 << 19)) >> 20);
        assert!(page.contains(&row), "{row} is not in the table of the guide");
    }
    assert!(page.contains(&format!("{} MiB together", (held + (1 << 19)) >> 20)), "{held} bytes together");
    assert!(held < told["mebibytes"] << 20, "clients can have it killed for its memory: {held}");
    assert_eq!(told["threshold"], 128 << 10, "large answers that are over stay in the heap");
    assert!(read("examples/deploy/drupe.service").contains("\nEnvironment=MALLOC_MMAP_THRESHOLD_=131072\n"));
    assert_eq!(told["port"], number(&settings, "socket_port"));
    assert!(
        told["patience"] > told["sleep"] + number(&settings, "shutdown_timeout"),
        "it is killed before it has stopped"
    );
}

/// The program serves with the variables of the Dockerfile, and the health check of the Dockerfile
/// sees the start and the end.
#[test]
fn image_serves_by_its_variables_and_knows_its_health() {
    let place = Place::new();
    fs::write(place.path("index.html"), "found").unwrap();
    let address = free_port();
    let port = address.port().to_string();
    let file = read("examples/deploy/Dockerfile").replace("8080", &port);
    let file = file.replace("/srv/www", place.path("").to_str().unwrap());
    let last = |word: &str| file.lines().rev().find_map(|line| line.strip_prefix(word)).unwrap().trim().to_owned();
    let user = last("USER ");
    assert!(user.split(':').all(|number| number.parse::<u32>().is_ok_and(|number| number > 0)), "{user}");
    assert_eq!((last("EXPOSE "), last("STOPSIGNAL ")), (port.clone(), "SIGTERM".to_owned()));
    let words = |line: &str| serde_json::from_str::<Vec<String>>(&line[line.find('[').unwrap()..]).unwrap();
    assert_eq!(words(&last("ENTRYPOINT ")), ["/drupe"]);
    let health = words(&last("HEALTHCHECK "));
    let check = || output(Command::new(env!("CARGO_BIN_EXE_drupe")).env_clear().args(&health[1..])).status.code();
    assert_eq!((health[0].as_str(), check()), ("/drupe", Some(1)));
    let variables: Vec<String> = last("ENV ").split(' ').map(str::to_owned).collect();
    let variables: Vec<(&str, &str)> = variables.iter().map(|pair| pair.split_once('=').unwrap()).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drupe"));
    command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    crate::client::wait_until("it is healthy", || check() == Some(0));
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success() && child.wait().unwrap().success());
    assert_eq!(check(), Some(1));
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut log).unwrap();
    assert!(log.contains("\"GET / HTTP/1.0\" 200 5 \"-\" \"drupe-health/"), "{log}");
}

/// Memory of a listing of 1000 entries, which each worker may hold in addition.
const LISTING: u64 = 320 << 10;
/// Memory of the larger listings: sixteen of the maximum size, about 5 MB each.
const LARGE_LISTINGS: u64 = 80 << 20;

/// Each settings file shown in the guide is valid.
#[test]
fn the_program_takes_the_settings_that_the_guide_shows() {
    let place = Place::new();
    let mut count = 0;
    for (name, page) in pages() {
        let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim).collect();
        for block in lines.join("\n").split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let file = place.path(&format!("{name}-{count}.toml"));
            fs::write(&file, block).unwrap();
            assert!(!printed(file.to_str().unwrap()).is_empty());
            count += 1;
        }
    }
    assert!(count > 0, "there is none");
}

/// Returns the output of `drupe check` for a file, by setting.
fn printed(file: &str) -> BTreeMap<String, String> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_drupe"));
    // The directory that is served there is not on this machine.
    let checked = output(check.env_clear().args(["check", "--directory", "."]).arg(home().join(file)));
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
    let text = text(&checked.stdout);
    let pairs = text.lines().filter_map(|line| line.split(" # ").next().unwrap().split_once(" = "));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

fn number(settings: &BTreeMap<String, String>, name: &str) -> u64 {
    settings[name].parse().unwrap()
}

fn seconds(unit: &str, name: &str) -> u64 {
    unit.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("this test needs {command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
