//! Each rule fails if broken, and only then.

use super::*;

#[track_caller]
fn tried(check: fn(&Source) -> Vec<String>, path: &str, text: &str, broken: usize) {
    let wrong = check(&Source::new(path, text));
    assert_eq!(wrong.len(), broken, "{path}: {text}: {wrong:?}");
}

#[test]
fn imports_are_seen_in_every_form() {
    for (path, text, broken) in [
        ("h1/head.rs", "use crate::h1::error::Error; use super::grammar;", 0),
        ("h1/head.rs", "use crate::error::Error;", 1),
        ("h1/head.rs", "use crate::{h1::error, net::{stream, poll}, message};", 3),
        ("h1/head.rs", "fn f() -> crate::message::Body { crate::net::poll::wait() }", 2),
        ("h1/head.rs", "use super::super::net;", 1),
        ("h1/head.rs", "use self::super::super::net;", 1),
        ("h1/mod.rs", "use super::net;", 1),
        ("h1/head.rs", "mod tests { use super::super::grammar; }", 0),
        ("h1/head.rs", "mod tests { use super::super::super::net; }", 1),
        ("h1/head.rs", "use crate::*;", 1),
        ("h1/head.rs", "use crate::Error;", 1),
        ("h1/head.rs", "// crate::net::poll\nconst A: &str = \"crate::net\";", 0),
        ("server.rs", "use crate::engine::Engine; use super::engine;", 1),
        ("engine/pool.rs", "use crate::{net, h1::{self, head}}; use crate::server::Server;", 1),
        ("engine/pool.rs", "use crate::settings::Settings;", 1),
        ("engine/pool.rs", "#[cfg(test)] mod tests { use crate::settings::Settings; }", 0),
        ("engine/pool.rs", "#[cfg(test)] mod tests { use crate::server::Server; }", 1),
        ("main.rs", "use drupe::Server;", 0),
        ("main.rs", "use crate::server::Server;", 1),
        ("cache.rs", "", 1),
        ("lib.rs", "pub use crate::server::Server;", 0),
    ] {
        tried(imports, path, text, broken);
    }
}

#[test]
fn cycles_are_seen() {
    assert_eq!(cycle(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]), None);
    assert_eq!(cycle(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]), Some("a"));
}

#[test]
fn circles_of_files_are_seen_in_every_form() {
    for (root, one, other, broken) in [
        ("mod one; mod other;", "use super::other::A;", "use super::one::B;", "one other"),
        ("mod one; mod other;", "use super::other::A;", "use crate::h1;", ""),
        ("mod one; mod other;", "fn f() { super::other::g() }", "fn g(_: crate::a::one::B) {}", "one other"),
        ("mod one; mod other;", "use super::other::A;", "#[cfg(test)] mod tests { use super::super::one::B; }", ""),
        ("mod one; #[cfg(test)] mod other;", "use super::other::A;", "use super::one::B;", ""),
        // By way of the parent, or with the parent.
        ("mod one; mod other; use self::one::B; struct A;", "use super::other::C;", "use super::A;", "mod one other"),
        ("mod one; mod other; struct A;", "use super::A;", "pub(in crate::a) struct B;", ""),
        ("mod one; mod other; fn f() { one::g() }", "use super::f;", "", "mod one"),
        ("mod one; mod other; fn f() { one::g() }", "mod inside { use super::h; }", "", ""),
        // The parent passes names on.
        ("mod one; mod other; pub use self::one::B;", "use super::other::A;", "use super::B;", "one other"),
        ("mod one; mod other; pub use one::B as C;", "use super::other::A;", "use super::C;", "one other"),
        ("mod one; mod other; pub use self::one::B;", "use super::other::A;", "", ""),
        ("mod one; mod other; pub use self::one::B; struct A;", "use super::A;", "", ""),
        ("mod one; mod other; pub use self::one::B; struct A(B);", "use super::A;", "", "mod one"),
    ] {
        let files = [("lib.rs", "mod a;"), ("a/mod.rs", root), ("a/one.rs", one), ("a/other.rs", other)];
        let sources = files.map(|(path, text)| Source::new(path, text));
        let circles = Modules::new(&sources).circles();
        let names = broken.split_whitespace().map(|name| format!("a/{name}.rs"));
        let found: Vec<&str> = circles.iter().flat_map(|circle| circle.files.iter().copied()).collect();
        assert_eq!(found, names.collect::<Vec<_>>(), "{root} | {one} | {other}");
    }
}

