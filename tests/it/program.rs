//! The program `drupe`: flags, the environment, files, output and logs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use drupe::Settings;
use drupe::settings::Row;

use crate::client::{Client, get, wait_until};
use crate::place::Place;
use crate::process::wait_until_stopped;
use crate::readme;

/// The exit status and the output.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// The program, without `DRUPE_*` variables; under coverage, with a file for its own counts.
pub(crate) fn drupe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drupe"));
    let measured = std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE");
    command.env_clear().envs(measured).stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code(), output: text(&output.stdout), errors: text(&output.stderr) }
}

fn check<S: AsRef<OsStr>>(arguments: &[S]) -> Ended {
    run(drupe().arg("check").args(arguments))
}

/// The value and origin of each setting in the output of `drupe check`, under `table.name`.
pub(crate) fn printed(ended: &Ended) -> BTreeMap<String, (String, String)> {
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    let mut settings = BTreeMap::new();
    let mut table = "";
    for line in ended.output.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name;
        } else if let Some((name, rest)) = line.split_once(" = ") {
            let (value, origin) = rest.rsplit_once(" # ").unwrap();
            settings.insert(format!("{table}.{name}"), (value.trim_end().to_owned(), origin.to_owned()));
        }
    }
    settings
}

/// A valid value other than the default, and its form in a file.
fn good(row: &Row) -> (String, String) {
    let quoted = |text: &str| (text.to_owned(), format!("{text:?}"));
    let bare = |text: &str| (text.to_owned(), text.to_owned());
    match (row.name(), row.unit()) {
        ("protocol_version", _) => quoted("HTTP/1.0"),
        ("header_overflow_status", _) => bare("413"),
        ("thread_pool_max", _) => bare("300"),
        ("peercreds", _) => bare("true"),
        ("keep_alive_grace", _) => bare("0.05"),
        ("trusted_proxies", _) => quoted("127.0.0.1"),
        ("trusted_proxy_headers", _) => quoted("forwarded"),
        ("trusted_proxy_count", _) => bare("7"),
        ("wsgi_version", _) => quoted("u.0"),
        ("ssl_certificate", _) => quoted(&certificate("ec.both.pem")),
        ("ssl_certificate_chain" | "ssl_client_ca", _) => quoted(&certificate("ec.pem")),
        ("ssl_private_key", _) => quoted(&certificate("ec.pkcs8.key")),
        ("ssl_sni", _) => quoted(&certificate("ec.both.pem")),
        ("ssl_ciphers", _) => quoted("ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384"),
        ("ssl_min_version", _) => quoted("TLSv1.3"),
        ("ssl_verify_mode", _) => quoted("none"),
        ("ssl_module", _) => quoted("BUILTIN"),
        ("thread_stack_size", _) => bare("131072"),
        (_, "MODE") => ("0600".to_owned(), "0o600".to_owned()),
        (_, "ADDRESSES") => ("unix:a,fd:3".to_owned(), "[\"unix:a\", \"fd:3\"]".to_owned()),
        (_, "BOOL") => bare(if row.default_text() == "true" { "false" } else { "true" }),
        (_, "SECONDS") => bare("7.5"),
        (_, "BYTES") => bare("4096"),
        (_, "COUNT" | "PORT" | "STATUS") => bare("77"),
        (_, _) => quoted("cherry"),
    }
}

/// The path of one of the certificates and keys that the tests have.
fn certificate(name: &str) -> String {
    readme::home().join("tests/data/tls").join(name).to_str().unwrap().to_owned()
}

/// An invalid value, and its form in a file.
fn bad(row: &Row) -> (String, String) {
    let both = |text: &str| (text.to_owned(), text.to_owned());
    match (row.name(), row.unit()) {
        // These units accept any text; the value is refused for its meaning.
        ("socket_host" | "protocol_version" | "software", _) => ("a b\u{e9}".to_owned(), "\"a b\u{e9}\"".to_owned()),
        ("socket_user" | "socket_group" | "trusted_proxies", _) => (String::new(), "7".to_owned()),
        ("peercreds_resolve", _) => both("true"),
        (_, "PATH") => ("a".repeat(200), format!("{:?}", "a".repeat(200))),
        (_, "MODE") => both("888"),
        (_, "BOOL") => ("perhaps".to_owned(), "1".to_owned()),
        (_, "ADDRESSES" | "VERSION") => ("cherry".to_owned(), "\"cherry\"".to_owned()),
        (_, _) => both("-7"),
    }
}

