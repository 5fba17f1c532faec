//! The program's settings for whole sites: fallback, fields, compressed forms, types, links, hidden names, CORS.

use std::os::unix::fs::symlink;

use crate::client::{Answer, Client};
use crate::place::Place;
use crate::program::{Program, drupe};

/// A folder as a bundler makes it, with one file of each kind.
fn dist() -> Place {
    let place = Place::new();
    for folder in ["dist/assets", "media"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    for (name, content) in [
        ("dist/index.html", "the page"),
        ("dist/assets/app.1a2b.js", "a long script"),
        ("dist/assets/app.1a2b.js.br", "short"),
        ("dist/notes.gmi", "# notes"),
        ("dist/tls.key", "secret"),
        ("media/film.mp4", "film"),
    ] {
        place.write(name, content);
    }
    symlink("../media", place.path("dist/media")).unwrap();
    place
}

/// Sends a request with these further lines of a head.
fn ask(program: &Program, method: &str, target: &str, lines: &str) -> Answer {
    let mut client = Client::connect(program.address);
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    client.answer_to(method).unwrap()
}

/// Checks a program that has all settings for sites.
fn check_site(program: &Program) {
    let script = ask(program, "GET", "/assets/app.1a2b.js", "Accept-Encoding: br\r\nOrigin: https://app.example\r\n");
    assert_eq!((script.status, script.text()), (200, "short"));
    for (name, expected) in [
        ("cache-control", "public, max-age=600"),
        ("content-encoding", "br"),
        ("content-type", "text/javascript; charset=utf-8"),
        ("access-control-allow-origin", "https://app.example"),
    ] {
        assert_eq!(script.field(name), Some(expected), "{name}");
    }
    for (target, status, content) in [
        ("/users/7", 200, "the page"),
        ("/assets/app.0000.js", 404, "404 Not Found\n"),
        ("/media/film.mp4", 200, "film"),
        ("/tls.key", 404, "404 Not Found\n"),
    ] {
        let answer = ask(program, "GET", target, "");
        assert_eq!((answer.status, answer.text()), (status, content), "{target}");
    }
    let page = ask(program, "GET", "/users/7", "Accept: text/html\r\n");
    assert_eq!((page.text(), page.field("cache-control")), ("the page", Some("no-cache")));
    assert_eq!(ask(program, "GET", "/notes.gmi", "").field("content-type"), Some("text/gemini"));
    let preflight = "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range\r\n";
    let answer = ask(program, "OPTIONS", "/media/film.mp4", preflight);
    assert_eq!((answer.status, answer.field("access-control-allow-headers")), (204, Some("range")));
    let other = ask(program, "GET", "/media/film.mp4", "Origin: https://other.example\r\n");
    assert_eq!((other.status, other.field("access-control-allow-origin")), (200, None));
}

#[test]
fn site_is_set_by_flags() {
    let place = dist();
    let program = Program::start(drupe().current_dir(place.path("")).args([
        "--fallback=index.html",
        "--field",
        "/assets/*: Cache-Control: public, max-age=600",
        "--field=*.html: Cache-Control: no-cache",
        "--precompressed",
        "--content-type",
        "gmi=text/gemini",
        "--link=media",
        "--hide",
        "*.key",
        "--cors=https://app.example",
        "dist",
    ]));
    check_site(&program);
    program.end();
}

#[test]
fn site_is_set_by_a_file() {
    let place = dist();
    let file = place.write(
        "drupe.toml",
        r#"[drupe]
directory = "dist"
fallback = "/index.html"
field = ["/assets/*: Cache-Control: public, max-age=600", "*.html: Cache-Control: no-cache"]
precompressed = true
content_type = ["gmi=text/gemini", "GMI2=text/gemini"]
link = ["media"]
hide = ["*.key", "node_modules"]
cors = ["https://app.example", "http://localhost:3000"]
"#,
    );
    let program = Program::start(drupe().current_dir(place.path("")).arg("--config").arg(file));
    check_site(&program);
    program.end();
}

#[test]
fn cors_without_a_value_is_for_every_origin() {
    let place = dist();
    let program = Program::start(drupe().arg("--cors").arg(place.path("dist")));
    let answer = ask(&program, "GET", "/", "Origin: https://any.example\r\n");
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    let exposed = answer.field("access-control-expose-headers").unwrap_or_default().to_owned();
    assert!(exposed.contains("content-range") && exposed.contains("etag"), "{exposed}");
    let mut client = Client::connect(program.address);
    client.send("GET / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n");
    let misdirected = client.answer();
    assert_eq!((misdirected.status, misdirected.field("access-control-allow-origin")), (421, None));
    program.end();
    let program = Program::start(drupe().arg(place.path("dist")));
    assert_eq!(ask(&program, "GET", "/", "Origin: https://any.example\r\n").field("access-control-allow-origin"), None);
    assert_eq!(ask(&program, "GET", "/tls.key", "").status, 200, "nothing is hidden unless set");
    program.end();
}

#[test]
fn users_error_page_extensions_and_compression_are_set_by_flags() {
    let place = dist();
    let (text, page) = ("plain text, repeated. ".repeat(200), "nothing here");
    place.write("dist/about.txt", &text);
    place.write("dist/404.html", page);
    let arguments = ["--auth=ann:a:b ", "--not-found", "404.html", "--extensions=txt", "--compress", "--cors"];
    let program =
        Program::start(drupe().args(arguments).env("DRUPE_INDEX", "home.html,404.html").arg(place.path("dist")));
    let refused = ask(&program, "GET", "/about", "");
    assert_eq!((refused.status, refused.field("www-authenticate").is_some()), (401, true));
    let preflight =
        ask(&program, "OPTIONS", "/about", "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n");
    assert_eq!(preflight.status, 204);
    // `ann:a:b `
    let user = "Authorization: Basic YW5uOmE6YiA=\r\n";
    assert_eq!(ask(&program, "GET", "/about", user).text(), text);
    let compressed = ask(&program, "GET", "/about", &format!("{user}Accept-Encoding: gzip\r\n"));
    assert_eq!((compressed.status, compressed.field("content-encoding")), (200, Some("gzip")));
    let part = ask(&program, "GET", "/about", &format!("{user}Range: bytes=0-9\r\n"));
    assert_eq!((part.status, part.field("vary")), (206, Some("Accept-Encoding")));
    let missed = ask(&program, "GET", "/none", user);
    assert_eq!((missed.status, missed.text()), (404, page));
    assert_eq!(ask(&program, "GET", "/", user).text(), page, "the first index file found");
    program.end();
    let apart = drupe().args(["--cors", "https://a.example"]).output().unwrap();
    let told = String::from_utf8(apart.stderr).unwrap();
    assert!(told.contains("\"https://a.example\": a value of --cors is joined by ="), "{told}");
    let checked = drupe().args(["check", "--auth=ann:a:b", "--auth", "bob:secret"]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(told.contains(r#"auth = ["ann:***", "bob:***"]"#) && !told.contains("secret"), "{told}");
}

#[test]
fn user_of_a_password_is_in_the_access_log() {
    let place = dist();
    let log = place.path("access.log");
    let mut command = drupe();
    command.args(["--auth=ann b\\:secret", "--auth=a\"b:secret", "--access-log-format=common", "--access-log"]);
    command.arg(&log).arg(place.path("dist"));
    let program = Program::start(&mut command);
    assert_eq!(ask(&program, "GET", "/notes.gmi", "").status, 401);
    // `ann b\:secret`
    assert_eq!(ask(&program, "GET", "/notes.gmi", "Authorization: Basic YW5uIGJcOnNlY3JldA==\r\n").status, 200);
    // `a"b:secret`
    assert_eq!(ask(&program, "GET", "/notes.gmi", "Authorization: Basic YSJiOnNlY3JldA==\r\n").status, 200);
    program.end();
    let log = std::fs::read_to_string(log).unwrap();
    let length = std::fs::read(place.path("dist/notes.gmi")).unwrap().len();
    let whole = format!("\"GET /notes.gmi HTTP/1.1\" 200 {length}");
    let expected = [
        ("127.0.0.1 - - [", "\"GET /notes.gmi HTTP/1.1\" 401 13"),
        ("127.0.0.1 - ann\\x20b\\\\ [", &whole),
        ("127.0.0.1 - a\\\"b [", &whole),
    ];
    let is_so = |(line, (start, end)): (&str, (&str, &str))| line.starts_with(start) && line.ends_with(end);
    assert!(log.lines().zip(expected).all(is_so) && log.lines().count() == 3, "{log}");
}

#[test]
fn wrong_settings_of_a_site_are_refused_by_name() {
    let place = dist();
    for (flag, reason) in [
        ("--auth=secret", "--auth: expected NAME:PASSWORD (value not shown)"),
        ("--auth=ann:***", "--auth: *** is the placeholder for a hidden password, not a password"),
        ("--auth=ann:", "--auth: expected NAME:PASSWORD (value not shown)"),
        ("--auth=ann:a\tb", "--auth: expected NAME:PASSWORD (value not shown)"),
        ("--index=../x", "--index: \"../x\" is not a name of a file, such as html or index.html"),
        ("--extensions=.", "--extensions: \".\" is not a name of a file, such as html or index.html"),
        ("--not-found=none.html", "--not-found: \"none.html\" is not a file below the root"),
        ("--fallback=none.html", "--fallback: \"none.html\" is not a file below the root"),
        ("--fallback=../media/film.mp4", "--fallback: \"../media/film.mp4\" is not a file below the root"),
        ("--field=/assets/*", "--field: \"/assets/*\" is not of the form PATTERN: NAME: VALUE"),
        ("--field=*: a b: c", "--field: \"a b\" is not a field name"),
        ("--field=*: Content-Length: 1", "--field: the field content-length is made by the server"),
        ("--field=a//b: a: b", "--field: \"a//b\" is not a pattern of paths"),
        ("--content-type=gmi", "--content-type: \"gmi\" is not of the form EXT=TYPE"),
        ("--link=index.html", "--link: cannot allow the link \"index.html\": not a symbolic link"),
        ("--link=none", "--link: cannot allow the link \"none\": No such file"),
        ("--hide=a/b", "--hide: \"a/b\" is not a pattern of names"),
        ("--cors=app.example", "--cors: \"app.example\" is neither * nor an origin"),
        ("--cors=https://a.example/", "--cors: \"https://a.example/\" is neither * nor an origin"),
        ("--precompressed=maybe", "--precompressed: \"maybe\" is neither true"),
    ] {
        let output = drupe().arg(flag).arg(place.path("dist")).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}: {errors}");
        assert!(errors.starts_with(&format!("drupe: option {reason}")), "{flag}: {errors}");
    }
}
