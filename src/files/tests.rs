//! Tests of the file handler, over directories made for them.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use nix::libc;

use super::response::refuse;
use super::*;
use crate::message::Body;
use crate::message::named::RequestName;

mod encodings;
mod fallbacks;
mod kept;
mod links;
mod listings;
mod rules;

/// A temporary directory of a test, removed on drop: `site` is served, `outside` lies beside it.
struct Place {
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("drupe-files-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let place = Self { path: std::env::temp_dir().join(name) };
        place.add("outside/secret.txt", "secret");
        place.add("site/ten.txt", "0123456789");
        place.add("site/empty", "");
        place
    }

    fn add(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        symlink(self.path.join(target), self.path.join(path)).unwrap();
    }

    fn modified(&self, path: &str, time: SystemTime) {
        File::options().write(true).open(self.path.join(path)).unwrap().set_modified(time).unwrap();
    }

    fn files(&self) -> Files {
        Files::new(self.path.join("site")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A response read to its end.
struct Answer {
    status: u16,
    fields: HeaderMap,
    length: Option<u64>,
    content: Vec<u8>,
}

impl Answer {
    fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            fields: head.headers,
            length: body.content_length(),
            content: body.into_vec().unwrap(),
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8(self.content.clone()).unwrap()
    }
}

fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request {
    let builder = http::Request::builder().method(method).uri(path);
    fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(Body::empty()).unwrap()
}

fn get(files: &Files, path: &str) -> Answer {
    Answer::of(files.handle(&mut request("GET", path, &[])))
}

/// Requests at a time when all files have settled, so that the validators are strong.
fn ask(files: &Files, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    Answer::of(files.answer(&request(method, path, fields), settled()))
}

fn settled() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

fn day(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * days)
}

#[test]
fn path_leads_to_the_named_file_or_nowhere() {
    let place = Place::new();
    place.add("site/a b+c.txt", "blank and plus");
    place.add("site/ä.txt", "umlaut");
    place.add("site/back\\slash.txt", "backslash");
    place.add("site/50%.txt", "percent");
    place.add("site/sub/deep.txt", "deep");
    place.add("site/...", "three dots");
    fs::write(place.path.join("site").join(std::ffi::OsStr::from_bytes(b"\xff.txt")), "no text").unwrap();
    let files = place.files();
    let cases = [
        ("/ten.txt", 200),
        ("/ten.txt?query", 200),
        ("//ten.txt", 200),
        ("/sub/deep.txt", 200),
        ("/sub//deep.txt", 200),
        ("/t%65n.txt", 200),
        ("/%74en%2etxt", 200),
        ("/a%20b+c.txt", 200),
        ("/a+b+c.txt", 404),
        ("/%C3%A4.txt", 200),
        ("/%c3%a4.txt", 200),
        ("/%ff.txt", 200),
        ("/back%5Cslash.txt", 200),
        ("/back\\slash.txt", 200),
        ("/50%25.txt", 200),
        ("/50%.txt", 400),
        ("/%", 400),
        ("/%4", 400),
        ("/%zz", 400),
        ("/%+1", 400),
        ("/%00", 400),
        ("/ten.txt%00", 400),
        ("/ten.txt%00.html", 400),
        ("/TEN.TXT", 404),
        ("/ten.txt/", 404),
        ("/ten.txt/more", 404),
        ("/none", 404),
        ("/none/", 404),
        ("/sub%2Fdeep.txt", 404),
        ("/sub%2fdeep.txt", 404),
        ("/%2f", 404),
        ("/%2Fetc%2Fpasswd", 404),
        ("/..", 404),
        ("/../", 404),
        ("/../outside/secret.txt", 404),
        ("/%2e%2e/outside/secret.txt", 404),
        ("/.%2E/outside/secret.txt", 404),
        ("/sub/../ten.txt", 200),
        ("/sub/%2e%2e/ten.txt", 200),
        ("/none/../ten.txt", 200),
        ("/sub/./deep.txt", 200),
        ("/sub/../../site/ten.txt", 404),
        ("/sub/..", 200),
        ("/sub/.", 200),
        ("/ten.txt/.", 404),
        ("/sub/../../outside/secret.txt", 404),
        ("/..%2foutside/secret.txt", 404),
        ("/%2e%2e%2foutside%2fsecret.txt", 404),
        ("/..\\outside\\secret.txt", 404),
        ("/..%5coutside/secret.txt", 404),
        ("/%252e%252e/outside/secret.txt", 404),
        ("/./ten.txt", 200),
        ("/%2e/ten.txt", 200),
        ("/...", 404),
        ("*", 404),
        ("/etc/passwd", 404),
        ("//etc/passwd", 404),
    ];
    for (path, status) in cases {
        assert_eq!(get(&files, path).status, status, "{path}");
    }
    assert_eq!(get(&files.dotfiles(true), "/...").status, 200);
    let long = format!("/{}", "a/".repeat(4000));
    assert_eq!(get(&place.files(), &long).status, 404);
    assert_eq!(get(&place.files(), &format!("/{}", "a".repeat(400))).status, 404);
}

#[test]
fn no_symbolic_link_leads_out() {
    let place = Place::new();
    place.add("site/sub/deep.txt", "deep");
    place.add("site/.hidden/x.txt", "hidden");
    place.link("outside/secret.txt", "site/file-out");
    place.link("outside", "site/out");
    place.link("site", "site/loop");
    place.link("site/sub/deep.txt", "site/file-in");
    place.link("site/sub", "site/in");
    place.link("site/.hidden/x.txt", "site/shown");
    place.link("site/nothing", "site/dangling");
    place.link("site/self", "site/self");
    symlink("../../outside/secret.txt", place.path.join("site/sub/relative")).unwrap();
    symlink("../ten.txt", place.path.join("site/sub/up")).unwrap();
    place.link("outside/secret.txt", "site/index.html");
    let files = place.files();
    let cases = [
        ("/file-out", 404),
        ("/out/", 404),
        ("/out", 404),
        ("/out/secret.txt", 404),
        ("/sub/relative", 404),
        ("/dangling", 404),
        ("/self", 404),
        ("/file-in", 200),
        ("/in/deep.txt", 200),
        ("/in/", 200),
        ("/sub/up", 200),
        ("/loop/loop/ten.txt", 200),
        ("/shown", 200),
    ];
    for (path, status) in cases {
        assert_eq!(get(&files, path).status, status, "{path}");
    }
    // An index file that leads out is ignored: the listing shows the visible entries.
    let page = get(&files, "/").text();
    for (name, is_shown) in [
        ("file-out", false),
        ("out", false),
        ("dangling", false),
        ("shown", true),
        ("in", true),
        ("file-in", true),
        ("loop", true),
    ] {
        assert_eq!(page.contains(&format!("<b>{name}</b>")), is_shown, "{name}");
    }
    assert_eq!(
        get(&files.clone().index(["../outside/secret.txt"]).dotfiles(true), "/sub/").field("content-type"),
        "text/html; charset=utf-8"
    );
    assert_eq!(
        get(&files.index([place.path.join("outside/secret.txt").to_str().unwrap()]), "/").field("content-type"),
        "text/html; charset=utf-8"
    );
}

#[test]
fn dotfiles_are_served_only_if_asked() {
    let place = Place::new();
    place.add("site/.env", "password");
    place.add("site/.git/config", "config");
    place.add("site/.well-known/challenge", "token");
    place.add("site/.well-known/.env", "password");
    place.add("site/sub/.well-known/challenge", "token");
    for path in [
        "/.env",
        "/%2eenv",
        "/.git/",
        "/.git",
        "/.git/config",
        "/.well-known/.env",
        "/.well-known/../.env",
        "/sub/.well-known/challenge",
    ] {
        assert_eq!(get(&place.files(), path).status, 404, "{path}");
    }
    assert!(!get(&place.files(), "/").text().contains(".env"));
    let asked = place.files().dotfiles(true);
    for (path, status) in
        [("/.env", 200), ("/.git/", 200), ("/.git", 301), ("/.git/config", 200), ("/..", 404), ("/.", 200)]
    {
        assert_eq!(get(&asked, path).status, status, "{path}");
    }
    assert!(get(&asked, "/").text().contains(".env"));
    assert_eq!(get(&place.files(), "/.well-known/challenge").text(), "token");
    assert_eq!(get(&place.files(), "/.well-known").field("location"), ".well-known/");
    let known = Files::new(place.path.join("site/.well-known")).unwrap().prefix("/.well-known");
    assert_eq!(get(&known, "/.well-known/challenge").text(), "token");
}

#[test]
fn listing_shows_no_dotfile_that_is_not_served() {
    let place = Place::new();
    place.add("site/.well-known/.well-known/challenge", "token");
    place.add("site/sub/.well-known/challenge", "token");
    let shows = |files: &Files, path: &str| get(files, path).text().contains("href=\".well-known/\"");
    for (path, shown) in [("/", true), ("/sub/", false), ("/.well-known/", false)] {
        assert_eq!(shows(&place.files(), path), shown, "{path}");
        assert!(shows(&place.files().dotfiles(true), path), "{path}");
    }
    assert!(!shows(&place.files().prefix("/a"), "/a/sub/"));
}

#[test]
fn only_files_and_directories_are_served() {
    let place = Place::new();
    let pipe = place.path.join("site/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(place.path.join("site/socket")).unwrap();
    symlink("/dev/zero", place.path.join("site/zero")).unwrap();
    for path in ["/pipe", "/socket", "/zero"] {
        assert_eq!(get(&place.files(), path).status, 404, "{path}");
    }
    let page = get(&place.files(), "/").text();
    assert!(!page.contains("pipe") && !page.contains("socket"));
    assert!(Files::new("/dev").is_ok_and(|files| get(&files, "/zero").status == 404));
    assert!(
        Files::new(place.path.join("site/ten.txt")).is_err_and(|error| error.kind() == io::ErrorKind::NotADirectory)
    );
    assert!(Files::new(place.path.join("none")).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    for name in ["none", "site/ten.txt"] {
        let path = place.path.join(name);
        let text = Files::new(&path).unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot serve files from {}: ", path.display())), "{text}");
    }
}

#[test]
fn failures_of_the_file_system_have_their_status() {
    let cases = [
        (libc::ENOENT, 404),
        (libc::ENOTDIR, 404),
        (libc::ENAMETOOLONG, 404),
        (libc::ELOOP, 404),
        (libc::EACCES, 403),
        (libc::EPERM, 403),
        (libc::EMFILE, 503),
        (libc::ENFILE, 503),
        (libc::EAGAIN, 503),
        (libc::EIO, 500),
    ];
    for (code, status) in cases {
        assert_eq!(
            root::status(&io::Error::from_raw_os_error(code), RequestName::of(&Request::default())).as_u16(),
            status,
            "{code}"
        );
    }
    assert_eq!(Answer::of(refuse(StatusCode::SERVICE_UNAVAILABLE)).field("retry-after"), "1");
}

/// Holds a lease of the file `$0`, as Samba does: `$1` is "give" or "keep" when it is to end.
const HOLDER: &str = r#"
import fcntl, signal, sys, time
name, manner = sys.argv[1:]
held = open(name, "r+")
def broken(*_):
    if manner == "give":
        time.sleep(0.02)
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
signal.signal(signal.SIGIO, broken)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"#;

#[test]
fn leased_file_is_served_once_the_lease_ends_and_is_503_until_then() {
    use std::io::Read;
    use std::process::{Command, Stdio};

    let place = Place::new();
    for (manner, status, retry) in [("give", 200, ""), ("keep", 503, "1")] {
        let mut holder = Command::new("python3")
            .args(["-c", HOLDER])
            .arg(place.path.join("site/ten.txt"))
            .arg(manner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 4];
        holder.stdout.as_mut().unwrap().read_exact(&mut said).expect("a lease of the file");
        let answer = get(&place.files(), "/ten.txt");
        assert_eq!((answer.status, answer.field("retry-after")), (status, retry), "{manner}");
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert_eq!(get(&place.files(), "/ten.txt").status, 200);
    }
}

#[test]
fn methods_other_than_get_and_head_are_refused() {
    let place = Place::new();
    let files = place.files();
    for (method, status, allow) in [
        ("POST", 405, "GET, HEAD, OPTIONS"),
        ("PUT", 405, "GET, HEAD, OPTIONS"),
        ("DELETE", 405, "GET, HEAD, OPTIONS"),
        ("PROPFIND", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", 204, "GET, HEAD, OPTIONS"),
        ("GET", 200, ""),
        ("HEAD", 200, ""),
    ] {
        let answer = Answer::of(files.handle(&mut request(method, "/ten.txt", &[])));
        assert_eq!((answer.status, answer.field("allow")), (status, allow), "{method}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff");
    }
    assert_eq!(ask(&files, "OPTIONS", "*", &[]).status, 204);
}

#[test]
fn a_directory_has_one_name_that_ends_in_a_slash() {
    let place = Place::new();
    place.add("site/sub/deep.txt", "deep");
    place.add("site/evil.example/x", "x");
    place.add("site/a \"b\"\n/x", "x");
    place.add("site/\\evil/x", "x");
    place.add("site/sub/below/x", "x");
    place.add("site/a:b/x", "x");
    let files = place.files();
    let cases = [
        ("/sub", "sub/"),
        ("/sub?a=b&c", "sub/?a=b&c"),
        ("/sub/below", "below/"),
        ("/x/../sub", "sub/"),
        ("//sub", "../sub/"),
        ("/.//sub", "../sub/"),
        ("///sub//", "../../../../sub/"),
        ("/sub//below", "../../sub/below/"),
        ("//evil.example", "../evil.example/"),
        ("//evil.example/", "../../evil.example/"),
        ("//evil.example?x=//y", "../evil.example/?x=//y"),
        ("/a:b", "a%3Ab/"),
        ("/a%20%22b%22%0A", "a%20%22b%22%0A/"),
        ("/\\evil", "%5Cevil/"),
        ("/%5Cevil", "%5Cevil/"),
        ("//", "../"),
    ];
    for (path, location) in cases {
        let answer = get(&files, path);
        assert_eq!((answer.status, answer.field("location")), (301, location), "{path}");
    }
    for path in ["/", "/sub/", "/a%20%22b%22%0A/"] {
        assert_eq!(get(&files, path).status, 200, "{path}");
    }
}

#[test]
fn a_prefix_is_not_part_of_a_name() {
    let place = Place::new();
    place.add("site/sub/deep.txt", "deep");
    for prefix in ["/static", "/static/", "/st%61tic", "static", "static/", "//static", "/./static"] {
        let files = place.files().prefix(prefix);
        let cases = [
            ("/static/ten.txt", 200, ""),
            ("/static/", 200, ""),
            ("/static", 301, "static/"),
            ("/static/sub", 301, "sub/"),
            ("//static", 301, "../static/"),
            ("/a/../static/sub/../ten.txt", 200, ""),
            ("/static/../static/ten.txt", 200, ""),
            ("/ten.txt", 404, ""),
            ("/", 404, ""),
            ("/staticten.txt", 404, ""),
            ("/static/../ten.txt", 404, ""),
        ];
        for (path, status, location) in cases {
            let answer = get(&files, path);
            assert_eq!((answer.status, answer.field("location")), (status, location), "{path}");
        }
        assert!(!get(&files, "/static/").text().contains("../"), "the top has no parent");
    }
    assert_eq!(get(&place.files().prefix("/.."), "/ten.txt").status, 404);
    for prefix in ["/", "", "//"] {
        assert_eq!(get(&place.files().prefix(prefix), "/ten.txt").status, 200);
    }
}

#[test]
fn an_index_file_stands_for_its_directory() {
    let place = Place::new();
    place.add("site/one/index.html", "index");
    place.add("site/two/index.htm", "second choice");
    place.add("site/three/index.html/x", "a directory by that name");
    let files = place.files().index(["index.html", "index.htm"]);
    assert_eq!(get(&files, "/one/").text(), "index");
    assert_eq!(get(&files, "/one/").field("content-type"), "text/html; charset=utf-8");
    assert_eq!(get(&files, "/two/").text(), "second choice");
    assert!(get(&files, "/three/").text().contains("index.html/"));
    assert!(get(&files.index([""; 0]), "/one/").text().contains("index.html"));
    let bare = place.files().listing(false);
    assert_eq!((get(&bare, "/").status, get(&bare, "/one/").status, get(&bare, "/ten.txt").status), (403, 200, 200));
}

#[test]
fn file_has_type_length_and_validators() {
    let place = Place::new();
    place.modified("site/ten.txt", day(1));
    let answer = get(&place.files(), "/ten.txt");
    assert_eq!((answer.status, answer.length, answer.text().as_str()), (200, Some(10), "0123456789"));
    assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.field("last-modified"), "Fri, 02 Jan 1970 00:00:00 GMT");
    assert_eq!(answer.field("accept-ranges"), "bytes");
    assert_eq!(answer.field("x-content-type-options"), "nosniff");
    assert!(answer.field("etag").starts_with('"'));
    let empty = get(&place.files(), "/empty");
    assert_eq!((empty.status, empty.length, empty.field("content-type")), (200, Some(0), "application/octet-stream"));
    let head = ask(&place.files(), "HEAD", "/ten.txt", &[("range", "bytes=0-1")]);
    assert_eq!((head.status, head.length), (200, Some(10)), "a range is for GET alone");
}

/// The answer to a request at the time `now`.
fn ask_at(files: &Files, now: SystemTime, fields: &[(&str, &str)]) -> Answer {
    Answer::of(files.answer(&request("GET", "/ten.txt", fields), now))
}

#[test]
fn tag_is_made_of_time_and_size_alone_so_that_copies_share_it() {
    let place = Place::new();
    place.modified("site/ten.txt", day(100) + Duration::from_nanos(123));
    let tag = |place: &Place| ask(&place.files(), "GET", "/ten.txt", &[]).field("etag").to_owned();
    assert_eq!(tag(&place), "\"83d600-a\"");
    let copy = Place::new();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args(["site/ten.txt", "outside/ten.txt"].map(|path| place.path.join(path)))
        .status();
    assert!(copied.unwrap().success());
    fs::copy(place.path.join("outside/ten.txt"), copy.path.join("site/ten.txt")).unwrap();
    copy.modified("site/ten.txt", day(100));
    assert_eq!(tag(&copy), tag(&place), "a copy without nanoseconds");
    fs::rename(place.path.join("outside/ten.txt"), place.path.join("site/ten.txt")).unwrap();
    assert_eq!(tag(&copy), tag(&place), "cp -a, and another inode");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place.path.join("site/ten.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(place.path.join("site/ten.txt"), place.path.join("site/linked")).unwrap();
    assert_eq!(tag(&copy), tag(&place), "chmod and ln");
    place.add("site/ten.txt", "012345678");
    place.modified("site/ten.txt", day(100));
    assert_ne!(tag(&copy), tag(&place), "another size");
}

#[test]
fn tag_is_strong_once_the_file_has_settled() {
    let place = Place::new();
    let files = place.files();
    let hour = Duration::from_secs(3600);
    let (now, later) = (day(100) + Duration::from_secs(1), day(100) + hour);
    let tag = |now| ask_at(&files, now, &[]).field("etag").to_owned();
    place.modified("site/ten.txt", day(100) + Duration::from_nanos(10));
    assert_eq!((tag(now), tag(later)), ("W/\"83d600-a-a\"".into(), "\"83d600-a\"".into()));
    let early = tag(now);
    place.modified("site/ten.txt", day(100) + Duration::from_nanos(20));
    assert_ne!(tag(now), early, "changed twice within a second");
    assert_eq!(ask_at(&files, later, &[("if-none-match", &early)]).status, 200);
}

#[test]
fn file_from_the_future_has_a_strong_tag_and_no_later_date() {
    let place = Place::new();
    let files = place.files();
    let now = day(100);
    place.modified("site/ten.txt", day(101) + Duration::from_nanos(7));
    let answer = ask_at(&files, now, &[]);
    let (tag, date) = (answer.field("etag"), httpdate::fmt_http_date(now));
    assert_eq!((tag, answer.field("last-modified")), ("\"852780-a-7\"", date.as_str()), "not later than Date");
    let range = ("range", "bytes=0-1");
    for (fields, status) in [
        (vec![range], 206),
        (vec![range, ("if-range", tag)], 206),
        (vec![range, ("if-range", &date)], 200),
        (vec![("if-none-match", tag)], 304),
        // A date that is announced too early is no validator.
        (vec![("if-modified-since", &date)], 200),
    ] {
        assert_eq!(ask_at(&files, now, &fields).status, status, "{fields:?}");
    }
    place.modified("site/ten.txt", now + Duration::from_secs(1));
    assert!(ask_at(&files, now, &[]).field("etag").starts_with("W/"), "a clock that is a second ahead");
}

#[test]
fn placeholder_time_is_no_validator() {
    let place = Place::new();
    let files = place.files();
    let second = Duration::from_secs(1);
    let zip = day(3652);
    for time in [SystemTime::UNIX_EPOCH - second, day(0), day(0) + second, zip] {
        place.modified("site/ten.txt", time);
        let before = ask(&files, "GET", "/ten.txt", &[]);
        assert_eq!(before.field("last-modified"), "", "{time:?}");
        let tag = before.field("etag");
        assert!(tag.starts_with('"'), "{tag}");
        assert_eq!(ask(&files, "GET", "/ten.txt", &[("if-none-match", tag)]).status, 304);
        place.add("site/new", "9876543210");
        place.modified("site/new", time);
        fs::rename(place.path.join("site/new"), place.path.join("site/ten.txt")).unwrap();
        let date = httpdate::fmt_http_date(time.max(day(0)) + second);
        let range = ("range", "bytes=0-1");
        for fields in [
            vec![("if-none-match", tag)],
            vec![("if-modified-since", date.as_str())],
            vec![("if-range", tag), range],
            vec![("if-range", &date), range],
        ] {
            let answer = ask(&files, "GET", "/ten.txt", &fields);
            assert_eq!((answer.status, answer.text().as_str()), (200, "9876543210"), "{time:?} {fields:?}");
        }
    }
    place.modified("site/ten.txt", zip + second);
    assert_ne!(ask(&files, "GET", "/ten.txt", &[]).field("last-modified"), "");
}

#[test]
fn conditions_are_weighed_in_their_order() {
    let place = Place::new();
    place.modified("site/ten.txt", day(10));
    let files = place.files();
    let strong = ask(&files, "GET", "/ten.txt", &[]).field("etag").to_owned();
    let weak = format!("W/{strong}");
    let list = format!("\"a,b\" ,, W/\"x\",{strong}");
    let [before, same, after] = [9, 10, 11].map(|days| httpdate::fmt_http_date(day(days)));
    let (before, same, after) = (before.as_str(), same.as_str(), after.as_str());
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("if-none-match", &strong)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", " * ")], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-none-match", "\"a\""), ("if-none-match", &strong)], 304),
        (&[("if-none-match", "nonsense")], 200),
        (&[("if-none-match", "\"*\"")], 200),
        (&[("if-none-match", "\"open")], 200),
        (&[("if-none-match", "")], 200),
        (&[("if-none-match", strong.trim_matches('"'))], 200),
        (&[("if-modified-since", before)], 200),
        (&[("if-modified-since", same)], 304),
        (&[("if-modified-since", after)], 304),
        (&[("if-modified-since", "Sunday, 11-Jan-70 00:00:00 GMT")], 304),
        (&[("if-modified-since", "Sun Jan 11 00:00:00 1970")], 304),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-modified-since", after), ("if-modified-since", after)], 200),
        (&[("if-none-match", "\"other\""), ("if-modified-since", after)], 200),
        (&[("if-none-match", &strong), ("if-modified-since", before)], 304),
        (&[("if-match", &strong)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", "nonsense")], 412),
        (&[("if-match", &list)], 200),
        (&[("if-unmodified-since", before)], 412),
        (&[("if-unmodified-since", same)], 200),
        (&[("if-unmodified-since", after)], 200),
        (&[("if-unmodified-since", "nonsense")], 200),
        (&[("if-match", &strong), ("if-unmodified-since", before)], 200),
        (&[("if-match", "\"other\""), ("if-unmodified-since", after)], 412),
        (&[("if-match", &strong), ("if-none-match", &strong)], 304),
        (&[("if-match", "\"other\""), ("if-none-match", &strong)], 412),
        (&[("if-unmodified-since", before), ("if-none-match", &strong)], 412),
        (&[("if-none-match", &strong), ("range", "bytes=0-1")], 304),
        (&[("if-match", "\"other\""), ("range", "bytes=99-")], 412),
        (&[("if-modified-since", same), ("range", "bytes=0-1")], 304),
    ];
    for method in ["GET", "HEAD"] {
        for (fields, status) in cases {
            assert_eq!(ask(&files, method, "/ten.txt", fields).status, *status, "{method} {fields:?}");
        }
    }
    let unchanged = ask(&files, "GET", "/ten.txt", &[("if-none-match", &strong)]);
    assert_eq!((unchanged.field("etag"), unchanged.field("last-modified")), (strong.as_str(), same));
    assert_eq!((unchanged.content.len(), unchanged.field("content-type")), (0, ""));
    assert_eq!(
        ask(&files, "GET", "/none", &[("if-none-match", "*")]).status,
        404,
        "conditions are about what is there"
    );
}

#[test]
fn a_weak_validator_matches_nothing_strongly() {
    let place = Place::new();
    let files = place.files();
    let now = SystemTime::now();
    let at_once = |fields: &[(&str, &str)]| Answer::of(files.answer(&request("GET", "/ten.txt", fields), now));
    let weak = at_once(&[]).field("etag").to_owned();
    let date = at_once(&[]).field("last-modified").to_owned();
    let range = ("range", "bytes=0-1");
    for (fields, status) in [
        (vec![("if-match", weak.as_str())], 412),
        (vec![("if-match", &weak[2..])], 412),
        (vec![("if-match", "*")], 200),
        (vec![("if-range", &weak), range], 200),
        (vec![("if-range", &weak[2..]), range], 200),
        (vec![("if-range", &date), range], 200),
        (vec![("if-none-match", &weak), range], 304),
        (vec![range], 206),
    ] {
        assert_eq!(at_once(&fields).status, status, "{fields:?}");
    }
}

#[test]
fn a_range_is_sent_if_the_file_is_still_the_same() {
    let place = Place::new();
    place.modified("site/ten.txt", day(10));
    let files = place.files();
    let strong = ask(&files, "GET", "/ten.txt", &[]).field("etag").to_owned();
    let [before, same, after] = [9, 10, 11].map(|days| httpdate::fmt_http_date(day(days)));
    for (condition, status) in [
        (strong.as_str(), 206),
        (&same, 206),
        (&before, 200),
        (&after, 200),
        (&format!("W/{strong}"), 200),
        ("\"other\"", 200),
        ("nonsense", 200),
        (&format!("{strong}, {strong}"), 200),
        ("*", 200),
        ("", 200),
    ] {
        let answer = ask(&files, "GET", "/ten.txt", &[("if-range", condition), ("range", "bytes=0-1")]);
        assert_eq!(answer.status, status, "{condition}");
    }
    assert_eq!(ask(&files, "GET", "/ten.txt", &[("if-range", "\"other\""), ("range", "bytes=99-")]).status, 200);
    assert_eq!(ask(&files, "GET", "/ten.txt", &[("if-range", &strong)]).status, 200, "no range, no matter");
}

#[test]
fn one_range_is_a_part_of_the_file() {
    let place = Place::new();
    let files = place.files();
    let cases = [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=0-", "bytes 0-9/10", "0123456789"),
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=9-9", "bytes 9-9/10", "9"),
        ("bytes=5-100", "bytes 5-9/10", "56789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-100", "bytes 0-9/10", "0123456789"),
        ("BYTES=1-1", "bytes 1-1/10", "1"),
        ("bytes=8-99999999999999999999999", "bytes 8-9/10", "89"),
        ("bytes=-99999999999999999999999", "bytes 0-9/10", "0123456789"),
        ("bytes= 1-2", "bytes 1-2/10", "12"),
        ("bytes=,1-2, ,", "bytes 1-2/10", "12"),
        ("bytes=0-1,20-30", "bytes 0-1/10", "01"),
        ("bytes=007-8", "bytes 7-8/10", "78"),
    ];
    for (range, described, content) in cases {
        let answer = ask(&files, "GET", "/ten.txt", &[("range", range)]);
        assert_eq!(
            (answer.status, answer.field("content-range"), answer.text().as_str()),
            (206, described, content),
            "{range}"
        );
        assert_eq!(answer.length, Some(content.len() as u64));
        assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
        assert!(!answer.field("etag").is_empty() && !answer.field("last-modified").is_empty());
    }
}

#[test]
fn a_range_that_makes_no_sense_is_ignored() {
    let place = Place::new();
    let files = place.files();
    for range in [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "bytes=a-b",
        "bytes=1",
        "bytes=3-2",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=1 -2",
        "bytes =1-2",
        "items=0-1",
        "bytes:0-1",
        "0-1",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=5-4,0-1",
        "bytes=0-,0-",
        "bytes=0-9,0-0",
        "bytes=0-5,3-9",
    ] {
        let answer = ask(&files, "GET", "/ten.txt", &[("range", range)]);
        assert_eq!((answer.status, answer.length, answer.field("content-range")), (200, Some(10), ""), "{range}");
    }
    let twice = ask(&files, "GET", "/ten.txt", &[("range", "bytes=0-1"), ("range", "bytes=2-3")]);
    assert_eq!(twice.status, 200);
}

#[test]
fn range_of_an_empty_file_is_the_whole_file() {
    let place = Place::new();
    for range in ["bytes=0-", "bytes=0-0", "bytes=-5", "bytes=-0", "bytes=-5,-6", "bytes=9-,8-"] {
        let answer = ask(&place.files(), "GET", "/empty", &[("range", range)]);
        assert_eq!((answer.status, answer.length, answer.field("content-range")), (200, Some(0), ""), "{range}");
    }
}

#[test]
fn number_of_ranges_is_bounded_by_their_sum_alone() {
    let place = Place::new();
    place.add("site/large", &"x".repeat(10_000));
    let status = |ranges: Vec<String>| {
        let range = format!("bytes={}", ranges.join(","));
        let answer = ask(&place.files(), "GET", "/large", &[("range", &range)]);
        assert!(answer.content.len() < 80_000, "{}", answer.content.len());
        (answer.status, answer.text().matches("Content-Range").count())
    };
    let apart = |count: u32| (0..count).map(|at| format!("{}-{}", at * 39, at * 39 + 1)).collect::<Vec<_>>();
    assert_eq!(status(apart(20)), (206, 20));
    assert_eq!(status(apart(256)), (206, 256), "64 KiB of heads");
    assert_eq!(status(apart(257)), (200, 0));
    assert_eq!(status(vec!["0-".to_owned(); 2]), (200, 0), "longer than the file");
    assert_eq!(status(vec!["0-0".to_owned(); 5000]), (200, 0), "CVE-2011-3192");
    let beyond = (0..5000).map(|at| format!("{}-", 10_000 + at)).chain(["0-1".to_owned()]);
    assert_eq!(status(beyond.collect()), (206, 0), "one part, and ranges outside cost nothing");
}

#[test]
fn a_range_beyond_the_end_is_416() {
    let place = Place::new();
    let files = place.files();
    for (path, range, described) in [
        ("/ten.txt", "bytes=10-", "bytes */10"),
        ("/ten.txt", "bytes=10-20", "bytes */10"),
        ("/ten.txt", "bytes=-0", "bytes */10"),
        ("/ten.txt", "bytes=99999999999999999999-", "bytes */10"),
        ("/ten.txt", "bytes=18446744073709551615-18446744073709551615", "bytes */10"),
        ("/ten.txt", "bytes=10-,20-", "bytes */10"),
    ] {
        let answer = ask(&files, "GET", path, &[("range", range)]);
        assert_eq!((answer.status, answer.field("content-range")), (416, described), "{range}");
    }
}

#[test]
fn pseudo_file_is_read_to_its_end_without_length_and_validators() {
    let files = Files::new("/proc").unwrap();
    let version = fs::read_to_string("/proc/version").unwrap();
    let date = httpdate::fmt_http_date(settled());
    for (method, fields) in [
        ("GET", vec![]),
        ("GET", vec![("range", "bytes=0-3")]),
        ("GET", vec![("if-modified-since", date.as_str())]),
        ("GET", vec![("if-none-match", "\"0-0\"")]),
        ("HEAD", vec![]),
    ] {
        let answer = ask(&files, method, "/version", &fields);
        assert_eq!((answer.status, answer.length, answer.text()), (200, None, version.clone()), "{fields:?}");
        for name in ["etag", "last-modified", "accept-ranges", "content-range"] {
            assert_eq!(answer.field(name), "", "{name}");
        }
    }
    assert_eq!(ask(&files, "GET", "/version", &[("if-match", "\"0-0\"")]).status, 412);
    // Its length of 4096 is not believed.
    if let Ok(mtu) = fs::read_to_string("/sys/class/net/lo/mtu") {
        let answer = get(&Files::new("/sys").unwrap(), "/class/net/lo/mtu");
        assert_eq!((answer.status, answer.length, answer.text()), (200, None, mtu));
    }
}

#[test]
fn several_ranges_are_parts_with_an_exact_length() {
    let place = Place::new();
    let files = place.files();
    for (range, expected) in [
        ("bytes=0-1,4-5", vec![("0-1", "01"), ("4-5", "45")]),
        ("bytes=-1, 0-0", vec![("9-9", "9"), ("0-0", "0")]),
        ("bytes=0-3,2-4,99-", vec![("0-3", "0123"), ("2-4", "234")]),
        ("bytes=0-0,2-2,4-4,6-6", vec![("0-0", "0"), ("2-2", "2"), ("4-4", "4"), ("6-6", "6")]),
    ] {
        let answer = ask(&files, "GET", "/ten.txt", &[("range", range)]);
        assert_eq!((answer.status, answer.field("content-range")), (206, ""), "{range}");
        assert_eq!(answer.length, Some(answer.content.len() as u64));
        let boundary = answer.field("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
        let mut written = String::new();
        for (place, content) in expected {
            written += &format!(
                "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {place}/10\r\n\r\n{content}"
            );
        }
        assert_eq!(answer.text(), written + &format!("\r\n--{boundary}--\r\n"));
    }
    let boundary = || ask(&files, "GET", "/ten.txt", &[("range", "bytes=0-1,4-5")]).field("content-type").to_owned();
    assert_ne!(boundary(), boundary());
}

#[test]
fn parts_of_a_file_that_shrinks_end_early() {
    let place = Place::new();
    let response = place.files().handle(&mut request("GET", "/ten.txt", &[("range", "bytes=0-1,4-5")]));
    place.add("site/ten.txt", "0");
    let length = response.body().content_length().unwrap();
    let content = response.into_body().into_vec().unwrap();
    assert!(content.ends_with(b"\r\n\r\n0") && (content.len() as u64) < length);
}

#[test]
fn a_listing_is_a_page_that_needs_nothing_else() {
    let place = Place::new();
    place.add("site/Sub 10/x", "x");
    place.add("site/sub 9/x", "x");
    place.add("site/b10.txt", "x");
    place.add("site/B9.txt", "x");
    let answer = get(&place.files(), "/");
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    let policy = answer.field("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((answer.field("cache-control"), answer.field("x-content-type-options")), ("no-cache", "nosniff"));
    let page = answer.text();
    let places: Vec<_> = ["sub 9", "Sub 10", "B9.txt", "b10.txt", "empty", "ten.txt"]
        .iter()
        .map(|name| page.find(&format!("<b>{name}</b>")).unwrap())
        .collect();
    assert!(places.is_sorted(), "directories first, then as people sort");
    for absent in ["http:", "https:", "src=", " style=", "url(", "@import", "Parent folder"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(
        page.contains("href=\"sub%209/\"")
            && page.contains("prefers-color-scheme: dark")
            && page.contains("2 folders \u{b7} 4 files")
    );
    let head = Answer::of(place.files().handle(&mut request("HEAD", "/", &[])));
    assert_eq!(
        (head.status, head.length, head.field("content-type")),
        (200, None, answer.field("content-type")),
        "the page is not made for its length"
    );
}

#[test]
fn a_listing_takes_no_name_for_markup() {
    let place = Place::new();
    place.add("site/x/<img src=x onerror=alert(1)>", "x");
    place.add("site/x/\"'&.txt", "x");
    place.add("site/x/javascript:alert(1)", "x");
    place.add("site/x/a?b#c%d", "x");
    place.add("site/<i>/\u{202e}gpj.exe", "x");
    fs::write(place.path.join("site/x").join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
    let page = get(&place.files(), "/x/").text();
    for present in [
        "<b>&lt;img src=x onerror=alert(1)&gt;</b>",
        "href=\"%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E\"",
        "<b>&quot;&#39;&amp;.txt</b>",
        "href=\"%22%27%26.txt\"",
        "href=\"javascript%3Aalert%281%29\"",
        "href=\"a%3Fb%23c%25d\"",
        "href=\"%FF%FE\"",
        "<b>\u{fffd}\u{fffd}</b>",
    ] {
        assert!(page.contains(present), "{present}");
    }
    assert!(!page.contains("<img"));
    let page = get(&place.files(), "/%3Ci%3E/").text();
    assert!(page.contains("<title>&lt;i&gt;</title>") && page.contains("<b>\u{fffd}gpj.exe</b>"));
}

#[test]
fn a_listing_shows_the_way_up() {
    let place = Place::new();
    place.add("site/a/b/c/x", "x");
    let page = get(&place.files(), "/a/b/c/").text();
    let trail = "<h1><a href=\"../../../\">Files</a><i>/</i><a href=\"../../\">a</a><i>/</i><a href=\"../\">b</a><i>/</i><b aria-current=page>c</b></h1>";
    assert!(page.contains(trail), "{page}");
    assert!(page.contains("href=\"../\"><svg><use href=\"#up\"/></svg><b>Parent folder</b>"));
    fs::create_dir(place.path.join("site/nothing")).unwrap();
    assert!(get(&place.files(), "/nothing/").text().contains("This folder is empty"));
}

#[test]
fn a_large_directory_is_listed_whole() {
    let place = Place::new();
    fs::create_dir(place.path.join("site/many")).unwrap();
    for number in 0..10_000 {
        // A hard link costs less than a new file.
        fs::hard_link(place.path.join("site/empty"), place.path.join(format!("site/many/{number}"))).unwrap();
    }
    let page = get(&place.files(), "/many/").text();
    assert_eq!(page.matches("<th scope=row").count(), 10_001);
    assert!(page.find("<b>999</b>") < page.find("<b>1000</b>"));
    place.add("site/many/more", "x");
    let page = get(&place.files(), "/many/").text();
    assert_eq!(page.matches("<th scope=row").count(), 10_001);
    assert!(page.contains("10000 files") && page.contains("and more than can be shown"));
}

#[test]
fn a_replaced_directory_does_not_lead_out() {
    let place = Place::new();
    place.add("site/dir/secret.txt", "harmless");
    let (inside, aside, out) = (place.path.join("site/dir"), place.path.join("site/aside"), place.path.join("outside"));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let files = place.files();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::rename(&inside, &aside).unwrap();
                symlink(&out, &inside).unwrap();
                fs::remove_file(&inside).unwrap();
                fs::rename(&aside, &inside).unwrap();
            }
        });
        let leaked = (0..2000).map(|_| get(&files, "/dir/secret.txt")).find(|answer| answer.text() == "secret");
        is_over.store(true, Ordering::Relaxed);
        assert!(leaked.is_none());
    });
}
