//! Design rules checked by machine: imports between units, crates, clocks, length of files.
//!
//! The tables are the design. If the code needs another cut, a row changes together with its
//! reason, in one commit.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tried.rs"]
mod tried;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use self::circles::{Modules, absolute, module};
use self::source::{Named, Source, Token};

/// Which units a unit may import. `lib`, `main` and `testing` stand on top.
const IMPORTS: &[(&str, &[&str])] = &[
    // Ring 0: no unit at all.
    // Every unit may import it.
    (LOCKS, &[]),
    // Calls of the kernel that other systems than Linux have otherwise, or not at all.
    ("system", &[]),
    // A text that is no address is an error of the crate's.
    ("address", &["error"]),
    ("h1", &[]),
    // The user of a process, and the names of a service manager.
    ("bus", &["system"]),
    // A server that starts buses hands on, as it is, what they have failed for.
    ("error", &["bus"]),
    // Files of settings, certificates and keys are read with it.
    ("input", &[]),
    // It refuses settings by name: that is an error of the crate's.
    ("tls", &["error", "input"]),
    // Ring 1.
    // As pure as what it reads with: the grammar of fields and hosts, and the refusal of a request.
    ("proxy", &["h1"]),
    // `listen` holds addresses as they are, not the text of them.
    // One of them is a server of the user's own, another a list of sockets of the user's own.
    ("settings", &["error", "address", "tls", "http_server", "net", "input"]),
    // A server tells what it has done.
    ("http_server", &["error", "address", "statistics"]),
    ("net", &["error", "address", "tls", "system"]),
    // The processor time of a handler.
    ("message", &["h1", "address", "proxy", "tls", "system"]),
    // Ring 2.
    // `wsgi_version` is looked up among the versions there are.
    // How many connections there may be depends on how many descriptors there may be.
    // Names of sockets that the system has not are refused.
    ("config", &["settings", "error", "h1", "address", "proxy", "tls", "wsgi", "net", "system"]),
    ("files", &["message", "address", "system"]),
    // Its error is one of `message`, which makes responses of it.
    ("multipart", &["message", "h1"]),
    ("statistics", &["message", "address"]),
    // A version that is not known is refused as a setting.
    ("wsgi", &["message", "address", "error", "tls"]),
    // Ring 3.
    ("engine", &["config", "net", "h1", "message", "http_server", "statistics", "address", "error", "proxy", "system"]),
    // Ring 4.
    // Public names of types of the messages: nothing but a list.
    ("exchange", &["message"]),
    // The public name of what lies in two rings: nothing but a list.
    ("process", &["bus", "http_server"]),
    (
        "server",
        &[
            "settings",
            "config",
            "http_server",
            "statistics",
            "engine",
            "bus",
            "message",
            "wsgi",
            "error",
            "address",
            // The name of the machine.
            "system",
        ],
    ),
    // What handlers add to the messages.
    ("request", &["message"]),
    ("response", &["message"]),
    // A peer over a Unix socket is limited by its user.
    ("layers", &["message", "address"]),
    ("stream", &["message"]),
    ("router", &["message"]),
    // No code: pages of the documentation, which name what they explain.
    ("guide", &["settings"]),
    ("tour", &[]),
    // Ring 5. The program is a user: it says `drupe`, never `crate`.
    (
        "testing",
        &[
            "address",
            "config",
            "error",
            "http_server",
            "message",
            "net",
            "server",
            "settings",
            "engine",
            "h1",
            "proxy",
            "tls",
        ],
    ),
    ("main", &[]),
];

/// The unit that every other unit may import.
const LOCKS: &str = "sync";

/// Which units a unit's tests may import besides, and why.
const TEST_IMPORTS: &[(&str, &[&str], &str)] =
    &[("engine", &["settings"], "a config is made of settings, there is no other way")];

/// The rooms of the engine, each with the rooms that it may import: those below.
const ROOMS: &[(&str, &[&str])] = &[
    // What is shared and what a thread keeps for itself; it knows no connection.
    ("service", &[]),
    ("wire", &["service"]),
    ("connection", &["wire", "service"]),
    ("parking", &["connection"]),
    ("pool", &["parking", "connection", "wire", "service"]),
    // Threads: those that accept, and those that go on with what was accepted.
    ("reactor", &["pool", "parking", "connection", "service"]),
    ("accept", &["pool", "connection", "wire", "service"]),
];