fn flag(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

fn variable(name: &str) -> String {
    format!("DRUPE_{}", name.to_uppercase())
}

/// Settings that only make sense together with another.
fn needs(name: &str) -> Option<(&'static str, String)> {
    let given = |name, value: &str| Some((name, value.to_owned()));
    match name {
        "peercreds_resolve" => given("peercreds", "true"),
        "trusted_proxies" => given("trusted_proxy_headers", "forwarded"),
        "trusted_proxy_headers" => given("trusted_proxies", "127.0.0.1"),
        "ssl_certificate" => None,
        "ssl_private_key_password" => given("ssl_certificate", &certificate("rsa.both.pem")),
        name if name.starts_with("ssl_") => given("ssl_certificate", &certificate("ec.both.pem")),
        _ => None,
    }
}

#[test]
fn every_setting_is_taken_from_a_file_from_the_environment_and_from_a_flag() {
    let place = Place::new();
    let path = place.path("drupe.toml");
    let file = path.to_str().unwrap();
    for row in Settings::table() {
        let name = row.name();
        let (text, toml) = good(row);
        let key = format!("server.{name}");
        let expected = |origin: &str| {
            let is_quoted = matches!(
                row.unit(),
                "NAME" | "NAMES" | "PATH" | "PATHS" | "PASSWORD" | "MODE" | "ADDRESSES" | "VERSION"
            );
            // A password is not for others to see.
            let shown = if row.unit() == "PASSWORD" { "***" } else { &text };
            (if is_quoted { format!("{shown:?}") } else { shown.to_owned() }, origin.to_owned())
        };

        let need = needs(name).map(|(name, value)| (variable(name), value));
        for (content, line) in [
            (format!("[server]\n{name} = {toml}\n"), 2),
            (format!("[global]\n\n\nserver.{name} = {toml}\n"), 4),
            (format!("[global]\n\"server.{name}\" = {toml}\n"), 2),
        ] {
            std::fs::write(&path, content).unwrap();
            let ended = run(drupe().args(["check", file]).envs(need.clone()));
            assert_eq!(printed(&ended)[&key], expected(&format!("{file}:{line}")), "{name}");
        }

        let ended = run(drupe().arg("check").envs(need.clone()).env(variable(name), &text));
        let of_environment = expected(&format!("environment variable {}", variable(name)));
        assert_eq!(printed(&ended)[&key], of_environment);

        let need_flag = needs(name).map(|(name, value)| format!("{}={value}", flag(name)));
        let ended = run(drupe().arg("check").args(need_flag).arg(format!("{}={text}", flag(name))));
        let of_flag = expected(&format!("option {}", flag(name)));
        assert_eq!(printed(&ended)[&key], of_flag);

        // All three at once: the flag counts; without it the environment.
        // Two settings that need each other cannot be unset one by one.
        let other = match name {
            "trusted_proxies" | "trusted_proxy_headers" | "ssl_private_key_password" => text.clone(),
            _ => row.default_text(),
        };
        let mut command = drupe();
        command.args(["check", file]).envs(need).env(variable(name), &text);
        assert_eq!(printed(&run(&mut command))[&key], of_environment);
        command.arg(format!("{}={other}", flag(name)));
        let (_, origin) = &printed(&run(&mut command))[&key];
        assert_eq!(*origin, format!("option {}", flag(name)));
    }
}

#[test]
fn every_bad_value_is_refused_by_name_from_any_source() {
    let place = Place::new();
    let path = place.path("drupe.toml");
    let file = path.to_str().unwrap();
    for row in Settings::table() {
        let name = row.name();
        let (text, toml) = bad(row);
        let refused = |ended: &Ended, begin: &str| {
            assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{name}: {}", ended.errors);
            assert!(ended.errors.starts_with(begin), "{begin}: {}", ended.errors);
            assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
        };
        std::fs::write(&path, format!("# comment\n\n[server]\n{name} = {toml}\n")).unwrap();
        // The same whether it is to be checked or to be served.
        for arguments in [["check", file], ["--config", file]] {
            refused(&run(drupe().args(arguments)), &format!("drupe: {file}:4: setting {name}: "));
        }
        if text.is_empty() {
            continue;
        }
        refused(&run(drupe().env(variable(name), &text)), &format!("drupe: environment variable {}: ", variable(name)));
        refused(&run(drupe().arg(format!("{}={text}", flag(name)))), &format!("drupe: option {}: ", flag(name)));
    }
}

#[test]
fn a_certificate_that_cannot_be_read_is_refused_by_check() {
    let (certificate, key) = (certificate("ec.pem"), certificate("rsa.pkcs8.key"));
    for (settings, expected) in [
        (vec!["--ssl-certificate=/no/such.pem"], "option --ssl-certificate: cannot read \"/no/such.pem\": "),
        (vec!["--ssl-certificate", &certificate], "setting ssl_private_key: "),
        (vec!["--ssl-certificate", &certificate, "--ssl-private-key", &key], "option --ssl-private-key: "),
        (
            vec!["--ssl-certificate", &certificate, "--ssl-private-key=/no/such.key"],
            "option --ssl-private-key: cannot read ",
        ),
    ] {
        let ended = check(&settings);
        assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{settings:?}");
        assert!(ended.errors.starts_with(&format!("drupe: {expected}")), "{settings:?}: {}", ended.errors);
        assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    }
}

/// Errors found only at the start, or by asking the system: named with their line, also by `check`
/// unless `check` would have to open a file for writing.
#[test]
fn missing_users_and_files_are_refused_by_file_and_line() {
    let place = Place::new();
    let path = place.path("drupe.toml");
    let (file, socket) = (path.to_str().unwrap(), place.socket());
    let over_unix = |line: &str| format!("[server]\nsocket_file = {socket:?}\n{line}\n");
    for (content, expected, is_checked) in [
        (
            over_unix("socket_user = \"nobody such\""),
            "3: setting socket_user: \"nobody such\" is neither the name of a user",
            true,
        ),
        (
            over_unix("socket_group = \"nobody such\""),
            "3: setting socket_group: \"nobody such\" is neither the name of a group",
            true,
        ),
        (
            "[drupe]\n\ndirectory = \"/no/such\"\n".to_owned(),
            "3: setting drupe.directory: cannot serve files from /no/such: No such file",
            true,
        ),
        (
            "[drupe]\nssl_self_signed = true\n[server]\nssl_certificate = \"a.pem\"\n".to_owned(),
            "2: setting drupe.ssl_self_signed: cannot be used together with ssl_certificate, which is \"a.pem\"",
            true,
        ),
        (
            "[drupe]\naccess_log = \"/no/such/log\"\n".to_owned(),
            "2: setting drupe.access_log: cannot open the access log",
            false,
        ),
        (over_unix("").replace("/s", "/no/such/s"), "2: setting socket_file: ", false),
    ] {
        std::fs::write(&path, &content).unwrap();
        for arguments in [["check", file], ["--config", file]].iter().skip(usize::from(!is_checked)) {
            let ended = run(drupe().args(arguments));
            assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{content}: {}", ended.errors);
            assert!(ended.errors.starts_with(&format!("drupe: {file}:{expected}")), "{content}: {}", ended.errors);
            assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
        }
    }
    assert!(!socket.exists());
}

#[test]
fn each_settings_error_is_one_line() {
    let place = Place::new();
    let path = place.path("drupe.toml");
    let file = path.to_str().unwrap();
    for (content, expected) in [
        ("[server]\nsocket_port: 80\n", format!("drupe: {file}:2: not TOML: ")),
        (
            "[server]\nsocket_prt = 80\n",
            format!("drupe: {file}:2: unknown setting \"server.socket_prt\"; did you mean server.socket_port?\n"),
        ),
        (
            "[drupe]\nacces_log = \"a\"\n",
            format!("drupe: {file}:2: unknown setting \"drupe.acces_log\"; did you mean drupe.access_log?\n"),
        ),
        (
            "[drupe]\naccess_log_format = \"xml\"\n",
            format!(
                "drupe: {file}:2: setting drupe.access_log_format: \"xml\" is neither common nor combined nor json\n"
            ),
        ),
        (
            "[drupe]\nquiet = 1\n",
            format!("drupe: {file}:2: drupe.quiet: 1 is a whole number; expected true or false\n"),
        ),
        (
            "[server]\nthread_pool = 9\nthread_pool_max = 8\n",
            format!("drupe: {file}:3: setting thread_pool_max: 8 is below thread_pool, which is 9 ({file}:2)\n"),
        ),
        (
            "[server]\nthread_pool = 300\n",
            format!("drupe: {file}:2: setting thread_pool_max: 256 is below thread_pool, which is 300\n"),
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        let ended = check(&[file]);
        assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{}", ended.errors);
        assert!(ended.errors.starts_with(&expected), "{expected}: {}", ended.errors);
        assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    }
    let missing = place.path("missing.toml");
    let ended = run(drupe().arg("--config").arg(&missing));
    assert_eq!(ended.code, Some(2));
    let reason = format!("cannot read settings from {}: No such file or directory", missing.display());
    assert!(ended.errors.starts_with(&format!("drupe: {reason}")), "{}", ended.errors);
    let ended = run(drupe().env("DRUPE_CONFIG", &missing));
    assert_eq!(ended.code, Some(2));
    let expected = format!("drupe: environment variable DRUPE_CONFIG: {reason}");
    assert!(ended.errors.starts_with(&expected), "{}", ended.errors);
}

#[test]
fn variables_that_set_nothing_are_warned_of_and_ignored() {
    for (name, value, expected) in [
        ("DRUPE_VERSION", "1", "unknown environment variable DRUPE_VERSION; did you mean DRUPE_PROTOCOL_VERSION?"),
        ("DRUPE_SOCKET_PRT", "80", "unknown environment variable DRUPE_SOCKET_PRT; did you mean DRUPE_SOCKET_PORT?"),
        ("DRUPE_ACCES_LOG", "a", "unknown environment variable DRUPE_ACCES_LOG; did you mean DRUPE_ACCESS_LOG?"),
        ("DRUPE_INSTANCE", "web-1", "unknown environment variable DRUPE_INSTANCE"),
        (
            "DRUPE_SOCKET_PORT",
            "tcp://10.0.0.1:80",
            "environment variable DRUPE_SOCKET_PORT: \"tcp://10.0.0.1:80\" is the address of a service",
        ),
    ] {
        let ended = run(drupe().arg("check").env(name, value));
        assert_eq!((ended.code, ended.errors), (Some(0), format!("drupe: warning: ignored: {expected}\n")));
        assert!(ended.output.contains("socket_port = 8080"), "{}", ended.output);
    }
}

#[test]
fn wrong_command_line_is_refused_with_a_suggestion() {
    for (arguments, expected) in [
        (&["--socket-prt", "80"][..], "unknown option --socket-prt; did you mean --socket-port?"),
        (&["--socket-prt=80"], "unknown option --socket-prt; did you mean --socket-port?"),
        (&["--acess-log=a"], "unknown option --acess-log; did you mean --access-log?"),
        (&["--acces"], "unknown option --acces; did you mean --access-log?"),
        (&["--colour"], "unknown option --colour"),
        (&["-x"], "unknown option -x"),
        (&["a", "b"], "unexpected argument \"b\": there is already a directory"),
        (&["check", "a", "b"], "unexpected argument \"b\": there is already a file"),
        (&["check", "a", "--config", "b"], "unexpected argument \"a\": --config already names a file"),
    ] {
        let ended = run(drupe().args(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert_eq!(ended.errors, format!("drupe: {expected}\ndrupe: see drupe --help\n"));
    }
    for (arguments, expected) in [
        (&["--socket-port", "http"][..], "option --socket-port: \"http\" is not a port from 0 to 65535"),
        (&["--quiet=perhaps"], "option --quiet: \"perhaps\" is neither true (yes, on, 1) nor false (no, off, 0)"),
        (
            &["--access-log", "/no/such/folder/log"],
            "option --access-log: cannot open the access log /no/such/folder/log: No such file or directory (os error 2)",
        ),
    ] {
        let ended = run(drupe().args(arguments));
        assert_eq!((ended.code, ended.errors), (Some(2), format!("drupe: {expected}\n")));
    }
}

#[test]
fn variable_of_another_program_need_not_be_utf8() {
    let ended = run(drupe().arg("check").env("DRUPE_COLOUR", OsStr::from_bytes(b"\xff")));
    let warning = "drupe: warning: ignored: unknown environment variable DRUPE_COLOUR\n";
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), warning));
}

#[test]
fn non_utf8_values_are_hidden_as_possible_passwords() {
    let secret = OsStr::from_bytes(b"hunter2\xff");
    for (command, expected) in [
        (
            drupe().env("DRUPE_SSL_PRIVATE_KEY_PASSWORD", secret),
            "environment variable DRUPE_SSL_PRIVATE_KEY_PASSWORD: the value is not UTF-8",
        ),
        (
            drupe().arg("--ssl-private-key-password").arg(secret),
            "option --ssl-private-key-password: the value is not UTF-8",
        ),
    ] {
        let ended = run(command);
        assert_eq!((ended.code, ended.errors), (Some(2), format!("drupe: {expected}\n")));
    }
}

/// Each line is a comment.
#[test]
fn file_without_values_is_accepted() {
    let place = Place::new();
    let path = place.path("drupe.toml");
    std::fs::write(&path, "[drupe]\n# quiet = true\n[server]\n# socket_port = 80\n").unwrap();
    assert!(!printed(&check(&[path.as_os_str()])).is_empty());
    std::fs::write(&path, "[drup]\n").unwrap();
    let ended = run(drupe().arg("check").arg(&path));
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
}

#[test]
fn output_of_check_is_an_equivalent_file() {
    let place = Place::new();
    let sample = readme::home().join("examples/drupe.toml");
    let first = check(&[sample.as_os_str()]);
    let path = place.path("again.toml");
    std::fs::write(&path, &first.output).unwrap();
    let values =
        |ended: &Ended| printed(ended).into_iter().map(|(name, (value, _))| (name, value)).collect::<BTreeMap<_, _>>();
    assert_eq!(values(&check(&[&path])), values(&first));
    assert_eq!(
        printed(&first).len(),
        Settings::table().len() + readme::rows(&readme::reference(), "## The program", 3).len()
    );
}

/// The guide's table of the program's own settings is complete.
#[test]
fn settings_of_the_program_match_the_guide() {
    let known: BTreeMap<String, String> = printed(&check::<&str>(&[]))
        .into_iter()
        .filter_map(|(name, (value, _))| {
            Some((name.strip_prefix("drupe.")?.to_owned(), value.trim_matches('"').to_owned()))
        })
        .collect();
    let rows = readme::rows(&readme::reference(), "## The program", 3);
    let written: BTreeMap<String, String> = rows.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(written, known);
    let help = run(drupe().arg("--help"));
    for name in known.keys() {
        assert!(help.output.contains(&flag(name)), "{name}");
    }
}

#[test]
fn help_lists_every_setting_under_its_group() {
    let help = run(drupe().arg("--help"));
    assert_eq!((help.code, help.errors.as_str()), (Some(0), ""));
    let mut rest = help.output.as_str();
    for rows in Settings::table().chunk_by(|a, b| a.group() == b.group()) {
        let group = rows[0].group();
        let heading = format!("\n{}{}:\n", group[..1].to_uppercase(), &group[1..]);
        rest = rest.split_once(&heading).unwrap_or_else(|| panic!("{heading}")).1;
        for row in rows {
            rest = rest.split_once(&flag(row.name())).unwrap_or_else(|| panic!("{}", row.name())).1;
        }
    }
    assert!(help.output.lines().all(|line| line.len() <= 80));
}

/// The first address behind `scheme` in a line of the program.
pub(crate) fn address_of(line: &str, scheme: &str) -> Option<String> {
    let rest = line.split_once(scheme)?.1;
    Some(rest.split(['/', ',', ' ']).next()?.trim_end().to_owned())
}

/// The program, serving.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The output since the program began to serve.
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_as_it_is(command.args(["--socket-port", "0"]))
    }

    /// As [`start`](Self::start), for a program that prints its TCP port already.
    pub(crate) fn start_as_it_is(command: &mut Command) -> Self {
        // The name that the client of the tests asks for.
        if command.get_envs().all(|(name, _)| name != "DRUPE_HOST_NAME") {
            command.env("DRUPE_HOST_NAME", "a");
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        // From here on the program ends with the test, in any case.
        let mut program = Self { child, address: ([0, 0, 0, 0], 0).into(), said: Arc::default(), reader: None };
        let address = lines.find_map(|line| address_of(&line, "http://"));
        program.address = address.expect("it says where it listens").parse().unwrap();
        let keep = Arc::clone(&program.said);
        program.reader = Some(thread::spawn(move || lines.for_each(|line| keep.lock().unwrap().push(line))));
        program
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until each thread of the program is stopped.
    pub(crate) fn wait_until_stopped(&self) {
        wait_until_stopped(self.child.id());
    }

    /// Ends the program by SIGTERM. Returns the output.
    pub(crate) fn end(self) -> Vec<String> {
        self.signal("TERM");
        self.end_of()
    }

    /// Waits for the end of the program. Returns the output.
    fn end_of(mut self) -> Vec<String> {
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        self.said()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(path: &Path) -> Vec<String> {
    let mut text = String::new();
    std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "a line is whole or not there");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_sample_file_serves() {
    let sample = readme::home().join("examples/drupe.toml");
    let program = Program::start(drupe().current_dir(readme::home()).arg("--config").arg(&sample));
    let answer = Client::connect(program.address).get("/Cargo.toml");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.content, std::fs::read(readme::home().join("Cargo.toml")).unwrap());
    let said = program.end();
    assert_eq!(said, ["drupe: press Ctrl-C to stop"], "requests go to its access log");
}

/// A server that is embedded leaves the limit alone: the tests of `evicted` have one with 64.
#[test]
fn the_program_raises_its_limit_of_descriptors_to_the_hard_one() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 64 && exec \"$0\" \"$@\""]).arg(drupe().get_program()).env_clear();
    let program = Program::start(&mut shell);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.child.id())).unwrap();
    let limit: Vec<&str> =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap().split_whitespace().collect();
    assert!(limit[0] == limit[1] && limit[0] != "64", "{limit:?}");
    program.end();
}