#[test]
fn circles_of_files_name_each_import() {
    let files = [("main.rs", "mod a;\nuse self::a::A;"), ("main/a.rs", "\nuse crate::B;")];
    let sources = files.map(|(path, text)| Source::new(path, text));
    let circles = Modules::new(&sources).circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0].text, "main.rs:2 imports main/a.rs\nmain/a.rs:2 imports main.rs\n");
}

#[test]
fn crates_are_seen_in_every_form() {
    for (path, text, broken) in [
        ("net/listener.rs", "use nix::errno::Errno;", 0),
        ("net/deadline.rs", "use nix::errno::Errno;", 1),
        ("engine/pool.rs", "fn f() { ::nix::poll::poll() }", 1),
        ("engine/pool.rs", "use socket2;", 1),
        ("engine/pool/mod.rs", "use {crossbeam_channel::{bounded, Sender}, lexopt as l};", 3),
        ("server.rs", "fn f(x: http::Request<()>) {}", 1),
        ("server.rs", "#[cfg(test)] mod tests { use http::Request; }", 0),
        ("bus/signals.rs", "use signal_hook::consts::SIGTERM; log::info!(\"caught\");", 0),
        ("h1/head.rs", "log::info!(\"h1 is pure\");", 1),
    ] {
        tried(crates, path, text, broken);
    }
    assert_eq!(dependencies("[package]\n\n[dependencies]\n# why\nsignal-hook = \"1\"\n\n[profile]\nx = 1").len(), 0);
    assert_eq!(dependencies("[package]\n\n[dependencies]\nleft-pad = \"1\"\n"), ["left_pad has no row"]);
}

#[test]
fn forbidden_names_are_seen() {
    for (path, text, broken) in [
        ("h1/head.rs", "use std::{fmt, time::Duration};", 0),
        ("h1/head.rs", "use std::{io::{self, Read}, sync::Arc};", 3),
        ("h1/head.rs", "fn f(now: std::time::Instant) {}", 1),
        ("h1/head.rs", "#[cfg(test)] mod tests { use std::fs; }", 0),
        ("net/listener.rs", "use std::io; unsafe { f() }", 1),
        ("engine/pool.rs", "fn f() { std::thread::sleep(x); thread::sleep(y); self.sleep() }", 2),
        ("engine/pool.rs", "use std::thread::{self, sleep};", 1),
    ] {
        tried(forbidden, path, text, broken);
    }
}

#[test]
fn clocks_and_features_are_seen() {
    tried(clocks, "net/listener.rs", "let a = Instant::now(); let b = std::time::SystemTime::now();", 2);
    tried(clocks, "files/validators.rs", "SystemTime::now()", 1);
    tried(clocks, "files/mod.rs", "SystemTime::now()", 0);
    tried(clocks, "engine/pool.rs", "Instant::now()", 0);
    tried(wall_clocks, "engine/service/context.rs", "SystemTime::now()", 0);
    tried(wall_clocks, "engine/watch.rs", "let a = Instant::now(); let b = SystemTime::now();", 1);
    tried(features, "engine/pool.rs", "#[cfg(feature = \"tls\")] fn f() {}", 1);
    tried(features, "engine/pool.rs", "fn f() { cfg!(all(unix, feature = \"tls\")) }", 1);
    tried(features, "server.rs", "#[cfg(feature = \"signals\")] fn f() {}", 0);
    tried(systems, "net/socket.rs", "#[cfg(target_os = \"linux\")] fn f() { cfg!(drupe_portable) }", 2);
    tried(systems, "system/peer.rs", "#[cfg(target_os = \"linux\")] fn f() {}", 0);
}