/// External crates, each with the files that may name the crate outside tests, and the reason.
const CRATES: &[(&str, &[&str], &str)] = &[
    ("httparse", &["h1/"], "reads field lines; our own checks stand around it"),
    (
        "http",
        &[
            "lib",
            "h1/",
            "proxy/",
            "message/",
            "config",
            "files/",
            "multipart/",
            "wsgi/",
            "statistics/",
            "engine/",
            "response/",
            "layers/",
            "router/",
            "stream/",
            "server/statistics_page.rs",
            "testing/",
        ],
        "the types that a handler sees",
    ),
    (
        "httpdate",
        &["h1/", "files/", "wsgi/secure.rs", "engine/connection/access_line.rs", "main/access.rs"],
        "the Date field; the dates of certificates; validators and the listing of files; the date of an access log line",
    ),
    (
        "bytes",
        &["lib", "h1/", "message/", "engine/", "stream/", "files/kept.rs", "wsgi/"],
        "heads and content are cut without copying, from the buffer of the worker to the hands of the handler; a small file is sent to many clients; a block of an application is sent as it is",
    ),
    (
        "nix",
        &[
            "system/",
            "net/descriptors.rs",
            "net/socket.rs",
            "net/listener.rs",
            "net/socket_file.rs",
            "net/socket_file/turn.rs",
            "net/credentials.rs",
            "files/beneath.rs",
            "files/outer_link.rs",
            "files/walk.rs",
            "files/root.rs",
            "bus/terminal.rs",
            "files/listing.rs",
            "bus/notify.rs",
            "bus/pid_file.rs",
            "bus/privileges.rs",
            "main/descriptors.rs",
            "main/failure.rs",
            "main/log_file.rs",
            "main/terminal.rs",
            "main/self_signed.rs",
            "main/machine.rs",
            "input",
        ],
        "reading a pipe without waiting for ever; the addresses of the machine; becoming another user; PID files; epoll; sendfile; errno of accept, and of a start that may succeed later; kqueue and LOCAL_PEERCRED; permissions before bind, a lock on a directory; SO_PEERCRED; opening files beneath a directory, and reading directories; CLOCK_MONOTONIC; threads that sleep; limits; SIGPIPE of sendfile",
    ),
    (
        "socket2",
        &[
            "main/health.rs",
            "net/adopted.rs",
            "system/sockets.rs",
            "net/listener.rs",
            "net/given.rs",
            "net/inherited.rs",
            "net/socket_file.rs",
            "net/socket.rs",
            "net/wildcard.rs",
        ],
        "options before bind, the backlog; what a socket is; sending without SIGPIPE (MSG_NOSIGNAL)",
    ),
    (
        "percent_encoding",
        &["files/target.rs", "wsgi/keys.rs", "message/forms.rs", "router/path.rs"],
        "decodes paths and pairs, and encodes the names of files",
    ),
    ("form_urlencoded", &["message/forms.rs"], "queries and forms as pairs"),
    ("serde_urlencoded", &["message/forms.rs"], "queries and forms as values"),
    ("serde_path_to_error", &["message/forms.rs", "message/json.rs"], "names the field that does not fit"),
    (
        "serde",
        &["message/forms.rs", "message/json.rs", "message/request.rs", "response/json.rs", "stream/json.rs"],
        "values made of content",
    ),
    ("serde_json", &["message/json.rs", "response/json.rs", "stream/json.rs"], "content in JSON"),
    ("matchit", &["router/"], "the tree of patterns"),
    ("listenfd", &["net/inherited.rs"], "sockets that were passed"),
    ("users", &["net/credentials.rs"], "names of users and groups"),
    (
        "rustls",
        &["net/tls/builtin.rs", "net/tls/builtin/"],
        "TLS, behind a contract of our own; its types go no further",
    ),
    ("rustls_pki_types", &["net/tls/builtin/"], "PEM, and the types of keys and certificates that rustls takes"),
    (
        "der",
        &["net/tls/builtin/certificate.rs", "net/tls/builtin/kind.rs", "net/tls/builtin/keys.rs"],
        "what a certificate says; the kind and the encryption of a key",
    ),
    ("pkcs8", &["net/tls/builtin/keys.rs"], "decrypts private keys"),
    ("flate2", &["layers/encoder.rs"], "gzip and deflate"),
    ("crossbeam_channel", &["engine/pool/queue.rs"], "the bounded queue"),
    ("signal_hook", &["bus/signals.rs", "bus/signal_handler.rs"], "SIGTERM, SIGINT, SIGHUP and SIGUSR1"),
    ("lexopt", &["main", "main/arguments.rs"], "arguments"),
    (
        "rcgen",
        &["main/self_signed.rs", "testing/certificate.rs"],
        "a certificate made on the spot, for development and tests only",
    ),
    ("toml", &["settings/file.rs"], "files of settings"),
    (
        "log",
        &["bus/", "http_server/", "net/", "system/", "message/", "files/", "wsgi/", "engine/", "server", "main"],
        "what goes wrong; h1 has results for that",
    ),
];