#[test]
fn each_form_of_the_access_log_is_whole_and_cannot_be_forged() {
    for form in ["common", "combined", "json"] {
        let place = Place::new();
        let log = place.path("access.log");
        std::fs::write(place.path("file"), "content").unwrap();
        let mut command = drupe();
        command.arg("--access-log").arg(&log).args(["--access-log-format", form]).arg(place.path("."));
        let program = Program::start(&mut command);
        let mut client = Client::connect(program.address);
        client.send(
            "GET /file?\"q HTTP/1.1\r\nHost: a\r\nReferer: r\r\nUser-Agent: \"u\" \\ \u{1f352}\t\r\nX: y\r\n\r\n",
        );
        // A quotation mark in a target is no sin to every parser; whichever way, there is one line.
        client.answer();
        wait_until("it is logged", || lines(&log).len() == 1);
        let mut client = Client::connect(program.address);
        client.send("GET /file HTTP/1.1\r\nHost: a\r\nReferer: r\r\nUser-Agent: \"u\" \\ \u{1f352}\tz\r\n\r\n");
        assert_eq!(client.answer().text(), "content");
        wait_until("both are logged", || lines(&log).len() == 2);
        assert_eq!(program.end(), ["drupe: press Ctrl-C to stop"]);
        let line = lines(&log).remove(1);
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
        match form {
            "json" => {
                let (begin, rest) = line.split_once(",\"peer\"").unwrap();
                assert!(begin.starts_with("{\"time\":\"20") && begin.ends_with("Z\""), "{begin}");
                let expected = ":\"127.0.0.1\",\"user\":null,\"method\":\"GET\",\"target\":\"/file\",\"version\":\"1.1\",\
                    \"status\":200,\"bytes\":7,\"cut\":false,\"referer\":\"r\",\"user_agent\":\"\\\"u\\\" \\\\ \\ud83c\\udf52\\u0009z\",\"seconds\":0.";
                assert!(rest.starts_with(expected) && rest.ends_with('}'), "{rest}");
            }
            form => {
                let (begin, rest) = line.split_once("] ").unwrap();
                assert!(begin.starts_with("127.0.0.1 - - [") && begin.ends_with(" +0000"), "{begin}");
                let common = "\"GET /file HTTP/1.1\" 200 7";
                let combined = format!(r#"{common} "r" "\"u\" \\ \xf0\x9f\x8d\x92\x09z""#);
                assert_eq!(rest, if form == "common" { common } else { &combined });
            }
        }
    }
}

#[test]
fn request_line_that_is_refused_is_logged_as_sent() {
    let long = format!("/{}", "a".repeat(9000));
    let cut = format!("{}...", &long[..4092]);
    for form in ["common", "combined", "json"] {
        let place = Place::new();
        let log = place.path("access.log");
        let mut command = drupe();
        command.arg("--access-log").arg(&log).args(["--access-log-format", form]).arg(place.path("."));
        let program = Program::start(&mut command);
        for (number, (line, status, text, parts)) in [
            (&*format!("GET {long} HTTP/1.1"), 414, &*format!("GET {cut}"), ["GET", &cut, "null"]),
            ("GET /a HTTP/2.0", 505, "GET /a HTTP/2.0", ["GET", "/a", "2.0"]),
            ("CONNECT a:80 HTTP/1.1", 405, "CONNECT a:80 HTTP/1.1", ["CONNECT", "a:80", "1.1"]),
            (
                &*format!("{} / HTTP/1.1", "M".repeat(40)),
                501,
                &*format!("{} / HTTP/1.1", "M".repeat(40)),
                [&"M".repeat(40), "/", "1.1"],
            ),
            ("GET /a\x1b[31m HTTP/2.0", 400, "-", ["null"; 3]),
        ]
        .into_iter()
        .enumerate()
        {
            let mut client = Client::connect(program.address);
            client.send(format!("{line}\r\nHost: a\r\n\r\n"));
            assert_eq!(client.answer().status, status, "{line}");
            // A reader may see the first page of a long line before the second.
            let text_of = || std::fs::read_to_string(&log).unwrap();
            wait_until("it is logged", || text_of().lines().count() == number + 1 && text_of().ends_with('\n'));
            let logged = lines(&log).remove(number);
            let expected = if form == "json" {
                let [method, target, version] =
                    parts.map(|part| if part == "null" { part.to_owned() } else { format!("\"{part}\"") });
                format!(",\"method\":{method},\"target\":{target},\"version\":{version},\"status\":{status},")
            } else {
                format!("] \"{text}\" {status} ")
            };
            assert!(logged.contains(&expected), "{logged}");
        }
        program.end();
    }
}

#[test]
fn cut_download_is_logged_with_its_status_and_the_bytes_that_went_out() {
    const LARGE: u64 = 64 << 20;
    for form in ["common", "combined", "json"] {
        let place = Place::new();
        let log = place.path("access.log");
        std::fs::File::create(place.path("large")).unwrap().set_len(LARGE).unwrap();
        let mut command = drupe();
        command.arg("--access-log").arg(&log).args(["--access-log-format", form]).arg(place.path("."));
        let program = Program::start(&mut command);
        let mut client = Client::connect(program.address);
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head().unwrap();
        client.take(100_000).unwrap();
        drop(client);
        wait_until("it is logged", || lines(&log).len() == 1);
        program.end();
        let line = lines(&log).remove(0);
        let bytes = if form == "json" {
            assert!(line.contains(",\"status\":200,") && line.contains(",\"cut\":true,"), "{line}");
            line.split_once("\"bytes\":").unwrap().1.split(',').next().unwrap().to_owned()
        } else {
            let rest = line.split_once("\"GET /large HTTP/1.1\" 200 ").unwrap_or_else(|| panic!("{line}")).1;
            rest.split(' ').next().unwrap().to_owned()
        };
        let bytes: u64 = bytes.parse().unwrap();
        assert!((100_000..LARGE).contains(&bytes), "{line}");
    }
}

#[test]
fn the_user_over_a_unix_socket_is_logged() {
    let place = Place::new();
    let (log, socket) = (place.path("access.log"), place.socket());
    let mut command = drupe();
    command.args(["--access-log-format=json", "--peercreds", "--access-log"]).arg(&log);
    command.arg(format!("--listen=tcp://127.0.0.1:0,unix:{}", socket.display())).arg(place.path("."));
    let program = Program::start_as_it_is(&mut command);
    let stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    assert_eq!(Client::over_unix(stream).get("/").status, 200);
    wait_until("it is logged", || lines(&log).len() == 1);
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&log).unwrap());
    let line = lines(&log).remove(0);
    assert!(line.contains(&format!(",\"peer\":\"unix:\",\"user\":\"{uid}\",")), "{line}");
    program.end();
}

