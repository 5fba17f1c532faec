//! Other programs as TLS clients: curl, OpenSSL, a browser, and security scanners; and the cost of
//! TLS.
//!
//! Each test needs its program; a missing program fails the test.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use drupe::testing::TestServer;
use drupe::{Request, RequestExt, Settings};

use crate::client::{Client, wait_until};
use crate::place::Place;
use crate::process::{is_alone_with, most_descriptors};
use crate::secure::{AUTHORITY, Made, connect_to};
use crate::service::{LARGE_LENGTH, Service};

/// A server with the certificate `made`, and a folder with the files of clients.
fn start(made: &Made, change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(tell, |settings| {
        settings.ssl_context = Some(made.context());
        change(settings);
    })
}

fn tell(request: &mut Request) -> std::io::Result<String> {
    let length = std::mem::take(request.body_mut()).into_vec()?.len();
    let tls = request.connection().tls().expect("nothing is served in clear");
    Ok(format!("{} {} {} {length}\n", request.method(), request.uri(), tls.protocol))
}

fn local() -> Made {
    AUTHORITY.issue(&["localhost", "127.0.0.1"])
}

fn run(program: &str, arguments: &[&str], folder: &Place) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder.path("")).env("HOME", folder.path("")).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("this test needs {program} on the PATH: {error}"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

// ---- curl ----

const CURL: &[&str] = &["-q", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert", "ca.pem"];

fn curl(arguments: &[&str], folder: &Place) -> String {
    let output = run("curl", &[CURL, arguments].concat(), folder);
    assert!(output.status.success(), "curl {arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn curl_trusts_the_server_and_speaks_both_versions() {
    let folder = Place::new();
    folder.write("ca.pem", &AUTHORITY.pem);
    folder.write("content", [b'x'; 1_000_000]);
    let server = start(&local(), |_| {});
    for (version, least, most) in [("TLSv1.2", "--tlsv1.2", "1.2"), ("TLSv1.3", "--tlsv1.3", "1.3")] {
        let manner = [least, "--tls-max", most];
        let both = curl(&[&manner[..], &[&server.url("/1"), &server.url("/2")]].concat(), &folder);
        assert_eq!(both, format!("GET /1 {version} 0\nGET /2 {version} 0\n"));
        for upload in [&["--data-binary", "@content"][..], &["-H", "Transfer-Encoding: chunked", "-d", "@content"]] {
            let told = curl(&[&manner[..], upload, &[&server.url("/up")]].concat(), &folder);
            assert_eq!(told, format!("POST /up {version} 1000000\n"));
        }
    }
    let statistics = server.server().statistics();
    assert_eq!((statistics.accepts, statistics.handshakes_failed), (6, 0));
    // Which a stranger is not.
    folder.write("ca.pem", &crate::secure::Authority::new("somebody else").pem);
    assert!(!run("curl", &[CURL, &[&server.url("/")]].concat(), &folder).status.success());
}

#[test]
fn curl_gets_a_400_for_plain_http() {
    let folder = Place::new();
    folder.write("ca.pem", &AUTHORITY.pem);
    let server = start(&local(), |_| {});
    let told = curl(&["-w", "%{http_code}", &server.url("/").replace("https", "http")], &folder);
    assert!(told.contains("TLS") && told.ends_with("400"), "{told}");
}

#[cfg(feature = "cli")]
#[test]
fn program_generates_a_self_signed_certificate_with_a_warning() {
    use std::io::{BufRead, BufReader};

    let folder = Place::new();
    folder.write("file", "content");
    let mut command = Command::new(env!("CARGO_BIN_EXE_drupe"));
    command.args(["--ssl-self-signed", "--quiet", "--socket-port", "0"]).arg(folder.path("")).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.by_ref().take(3).collect();
    let url = said[0].split_once(" at ").unwrap().1.split(' ').next().unwrap().to_owned();
    let fetch = |more: &[&str]| {
        run("curl", &[&["-q", "-sS", "--noproxy", "*"], more, &[&format!("{url}file")]].concat(), &folder)
    };
    let (unasked, insecure) = (fetch(&[]), fetch(&["--insecure"]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(url.starts_with("https://127.0.0.1:") && said[1].contains("self-signed certificate"), "{said:?}");
    assert!(!unasked.status.success() && text(&unasked).contains("self"), "{}", text(&unasked));
    assert_eq!(text(&insecure), "content");

    let both = run(env!("CARGO_BIN_EXE_drupe"), &["--ssl-self-signed", "--ssl-certificate", "a.pem"], &folder);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both));
}

// ---- OpenSSL ----

/// Sends a request for `/` by `openssl s_client`.
fn s_client(server: &TestServer, arguments: &[&str], folder: &Place) -> Output {
    let address = server.address().to_string();
    let fixed =
        ["s_client", "-connect", &address, "-servername", "localhost", "-CAfile", "ca.pem", "-verify_return_error"];
    let mut command = Command::new("openssl");
    command.args(fixed).args(["-ign_eof"]).args(arguments).current_dir(folder.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("this test needs openssl on the PATH: {error}"));
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // It may have been refused before it reads this.
    let _ = std::io::Write::write_all(child.stdin.as_mut().unwrap(), request);
    child.wait_with_output().unwrap()
}

#[test]
fn openssl_speaks_1_2_and_1_3_and_nothing_older() {
    let folder = Place::new();
    folder.write("ca.pem", &AUTHORITY.pem);
    let server = start(&local(), |_| {});
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let output = s_client(&server, &[flag, "-alpn", "h2,http/1.1"], &folder);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        for expected in [&format!("GET / {version} 0\n"), "Verification: OK", "ALPN protocol: http/1.1"] {
            assert!(said.contains(expected), "{flag}: no {expected:?} in {said}");
        }
    }
    assert_eq!(server.server().statistics().handshakes_failed, 0);
    // The lowest security level, so that it is not OpenSSL itself that refuses.
    for (number, flag) in ["-tls1_1", "-tls1"].into_iter().enumerate() {
        let said = text(&s_client(&server, &[flag, "-cipher", "ALL:@SECLEVEL=0"], &folder));
        assert!(said.contains("SSL alert number") && said.contains("Cipher is (NONE)"), "{said}");
        let failed = || server.server().statistics().handshakes_failed;
        wait_until("it is counted", || failed() == number as u64 + 1);
    }
}

#[test]
fn openssl_resumes_and_shows_its_certificate() {
    let folder = Place::new();
    let ca = folder.write("ca.pem", &AUTHORITY.pem);
    folder.write("client.pem", AUTHORITY.issue(&["client.test"]).both());
    let server = start(&local(), |settings| settings.ssl_client_ca = Some(ca));
    for version in ["-tls1_2", "-tls1_3"] {
        let certificate = ["-cert", "client.pem", version];
        let first = text(&s_client(&server, &[&certificate[..], &["-sess_out", "session"]].concat(), &folder));
        assert!(first.contains("New, TLS") && first.contains("GET / TLS"), "{first}");
        let second = text(&s_client(&server, &[&certificate[..], &["-sess_in", "session"]].concat(), &folder));
        assert!(second.contains("Reused, TLS") && second.contains("GET / TLS"), "{second}");
        let none = text(&s_client(&server, &[version], &folder));
        assert!(!none.contains("GET / TLS"), "{none}");
    }
    wait_until("both are counted", || server.server().statistics().handshakes_failed == 2);
}

// ---- a browser ----

#[test]
#[ignore = "needs chromium and certutil; .ci/run has both"]
fn a_browser_shows_the_page() {
    let folder = Place::new();
    let made = local();
    folder.write("ca.pem", &AUTHORITY.pem);
    let server = start(&made, |_| {});
    let page = || {
        let fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
        let own = ["--user-data-dir=profile", "--timeout=20000", "--dump-dom"];
        let url = server.url("/page").replace("127.0.0.1", "localhost");
        text(&run("chromium", &[&fixed[..], &own, &[&url]].concat(), &folder))
    };
    let stranger = page();
    assert!(!stranger.contains("GET /page"), "{stranger}");
    // Where it looks for authorities that its user trusts.
    let database = folder.path(".pki/nssdb");
    std::fs::create_dir_all(&database).unwrap();
    let database = format!("sql:{}", database.display());
    for arguments in [
        &["-d", &database, "-N", "--empty-password"][..],
        &["-d", &database, "-A", "-t", "C,,", "-n", "tests", "-i", "ca.pem"],
    ] {
        let output = run("certutil", arguments, &folder);
        assert!(output.status.success(), "{}", text(&output));
    }
    let trusted = page();
    assert!(trusted.contains("GET /page TLSv1.3 0"), "{trusted}");
}

// ---- scanners ----

#[test]
#[ignore = "needs sslscan; .ci/run has it"]
fn sslscan_finds_nothing_old_and_nothing_weak() {
    let folder = Place::new();
    let server = start(&local(), |_| {});
    let output = run("sslscan", &["--no-colour", "--show-certificate", &server.address().to_string()], &folder);
    let said = text(&output);
    println!("{said}");
    for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
        let line =
            said.lines().find(|line| line.starts_with(version)).unwrap_or_else(|| panic!("no {version}: {said}"));
        assert!(line.ends_with("disabled"), "{line}");
    }
    for version in ["TLSv1.2", "TLSv1.3"] {
        assert!(said.lines().any(|line| line.starts_with(version) && line.ends_with("enabled")), "{said}");
    }
    let ciphers: Vec<&str> =
        said.lines().filter(|line| line.starts_with("Preferred") || line.starts_with("Accepted")).collect();
    assert!(ciphers.len() >= 4, "{said}");
    for line in ciphers {
        assert!(line.contains("GCM") || line.contains("POLY1305"), "{line}");
        assert!(line.contains("ECDHE") || line.contains("TLSv1.3"), "{line}");
    }
    for weakness in ["vulnerable to heartbleed", "Insecure", "Compression enabled"] {
        let found = said.lines().find(|line| line.contains(weakness) && !line.contains("not vulnerable"));
        assert_eq!(found, None, "{said}");
    }
}

#[test]
#[ignore = "takes a minute and testssl.sh; .ci/run has both"]
fn testssl_finds_nothing_of_medium_severity() {
    let folder = Place::new();
    let authority = folder.write("ca.pem", &AUTHORITY.pem);
    let server = start(&local(), |_| {});
    // No name lookups: there may be no resolver.
    let fixed = ["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--jsonfile", "found.json"];
    let what = ["--protocols", "--std", "--server-preference", "--fs", "--server-defaults", "--vulnerable"];
    let rest = ["--add-ca", authority.to_str().unwrap(), &server.address().to_string()];
    let output = run("testssl", &[&fixed[..], &what, &rest].concat(), &folder);
    let found = std::fs::read_to_string(folder.path("found.json")).unwrap_or_else(|_| panic!("{}", text(&output)));
    println!("{}", text(&output));
    // One object for each thing that was looked at.
    let value = |object: &str, name: &str| {
        let line = object.lines().find(|line| line.trim_start().starts_with(&format!("\"{name}\"")))?.to_owned();
        Some(line.split('"').nth(3)?.to_owned())
    };
    let objects: Vec<(String, String, String)> = found
        .split('{')
        .filter_map(|object| Some((value(object, "id")?, value(object, "severity")?, value(object, "finding")?)))
        .collect();
    assert!(objects.len() > 50, "{found}");
    assert!(objects.contains(&("TLS1_3".to_owned(), "OK".to_owned(), "offered with final".to_owned())), "{found}");
    let grave = ["MEDIUM", "HIGH", "CRITICAL", "FATAL"];
    let wrong = objects.iter().filter(|(id, severity, _)| {
        // Revocation and permitted issuers are the authority's business; the test's authority has neither.
        grave.contains(&severity.as_str()) && id != "cert_revocation"
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

// ---- cost ----

/// The settings of a service with the certificate `made`.
fn settings(made: &Made, folder: &Place, more: &str) -> String {
    let file = folder.write("both.pem", made.both());
    format!("ssl_certificate={} {more}", file.display())
}

#[test]
#[ignore = "moves two gibibytes; .ci/run has the time"]
fn a_gibibyte_comes_and_goes_in_little_memory() {
    const LENGTH: u64 = 1 << 30;
    // Beside what the process had at the start: the bytes of `/large`, and little more.
    const MOST: u64 = LARGE_LENGTH as u64 + (4 << 20);
    let folder = Place::new();
    folder.write("ca.pem", &AUTHORITY.pem);
    let file = std::fs::File::create(folder.path("gibibyte")).unwrap();
    file.set_len(LENGTH).unwrap();
    let settings = settings(&local(), &folder, "thread_pool=2 max_request_body_size=-1");
    let service = Service::start(&settings);
    let url = format!("https://localhost:{}", service.address().port());
    let own = service.figures().peak();
    let file = format!("/file{}", folder.path("gibibyte").display());
    // A reader's content, a file (which the kernel would send if it were not encrypted), and bytes, repeatedly on one connection.
    let (reader, bytes) = (format!("/bytes/{LENGTH}"), format!("/large?[1-{}]", LENGTH / LARGE_LENGTH as u64));
    let down = ["-o", "/dev/null", "-w", "%{size_download}\n"];
    let all = |text: &str| text.lines().map(|line| line.parse::<u64>().unwrap()).sum::<u64>();
    for (what, arguments, target) in [
        ("down from a reader", &down[..], &*reader),
        ("down from a file", &down, &file),
        ("down from bytes", &down, &bytes),
        ("up", &["-T", "gibibyte", "-w", "\n"], "/count"),
        ("up in chunks", &["-T", "gibibyte", "-w", "\n", "-H", "Transfer-Encoding: chunked"], "/count"),
    ] {
        let target = format!("{url}{target}");
        let begun = Instant::now();
        assert_eq!(all(&curl(&[arguments, &[&target]].concat(), &folder)), LENGTH, "{what}");
        let peak = service.figures().peak();
        println!("a gibibyte {what}: {:.1?}, at most {peak} bytes, of which {own} before", begun.elapsed());
        assert!(peak < own + MOST, "{what}: {peak} bytes, of which {own} before");
    }
}

#[test]
fn a_thousand_idle_connections_take_no_thread() {
    const NAME: &str = "tls_outside::a_thousand_idle_connections_take_no_thread";
    const CLIENTS: u32 = 1000;
    let limit = most_descriptors().min(CLIENTS + 200);
    if !is_alone_with(limit, NAME) {
        return;
    }
    assert_eq!(limit, CLIENTS + 200, "a process may have too few descriptors here");
    let folder = Place::new();
    let settings =
        settings(&local(), &folder, "thread_pool=4 socket_timeout=600 keep_alive_timeout=600 max_connections=-1");
    let service = Service::start_with(limit, &settings);
    (0..50).for_each(|_| connect_to(service.address()).assert_in_step("/", "/"));
    wait_until("they have left", || service.counts().of("parked") == 0);
    let empty = service.figures().resident();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| connect_to(service.address())).collect();
    clients.iter_mut().for_each(|client| client.assert_in_step("/", "/"));
    wait_until("they wait without a worker", || service.counts().of("parked") == u64::from(CLIENTS));
    wait_until("the pool is at its size", || service.counts().of("threads") == 4);
    let each = service.figures().resident().saturating_sub(empty) / u64::from(CLIENTS);
    println!("{CLIENTS} idle connections: {each} bytes each, above {empty} bytes");
    wait_until("four workers, one that accepts, one that keeps the time", || {
        service.figures().threads().len() == 4 + 2
    });
    assert!(each < 16 << 10, "{each} bytes for each connection");
    connect_to(service.address()).assert_in_step("/new", "/new");
    clients.iter_mut().for_each(|client| client.assert_in_step("/again", "/again"));
}