/// Words or parts of paths that a unit must not name outside tests.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "h1/",
        &["std::net", "std::io", "std::fs", "std::thread", "std::sync", "Instant"],
        "h1 does no I/O, reads no clock, takes no lock",
    ),
    (
        "proxy/",
        &["std::net", "std::io", "std::fs", "std::thread", "std::sync", "Instant"],
        "no more does what reads the words of proxies; addresses are core's",
    ),
    ("bus/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("engine/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("layers/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("message/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("server/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("wsgi/", &["catch_unwind"], "`sync::catch` also contains a panic of the panic's value"),
    ("", &["unsafe", "thread::sleep"], "nothing can be unsound, and nothing sleeps: a wait has a deadline or a waker"),
];

/// The files that may read a clock, with the reason; all other code takes the time as an argument.
const CLOCKS: &[(&str, &str)] = &[
    ("engine/", "deadlines, and the Date field"),
    ("bus/", "the life cycle"),
    ("http_server/controlled.rs", "how long a server of the user's own took to stop"),
    ("net/credentials.rs", "names are kept for a few seconds, and whoever asks for one tells no time"),
    ("input", "a pipe is read for a limited time, at a start and a reload"),
    ("net/socket_file.rs", "a socket that nobody listens on yet is told from one that was left by its age"),
    ("testing", "a connection in memory begins at some time"),
    (
        "files/mod.rs",
        "`Handler::handle` is told no time, and no validator may be later than Date; all below it is told",
    ),
    ("wsgi/keys.rs", "how long a certificate is still valid: `Handler::handle` is told no time"),
    ("message/channel.rs", "a sender waits for room for a limited time, on a thread of the program"),
    ("layers/rate_limit.rs", "the rate of a client's requests: `Handler::handle` is told no time"),
    ("layers/request_id.rs", "ids differ from those of an earlier process"),
    ("main", "the time of a log line: it stands outside the library"),
];

/// The files that may read the wall clock, which jumps, with the reason; no deadline depends on
/// this clock.
const WALL: &[(&str, &str)] = &[
    ("engine/service/context.rs", "the Date field"),
    ("engine/connection/access_line.rs", "the date of a line of the access log"),
    ("engine/mod.rs", "whether certificates are valid"),
    ("testing", "the same, in memory"),
    ("net/socket_file.rs", "the age of a file"),
    ("files/mod.rs", "no validator may be later than Date"),
    ("wsgi/keys.rs", "how long a certificate is still valid"),
    ("layers/request_id.rs", "ids differ from those of an earlier process, after a restart of the machine too"),
    ("main", "the time of a log line"),
];

/// The files that may contain `cfg(feature)`, with the reason.
const FEATURES: &[(&str, &str)] = &[
    ("lib", "what is there at all"),
    ("net/", "kinds of sockets"),
    ("system/", "calls that only files and buses need"),
    ("bus/mod.rs", "signals are a feature, and so is the bus"),
    ("process", "and so is what hands them to a bus"),
    ("error", "the failure of a bus"),
    ("config", "a version that only a gateway reads"),
    ("statistics/mod.rs", "the page is a feature, the figures are not"),
    ("message/mod.rs", "readers that need a crate, the error of `multipart`, and the codings of layers and files"),
    ("message/request.rs", "and their methods"),
    ("message/absent.rs", "errors that name a feature which is off"),
    ("message/failure.rs", "the status of an error that only `multipart` has"),
    ("response/mod.rs", "values as JSON"),
    ("stream/mod.rs", "events with a value as JSON"),
    ("layers/mod.rs", "layers are a feature, the trait is not"),
    ("settings/mod.rs", "files are a feature"),
    ("main/version.rs", "the features that `--version` prints"),
    ("server", "`quickstart` obeys signals where they are there"),
    ("testing", "certificates are made by a crate of their own"),
];

/// The unit that may ask for the operating system; all others are the same for each.
const SYSTEMS: &str = "system/";

/// Files longer than [`LONGEST`] without tests: the allowed length, with the reason.
const LONG: &[(&str, usize, &str)] = &[
    ("settings/attributes.rs", 590, "one struct, with the documentation of each setting"),
    ("engine/connection/turn.rs", 680, "every change of a connection's phase, in one place"),
];

const LONGEST: usize = 400;
/// Without the modules, which are pages of the documentation.
const ROOT_NAMES: usize = 25;

#[test]
fn units_import_only_the_units_of_their_row() {
    none(each(imports));
}

#[test]
fn rooms_of_the_engine_import_only_rooms_below_them() {
    none(each(rooms));
}

#[test]
fn no_files_import_each_other() {
    // A package has no fuzzers.
    for folder in ["src", "fuzz/src"].iter().filter(|folder| home().join(folder).exists()) {
        let sources = Source::all(&home().join(folder));
        none(Modules::new(&sources).circles().into_iter().map(|circle| circle.text).collect());
    }
}

#[test]
fn the_tables_have_no_cycle() {
    assert_eq!((cycle(IMPORTS), cycle(ROOMS)), (None, None));
}

#[test]
fn crates_are_named_where_their_row_allows() {
    none(each(crates));
}

#[test]
fn every_dependency_has_a_row() {
    none(dependencies(&fs::read_to_string(home().join("Cargo.toml")).unwrap()));
}

#[test]
fn forbidden_names_are_not_used() {
    none(each(forbidden));
}

#[test]
fn clocks_and_features_are_asked_for_in_few_places() {
    none(each(clocks));
    none(each(wall_clocks));
    none(each(features));
}

#[test]
fn systems_are_told_apart_in_one_place() {
    none(each(systems));
}

#[test]
fn files_have_a_page_and_stay_short() {
    none(each(preface));
    none(each(length));
}

#[test]
fn no_two_types_share_a_name() {
    none(shared_names(&sources()));
}

#[test]
fn unwrap_is_used_in_tests_only() {
    none(each(unwraps));
}

#[test]
fn functions_that_panic_name_the_place_of_their_caller() {
    none(each(hidden_callers));
}

#[test]
fn the_root_has_few_names() {
    let sources = sources();
    let names = root_names(sources.iter().find(|source| source.path == "lib.rs").unwrap());
    assert!(names.len() <= ROOT_NAMES, "{} names: {names:?}", names.len());
}

#[test]
fn h1_has_at_least_as_many_test_lines_as_code_lines() {
    let h1: Vec<Source> = sources().into_iter().filter(|source| source.unit() == "h1").collect();
    let data = fs::read_dir(home().join("tests/data")).unwrap().map(|entry| entry.unwrap().path());
    let cases = data.filter(|path| path.extension().is_some_and(|extension| extension == "http"));
    let data_lines =
        cases.map(|path| fs::read_to_string(path).unwrap().lines().filter(|line| !line.is_empty()).count()).sum();
    let (code, tests) = balance(&h1, data_lines);
    assert!(tests >= code, "{tests} lines of tests for {code} of code");
}

/// Published files name no path of a developer's machine.
#[test]
fn no_machine_path_is_named() {
    if crate::readme::is_package() {
        return;
    }
    let mut texts: Vec<(String, String)> = sources().into_iter().map(|source| (source.path, source.text)).collect();
    let named = [
        "README.md",
        "TESTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "Cargo.toml",
        "fuzz/README.md",
        "tests/data/README.md",
    ];
    for name in named {
        texts.push((name.to_owned(), fs::read_to_string(home().join(name)).unwrap()));
    }
    none(texts.iter().flat_map(|(path, text)| machines(path, text)).collect());
}

fn machines(path: &str, text: &str) -> Vec<String> {
    let told = |line: &str| ["home", "root", "tmp", "Users"].iter().any(|folder| line.contains(&format!("/{folder}/")));
    let lines = text.lines().enumerate().filter(|(_, line)| told(line));
    lines.map(|(at, line)| format!("{path}:{}: {line}", at + 1)).collect()
}

fn imports(source: &Source) -> Vec<String> {
    let Some((_, allowed)) = IMPORTS.iter().find(|(unit, _)| *unit == source.unit()) else {
        return if source.unit() == "lib" { vec![] } else { vec![format!("unit {} has no row", source.unit())] };
    };
    let wrong = source.paths().into_iter().filter(|path| match reached(path, source) {
        Reached::Unit(LOCKS) => false,
        Reached::Unit(unit) if path.is_test && tests_may_import(source.unit(), unit) => false,
        Reached::Unit(unit) => unit != source.unit() && !allowed.contains(&unit),
        // The program's root is a file of its own, and the only one that is not the library's.
        Reached::Root => source.unit() != "main",
        Reached::Inside => false,
    });
    wrong.map(|path| at(source, path.line, &format!("imports {}", path.words.join("::")))).collect()
}

/// Returns the imports of a room of the engine from other rooms that are not below, or from the
/// engine itself.
fn rooms(source: &Source) -> Vec<String> {
    let Some((room, _)) = source.path.strip_prefix("engine/").and_then(|path| path.split_once('/')) else {
        return vec![];
    };
    let Some((_, below)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("room {room} has no row")];
    };
    let of = module(&source.path);
    let wrong = source.paths().into_iter().filter(|path| !path.is_test).filter(|path| {
        let whole = absolute(&of, path).filter(|whole| whole.first().is_some_and(|unit| unit == "engine"));
        whole.is_some_and(|whole| whole.get(1).is_some_and(|to| to != room && !below.contains(&&**to)))
    });
    wrong.map(|path| at(source, path.line, &format!("imports {}", path.words.join("::")))).collect()
}

fn tests_may_import(unit: &str, import: &str) -> bool {
    TEST_IMPORTS.iter().any(|(of, imports, _)| *of == unit && imports.contains(&import))
}

/// The target of a path.
enum Reached<'a> {
    Unit(&'a str),
    /// The root of the crate without `crate`, or the whole crate.
    Root,
    Inside,
}

fn reached<'a>(path: &'a Named, source: &Source) -> Reached<'a> {
    let words = &path.words;
    let supers = words.iter().position(|word| !matches!(word.as_str(), "super" | "self")).unwrap_or(words.len());
    if words[0] == "crate" {
        return words.get(1).filter(|unit| *unit != "*").map_or(Reached::Root, |unit| Reached::Unit(unit));
    }
    let up = words[..supers].iter().filter(|word| *word == "super").count();
    if up > 0 && up >= source.depth() + path.depth { Reached::Root } else { Reached::Inside }
}