#[test]
fn a_log_that_is_rotated_under_load_loses_no_line() {
    let place = Place::new();
    let log = place.path("access.log");
    let program = Program::start(drupe().arg("--access-log").arg(&log).arg(place.path(".")));
    let is_over = AtomicBool::new(false);
    let rotated = |number: usize| place.path(&format!("access.log.{number}"));
    let sent: Vec<Vec<String>> = thread::scope(|scope| {
        let client = |client: usize| {
            let mut connection = Client::connect(program.address);
            let mut sent = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let target = format!("/?{client}-{}", sent.len());
                assert_eq!(connection.get(&target).status, 200);
                sent.push(target);
            }
            sent
        };
        let clients: Vec<_> = (0..4).map(|number| scope.spawn(move || client(number))).collect();
        for number in 0..ROTATIONS {
            wait_until("there is something to move", || log.exists() && !lines_so_far(&log).is_empty());
            std::fs::rename(&log, rotated(number)).unwrap();
            program.signal("USR1");
            wait_until("there is a new one", || log.exists());
        }
        wait_until("the last one is in use", || !lines_so_far(&log).is_empty());
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(program.end(), ["drupe: press Ctrl-C to stop"]);
    let mut sent: Vec<String> = sent.concat();
    let files = (0..ROTATIONS).map(rotated).chain([log.clone()]);
    let target = |line: &String| line.split(' ').nth(6).unwrap().to_owned();
    let mut logged: Vec<String> = files.flat_map(|path| lines(&path)).map(|line| target(&line)).collect();
    sent.sort();
    logged.sort();
    assert_eq!(logged.len(), sent.len());
    assert!(logged == sent, "each request has its line");
}

#[test]
fn several_programs_may_write_to_one_log_and_each_line_stays_whole() {
    let place = Place::new();
    let log = place.path("access.log");
    let start =
        || Program::start(drupe().args(["--access-log-format=json", "--access-log"]).arg(&log).arg(place.path(".")));
    let programs = [start(), start(), start()];
    // Longer than a page, and of many lengths, so that one that is cut up could not be missed.
    let target = |client: usize, number: usize| format!("/?{client}-{number}-{}", "x".repeat(number * 97 % 6000));
    let mut sent: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let address = programs[client % 3].address;
                scope.spawn(move || {
                    let mut connection = Client::connect(address);
                    let send = |number| {
                        let target = target(client, number);
                        assert_eq!(connection.get(&target).status, 200);
                        target
                    };
                    (0..200).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    for program in programs {
        assert_eq!(program.end(), ["drupe: press Ctrl-C to stop"]);
    }
    let target = |line: String| {
        assert!(line.starts_with("{\"time\":\"") && line.ends_with('}'), "{line}");
        line.split("\"target\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mut logged: Vec<String> = lines(&log).into_iter().map(target).collect();
    sent.sort();
    logged.sort();
    assert!(logged == sent, "{} lines of {} requests", logged.len(), sent.len());
}

const ROTATIONS: usize = 5;

fn lines_so_far(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_full_disk_costs_lines_and_no_requests_and_is_reported_once() {
    let place = Place::new();
    let log = place.path("access.log");
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let program = Program::start(drupe().arg("--access-log").arg(&log).arg(place.path(".")));
    let mut client = Client::connect(program.address);
    for _ in 0..100 {
        assert_eq!(client.get("/").status, 200);
    }
    let cannot = format!(
        "drupe: error: cannot write the access log {}: No space left on device (os error 28); lines are lost",
        log.display()
    );
    wait_until("it is reported", || program.said().contains(&cannot));
    // The disk has room again.
    std::fs::remove_file(&log).unwrap();
    program.signal("USR1");
    wait_until("there is a new one", || log.exists());
    wait_until("it is in use", || {
        assert_eq!(client.get("/").status, 200);
        !lines_so_far(&log).is_empty()
    });
    let said = program.end();
    let of_log: Vec<&String> = said.iter().filter(|line| line.contains("access log")).collect();
    assert_eq!(*of_log[0], cannot);
    assert!(
        of_log.iter().any(|line| line.contains("is writable again; ") && line.ends_with(" lines were lost")),
        "{said:?}"
    );
    assert!(of_log.iter().any(|line| line.starts_with(&cannot) && line.contains(" (repeated ")), "{said:?}");
    // Once in ten seconds: a test that takes longer may see more, but never one a request.
    assert!(of_log.len() < 20, "{said:?}");
}

#[test]
fn access_log_that_cannot_be_reopened_stays_in_use() {
    let place = Place::new();
    let (folder, moved) = (place.path("logs"), place.path("moved"));
    std::fs::create_dir(&folder).unwrap();
    let program = Program::start(drupe().arg("--access-log").arg(folder.join("log")).arg(place.path(".")));
    std::fs::rename(&folder, &moved).unwrap();
    program.signal("USR1");
    wait_until("it is reported", || program.said().iter().any(|line| line.contains("; the old file stays in use")));
    assert_eq!(Client::connect(program.address).get("/").status, 200);
    wait_until("it is logged", || lines(&moved.join("log")).len() == 1);
    program.end();
}

#[test]
fn requests_are_printed_unless_quiet_or_logged_to_a_file() {
    let place = Place::new();
    for (arguments, is_shown) in [(&[][..], true), (&["--quiet"], false)] {
        let program = Program::start(drupe().args(arguments).arg(place.path(".")));
        assert_eq!(Client::connect(program.address).get("/?seen").status, 200);
        let said = program.end();
        assert_eq!(said.iter().any(|line| line.contains("\"GET /?seen HTTP/1.1\" 200 ")), is_shown, "{said:?}");
    }
}

#[test]
fn hangup_reloads_the_settings_file() {
    let place = Place::new();
    let (path, log) = (place.path("drupe.toml"), place.path("access.log"));
    let write = |text: &str| {
        let access = format!("[drupe]\naccess_log = {log:?}\n");
        std::fs::write(&path, format!("{access}{text}")).unwrap();
    };
    write("[server]\nsoftware = \"old\"");
    let program = Program::start(drupe().arg("--config").arg(&path).arg(place.path(".")));
    let mut client = Client::connect(program.address);
    assert_eq!(client.get("/").field("server"), Some("old"));
    let heard = |what: &str| program.said().iter().filter(|line| line.contains(what)).count();

    write("quiet = true\n[server]\nsoftware = \"new\"\nsocket_queue_size = 7");
    std::fs::rename(&log, place.path("access.log.1")).unwrap();
    program.signal("HUP");
    wait_until("what needs a restart is named", || heard("restart") == 2);
    wait_until("its log is opened anew", || log.exists());
    assert_eq!(client.get("/").field("server"), Some("new"), "the connection goes on");
    wait_until("it is logged there", || lines(&log).len() == 1);

    write("[server]\nsoftware = 7");
    program.signal("HUP");
    wait_until("what is wrong is said", || heard("expected a string") == 1);
    assert_eq!(client.get("/").field("server"), Some("new"));
    let said = program.end();
    let path = path.display();
    assert_eq!(
        said[1..],
        [
            "drupe: warning: setting drupe.quiet changed but needs a restart; the old value stays in effect".to_owned(),
            "drupe: warning: setting socket_queue_size changed but needs a restart; the old value stays in effect"
                .to_owned(),
            format!(
                "drupe: error: cannot reload settings: {path}:4: \
                 setting software: 7 is a whole number; expected a string; the old settings stay in effect"
            ),
        ]
    );
}

#[test]
fn hangup_that_changes_the_proxies_warns_of_the_check_of_host_names() {
    let place = Place::new();
    let path = place.write("drupe.toml", "");
    let program = Program::start(drupe().env("DRUPE_HOST_NAME", "").arg("--config").arg(&path).arg(place.path(".")));
    place.write("drupe.toml", "[server]\nproxy_protocol = true\ntrusted_proxies = \"127.0.0.1\"\n");
    program.signal("HUP");
    let warning = "drupe: warning: proxies are trusted now, but the check of host names stays on until a restart";
    wait_until("the check is named", || program.said().iter().any(|line| line == warning));
    program.end();
}

#[test]
fn statistics_are_served_at_the_set_path_to_allowed_clients() {
    let place = Place::new();
    let status = |program: &Program, target: &str, host: &str| {
        let mut client = Client::connect(program.address);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer().status
    };
    let own = "localhost";
    for (arguments, expected) in [
        (&["--statistics"][..], [("/statistics/json", own, 200), ("/statistics/json", "other.example", 421)]),
        (&[], [("/statistics/json", own, 404), ("/", own, 200)]),
        (&["--statistics-path", "/a/b"], [("/statistics/", own, 404), ("/a/b/", own, 404)]),
        (&["--statistics", "--statistics-path", "/a/b/"], [("/statistics/", own, 404), ("/a/b/", own, 200)]),
        (&["--statistics", "--auth=ann:secret"], [("/statistics/json", own, 401), ("/", own, 401)]),
        (&["--statistics", "--statistics-path", ""], [("/statistics/", own, 404), ("/", own, 200)]),
        (
            &["--statistics", "--statistics-access", "all"],
            [("/statistics/metrics", own, 200), ("/statistics/metrics", "other.example", 421)],
        ),
    ] {
        let program = Program::start(drupe().args(arguments).arg(place.path(".")));
        for (target, host, status_expected) in expected {
            assert_eq!(status(&program, target, host), status_expected, "{arguments:?} {target} {host}");
        }
        let said = program.end();
        let is_shown = arguments.contains(&"--statistics") && !arguments.contains(&"");
        assert_eq!(said.iter().any(|line| line.starts_with("drupe: statistics at /")), is_shown, "{said:?}");
    }
    for (arguments, reason) in [
        (["--statistics-path", "statistics"], "is not a path below /"),
        (["--statistics-path", "/"], "is not a path below /"),
        (["--statistics-path", "/a%2Fb"], "is not a path below /"),
        (["--statistics-path", "/a/../b"], "is not a path below /"),
        (["--statistics-path", "/."], "is not a path below /"),
        (["--statistics-access", "some"], "is neither local nor all"),
    ] {
        let ended = run(drupe().args(arguments));
        assert_eq!(ended.code, Some(2));
        assert!(ended.errors.contains(reason), "{}", ended.errors);
    }
}

#[test]
fn statistics_are_not_for_pages_of_other_origins_that_may_read_the_files() {
    let place = Place::new();
    let program = Program::start(drupe().args(["--statistics", "--cors", "--auth=ann:secret"]).arg(place.path(".")));
    let ask = |method: &str, target: &str, fields: &str| {
        let mut client = Client::connect(program.address);
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        let answer = client.answer_to(method).unwrap();
        (answer.status, answer.field("access-control-allow-origin").map(str::to_owned))
    };
    let (user, origin) = ("Authorization: Basic YW5uOnNlY3JldA==\r\n", "Origin: https://app.example\r\n");
    let (both, all) = (format!("{user}{origin}"), Some("*".to_owned()));
    let preflight = format!("{origin}Access-Control-Request-Method: GET\r\n");
    assert_eq!(ask("GET", "/statistics/json", user), (200, None));
    assert_eq!(ask("GET", "/statistics/json", &both), (403, None));
    assert_eq!(ask("GET", "/statistics/json", origin), (401, None));
    assert_eq!(ask("OPTIONS", "/statistics/json", &preflight), (401, None));
    assert_eq!(ask("GET", "/", &both), (200, all.clone()));
    assert_eq!(ask("OPTIONS", "/", &preflight), (204, all));
    program.end();
}

#[test]
fn program_on_loopback_answers_only_to_names_of_this_machine() {
    let place = Place::new();
    let status = |program: &Program, host: &str| {
        let mut client = Client::connect(program.address);
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer().status
    };
    let proxies = ["--trusted-proxies=127.0.0.1", "--trusted-proxy-headers=forwarded"];
    for (arguments, expected) in [
        (&[][..], [("localhost:80", 200), ("127.0.0.1", 200), ("evil.example", 421), ("b.test", 421)]),
        (
            &["--host-name", "a.test", "--host-name=b.test,c.test"],
            [("a.test:8080", 200), ("B.test", 200), ("c.test", 200), ("evil.example", 421)],
        ),
        (&proxies, [("localhost", 200), ("a.test", 200), ("evil.example", 200), ("b.test", 200)]),
        (
            &[proxies[0], proxies[1], "--host-name=a.test"],
            [("localhost", 200), ("a.test", 200), ("evil.example", 421), ("b.test", 421)],
        ),
    ] {
        let mut command = drupe();
        let program = Program::start(command.env("DRUPE_HOST_NAME", "").args(arguments).arg(place.path(".")));
        for (host, status_expected) in expected {
            assert_eq!(status(&program, host), status_expected, "{arguments:?} {host}");
        }
        program.end();
    }
    // Reached on a loopback address, but at a listener for every address.
    let program = Program::start_as_it_is(drupe().arg("--listen=0.0.0.0:0").arg(place.path(".")));
    let mut client = Client::connect(([127, 0, 0, 1], program.address.port()).into());
    client.send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    program.end();
    let file = place.write("drupe.toml", "[drupe]\nhost_name = [\"a.test\", \"b.test\"]\n");
    let ended = check(&[&file]);
    assert_eq!(printed(&ended)["drupe.host_name"].0, "\"a.test,b.test\"");
    let ended = run(drupe().args(["--host-name", "a.test:80"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("\"a.test:80\" is not a host name without a port"), "{}", ended.errors);
}

/// Sends requests until told to leave, over one connection or over many. Returns the number of
/// answers, or the error.
///
/// Once the program `ends`, a connect may fail, or a connection may end before the first byte of an
/// answer, but never within one.
fn ask_on(address: SocketAddr, is_kept: bool, answered: &AtomicUsize, ends: &AtomicBool) -> Result<(), String> {
    let mut kept: Option<Client> = None;
    loop {
        let reused = kept.take();
        // Looked at before, so that nothing is forgiven that began before the end.
        let ending = ends.load(Ordering::SeqCst);
        let mut client = match reused {
            Some(client) => client,
            None => match TcpStream::connect(address) {
                Ok(stream) => Client::over_stream(stream),
                Err(_) if ends.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => return Err(format!("connect: {error}")),
            },
        };
        let answer = match client.try_send(get("/file").as_bytes()) {
            Ok(()) => client.answer_to("GET"),
            Err(error) => Err(format!("{error} {NOTHING}")),
        };
        match answer {
            Ok(answer) if answer.status == 200 && answer.text() == "content" => {
                answered.fetch_add(1, Ordering::SeqCst);
                if is_kept && !answer.closes() {
                    kept = Some(client);
                } else if is_kept && !ends.load(Ordering::SeqCst) {
                    return Err("told to close for no reason".to_owned());
                }
            }
            Ok(answer) => return Err(format!("{answer:?}")),
            Err(error) if error.ends_with(NOTHING) && (ending || ends.load(Ordering::SeqCst)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The error for a connection that ended before the first byte of an answer.
const NOTHING: &str = "in the line \"\"";

#[test]
fn signals_under_load_fail_no_request_but_those_that_come_after_the_end() {
    let place = Place::new();
    std::fs::write(place.path("file"), "content").unwrap();
    let (path, log) = (place.path("drupe.toml"), place.path("access.log"));
    let write = |pool: usize| {
        let text =
            format!("[drupe]\naccess_log = {log:?}\n[server]\nsoftware = \"round-{pool}\"\nthread_pool = {pool}\n");
        std::fs::write(&path, text).unwrap();
    };
    write(2);
    let program = Program::start(drupe().arg("--config").arg(&path).arg(place.path(".")));
    let address = program.address;
    let (answered, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let (answered, ends) = (&answered, &ends);
        let clients: Vec<_> =
            (0..8).map(|number| scope.spawn(move || ask_on(address, number % 2 == 0, answered, ends))).collect();
        let get_on = || {
            let before = answered.load(Ordering::SeqCst);
            wait_until("the clients get on", || {
                answered.load(Ordering::SeqCst) >= before + 40
                    || clients.iter().any(thread::ScopedJoinHandle::is_finished)
            });
        };
        for round in 3..13 {
            get_on();
            write(round);
            program.signal("HUP");
            let is_new = |client: &mut Client| client.get("/file").field("server") == Some(&format!("round-{round}"));
            wait_until("it is in force", || is_new(&mut Client::connect(address)));
            get_on();
            std::fs::rename(&log, place.path(&format!("access.log.{round}"))).unwrap();
            program.signal("USR1");
            wait_until("the log is opened anew", || log.exists());
        }
        get_on();
        ends.store(true, Ordering::SeqCst);
        program.signal("TERM");
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
    assert!(answered.into_inner() >= 800);
    assert_eq!(program.end_of(), ["drupe: press Ctrl-C to stop"]);
}