#[test]
fn shared_names_are_seen() {
    let shared = |texts: [&str; 2]| {
        let sources: Vec<Source> = texts.iter().map(|text| Source::new("a.rs", text)).collect();
        shared_names(&sources).len()
    };
    assert_eq!(shared(["pub struct Name;", "pub(crate) enum Name {}"]), 1);
    assert_eq!(shared(["pub struct Name;", "enum Name {}"]), 0);
    assert_eq!(shared(["pub(in crate::engine) struct Name;", "pub trait Other { type Name; }"]), 0);
    assert_eq!(shared(["pub struct Name;", "#[cfg(test)] mod tests { pub struct Name; }"]), 0);
}

#[test]
fn missing_pages_and_long_files_are_seen() {
    tried(preface, "a.rs", "use b;", 1);
    tried(preface, "a.rs", "//! What it is for.\n", 0);
    tried(unwraps, "a.rs", "//! x.unwrap()\nfn f() { x.unwrap(); x.unwrap_or(y) }", 1);
    tried(unwraps, "a.rs", "#[cfg(test)] mod tests { fn f() { x.unwrap() } }", 0);
    tried(length, "a.rs", &"//! x\n".repeat(401), 1);
    tried(length, "a.rs", &format!("{}#[cfg(test)]\nmod tests {{\n{}}}", "//! x\n".repeat(400), "\n".repeat(99)), 0);
    // Neither a statement nor an item for tests ends the code.
    for small in ["fn f() {\n    #[cfg(test)]\n    note();\n}\n", "fn f() {}\n#[cfg(test)]\nimpl A {}\n"] {
        tried(length, "a.rs", &format!("{small}{}", "// x\n".repeat(400)), 1);
    }
}

#[test]
fn machine_paths_are_seen() {
    assert_eq!(machines("a.rs", "// a\n// see /home/me/a\n").len(), 1);
    assert_eq!(machines("a.rs", "fn home() { \"https://example.org/home\" }").len(), 0);
}

#[test]
fn names_and_lines_are_counted() {
    let lib =
        "mod a;\npub mod b;\npub use c;\n#[doc(hidden)]\npub use d::e;\nuse f::g;\npub use h::{\n    I, J as K,\n};\n";
    assert_eq!(root_names(&Source::new("lib.rs", lib)), ["c", "I", "J"]);
    let sources = [
        Source::new("h1/a.rs", "//! x\n\nfn f() {}\n// x\n#[cfg(test)]\nmod tests {}\n"),
        Source::new("h1/laws.rs", "fn f() {}\n"),
        Source::new("h1/a/tests.rs", "fn f() {\n}\n"),
    ];
    assert_eq!(balance(&sources, 7), (1, 7 + 2 + 1 + 2));
}

#[test]
fn room_imports_only_rooms_below() {
    for (path, text, broken) in [
        ("engine/wire/output.rs", "use crate::engine::service::context::WorkerContext; use super::pace;", 0),
        ("engine/wire/output.rs", "use crate::engine::connection::ClientConnection;", 1),
        ("engine/wire/output.rs", "use crate::engine::Engine;", 1),
        ("engine/wire/output.rs", "use super::super::connection::ClientConnection;", 1),
        ("engine/wire/mod.rs", "fn f() -> super::connection::ClientConnection { super::service::g() }", 1),
        ("engine/wire/output.rs", "pub(in crate::engine) fn f() {}", 0),
        ("engine/wire/output.rs", "#[cfg(test)] mod tests { use crate::engine::connection::ClientConnection; }", 0),
        ("engine/attic/mod.rs", "", 1),
        ("engine/mod.rs", "use self::wire::output;", 0),
    ] {
        tried(rooms, path, text, broken);
    }
}