fn crates(source: &Source) -> Vec<String> {
    let wrong = source.paths().into_iter().filter(|path| !path.is_test).filter(|path| {
        let row = CRATES.iter().find(|(name, _, _)| *name == path.words[0]);
        row.is_some_and(|(_, places, _)| !places.iter().any(|place| lies_in(source, place)))
    });
    wrong.map(|path| at(source, path.line, &format!("names {}", path.words.join("::")))).collect()
}

fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
    names.filter(|name| !CRATES.iter().any(|row| row.0 == name)).map(|name| format!("{name} has no row")).collect()
}

fn forbidden(source: &Source) -> Vec<String> {
    let rows = FORBIDDEN.iter().filter(|(place, _, _)| place.is_empty() || lies_in(source, place));
    rows.flat_map(|(_, names, _)| names.iter().flat_map(|name| naming(source, name))).collect()
}

/// Returns the places outside tests that name `name`, a word or a part of a path.
fn naming(source: &Source, name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split("::").collect();
    let lines: Vec<usize> = if parts.len() == 1 {
        source.find(&parts)
    } else {
        let paths = source.paths().into_iter().filter(|path| !path.is_test);
        paths.filter(|path| path.words.windows(parts.len()).any(|part| part == parts)).map(|path| path.line).collect()
    };
    lines.into_iter().map(|line| at(source, line, &format!("names {name}"))).collect()
}

