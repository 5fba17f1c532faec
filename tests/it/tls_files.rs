//! Certificates and keys as files: chains, expiry, permissions, and replacement by renewal tools.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use drupe::testing::TestServer;
use drupe::{Request, Settings};
use log::Level;

use crate::client::wait_until;
use crate::logging;
use crate::place::{Place, is_root, output};
use crate::process::is_alone;
use crate::secure::{AUTHORITY, config, connect, connect_to, shown};

fn path(request: &mut Request) -> String {
    request.uri().path().to_owned()
}

/// The client knows the root only; the server must send the certificates in between.
#[test]
fn intermediate_certificates_are_sent() {
    let folder = Place::new();
    let middle = AUTHORITY.below("one in the middle");
    let lower = middle.below("a lower one");
    let made = lower.issue(&["localhost"]);
    let between = format!("{}{}", lower.pem, middle.pem);
    let alone = folder.write("alone.pem", &made.pem);
    let whole = folder.write("whole.pem", format!("{}{between}", made.pem));
    let chain = folder.write("chain.pem", &between);
    let key = folder.write("a.key", &made.key);
    for (certificate, chain, is_trusted) in [
        (&alone, None, false),
        (&whole, None, true),
        (&alone, Some(&chain), true),
        // As written by certbot: a certificate in both files is sent once.
        (&whole, Some(&chain), true),
        (&alone, Some(&whole), true),
    ] {
        let server = TestServer::with(path, |settings: &mut Settings| {
            settings.ssl_certificate = Some(certificate.clone());
            settings.ssl_certificate_chain = chain.cloned();
            settings.ssl_private_key = Some(key.clone());
        });
        let client = connect(server.address(), &config(None));
        assert_eq!(client.is_ok(), is_trusted, "{certificate:?} {chain:?}");
        if let Ok(mut client) = client {
            client.assert_in_step("/", "/");
        } else {
            wait_until("the client's alert is counted", || server.server().statistics().handshakes_failed == 1);
        }
    }
}

#[test]
fn a_certificate_that_has_expired_is_used_with_a_warning() {
    if !is_alone("tls_files::a_certificate_that_has_expired_is_used_with_a_warning") {
        return;
    }
    logging::listen();
    let folder = Place::new();
    let file = folder.write("old.pem", AUTHORITY.issue_until(0, &["localhost"]).both());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let server = TestServer::with(path, |settings| settings.ssl_certificate = Some(file));
    let warned = || logging::records(|level, _| level == Level::Warn);
    assert!(warned().len() == 1 && warned()[0].starts_with("setting ssl_certificate: "), "{:?}", warned());
    assert!(
        warned()[0].contains("old.pem\"") && warned()[0].ends_with("has expired; using the certificate anyway"),
        "{:?}",
        warned()
    );
    // A client that checks the dates refuses it.
    assert!(connect(server.address(), &config(None)).is_err());
    server.handle().reload_tls().unwrap();
    assert_eq!(warned().len(), 2, "at each reload");
}

#[test]
fn adjusted_settings_load_certificates_only_if_a_setting_about_tls_has_changed() {
    let folder = Place::new();
    let made = AUTHORITY.issue(&["localhost", "old.test"]);
    let file = folder.write("a.pem", made.both());
    let server = TestServer::with(path, |settings| settings.ssl_certificate = Some(file.clone()));
    fs::remove_file(&file).unwrap();
    let mut settings = server.server().settings.clone();
    settings.max_request_body_size = Some(5);
    assert_eq!(server.handle().adjust(&settings).unwrap(), [""; 0]);
    assert_eq!(shown(server.address()), "old.test");
    let error = server.handle().reload(&settings).unwrap_err();
    assert!(error.to_string().starts_with("setting ssl_certificate: "), "{error}");
    let new = folder.write("b.pem", AUTHORITY.issue(&["localhost", "new.test"]).both());
    settings.ssl_certificate = Some(new);
    assert_eq!(server.handle().adjust(&settings).unwrap(), [""; 0]);
    assert_eq!(shown(server.address()), "new.test");
}

