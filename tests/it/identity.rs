//! Credentials of clients over Unix sockets, with real users, with names and without.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use drupe::testing::TestServer;
use drupe::{Credentials, Peer, Request, RequestExt, Server, Settings};

use crate::client::{Client, wait_until};
use crate::logging;
use crate::place::{Place, curl, curl_as, is_root, output, run};
use crate::process::{is_alone, is_alone_after};

/// Answers `uid user gid group [groups]`, as seen by the handler.
fn tell(request: &mut Request) -> String {
    match request.connection().peer() {
        Some(Peer::Unix(Some(who))) => told(who),
        Some(Peer::Unix(None)) => "somebody".to_owned(),
        _ => "not over a Unix socket".to_owned(),
    }
}

fn told(who: &Credentials) -> String {
    let or_none = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
    format!("{} {} {} {} {:?}", who.uid, or_none(who.user()), who.gid, or_none(who.group()), who.groups())
}

/// Starts a server with an open socket file, and `peercreds`.
fn open(place: &Place, handler: impl drupe::Handler) -> Server {
    let mut server = place.server(handler);
    server.settings.socket_mode = 0o666;
    server.settings.peercreds = true;
    server.settings.peercreds_resolve = true;
    server
}

/// A name from the system's database, by another program.
fn name(database: &str, id: u32) -> String {
    run("getent", &[database, &id.to_string()]).split(':').next().unwrap().to_owned()
}

#[test]
fn each_caller_is_known_by_number_and_name() {
    let place = Place::new();
    let server = open(&place, tell);
    server.start().unwrap();
    let me = |flag| run("id", &[flag]).trim().to_owned();
    let mine = format!("{} {} {} {} ", me("-u"), me("-un"), me("-g"), me("-gn"));
    let answer = curl(&place.socket(), "/");
    assert!(answer.starts_with(&mine) && answer.ends_with(" 200"), "{answer}");
    if !is_root("callers that are other users") {
        return;
    }
    let (nobody, nogroup) = (name("passwd", 65534), name("group", 65534));
    for (user, group, expected) in [
        (65534, 65534, format!("65534 {nobody} 65534 {nogroup} [\"{nogroup}\"] 200")),
        (1, 65534, format!("1 {} 65534 {nogroup} [\"{nogroup}\"] 200", name("passwd", 1))),
        // Numbers without a name: the request goes on without them.
        (54321, 54322, "54321 - 54322 - [] 200".to_owned()),
        (54321, 0, "54321 - 0 root [\"root\"] 200".to_owned()),
        (3_000_000_000, 4_000_000_000, "3000000000 - 4000000000 - [] 200".to_owned()),
        (4_294_967_294, 4_294_967_294, "4294967294 - 4294967294 - [] 200".to_owned()),
    ] {
        assert_eq!(curl_as(user, group, &place.socket(), "/"), expected);
    }
}

/// The same to an application.
#[cfg(feature = "wsgi")]
#[test]
fn each_caller_is_known_to_an_application() {
    use drupe::wsgi::{ApplicationError, Environ, StartResponse};

    let place = Place::new();
    let application = |environ: Environ, start_response: StartResponse| -> Result<String, ApplicationError> {
        let names = ["X_REMOTE_UID", "X_REMOTE_USER", "REMOTE_USER", "X_REMOTE_GID", "X_REMOTE_GROUP"];
        let told = names.map(|name| environ.get(name).map_or("-".to_owned(), ToString::to_string));
        start_response.start("200 OK", [("Content-Type", "text/plain")])?;
        Ok(told.join(" "))
    };
    let mut server = Server::wsgi(application);
    server.settings = open(&place, tell).settings.clone();
    server.start().unwrap();
    let me = |flag| run("id", &[flag]).trim().to_owned();
    let mine = format!("{} {} {1} {} {} 200", me("-u"), me("-un"), me("-g"), me("-gn"));
    assert_eq!(curl(&place.socket(), "/"), mine);
    if !is_root("callers of an application that are other users") {
        return;
    }
    let (nobody, nogroup) = (name("passwd", 65534), name("group", 65534));
    for (user, group, expected) in [
        (65534, 65534, format!("65534 {nobody} {nobody} 65534 {nogroup} 200")),
        (54321, 54322, "54321 - - 54322 - 200".to_owned()),
        (3_000_000_000, 4_000_000_000, "3000000000 - - 4000000000 - 200".to_owned()),
    ] {
        assert_eq!(curl_as(user, group, &place.socket(), "/"), expected);
    }
}