fn clocks(source: &Source) -> Vec<String> {
    if CLOCKS.iter().any(|(place, _)| lies_in(source, place)) {
        return vec![];
    }
    let reads = ["Instant", "SystemTime"].iter().flat_map(|clock| source.find(&[clock, "::", "now"]));
    reads.map(|line| at(source, line, "reads a clock")).collect()
}

fn wall_clocks(source: &Source) -> Vec<String> {
    if WALL.iter().any(|(place, _)| lies_in(source, place)) {
        return vec![];
    }
    source
        .find(&["SystemTime", "::", "now"])
        .into_iter()
        .map(|line| at(source, line, "reads a clock that jumps"))
        .collect()
}

fn features(source: &Source) -> Vec<String> {
    if FEATURES.iter().any(|(place, _)| lies_in(source, place)) {
        return vec![];
    }
    source.find(&["feature", "="]).into_iter().map(|line| at(source, line, "asks for a feature")).collect()
}

fn systems(source: &Source) -> Vec<String> {
    if lies_in(source, SYSTEMS) {
        return vec![];
    }
    let words = ["target_os", "drupe_portable", "target_vendor", "target_family"];
    let asked = words.iter().flat_map(|word| source.find(&[word]));
    asked.map(|line| at(source, line, "asks for the operating system")).collect()
}