#[test]
fn certificates_behind_symbolic_links_can_be_replaced() {
    let folder = Place::new();
    let (old, new) = (AUTHORITY.issue(&["localhost", "old.test"]), AUTHORITY.issue(&["localhost", "new.test"]));
    for keeper in ["certbot", "kubernetes"] {
        let place = folder.path(keeper);
        for (round, made) in [&old, &new].into_iter().enumerate() {
            let archive = place.join(format!("..{round}"));
            fs::create_dir_all(&archive).unwrap();
            fs::write(archive.join("tls.crt"), &made.pem).unwrap();
            fs::write(archive.join("tls.key"), &made.key).unwrap();
        }
        // A link is replaced by renaming another over it.
        let lead = |name: &str, target: &str| {
            symlink(target, place.join("..new")).unwrap();
            fs::rename(place.join("..new"), place.join(name)).unwrap();
        };
        let switch = |round: u32| match keeper {
            // One link each.
            "certbot" => ["tls.crt", "tls.key"].iter().for_each(|name| lead(name, &format!("..{round}/{name}"))),
            // One link for all of them.
            _ => lead("..data", &format!("..{round}")),
        };
        if keeper == "kubernetes" {
            ["tls.crt", "tls.key"].iter().for_each(|name| lead(name, &format!("..data/{name}")));
        }
        switch(0);
        let server = TestServer::with(path, |settings| {
            settings.ssl_certificate = Some(place.join("tls.crt"));
            settings.ssl_private_key = Some(place.join("tls.key"));
        });
        let mut client = connect_to(server.address());
        assert_eq!(shown(server.address()), "old.test", "{keeper}");
        switch(1);
        fs::remove_dir_all(place.join("..0")).unwrap();
        assert_eq!(shown(server.address()), "old.test", "{keeper}: it was not asked for yet");
        server.handle().reload_tls().unwrap();
        assert_eq!(shown(server.address()), "new.test", "{keeper}");
        client.assert_in_step("/", "/");
    }
}

#[test]
fn world_readable_key_is_warned_about() {
    if !is_alone("tls_files::world_readable_key_is_warned_about") {
        return;
    }
    logging::listen();
    let folder = Place::new();
    let made = AUTHORITY.issue(&["localhost"]);
    let (certificate, key) = (folder.write("a.pem", &made.pem), folder.write("a.key", &made.key));
    let mut told = 0;
    for (mode, warns) in [(0o644, true), (0o640, false), (0o600, false), (0o604, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let server = TestServer::with(path, |settings| {
            settings.ssl_certificate = Some(certificate.clone());
            settings.ssl_private_key = Some(key.clone());
        });
        connect_to(server.address()).assert_in_step("/", "/");
        told += usize::from(warns);
        let warned = logging::records(|level, _| level == Level::Warn);
        assert_eq!(warned.len(), told, "{mode:o}: {warned:?}");
    }
    let warned = logging::records(|level, _| level == Level::Warn);
    assert!(warned[0].starts_with("setting ssl_private_key: every user may read ") && warned[0].contains("a.key"));
}

/// Not as root, which may read everything.
#[test]
fn unreadable_key_is_named() {
    if !is_root("a start by who may not read the key") {
        return;
    }
    let place = Place::new();
    let made = AUTHORITY.issue(&["localhost"]);
    fs::write(place.path("a.pem"), &made.pem).unwrap();
    fs::write(place.path("a.key"), &made.key).unwrap();
    fs::set_permissions(place.path("a.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(place.path("a.key"), fs::Permissions::from_mode(0o600)).unwrap();
    // Where it was built others may not look.
    let copy = place.path("it");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", copy.to_str().unwrap()];
    let arguments = ["tls_files::start_without_read_permission", "--exact", "--nocapture"];
    let output = output("setpriv", &[&nobody[..], &arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("setting ssl_private_key: cannot read \"") && text.contains("a.key\": Permission"), "{text}");
}

/// The child process of the test above; does nothing by itself.
#[test]
fn start_without_read_permission() {
    let me = std::env::current_exe().unwrap();
    if me.file_name().unwrap() != "it" {
        return;
    }
    let mut server = drupe::Server::new(path);
    server.settings.socket_port = 0;
    server.settings.ssl_certificate = Some(me.with_file_name("a.pem"));
    server.settings.ssl_private_key = Some(me.with_file_name("a.key"));
    println!("{}", server.start().unwrap_err());
}