/// Fields of a request do not change the identity.
#[test]
fn request_fields_do_not_change_the_identity() {
    let place = Place::new();
    let server = open(&place, tell);
    server.start().unwrap();
    let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
    let honest = client.get("/").text().to_owned();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Remote-Uid: 1\r\nX_REMOTE_UID: 1\r\nREMOTE_USER: daemon\r\nRemote-User: daemon\r\n\
         X-Remote-User: daemon\r\nX-Remote-Group: daemon\r\nForwarded: for=unix\r\nAuthorization: Basic ZGFlbW9uOg==\r\n\r\n",
    );
    assert_eq!(client.answer().text(), honest);
}

#[test]
fn the_process_is_known() {
    let place = Place::new();
    let server = open(&place, |request: &mut Request| match request.connection().peer() {
        Some(Peer::Unix(Some(who))) => who.pid.to_string(),
        _ => String::new(),
    });
    server.start().unwrap();
    let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
    client.assert_in_step("/", &std::process::id().to_string());
    let script = "import os, socket, sys\n\
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n')\n\
        assert s.makefile('rb').read().endswith(b'\\r\\n\\r\\n%d' % os.getpid())\n";
    run("python3", &["-c", script, place.socket().to_str().unwrap()]);
}

#[test]
fn identity_is_that_of_the_connect() {
    if !is_root("a caller that becomes another user") {
        return;
    }
    let place = Place::new();
    let server = open(&place, tell);
    server.start().unwrap();
    let script = "import os, socket, sys\n\
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
        os.setgroups([]); os.setgid(65534); os.setuid(65534)\n\
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n')\n\
        print(s.makefile('rb').read().decode().split('\\r\\n\\r\\n')[1])\n";
    let before = run("python3", &["-c", script, place.socket().to_str().unwrap()]);
    assert!(before.starts_with("0 root 0 root "), "{before}");
}

/// The groups come from the system's database, which the test replaces.
#[test]
fn supplementary_groups_are_known_and_a_change_is_noticed() {
    const NAME: &str = "identity::supplementary_groups_are_known_and_a_change_is_noticed";
    if !is_root("groups of another user") {
        return;
    }
    if !output("unshare", &["--mount", "true"]).status.success() {
        crate::place::say("groups of another user: no file system can be mounted here");
        return;
    }
    if !is_alone_after("exec unshare --mount \"$0\" \"$@\"", NAME) {
        return;
    }
    let place = Place::new();
    let (users, groups) = (place.path("passwd"), place.path("group"));
    fs::write(&users, "root:x:0:0::/:/bin/sh\nalice:x:3000000001:5000::/:/bin/sh\n").unwrap();
    fs::write(&groups, "root:x:0:\nalice:x:5000:\nbrewers:x:5001:alice\nsmiths:x:5002:bob,alice\nbakers:x:5003:bob\n")
        .unwrap();
    for (file, target) in [(&users, "/etc/passwd"), (&groups, "/etc/group")] {
        run("mount", &["--bind", file.to_str().unwrap(), target]);
    }
    let server = open(&place, tell);
    server.start().unwrap();
    let ask = |group| curl_as(3_000_000_001, group, &place.socket(), "/");
    assert_eq!(ask(5000), "3000000001 alice 5000 alice [\"alice\", \"brewers\", \"smiths\"] 200");
    assert_eq!(ask(5003), "3000000001 alice 5003 bakers [\"bakers\", \"brewers\", \"smiths\"] 200");
    assert_eq!(ask(5004), "3000000001 alice 5004 - [\"brewers\", \"smiths\"] 200");
    fs::write(&groups, "root:x:0:\nalice:x:5000:\nbrewers:x:5001:alice\n").unwrap();
    wait_until("who has left a group is out", || {
        ask(5000) == "3000000001 alice 5000 alice [\"alice\", \"brewers\"] 200"
    });
}