fn preface(source: &Source) -> Vec<String> {
    if source.text.starts_with("//! ") || source.path.ends_with("tests.rs") {
        return vec![];
    }
    vec![at(source, 1, "does not say what it is for")]
}

fn length(source: &Source) -> Vec<String> {
    let most = LONG.iter().find(|(path, _, _)| *path == source.path).map_or(LONGEST, |(_, most, _)| *most);
    let lines = source.lines_before_tests();
    if lines <= most { vec![] } else { vec![at(source, lines, &format!("is longer than {most} lines"))] }
}

/// Public functions with a section `Panics` and no `track_caller`.
fn hidden_callers(source: &Source) -> Vec<String> {
    let (mut found, mut panics, mut tracks) = (Vec::new(), false, false);
    for (number, line) in source.text.lines().map(str::trim).enumerate().take(source.lines_before_tests()) {
        panics |= line == "/// # Panics";
        tracks |= line == "#[track_caller]";
        if !line.starts_with("///") && !line.starts_with("#[") {
            let is_public = line.starts_with("pub fn ") || line.starts_with("pub const fn ");
            if panics && !tracks && is_public {
                found.push(at(source, number + 1, "panics without the place of the caller"));
            }
            (panics, tracks) = (false, false);
        }
    }
    found
}

fn unwraps(source: &Source) -> Vec<String> {
    source.find(&[".", "unwrap", "("]).into_iter().map(|line| at(source, line, "unwraps")).collect()
}

/// Returns the re-exported names of the crate's root. Items visible only to
/// fuzzers or in the documentation do not count, because no program can name them.
fn root_names(lib: &Source) -> Vec<String> {
    let before = |line: usize| lib.text.lines().nth(line - 2).unwrap_or_default();
    let hidden = |line: usize| before(line).contains("doc(hidden)");
    let tokens: Vec<_> = lib.tokens(false).collect();
    let mut names = Vec::new();
    let exported = |line: usize| {
        let uses =
            tokens.windows(2).filter(|part| part[0].text == "pub" && part[1].text == "use" && !hidden(part[0].line));
        uses.map(|part| part[0].line).any(|begin| {
            let end = tokens.iter().skip_while(|t| t.line < begin).find(|t| t.text == ";").map_or(begin, |t| t.line);
            (begin..=end).contains(&line)
        })
    };
    names.extend(
        lib.paths().into_iter().filter(|path| exported(path.line)).filter_map(|path| path.words.last().cloned()),
    );
    names
}