#[test]
fn credentials_are_not_read_without_the_setting() {
    let place = Place::new();
    let mut server = place.server(tell);
    server.start().unwrap();
    assert_eq!(curl(&place.socket(), "/"), "somebody 200");
    server.settings.peercreds = true;
    server.restart().unwrap();
    let (uid, gid) = (run("id", &["-u"]), run("id", &["-g"]));
    assert_eq!(curl(&place.socket(), "/"), format!("{} - {} - [] 200", uid.trim(), gid.trim()));
    server.settings.peercreds = false;
    server.settings.peercreds_resolve = true;
    let text = server.restart().unwrap_err().to_string();
    assert!(
        text.starts_with("setting peercreds_resolve: ") && text.ends_with("needs peercreds, which is off"),
        "{text}"
    );
}

#[test]
fn tcp_clients_have_no_credentials() {
    let server = TestServer::with(tell, |settings: &mut Settings| {
        settings.peercreds = true;
        settings.peercreds_resolve = true;
    });
    Client::connect(server.address()).assert_in_step("/", "not over a Unix socket");
}

#[test]
fn the_access_log_has_the_user() {
    if !is_alone("identity::the_access_log_has_the_user") {
        return;
    }
    logging::listen();
    let place = Place::new();
    let mut server = open(&place, |_: &mut Request| "hello");
    let begins = |begin: &str| {
        let lines = || logging::records(|_, target| target == "drupe::access");
        wait_until("the line", || lines().last().is_some_and(|line| line.starts_with(begin)));
    };
    server.start().unwrap();
    let me = run("id", &["-un"]).trim().to_owned();
    curl(&place.socket(), "/1");
    begins(&format!("unix: - {me} ["));
    if is_root("the log of what others ask") {
        curl_as(65534, 65534, &place.socket(), "/2");
        begins(&format!("unix: - {} [", name("passwd", 65534)));
        curl_as(3_000_000_000, 1, &place.socket(), "/3");
        begins("unix: - 3000000000 [");
    }
    server.settings.peercreds_resolve = false;
    server.restart().unwrap();
    curl(&place.socket(), "/4");
    begins(&format!("unix: - {} [", run("id", &["-u"]).trim()));
    server.settings.peercreds = false;
    server.restart().unwrap();
    curl(&place.socket(), "/5");
    begins("unix: - - [");
    let mut forger = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
    forger.send("no request\r\n\r\n");
    assert_eq!(forger.answer().status, 400);
    begins("unix: - - [");
}

/// The example serves root and the members of one group, and answers 403 to others.
#[test]
fn whoami_decides_by_the_caller() {
    if !is_root("who is let in by the example whoami") {
        return;
    }
    let place = Place::new();
    let group = name("group", 65534);
    let example = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/whoami");
    let mut whoami = Command::new(&example);
    let whoami = whoami.args([group.as_str(), place.socket().to_str().unwrap()]).spawn();
    let mut whoami = whoami.unwrap_or_else(|error| panic!("cargo build --example whoami comes first: {error}"));
    wait_until("it listens", || place.socket().exists() && mode(&place.socket()) == 0o666);
    let answers = [(0, 0), (65534, 65534), (54321, 65534), (54321, 1), (1, 54321)]
        .map(|(user, group)| curl_as(user, group, &place.socket(), "/"));
    Command::new("kill").arg(whoami.id().to_string()).status().unwrap();
    let ended = whoami.wait().unwrap();
    if cfg!(feature = "signals") {
        assert!(ended.success());
        assert_eq!(place.names(), [""; 0]);
    }
    assert!(answers[0].starts_with("root, process ") && answers[0].ends_with(", you may\n 200"), "{answers:?}");
    assert!(answers[1].ends_with(", you may\n 200"), "{answers:?}");
    assert!(answers[2].starts_with("number 54321, process ") && answers[2].ends_with(" 200"), "{answers:?}");
    assert_eq!(answers[3], "number 54321, you may not\n 403");
    assert!(answers[4].ends_with(", you may not\n 403"), "{answers:?}");
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}