/// Lines of code and of tests.
fn balance(sources: &[Source], data_lines: usize) -> (usize, usize) {
    sources.iter().fold((0, data_lines), |(code, tests), source| {
        let (more_code, more_tests) = source.lines();
        // Laws are tests that fuzzers run as well.
        let is_law = source.path.contains("/laws");
        if is_law { (code, tests + more_code + more_tests) } else { (code + more_code, tests + more_tests) }
    })
}

/// Returns a unit that imports itself through other units.
fn cycle<'a>(table: &[(&'a str, &[&'a str])]) -> Option<&'a str> {
    let mut left = table.to_vec();
    loop {
        let before = left.len();
        let names: Vec<&str> = left.iter().map(|row| row.0).collect();
        left.retain(|(_, imports)| imports.iter().any(|import| names.contains(import)));
        if left.len() == before {
            return left.first().map(|row| row.0);
        }
    }
}

/// True if `source` is the file or the unit `place`, or is below `place` if `place` ends in a
/// slash.
fn lies_in(source: &Source, place: &str) -> bool {
    if place.ends_with('/') { source.path.starts_with(place) } else { source.path == place || source.unit() == place }
}

fn at(source: &Source, line: usize, what: &str) -> String {
    format!("src/{}:{line} {what}", source.path)
}

fn each(check: fn(&Source) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(check).collect()
}

fn sources() -> Vec<Source> {
    Source::all(&home().join("src"))
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files compiled instead of others if a feature is off, or on another system: the names are the same on purpose.
const STAND_INS: &[&str] = &[
    "server/undriven.rs",
    "config/without_wsgi.rs",
    "system/poller/kqueue.rs",
    "system/waker/pair.rs",
    "system/entry/by_name.rs",
    "system/handle/by_name.rs",
];

/// Returns the names of several types, unless all but one of the types are private to their files.
fn shared_names(sources: &[Source]) -> Vec<String> {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !STAND_INS.contains(&&*source.path)) {
        let tokens: Vec<&Token> = source.tokens(false).collect();
        for at in 0..tokens.len().saturating_sub(1) {
            let is_kind = ["struct", "enum", "trait", "type", "union"].contains(&tokens[at].text.as_str());
            // `pub`, or the bracket behind `pub(crate`. An associated type has neither.
            let is_shown = at > 0 && ["pub", ")"].contains(&tokens[at - 1].text.as_str());
            if is_kind && is_shown {
                owners.entry(&tokens[at + 1].text).or_default().push(&source.path);
            }
        }
    }
    let shared = owners.into_iter().filter(|(_, paths)| paths.len() > 1);
    shared.map(|(name, paths)| format!("{name} is in {}", paths.join(" and "))).collect()
}

/// Settings that `Config` has in another form.
const COMBINED: &[(&str, &str)] = &[
    ("socket_host", "bind"),
    ("socket_port", "bind"),
    ("socket_file", "bind"),
    ("listen", "bind"),
    ("socket_timeout", "the time limits that it stands in for"),
    ("trusted_proxies", "trust"),
    ("trusted_proxy_count", "trust"),
    ("trusted_proxy_headers", "trust"),
];

/// A search for the name of a setting leads to the code that applies the setting.
#[test]
fn settings_keep_their_names_in_the_config() {
    let config = fs::read_to_string(home().join("src/config.rs")).unwrap();
    let fields = config.split("struct Config {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let is_field = |name: &str| fields.contains(&format!("pub(crate) {name}: "));
    let is_combined = |name: &str| name.starts_with("ssl_") || COMBINED.iter().any(|(combined, _)| *combined == name);
    for row in drupe::Settings::table() {
        assert!(is_field(row.name()) != is_combined(row.name()), "{}", row.name());
    }
}
